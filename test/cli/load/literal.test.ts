/** Calls as text: what JavaScript makes of the same text is what they are; all else is refused. */
import { describe, expect, it } from "vitest";
import { CallSyntaxError, parseCall } from "../../../src/cli/load/literal.ts";

const argsOf = (text: string) => parseCall(`f(${text})`).args;

describe("parseCall", () => {
  it("reads what JSON writes", () => {
    const values = [
      null,
      true,
      -12.5e-3,
      0,
      'a"\\/\b\f\n\r\t\u0001\u2028é😀',
      [],
      {},
      { a: [1, { b: "c" }], "d e": false, __proto: null },
    ];
    expect(JSON.parse(JSON.stringify(argsOf(values.map((one) => JSON.stringify(one)).join(" ,\t"))))).toEqual(
      values,
    );
  });

  it("reads the prototype behind as", () => {
    expect(parseCall(" f('a as b', 2)  as  int f(const char *, int) ")).toEqual({
      text: "f('a as b', 2)  as  int f(const char *, int)",
      name: "f",
      args: ["a as b", 2],
      prototype: "int f(const char *, int)",
    });
    expect(parseCall("as() as void (void)")).toMatchObject({ name: "as", prototype: "void (void)" });
  });

  it.each<[string, unknown]>([
    ["0x1F", 31],
    ["-0b101", -5],
    ["0o17", 15],
    ["-0", -0],
    ["5n", 5n],
    ["-0x10n", -16n],
    ["9007199254740991", 9007199254740991],
    ["9007199254740993", 9007199254740993n],
    ["18446744073709551615", 18446744073709551615n],
    [".5", 0.5],
    ["1.", 1],
    ["1e400", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
    ["NaN", Number.NaN],
    ["'it\\'s \"x\" \\x41\\0'", 'it\'s "x" A\0'],
    ["[[1], []]", [[1], []]],
  ])("reads %s", (text, value) => {
    expect(argsOf(text)).toEqual([value]);
  });

  it("reads names as linkers have them, and keeps the text", () => {
    expect(parseCall("  _ZN1a$b.c@V1 ( 1 , 2 ) \n")).toEqual({
      text: "_ZN1a$b.c@V1 ( 1 , 2 )",
      name: "_ZN1a$b.c@V1",
      args: [1, 2],
    });
  });

  it("gives objects no prototype, and takes __proto__ for a name", () => {
    const [object] = argsOf("{__proto__: 1}");
    expect(Object.getPrototypeOf(object)).toBe(null);
    expect(Object.entries(object ?? {})).toEqual([["__proto__", 1]]);
  });

  it.each([
    "",
    "f",
    "f(",
    "f()g",
    "f() as",
    "f() assert()",
    "f();",
    "1()",
    "f(1,)",
    "f(,1)",
    "f(1 2)",
    "f(01)",
    "f(0x)",
    "f(1.5n)",
    "f(1_000)",
    "f(1x)",
    "f(+1)",
    "f(- 1)",
    "f(1+1)",
    "f(undefined)",
    "f(nulls)",
    "f(g())",
    "f(`a`)",
    "f('a\nb')",
    "f('\\q')",
    "f('\\u12')",
    "f('\\01')",
    "f('a\")",
    "f([1,])",
    "f([,])",
    "f([1}",
    "f({a})",
    "f({a: 1,})",
    "f({a: 1, 'a': 2})",
    "f({[a]: 1})",
    "f({1: 1})",
    `f(${"[".repeat(5000)}`,
  ])("refuses %j", (text) => {
    expect(() => parseCall(text)).toThrow(CallSyntaxError);
  });
});
