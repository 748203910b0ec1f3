/** Calls functions of a loaded module. */

import { ArgumentError } from "../../dynld/call/argument-error.ts";
import type { NativeCallable } from "../../dynld/call/callable.ts";
import { closestNames } from "../../dynld/closest.ts";
import { bare, type CFunction, type CType } from "../../dynld/ctype.ts";
import type { NativeModule } from "../../dynld/module.ts";
import { DynldError } from "../../errors.ts";
import { lasting } from "./lasting.ts";
import type { CallText, Literal } from "./literal.ts";

/** What a call returned. */
export interface CallResult {
  /** `undefined` of functions that return nothing. */
  readonly value: unknown;
  readonly type: CType;
}

/** Calls a function by the types of its debug information. @throws ArgumentError, DynldError */
export function callByName(module: NativeModule, { name, args, prototype }: CallText): CallResult {
  const known = Object.keys(module.fn);
  const fn: NativeCallable | undefined = module.fn[name];
  if (fn === undefined) {
    const close = closestNames(name, known);
    const has = close.length === 0 ? "" : `; there is ${close.join(", ")}`;
    const what = `found no exported function ${name}${has}`;
    throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: module.file }, what, { symbol: name });
  }
  if (prototype !== undefined) {
    const call = fn.as(prototype);
    return { value: call(...argumentsOf(module, name, call.type, args)), type: call.type.result };
  }
  const declared = module.typeOf(name)?.type;
  const type = declared === undefined ? undefined : bare(declared);
  // What has no type says so when it is called.
  if (type?.kind !== "function") return { value: fn(...args), type: { kind: "void", size: undefined } };
  const given = argumentsOf(module, name, type, args);
  // `int f()` of old C takes what its definition names, which the arguments are counted against.
  const isOld = !type.isPrototyped && !type.isVariadic;
  return { value: isOld ? fn.with()(...given) : fn(...given), type: type.result };
}

function argumentsOf(
  module: NativeModule,
  name: string,
  type: CFunction,
  args: readonly Literal[],
): unknown[] {
  return args.map((arg, index) => inMemory(module, name, type, index, arg));
}

/** An argument. @throws ArgumentError that names the parameter */
function inMemory(
  module: NativeModule,
  name: string,
  { parameters }: CFunction,
  index: number,
  arg: Literal,
): unknown {
  const parameter = parameters[index];
  if (parameter === undefined) return arg;
  try {
    return lasting(module, parameter.type, arg);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    const own = parameter.name === undefined ? "" : `, ${parameter.name}`;
    throw new ArgumentError(`${name}: parameter ${index + 1}${own}`, error.message);
  }
}
