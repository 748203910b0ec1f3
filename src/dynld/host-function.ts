/** JavaScript functions that a table offers, by the C prototype that they are offered with. */
import { DynldError, HostError } from "../errors.ts";
import { checkPrototype, type NativeCallback, nativeCallback } from "../host/callback.ts";
import {
  callbackFor,
  type NativeFunction,
  type NativeScalar,
  type NativeShape,
  type NativeSignature,
} from "../host/typed.ts";
import { ArgumentError, refuse } from "./call/argument-error.ts";
import { keepingErrors, zeroOf } from "./call/callback-errors.ts";
import { outgoingNumber } from "./call/number-transfer.ts";
import { misfit, type Prototype, parsePrototype } from "./call/prototype.ts";
import { TypeNames } from "./call/type-names.ts";
import { unsupported } from "./call/unsupported.ts";
import { declaration } from "./ctype/declaration.ts";
import { valueKind } from "./ctype/value-kind.ts";
import { bare, type CFunction, type CSymbol, type CType } from "./ctype.ts";
import { Signatures } from "./signature/signature.ts";

/** Bytes of an address where JavaScript functions are called. */
const ADDRESS_SIZE = 8;

/** A function in JavaScript as native code knows it. */
export interface HostFunction {
  readonly name: string;
  /** Signature of its type; 0 when that is not known. */
  readonly sig: bigint;
  /** Its type; `undefined` where that is not known. */
  readonly symbol: CSymbol | undefined;
  /** Whether the type has structures of which only the tag is known. */
  readonly isOpen: boolean;
  /** Makes a native function of it. @throws HostError when there are too many */
  register(action: (...args: never[]) => unknown): NativeCallback;
}

/**
 * What a prototype says of a function. Its type is not known where the prototype leaves it open: parameters of `int f()`,
 * and names that C does not have.
 * @param given its type or signature, where the program knows more than the prototype says; 0 for none
 * @throws DynldError DYNLD_BAD_ARGUMENT for what is no prototype, or not one of the type; DYNLD_UNSUPPORTED for types that
 *   JavaScript has no values for
 */
export function hostFunction(text: string, given?: CSymbol | number | bigint): HostFunction {
  const type = typeof given === "object" ? given : undefined;
  const types = new PrototypeTypes(type);
  const prototype = types.read(text);
  const name = prototype === undefined ? /([A-Za-z_$][\w$]*)\s*\(/.exec(text)?.[1] : prototype.name;
  if (name === undefined) throw badPrototype(text, "no name before a parenthesis");
  if (type !== undefined) checkType(text, prototype, type);
  const native = prototype && nativeSignature(prototype.type);
  if (native === undefined) checkNative(text, prototype?.type, types.unknown);
  const signature = typeof given === "object" ? undefined : given;
  const symbol = signature === undefined ? (type ?? symbolOf(name, prototype, types)) : undefined;
  return {
    name,
    sig: symbol ? new Signatures().of(symbol).signature : BigInt.asUintN(64, BigInt(signature ?? 0)),
    symbol,
    isOpen: types.isOpen,
    register: (action) =>
      native === undefined
        ? nativeCallback(text, (zero) => keepingErrors(action as NativeFunction, zero))
        : callbackFor(
            keepingErrors(
              checked(name, action as NativeFunction, prototype?.type, native.result),
              zeroOf(native.result),
            ),
            native,
          ),
  };
}

/** A function that gives nothing but what native code can be given. */
function checked(
  name: string,
  action: NativeFunction,
  type: CFunction | undefined,
  shape: NativeShape,
): NativeFunction {
  const kinds = RESULTS[String(shape)] ?? NUMBERS;
  if (shape === "void" || type === undefined) return action;
  return (...args) => {
    const result = action(...args);
    const kind = result === null ? "null" : typeof result;
    return kinds.includes(kind) ? result : refuse(`${name}: result`, result, declaration(type.result));
  };
}

const NUMBERS: readonly string[] = ["number", "bigint"];
const POINTERS: readonly string[] = [...NUMBERS, "null", "undefined", "object"];
/** Kinds of values that stand for a result. */
const RESULTS: Readonly<Record<string, readonly string[]>> = {
  bool: ["boolean"],
  pointer: POINTERS,
  string: [...POINTERS, "string"],
};

/** Types that prototypes name: C's own, and of others what their names alone tell. */
class PrototypeTypes {
  readonly #names: TypeNames;
  /** Whether a structure was named of which nothing is known but its tag. */
  isOpen = false;
  /** Names that may stand for anything. */
  readonly unknown: string[] = [];

  constructor(symbol: CSymbol | undefined) {
    this.#names = new TypeNames(() => (symbol === undefined ? [] : [symbol.type]));
  }

  /** `undefined` of what is no prototype of C, or one that is not understood. */
  read(text: string): Prototype | undefined {
    try {
      return parsePrototype(text, (name) => this.#named(name), { isDeclaration: true });
    } catch (error) {
      if (error instanceof DynldError && error.code === "DYNLD_BAD_ARGUMENT") return undefined;
      throw error;
    }
  }

  #named(name: string): CType {
    try {
      return this.#names.find(name);
    } catch (error) {
      if (!(error instanceof ArgumentError)) throw error;
    }
    const [, keyword, tag] = /^(struct|union|class|enum) (\w+)$/.exec(name) ?? [];
    if (keyword === "struct" || keyword === "union" || keyword === "class") {
      this.isOpen = true;
      const kind = keyword === "union" ? "union" : "struct";
      return { kind, keyword, tag, size: undefined, isComplete: false, members: [] };
    }
    if (keyword === "enum") {
      this.isOpen = true;
      return { kind: "enum", tag, size: undefined, isComplete: false, isSigned: false, enumerators: [] };
    }
    this.unknown.push(name);
    return { kind: "other", name, size: undefined };
  }
}

function symbolOf(
  name: string,
  prototype: Prototype | undefined,
  types: PrototypeTypes,
): CSymbol | undefined {
  if (prototype === undefined || types.unknown.length > 0 || !prototype.type.isPrototyped) return undefined;
  return { name, kind: "function", type: prototype.type, addressSize: ADDRESS_SIZE };
}

/** Whether a prototype is one that a type can be called by. */
function checkType(text: string, prototype: Prototype | undefined, { name, type }: CSymbol): void {
  const declared = bare(type);
  if (declared.kind !== "function") throw badPrototype(text, `${name} is no function`);
  const why = prototype && misfit(declared, prototype.type);
  if (why !== undefined) throw badPrototype(text, why);
}

/** How native code calls it; `undefined` where the prototype does not tell. */
function nativeSignature({ result, parameters }: CFunction): NativeSignature | undefined {
  const shapes = parameters.map(({ type }) => shapeOf(type));
  const known = shapes.filter((shape) => shape !== undefined && shape !== "void");
  const given = shapeOf(result);
  if (given === undefined || known.length < shapes.length) return undefined;
  return { result: given, parameters: known };
}

function shapeOf(type: CType): NativeScalar | undefined {
  const value = valueKind(type);
  switch (value.kind) {
    case "void":
    case "string":
      return value.kind;
    case "view":
    case "function":
      return "pointer";
    case "address": {
      const target = bare(value.target);
      return target.kind === "base" && target.name === "char" ? "string" : "pointer";
    }
    default:
      return outgoingNumber(type)?.shape;
  }
}

/** Lets the library for native calls read what is not understood here: it knows more names of numbers, of one word. */
function checkNative(text: string, type: CFunction | undefined, unknown: readonly string[]): void {
  const isNumber = (name: string): boolean => /^\w+$/.test(name);
  const isUnderstood = type !== undefined && (unknown.length === 0 || !unknown.every(isNumber));
  for (const one of isUnderstood ? [type.result, ...type.parameters.map((each) => each.type)] : []) {
    if (shapeOf(one) !== undefined) continue;
    throw unsupported(`prototype ${JSON.stringify(text)}`, one);
  }
  try {
    checkPrototype(text);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new DynldError("DYNLD_BAD_ARGUMENT", {}, error.message, { cause: error });
  }
}

function badPrototype(text: string, why: string): DynldError {
  return new DynldError("DYNLD_BAD_ARGUMENT", {}, `prototype ${JSON.stringify(text)}: ${why}`);
}
