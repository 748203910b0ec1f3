/**
 * Makes the function that stands before a native one: it counts and checks the arguments, converts what must be converted,
 * and calls. And that which native code calls before a JavaScript one.
 *
 * Its code is written for each function by itself, so that a call walks no types and the machine inlines every check.
 * Nothing that a file says gets into that code: names and types are values that it refers to.
 */
import { compileFunction } from "node:vm";
import type { NativeFunction } from "../../host/typed.ts";
import { ArgumentError } from "./argument-error.ts";
import { callbackErrors, zeroOf } from "./callback-errors.ts";
import { Memory } from "./memory.ts";
import type { Incoming, Outgoing } from "./transfer-form.ts";

/** Counts calls that have not returned. */
export interface CallScope {
  active: number;
}

/** What a function is made of. */
export interface WrapperPlan {
  /** For messages. */
  readonly name: string;
  readonly parameters: readonly { readonly where: string; readonly transfer: Outgoing }[];
  readonly result: Incoming;
  readonly scope: CallScope;
}

/** A function, and what changes whom it calls. */
export interface Wrapper {
  readonly call: (...args: unknown[]) => unknown;
  readonly retarget: (native: NativeFunction) => void;
}

/** The function before `native`. */
export function wrap(plan: WrapperPlan, native: NativeFunction): Wrapper {
  const { parameters, result, scope } = plan;
  const words = new Int32Array(2);
  const environment: Environment = {
    native,
    scope,
    errors: callbackErrors,
    words,
    wide: new BigInt64Array(words.buffer),
    converts: parameters.map(({ transfer }) => transfer.convert),
    classes: parameters.map(({ transfer }) => transfer.accepts),
    allocate: () => Memory.allocateSmall(result.size ?? 0),
    places: parameters.map(({ where }) => where),
    result: result.convert,
    miscounted: (count) => {
      throw miscounted(plan, count);
    },
  };
  const make = compileFunction(codeOf(parameters, result), ["environment"]) as (on: Environment) => Wrapper;
  return make(environment);
}

/** What a JavaScript function is wrapped in for native code to call it. */
export interface CallbackPlan {
  readonly parameters: readonly Incoming[];
  /** `undefined` of one that gives nothing. */
  readonly result: Outgoing | undefined;
  readonly where: string;
}

/** What native code calls: `action` with converted arguments, whose result it checks and converts. */
export function callbackWrapper({
  parameters,
  result,
  where,
}: CallbackPlan): (action: Action) => NativeFunction {
  const names = parameters.map((_, index) => `a${index}`);
  const code = [
    '"use strict";',
    "const { converts, convert, where, errors, zero } = environment;",
    ...parameters.map((_, index) => `const c${index} = converts[${index}];`),
    `return (action) => (${names.join(", ")}) => {`,
    "  if (errors.isFailed) return zero;",
    "  try {",
    ...parameters.map(({ form, shape }, index) => {
      const argument = `a${index}`;
      if (form === "converted") return `  ${argument} = c${index}(${argument});`;
      if (form !== "wide") return "";
      const wide = `  if (typeof ${argument} === "number") ${argument} = BigInt(${argument});`;
      // They come as if they had a sign.
      return shape === "uint64" ? `${wide} if (${argument} < 0n) ${argument} += 1n << 64n;` : wide;
    }),
    `  ${result === undefined ? "" : "const $ = "}action(${names.join(", ")});`,
    result === undefined ? "" : `  return ${result.test ?? "false"} ? $ : convert($, where);`,
    "  } catch (error) {",
    "    errors.keep(error);",
    "    return zero;",
    "  }",
    "};",
  ];
  const environment = {
    converts: parameters.map(({ convert }) => convert),
    convert: result?.convert,
    where,
    errors: callbackErrors,
    zero: zeroOf(result?.shape ?? "void"),
  };
  return compileFunction(code.join("\n"), ["environment"])(environment) as (action: Action) => NativeFunction;
}

type Action = (...args: never[]) => unknown;

interface Environment {
  readonly native: NativeFunction;
  readonly scope: CallScope;
  readonly errors: typeof callbackErrors;
  readonly words: Int32Array;
  /** The same 8 bytes as `words`. */
  readonly wide: BigInt64Array;
  readonly converts: readonly Outgoing["convert"][];
  readonly classes: readonly Outgoing["accepts"][];
  readonly places: readonly string[];
  readonly allocate: () => Memory;
  readonly result: Incoming["convert"];
  readonly miscounted: (count: number) => never;
}

function codeOf(parameters: WrapperPlan["parameters"], result: Incoming): string {
  const names = parameters.map((_, index) => `a${index}`);
  const lines = [
    '"use strict";',
    "const { scope, errors, words, wide, converts, classes, places, result, allocate, miscounted } = environment;",
    "let { native } = environment;",
    ...names.map((_, i) => `const c${i} = converts[${i}], p${i} = places[${i}], k${i} = classes[${i}];`),
    `function call(${names.join(", ")}) {`,
    `  if (arguments.length !== ${names.length}) miscounted(arguments.length);`,
    ...parameters.map(({ transfer: { test, accepts } }, i) => {
      const convert = `a${i} = c${i}(a${i}, p${i});`;
      const isGood = accepts === undefined ? test?.replaceAll("$", `a${i}`) : `a${i} instanceof k${i}`;
      return isGood === undefined ? `  ${convert}` : `  if (!(${isGood})) ${convert}`;
    }),
    "  scope.active++;",
    "  errors.depth++;",
    "  try {",
    `    ${RESULTS[result.form](names.join(", "))}`,
    "  } finally {",
    "    scope.active--;",
    "    errors.depth--;",
    "    if (errors.isFailed) errors.rethrow();",
    "  }",
    "}",
    "return { call, retarget(next) { native = next; } };",
  ];
  return lines.join("\n");
}

const RESULTS: Readonly<Record<Incoming["form"], (names: string) => string>> = {
  "as it is": (names) => `return native(${names});`,
  converted: (names) => `return result(native(${names}));`,
  "through memory": (names) =>
    [
      "const memory = allocate();",
      `native(${names === "" ? "memory.native" : `memory.native, ${names}`});`,
      "return result(memory);",
    ].join("\n    "),
  // Through memory a number becomes a bigint in a third of the time that BigInt() takes.
  wide: (names) =>
    [
      `const raw = native(${names});`,
      'if (typeof raw !== "number") return raw;',
      "words[0] = raw;",
      "words[1] = Math.floor(raw / 4294967296);",
      "return wide[0];",
    ].join("\n    "),
};

/** What to throw of a wrong number of arguments. */
export function miscounted({ name, parameters }: WrapperPlan, count: number): ArgumentError {
  return new ArgumentError(name, `found ${count} arguments, expected ${expectedCount(parameters)}`);
}

function expectedCount(parameters: WrapperPlan["parameters"]): string {
  const names = parameters.map(({ where }) => where.replace(/^.*: parameter (\d+)(, )?/, ""));
  const list = names.every((one) => one !== "") && names.length > 0 ? `: ${names.join(", ")}` : "";
  return `${parameters.length}${list}`;
}
