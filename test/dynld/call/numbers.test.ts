/** Numbers, enumerations and text, to functions of real compilers and back. */
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../src/dynld/call/argument-error.ts";
import { text } from "../../../src/dynld/call/bindings.ts";
import { COMPILERS, compileApi, openApi } from "./open.ts";

describe.each(COMPILERS)("typed calls of numbers, %s %s", async (compiler, dwarf) => {
  const { fn } = await openApi(compileApi(compiler, dwarf));

  it("passes integers of all widths and signs", () => {
    expect(fn.neg8?.(-128)).toBe(-128);
    expect(fn.neg8?.(127)).toBe(-127);
    expect(fn.inc_u8?.(255)).toBe(0);
    expect(fn.neg16?.(32767)).toBe(-32767);
    expect(fn.inc_u16?.(65534)).toBe(65535);
    expect(fn.add?.(-2147483648, 2147483647)).toBe(-1);
    expect(fn.inc_u32?.(4294967294)).toBe(4294967295);
    expect(fn.next_char?.(65)).toBe(66);
    expect(fn.next_char?.("a")).toBe(98);
  });

  it("gives 64 bits as bigint, whatever their value, and takes whole numbers too", () => {
    expect(fn.add_long?.(1n, 2n)).toBe(3n);
    expect(fn.add_long?.(2 ** 53 - 1, -1)).toBe(2n ** 53n - 2n);
    expect(fn.add_long?.(-1n, -4294967296n)).toBe(-4294967297n);
    expect(fn.add_long?.(0x7fff_ffff_ffff_ffffn, 1n)).toBe(-0x8000_0000_0000_0000n);
    expect(fn.inc_u64?.(0xffff_ffff_ffff_fffen)).toBe(0xffff_ffff_ffff_ffffn);
    expect(fn.inc_u64?.(0xffff_ffff_ffff_ffffn)).toBe(0n);
    expect(fn.length?.("four")).toBe(4n);
    for (const value of [
      0n,
      -1n,
      4294967295n,
      -4294967295n,
      2147483648n,
      -2147483649n,
      -(2n ** 53n),
      2n ** 53n,
    ]) {
      expect(fn.add_long?.(value, 0n)).toBe(value);
    }
  });

  it("passes numbers with a point, bool, and more than there are registers for", () => {
    expect(fn.halff?.(3)).toBe(1.5);
    expect(fn.half?.(-0.25)).toBe(-0.125);
    expect(fn.half?.(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(fn.not_?.(true)).toBe(false);
    expect(fn.not_?.(false)).toBe(true);
    expect(fn.mix?.(1, 2, 3, 4n, 5, 6, 7, true, 9n, 10)).toBe(1 + 4 + 9 + 16 + 25 + 36 + 49 + 8 + 81 + 100);
    expect(fn.nothing?.()).toBeUndefined();
  });

  it("takes enumerations by name or number and gives numbers", () => {
    expect(fn.color_value?.("GREEN")).toBe(50);
    expect(fn.color_value?.(-7)).toBe(-70);
    expect(fn.mixed?.("RED", "BLUE")).toBe(5);
    expect(fn.larger?.("SMALL")).toBe(200);
    expect(fn.wider?.("HUGE_ONE")).toBe(0x123456789acn);
    expect(() => fn.color_value?.("PINK")).toThrow(
      'color_value: parameter 1, c: found "PINK", expected enum color, -2147483648 to 2147483647 or RED, GREEN, BLUE',
    );
  });

  it("takes and gives text as const char *; char * is an address", () => {
    expect(fn.greet?.("Gödel")).toBe("hello Gödel");
    expect(fn.greet?.(null)).toBeNull();
    expect(fn.greet?.(Buffer.from("buffer\0"))).toBe("hello buffer");
    const address = fn.duplicate?.("kept");
    expect(typeof address).toBe("bigint");
    expect(text(address as bigint)).toBe("kept");
    expect(fn.greet?.(address)).toBe("hello kept");
  });

  it("refuses what is no such number, naming the parameter, and calls nothing", () => {
    const refused: [string, unknown[], string][] = [
      [
        "add",
        [1, 2147483648],
        "add: parameter 2, b: found 2147483648, expected int, -2147483648 to 2147483647",
      ],
      ["add", [1.5, 1], "add: parameter 1, a: found 1.5, expected int, -2147483648 to 2147483647"],
      ["add", ["1", 1], 'add: parameter 1, a: found "1", expected int, -2147483648 to 2147483647'],
      ["add", [1, Number.NaN], "add: parameter 2, b: found NaN, expected int, -2147483648 to 2147483647"],
      [
        "add",
        [1, undefined],
        "add: parameter 2, b: found undefined, expected int, -2147483648 to 2147483647",
      ],
      ["add", [1], "add: found 1 arguments, expected 2: a, b"],
      ["add", [1, 2, 3], "add: found 3 arguments, expected 2: a, b"],
      ["nothing", [1], "nothing: found 1 arguments, expected 0"],
      ["inc_u8", [-1], "inc_u8: parameter 1, v: found -1, expected uint8_t, 0 to 255"],
      [
        "inc_u32",
        [2n ** 32n],
        "inc_u32: parameter 1, v: found 4294967296n, expected unsigned int, 0 to 4294967295",
      ],
      ["inc_u64", [-1n], "inc_u64: parameter 1, v: found -1n, expected uint64_t, 0 to 18446744073709551615"],
      [
        "inc_u64",
        [2 ** 53],
        `inc_u64: parameter 1, v: found ${2 ** 53}, expected uint64_t, 0 to 18446744073709551615`,
      ],
      ["half", ["0.5"], 'half: parameter 1, d: found "0.5", expected double'],
      ["half", [1n], "half: parameter 1, d: found 1n, expected double"],
      ["not_", [1], "not_: parameter 1, b: found 1, expected bool"],
      [
        "next_char",
        ["ab"],
        'next_char: parameter 1, c: found "ab", expected char, -128 to 127 or a character',
      ],
      ["greet", [5], "greet: parameter 1, name: found 5, expected a string or const char *"],
      ["greet", [undefined], "greet: parameter 1, name: found undefined, expected a string or const char *"],
      ["fill", ["text", 4n], 'fill: parameter 1, into: found "text", expected char *'],
    ];
    for (const [name, args, message] of refused) {
      let thrown: unknown;
      try {
        fn[name]?.(...args);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(ArgumentError);
      expect(thrown).toBeInstanceOf(TypeError);
      // Of _Bool, DWARF of each compiler has its own name.
      expect((thrown as Error).message.replace("_Bool", "bool")).toBe(message);
    }
  });
});
