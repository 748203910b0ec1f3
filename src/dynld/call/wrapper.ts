/**
 * Makes the function that stands before a native one: it counts and checks the arguments, converts what must be converted,
 * and calls.
 *
 * Its code is written for each function by itself, so that a call walks no types and the machine inlines every check.
 * Nothing that a file says gets into that code: names and types are values that it refers to.
 */
import { compileFunction } from "node:vm";
import type { NativeFunction } from "../../host/typed.ts";
import { ArgumentError } from "./argument-error.ts";
import type { Incoming, Outgoing } from "./transfer.ts";

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
  const { name, parameters, result, scope } = plan;
  const words = new Int32Array(2);
  const environment: Environment = {
    native,
    scope,
    words,
    wide: new BigInt64Array(words.buffer),
    converts: parameters.map(({ transfer }) => transfer.convert),
    places: parameters.map(({ where }) => where),
    result: result.convert,
    miscounted: (count) => {
      throw new ArgumentError(name, `found ${count} arguments, expected ${expectedCount(parameters)}`);
    },
  };
  const make = compileFunction(codeOf(parameters, result), ["environment"]) as (on: Environment) => Wrapper;
  return make(environment);
}

interface Environment {
  readonly native: NativeFunction;
  readonly scope: CallScope;
  readonly words: Int32Array;
  /** The same 8 bytes as `words`. */
  readonly wide: BigInt64Array;
  readonly converts: readonly Outgoing["convert"][];
  readonly places: readonly string[];
  readonly result: Incoming["convert"];
  readonly miscounted: (count: number) => never;
}

function codeOf(parameters: WrapperPlan["parameters"], result: Incoming): string {
  const names = parameters.map((_, index) => `a${index}`);
  const lines = [
    '"use strict";',
    "const { scope, words, wide, converts, places, result, miscounted } = environment;",
    "let { native } = environment;",
    ...names.map((_, index) => `const c${index} = converts[${index}], p${index} = places[${index}];`),
    `function call(${names.join(", ")}) {`,
    `  if (arguments.length !== ${names.length}) miscounted(arguments.length);`,
    ...parameters.map(({ transfer: { test } }, index) => {
      const convert = `a${index} = c${index}(a${index}, p${index});`;
      return test === undefined
        ? `  ${convert}`
        : `  if (!(${test.replaceAll("$", `a${index}`)})) ${convert}`;
    }),
    "  scope.active++;",
    "  try {",
    `    ${RESULTS[result.form](`native(${names.join(", ")})`)}`,
    "  } finally {",
    "    scope.active--;",
    "  }",
    "}",
    "return { call, retarget(next) { native = next; } };",
  ];
  return lines.join("\n");
}

const RESULTS: Readonly<Record<Incoming["form"], (call: string) => string>> = {
  "as it is": (call) => `return ${call};`,
  converted: (call) => `return result(${call});`,
  // Through memory a number becomes a bigint in a third of the time that BigInt() takes.
  wide: (call) =>
    [
      `const raw = ${call};`,
      'if (typeof raw !== "number") return raw;',
      "words[0] = raw;",
      "words[1] = Math.floor(raw / 4294967296);",
      "return wide[0];",
    ].join("\n    "),
};

function expectedCount(parameters: WrapperPlan["parameters"]): string {
  const names = parameters.map(({ where }) => where.replace(/^.*: parameter (\d+)(, )?/, ""));
  const list = names.every((one) => one !== "") && names.length > 0 ? `: ${names.join(", ")}` : "";
  return `${parameters.length}${list}`;
}
