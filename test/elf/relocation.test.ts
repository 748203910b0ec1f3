/** Relocation tables as columns: the fast readings agree with the plain ones, and look-up with a walk. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ElfFile, type RelocationTable, SHT } from "../../src/elf/index.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());

/** An `ET_REL` image with one `SHT_RELA` section of x86-64 at `offsets`, written by hand. */
function relocatable(offsets: readonly number[]): RelocationTable {
  const image = new Uint8Array(64 + 2 * 64 + offsets.length * 24);
  const view = new DataView(image.buffer);
  image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 1, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(40, 64n, true);
  view.setUint16(58, 64, true);
  view.setUint16(60, 2, true);
  view.setUint32(128 + 4, SHT.SHT_RELA, true);
  view.setBigUint64(128 + 24, 192n, true);
  view.setBigUint64(128 + 32, BigInt(offsets.length * 24), true);
  offsets.forEach((offset, i) => {
    view.setBigUint64(192 + i * 24, BigInt(offset), true);
    view.setUint32(192 + i * 24 + 8, 1, true);
    view.setUint32(192 + i * 24 + 12, i, true);
    view.setBigInt64(192 + i * 24 + 16, BigInt(-i), true);
  });
  const file = ElfFile.open(image);
  return file.relocations(file.section(1));
}

describe("relocation tables", () => {
  it("find the first record at or after an offset, from any hint", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { maxLength: 40 }),
        fc.nat(70),
        fc.nat(45),
        (unsorted, wanted, hint) => {
          const offsets = unsorted.sort((a, b) => a - b);
          const table = relocatable(offsets);
          const first = offsets.findIndex((offset) => offset >= wanted);
          expect(table.sorted).toBe(true);
          expect(table.lowerBound(wanted, hint)).toBe(first < 0 ? offsets.length : first);
        },
      ),
      { seed: 9, numRuns: 2000 },
    );
  });

  it("say whether they are sorted", () => {
    expect(relocatable([]).sorted).toBe(true);
    expect(relocatable([5, 5, 6]).sorted).toBe(true);
    expect(relocatable([5, 4]).sorted).toBe(false);
  });

  it("have addends of all 64 bits, whole and in halves", () => {
    const table = relocatable([0, 8, 16]);
    expect([...table].map((one) => one.addend)).toEqual([0n, -1n, -2n]);
    expect([table.addendLow(2), table.addendHigh(2)]).toEqual([-2, -1]);
    expect([table.addendLow(0), table.addendHigh(0)]).toEqual([0, 0]);
    expect(table.symbol(2)).toBe(2);
    expect(() => table.offset(3)).toThrow(expect.objectContaining({ code: "ELF_BAD_REFERENCE" }));
    expect(() => table.type(-1)).toThrow(expect.objectContaining({ code: "ELF_BAD_REFERENCE" }));
  });

  it("read the same at any alignment in memory", () => {
    for (const target of TARGETS) {
      const bytes = readFileSync(workshop.compile(target, "symbols.c", "-g"));
      const rows = (shift: number) => {
        const moved = new Uint8Array(bytes.length + 8).subarray(shift, shift + bytes.length);
        moved.set(bytes);
        const file = ElfFile.open(moved);
        return file.sections
          .filter((one) => one.type === SHT.SHT_RELA || one.type === SHT.SHT_REL)
          .flatMap((one) => {
            const table = file.relocations(one);
            return [...table].map((record) => [
              record,
              table.offset(record.index),
              table.addendLow(record.index),
              table.addendHigh(record.index),
              table.typeName(record.index),
            ]);
          });
      };
      expect(rows(0).length).toBeGreaterThan(10);
      expect(rows(1)).toEqual(rows(0));
      for (const [record, offset, low, high] of rows(0) as [
        { offset: bigint; addend?: bigint },
        number,
        number,
        number,
      ][]) {
        expect(BigInt(offset)).toBe(record.offset);
        const whole = (BigInt(high) << 32n) | BigInt(low >>> 0);
        expect(whole).toBe(record.addend ?? 0n);
      }
    }
  });
});
