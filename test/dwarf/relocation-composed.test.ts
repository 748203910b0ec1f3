/** Values that several relocations make up, worked by hand, and where it can, against readelf. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import type { FieldReader } from "../../src/dwarf/relocation/field.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { R_LARCH } from "../../src/elf/machine/loongarch.ts";
import { R_MIPS } from "../../src/elf/machine/mips.ts";
import { R_RISCV } from "../../src/elf/machine/riscv.ts";
import type { RelocationDescription } from "../../src/elf/write/description.ts";
import { type Options, relocatable, relocatableImage } from "./relocation-objects.ts";

/** `.text` at 0x10000 and `.init.text` at 0x20000, by name. */
const PLACES: Resolver = {
  sectionAddress: (elf, index) => (elf.section(index).name === ".text" ? 0x10000n : 0x20000n),
  symbolAddress: (_elf, { name }) => (name === "printk" ? 0xffff_ffff_8123_4560n : 0x30000n),
};

function fields(
  records: readonly RelocationDescription[],
  options: Options,
  resolver?: Resolver,
): FieldReader {
  const dwarf = Dwarf.open(relocatable([records], options), resolver);
  const section = dwarf.sections.first("debug_info");
  if (section === undefined) throw new Error("no .debug_info");
  return dwarf.reader(section);
}

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-composed-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

describe("RISC-V", () => {
  const options = { machine: EM.EM_RISCV };

  test("the distance of two symbols in one section needs no resolver, whatever its width", () => {
    const at = (offset: number, add: number, subtract: number): RelocationDescription[] => [
      { offset, type: add, symbol: "late", addend: 4 },
      { offset, type: subtract, symbol: "early", addend: 1 },
    ];
    const reader = fields(
      [
        ...at(0, R_RISCV.R_RISCV_ADD64, R_RISCV.R_RISCV_SUB64),
        ...at(8, R_RISCV.R_RISCV_ADD32, R_RISCV.R_RISCV_SUB32),
        ...at(12, R_RISCV.R_RISCV_ADD16, R_RISCV.R_RISCV_SUB16),
        ...at(14, R_RISCV.R_RISCV_ADD8, R_RISCV.R_RISCV_SUB8),
        ...at(16, R_RISCV.R_RISCV_SET32, R_RISCV.R_RISCV_SUB32),
        ...at(20, R_RISCV.R_RISCV_SET16, R_RISCV.R_RISCV_SUB16),
        ...at(22, R_RISCV.R_RISCV_SET8, R_RISCV.R_RISCV_SUB8),
      ],
      { ...options, bytes: new Uint8Array(64).fill(1) },
    );
    // 0x1234 + 4 - (0x10 + 1) = 0x1227, added to what the place holds but for SET.
    expect(reader.final(0, 8)).toBe(0x0101_0101_0101_1328n);
    expect(reader.offset(8, 4)).toBe(0x0101_1328);
    expect(reader.offset(12, 2)).toBe(0x1328);
    expect(reader.offset(14, 1)).toBe(0x28);
    expect(reader.offset(16, 4)).toBe(0x1227);
    expect(reader.offset(20, 2)).toBe(0x1227);
    expect(reader.offset(22, 1)).toBe(0x27);
    expect(reader.address(16, 4).info()).toEqual({ target: undefined, addend: 0x1227n });
  });

  test("six bits leave the opcode beside them alone", () => {
    // DW_CFA_advance_loc, as assemblers write it: SET6 and SUB6 on 0x40.
    const reader = fields(
      [
        { offset: 3, type: R_RISCV.R_RISCV_SET6, symbol: "early", addend: 0x12 },
        { offset: 3, type: R_RISCV.R_RISCV_SUB6, symbol: "early", addend: 2 },
      ],
      { ...options, bytes: new Uint8Array(64).fill(0x7f) },
    );
    expect(reader.offset(3, 1)).toBe(0x40 | 0x10);
  });

  test("ULEB128 numbers are set and subtracted from, in the length that they have", () => {
    const bytes = new Uint8Array(64);
    bytes.set([0x80, 0x80, 0x00, 0xe5, 0x8e, 0x26], 1);
    const reader = fields(
      [
        { offset: 1, type: R_RISCV.R_RISCV_SET_ULEB128, symbol: "late" },
        { offset: 1, type: R_RISCV.R_RISCV_SUB_ULEB128, symbol: "early" },
      ],
      { ...options, bytes },
    );
    expect(reader.uleb128(1)).toBe(0x1224);
    expect(reader.uleb128(4)).toBe(624485);
  });

  test("a distance between sections counts from both, and has a final value", () => {
    const records = [
      { offset: 8, type: R_RISCV.R_RISCV_ADD64, symbol: "init", addend: 3 },
      { offset: 8, type: R_RISCV.R_RISCV_SUB64, symbol: "early" },
    ];
    const reader = fields(records, options, PLACES);
    const value = reader.address(8, 8);
    const { target, minus, addend } = value.info();
    expect([target?.sectionName, target?.symbol.name]).toEqual([".init.text", "init"]);
    expect(minus).toMatchObject({ sectionName: ".text", symbol: { name: "early" } });
    expect(addend).toBe(3n);
    expect(value.toString()).toBe(".init.text+0x13-(.text+0x10)");
    expect(value.minus(value)).toBeUndefined();
    expect(() => value.place()).toThrow(/made.o: .debug_info\+0x8: .*found a distance, expected an address/);
    expect([reader.final(8, 8), value.resolve()]).toEqual([0x10003n, 0x10003n]);
    const unplaced = fields(records, options);
    expect(() => unplaced.final(8, 8)).toThrow(/value requires relocation: it counts from init/);
  });

  test("more than one symbol and one that is subtracted has a final value only", () => {
    const records = ["late", "init", "printk"].map((symbol) => ({
      offset: 0,
      type: R_RISCV.R_RISCV_ADD64,
      symbol,
    }));
    const reader = fields(records, options, PLACES);
    expect(reader.final(0, 8)).toBe(0x11234n + 0x20010n + 0xffff_ffff_8123_4560n);
    expect(() => reader.address(0, 8).info()).toThrow(/counts from more than a symbol/);
    const nine = Array.from({ length: 9 }, () => ({
      offset: 0,
      type: R_RISCV.R_RISCV_ADD64,
      symbol: "late",
    }));
    expect(() => fields(nine, options, PLACES).final(0, 8)).toThrow(
      /made.o: .debug_info\+0x0: .*too many symbols/,
    );
  });
});

describe("LoongArch", () => {
  test("sums and differences are added to what the place holds", () => {
    const pair = (offset: number, add: number, subtract: number): RelocationDescription[] => [
      { offset, type: add, symbol: "late", addend: 6 },
      { offset, type: subtract, symbol: "early" },
    ];
    const reader = fields(
      [
        ...pair(0, R_LARCH.R_LARCH_ADD64, R_LARCH.R_LARCH_SUB64),
        ...pair(8, R_LARCH.R_LARCH_ADD32, R_LARCH.R_LARCH_SUB32),
        ...pair(12, R_LARCH.R_LARCH_ADD16, R_LARCH.R_LARCH_SUB16),
        ...pair(14, R_LARCH.R_LARCH_ADD8, R_LARCH.R_LARCH_SUB8),
      ],
      { machine: EM.EM_LOONGARCH, bytes: new Uint8Array(64).fill(3) },
    );
    // 0x1234 + 6 - 0x10 = 0x122a
    expect(reader.final(0, 8)).toBe(0x0303_0303_0303_152dn);
    expect(reader.offset(8, 4)).toBe(0x0303_152d);
    expect(reader.offset(12, 2)).toBe(0x152d);
    expect(reader.offset(14, 1)).toBe(0x2d);
  });

  test("plain words are those that readelf prints", () => {
    const records = [
      { offset: 16, type: R_LARCH.R_LARCH_32, symbol: "text", addend: 5 },
      { offset: 24, type: R_LARCH.R_LARCH_64, symbol: "fixed", addend: -1 },
      { offset: 32, type: R_LARCH.R_LARCH_32_PCREL, symbol: "text", addend: 9 },
    ];
    const options = { machine: EM.EM_LOONGARCH, bytes: new Uint8Array(64).fill(3) };
    const path = join(scratch, "loongarch.o");
    writeFileSync(path, relocatableImage([records], options));
    const printed = execFileSync("readelf", ["-R", ".debug_info", path], { encoding: "utf8" });
    const hex = [...printed.matchAll(/^ {2}0x\w+ ((?:\w{8} ){4})/gm)].map(([, words = ""]) =>
      words.replaceAll(" ", ""),
    );
    const expected = Buffer.from(hex.join(""), "hex");
    expect(expected.length).toBe(64);
    const reader = fields(records, options);
    expect(reader.offset(16, 4)).toBe(expected.readUInt32LE(16));
    expect(reader.final(24, 8)).toBe(expected.readBigUInt64LE(24));
    expect(reader.offset(32, 4)).toBe(expected.readUInt32LE(32));
  });

  test("six bits and ULEB128 numbers are added to", () => {
    const bytes = new Uint8Array(64);
    bytes.set([0x42, 0x81, 0x80, 0x00]);
    const reader = fields(
      [
        { offset: 0, type: R_LARCH.R_LARCH_ADD6, symbol: "early", addend: 0x20 },
        { offset: 0, type: R_LARCH.R_LARCH_SUB6, symbol: "early" },
        { offset: 1, type: R_LARCH.R_LARCH_ADD_ULEB128, symbol: "late" },
        { offset: 1, type: R_LARCH.R_LARCH_SUB_ULEB128, symbol: "early" },
      ],
      { machine: EM.EM_LOONGARCH, bytes },
    );
    expect(reader.offset(0, 1)).toBe(0x62);
    expect(reader.uleb128(1)).toBe(0x1225);
  });
});

describe.each([true, false])("64-bit MIPS, little-endian %s", (little) => {
  const options = { machine: EM.EM_MIPS, little };
  const { R_MIPS_64, R_MIPS_PC32, R_MIPS_SUB } = R_MIPS;

  test("each type of a record takes the value of the one before", () => {
    const reader = fields(
      [
        { offset: 0, type: R_MIPS_64, symbol: "late", addend: 1 },
        // A pointer of .eh_frame in eight bytes.
        { offset: 8, type: R_MIPS_PC32 | (R_MIPS_64 << 8), symbol: "late", addend: 2 },
        // 0 - (S + A)
        { offset: 16, type: R_MIPS_64 | (R_MIPS_SUB << 8), symbol: "late", addend: 3 },
        // RSS_LOC: P - (S + A)
        { offset: 24, type: R_MIPS_64 | (R_MIPS_SUB << 8), symbol: "late", addend: 4, specialSymbol: 3 },
      ],
      options,
      PLACES,
    );
    expect(reader.final(0, 8)).toBe(0x11235n);
    expect(reader.address(8, 8).toString()).toBe(".text+0x1236-.");
    expect(reader.final(8, 8)).toBe(0x11236n - 8n);
    expect(reader.final(16, 8)).toBe(BigInt.asUintN(64, -0x11237n));
    expect(reader.final(24, 8)).toBe(BigInt.asUintN(64, 24n - 0x11238n));
  });

  test("global pointers have no meaning in a debug section", () => {
    const { R_MIPS_GPREL16, R_MIPS_HI16 } = R_MIPS;
    const type = R_MIPS_GPREL16 | (R_MIPS_SUB << 8) | (R_MIPS_HI16 << 16);
    const reader = fields([{ offset: 8, type, symbol: "late" }], options, PLACES);
    expect(() => reader.final(8, 8)).toThrow(
      "made.o: .debug_info+0x8: R_MIPS_GPREL16/R_MIPS_SUB/R_MIPS_HI16: has no meaning in a debug section",
    );
    const special = fields(
      [{ offset: 0, type: R_MIPS_64 | (R_MIPS_SUB << 8), symbol: "late", specialSymbol: 1 }],
      options,
      PLACES,
    );
    expect(() => special.final(0, 8)).toThrow(/R_MIPS_64\/R_MIPS_SUB: has no meaning/);
  });
});
