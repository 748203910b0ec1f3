/** Register numbers and call frame instructions, by machine, against what the dump tools print of a frame with each. */
import { describe, expect, test } from "vitest";
import { callFrameName, DW_CFA } from "../../src/dwarf/constants/frame.ts";
import { registerName } from "../../src/dwarf/constants/register.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { assembleData } from "../support/assemble-data.ts";
import { tool } from "../support/elf-readelf.ts";

describe("call frames of every machine", () => {
  const frames = (machine: number, instructions: string) =>
    assembleData(
      `frames${machine}.o`,
      `.section .debug_frame,"",@progbits
      .long 2f-1f
      1: .long 0xffffffff
      .byte 1, 0
      .uleb128 1
      .sleb128 -8
      .byte 16
      ${instructions}
      .balign 8
      2:
      `,
      machine,
    );

  test("instructions are named as llvm-dwarfdump names them, by machine", () => {
    for (const machine of [EM.EM_AARCH64, EM.EM_SPARCV9]) {
      const output = tool("llvm-dwarfdump", "--debug-frame", frames(machine, ".byte 0x2d, 0x86, 1"));
      const names = [0x2d, 0x86].map((byte) => callFrameName(byte, machine));
      expect(output.match(/DW_CFA_\w+/g)?.slice(0, 2)).toEqual(names);
    }
  });

  const numbers = Array.from({ length: 400 }, (_, number) => number);
  const sameValues = numbers.map((n) => `.byte ${DW_CFA.DW_CFA_same_value}\n.uleb128 ${n}`).join("\n");

  /** Names that a tool prints of the registers of `machine`, by number, save those that are the number itself. */
  function printed(machine: number, program: keyof typeof TOOLS): Map<number, string> {
    const [options, pattern, unnamed] = TOOLS[program];
    const rows = [...tool(program, ...options, frames(machine, sameValues)).matchAll(pattern)];
    return new Map(
      rows
        .map(([, number, name]) => (name === undefined ? ["", number] : [number, name]))
        .map(([number, name], index): [number, string] => [
          number === "" ? index : Number(number),
          name ?? "",
        ])
        .filter(([number, name]) => !unnamed.test(name) && name !== `r${number}`),
    );
  }
  const TOOLS = {
    readelf: [["--debug-dump=frames"], /same_value: r(\d+) \((.*)\)/g, /^$/],
    "eu-readelf": [["-N", "--debug-dump=frame"], /same_value r(\d+) \((.*)\)/g, /^\?\?\?/],
    "llvm-dwarfdump": [["--debug-frame"], /DW_CFA_same_value: (\S+)/g, /^reg/],
  } as const;

  const wrong = (machine: number, names: ReadonlyMap<number, string>) =>
    [...names].filter(([number, name]) => registerName(machine, number) !== name);

  test.each([
    ["x86-64", EM.EM_X86_64, 79],
    ["i386", EM.EM_386, 53],
    ["aarch64", EM.EM_AARCH64, 115],
    ["riscv", EM.EM_RISCV, 96],
    ["s390x", EM.EM_S390, 66],
  ] as const)("registers of %s are named as readelf names them", (_, machine, atLeast) => {
    const names = printed(machine, "readelf");
    expect(names.size).toBeGreaterThanOrEqual(atLeast);
    expect(wrong(machine, names)).toEqual([]);
  });

  test("registers of arm are named as eu-readelf names them", () => {
    const names = printed(EM.EM_ARM, "eu-readelf");
    // The FPA registers at their obsolete numbers; they are f0 to f7 at 96 as well.
    for (let number = 16; number < 24; number++) expect(names.delete(number)).toBe(true);
    expect(names.size).toBe(3 + 8 + 1 + 32);
    expect(wrong(EM.EM_ARM, names)).toEqual([]);
  });

  test("registers of ppc64 are numbered as LLVM numbers them", () => {
    // elfutils has the numbers of the 32-bit ABI instead: lr is 108 there, and vr0 1124.
    const names = printed(EM.EM_PPC64, "llvm-dwarfdump");
    for (const [number, name] of names) {
      names.set(
        number,
        name
          .toLowerCase()
          .replace(/^x(?=\d)/, "r")
          .replace(/^vf/, "vr")
          .replace(/8$/, (eight) => (/^(lr|ctr)8$/i.test(name) ? "" : eight)),
      );
    }
    expect(names.size).toBeGreaterThanOrEqual(64 + 2 + 8 + 1 + 33);
    expect(wrong(EM.EM_PPC64, names)).toEqual([]);
    expect(printed(EM.EM_PPC64, "eu-readelf").get(64)).toBe(registerName(EM.EM_PPC64, 64));
  });

  test("registers of mips are numbered as LLVM numbers them", () => {
    const names = printed(EM.EM_MIPS, "llvm-dwarfdump");
    // Named by the 64-bit ABI's count of arguments or by the 32-bit ABI's: by number here.
    for (let number = 8; number < 16; number++) names.set(number, `$${number}`);
    for (const [number, name] of names) {
      const plain = name.toLowerCase().replace("_64", "");
      names.set(
        number,
        plain
          .replace(/^d(?=\d)/, "f")
          .replace(/^(hi|lo)0$/, "$1")
          .replace(/^(hi|lo)(\d)$/, "ac$2$1"),
      );
    }
    expect(names.size).toBe(64 + 2 + 6);
    expect(wrong(EM.EM_MIPS, names)).toEqual([]);
  });

  test("registers of loongarch are named as its ABI's table has them; unknown machines' by number", () => {
    // [LoongArch psABI, tables of general-purpose and floating-point registers]
    const table = {
      0: "zero",
      1: "ra",
      3: "sp",
      4: "a0",
      11: "a7",
      12: "t0",
      20: "t8",
      22: "fp",
      23: "s0",
      31: "s8",
    };
    const floats = { 32: "fa0", 39: "fa7", 40: "ft0", 55: "ft15", 56: "fs0", 63: "fs7" };
    for (const [number, name] of Object.entries({ ...table, ...floats })) {
      expect(registerName(EM.EM_LOONGARCH, Number(number))).toBe(name);
    }
    expect(registerName(EM.EM_LOONGARCH, 64)).toBe("r64");
    expect(registerName(0, 3)).toBe("r3");
  });
});
