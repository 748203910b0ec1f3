/** Random and damaged relocations: the values of a model, or errors that say where. */
import { describe, expect, test } from "vitest";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import type { FieldReader } from "../../src/dwarf/relocation/field.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { EM } from "../../src/elf/constants/machine.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { R_386 } from "../../src/elf/machine/i386.ts";
import { R_MIPS } from "../../src/elf/machine/mips.ts";
import { R_RISCV } from "../../src/elf/machine/riscv.ts";
import { R_X86_64 } from "../../src/elf/machine/x86_64.ts";
import type { RelocationDescription } from "../../src/elf/write/description.ts";
import { DwarfError, ElfError } from "../../src/errors.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";
import { type Options, relocatable, relocatableImage } from "./relocation-objects.ts";

const PLACES: Resolver = {
  sectionAddress: (elf, index) => (elf.section(index).name === ".text" ? 0xffff_ffff_c000_0000n : 0x20000n),
  symbolAddress: () => 0x8123_4560n,
};

/** Final values of the symbols, by {@link PLACES}. */
const SYMBOLS: readonly (readonly [string, bigint])[] = [
  ["early", 0xffff_ffff_c000_0010n],
  ["late", 0xffff_ffff_c000_1234n],
  ["init", 0x20010n],
  ["text", 0x20n],
  ["fixed", 0x7000n],
  ["printk", 0x8123_4560n],
];

function debugInfo(elf: ElfFile): FieldReader | undefined {
  const dwarf = Dwarf.open(elf, PLACES);
  const section = dwarf.sections.first("debug_info");
  return section === undefined ? undefined : dwarf.reader(section);
}

describe("values that up to four records make up", () => {
  const { R_RISCV_64, R_RISCV_ADD64, R_RISCV_SUB64, R_RISCV_32, R_RISCV_ADD32, R_RISCV_SUB32 } = R_RISCV;
  const TYPES = {
    8: [R_RISCV_64, R_RISCV_ADD64, R_RISCV_SUB64],
    4: [R_RISCV_32, R_RISCV_ADD32, R_RISCV_SUB32],
  };

  test("are those of a model, however the records lie", () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const bytes = Uint8Array.from({ length: 64 }, () => random.below(256));
      const view = new DataView(bytes.buffer);
      const records: RelocationDescription[] = [];
      const expected: [number, 4 | 8, bigint][] = [];
      for (let at = 0; at < 64; at += 8) {
        const size = random.below(2) === 0 ? 4 : 8;
        let value = size === 4 ? BigInt(view.getUint32(at, true)) : view.getBigUint64(at, true);
        for (let count = random.below(5); count > 0; count--) {
          const kind = random.below(3);
          const [symbol, place] = random.pick(SYMBOLS);
          const addend = BigInt(random.below(0x1_0000_0000)) - 0x8000_0000n;
          records.push({ offset: at, type: TYPES[size][kind] ?? 0, symbol, addend });
          if (kind === 0) value = place + addend;
          else value += kind === 1 ? place + addend : -(place + addend);
        }
        expected.push([at, size, BigInt.asUintN(8 * size, value)]);
      }
      // Records of one place keep their order; places need none.
      const turn = random.below(8) * 8;
      const turned = [
        ...records.filter(({ offset }) => Number(offset) >= turn),
        ...records.filter(({ offset }) => Number(offset) < turn),
      ];
      const reader = debugInfo(relocatable([turned], { machine: EM.EM_RISCV, bytes }));
      const found = expected.map(([at, size]) => [at, size, reader?.final(at, size)]);
      expect(found, `seed ${seed}`).toEqual(expected);
      for (const [at, size, value] of expected) expect(resolved(reader, at, size) ?? value).toBe(value);
    }
  });
});

/** The same by way of symbol and addend; `undefined` where that can't be said of so many records. */
function resolved(reader: FieldReader | undefined, at: number, size: number): bigint | undefined {
  try {
    return reader?.address(at, size).resolve();
  } catch (error) {
    if (error instanceof DwarfError && error.code === "DWARF_BAD_RELOCATION") return undefined;
    throw error;
  }
}

describe("damaged files", () => {
  const at = (offset: number, ...types: number[]): RelocationDescription[] =>
    types.map((type, i) => ({ offset, type, symbol: i === 0 ? "late" : "early" }));
  const { R_X86_64_32, R_X86_64_64, R_X86_64_PC32, R_X86_64_DTPOFF64 } = R_X86_64;
  const x86 = [
    ...at(0, R_X86_64_64),
    ...at(8, R_X86_64_32),
    ...at(16, R_X86_64_PC32),
    ...at(24, R_X86_64_DTPOFF64),
  ];
  const riscv = [
    ...at(0, R_RISCV.R_RISCV_ADD64, R_RISCV.R_RISCV_SUB64),
    ...at(8, R_RISCV.R_RISCV_SET6, R_RISCV.R_RISCV_SUB6),
    ...at(16, R_RISCV.R_RISCV_SET_ULEB128, R_RISCV.R_RISCV_SUB_ULEB128),
  ];
  const mips = [...at(0, R_MIPS.R_MIPS_64), ...at(8, R_MIPS.R_MIPS_PC32 | (R_MIPS.R_MIPS_64 << 8))];
  const i386 = [...at(0, R_386.R_386_32), ...at(8, R_386.R_386_PC32), ...at(16, R_386.R_386_16)];
  const images: [string, Uint8Array][] = (
    [
      ["x86-64", [x86], {}],
      ["x86-64 in two tables", [x86.toReversed(), x86], {}],
      ["RISC-V", [riscv], { machine: EM.EM_RISCV }],
      ["MIPS", [mips], { machine: EM.EM_MIPS, little: false }],
      ["i386", [i386], { machine: EM.EM_386, is64: false, kind: "REL" }],
    ] satisfies [string, RelocationDescription[][], Options][]
  ).map(([name, lists, options]) => [name, relocatableImage(lists, options)]);

  test.each(images)("%s: a value, the same both ways, or an error with a place", (_name, image) => {
    let [values, refused] = [0, 0];
    const attempt = <T>(action: () => T): T | undefined => {
      try {
        const value = action();
        values++;
        return value;
      } catch (error) {
        if (!(error instanceof DwarfError || error instanceof ElfError)) throw error;
        expect(error.place.file, error.message).toBe("damaged.o");
        if (error instanceof DwarfError) expect(error.place.section, error.message).toBe(".debug_info");
        refused++;
        return undefined;
      }
    };
    for (let seed = 0; seed < 400; seed++) {
      const damaged = mutate(image, new Random(seed), 16, image.length);
      const reader = attempt(() => debugInfo(ElfFile.open(damaged, { name: "damaged.o" })));
      if (reader === undefined) continue;
      for (let field = 0; field < Math.min(64, reader.bytes.length - 8); field += 8) {
        for (const size of [1, 4, 8]) {
          const final = attempt(() => reader.final(field, size));
          const other = attempt(() => reader.address(field, size).resolve());
          if (final !== undefined && other !== undefined) expect(other, `seed ${seed}, ${field}`).toBe(final);
        }
        attempt(() => reader.uleb128(field));
        attempt(() => reader.offset(field, 4));
        attempt(() => reader.address(field, 8).toString());
      }
    }
    expect(values).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(100);
  });
});
