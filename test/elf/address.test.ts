/** Between addresses and file offsets, held against the sections, which say both. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ElfFile, SHF, SHT } from "../../src/elf/index.ts";

describe("addresses and offsets", () => {
  it.each([
    "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
    "/usr/bin/readelf",
  ])("of %s", (path) => {
    const file = ElfFile.open(readFileSync(path));
    let inFile = 0;
    let inMemory = 0;
    for (const section of file.sections) {
      if (!section.hasFlags(SHF.SHF_ALLOC) || section.size === 0) continue;
      if (section.type === SHT.SHT_NOBITS) {
        if (section.hasFlags(SHF.SHF_TLS)) continue;
        const last = section.addr + BigInt(section.size) - 1n;
        expect(file.addressToOffset(last)).toBeUndefined();
        expect(file.segmentAt(last)).toBeDefined();
        expect(file.sectionAt(last)).toBe(section);
        inMemory++;
        continue;
      }
      for (const inside of [0, section.size - 1, section.size >> 1]) {
        const address = section.addr + BigInt(inside);
        expect(file.addressToOffset(address)).toBe(section.offset + inside);
        expect(file.offsetToAddress(section.offset + inside)).toBe(address);
        expect(file.sectionAt(address)).toBe(section);
        expect(file.bytesAt(address, 1, "test")[0]).toBe(section.bytes()[inside]);
      }
      inFile++;
    }
    expect(inFile).toBeGreaterThan(10);
    expect(inMemory).toBeGreaterThan(0);
    expect(file.addressToOffset(2n ** 63n)).toBeUndefined();
    expect(file.offsetToAddress(2 ** 52)).toBeUndefined();
  });

  it("of overlapping segments: one that covers the address, whatever the order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(200), fc.nat(50)), { maxLength: 12 }),
        fc.nat(260),
        (ranges, point) => {
          const image = new Uint8Array(64 + ranges.length * 56);
          const view = new DataView(image.buffer);
          image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
          view.setBigUint64(32, 64n, true);
          view.setUint16(54, 56, true);
          view.setUint16(56, ranges.length, true);
          ranges.forEach(([start, size], i) => {
            view.setUint32(64 + i * 56, 1, true);
            view.setBigUint64(64 + i * 56 + 16, BigInt(start), true);
            view.setBigUint64(64 + i * 56 + 40, BigInt(size), true);
          });
          const found = ElfFile.open(image).segmentAt(BigInt(point));
          const covering = ranges.filter(([start, size]) => start <= point && point < start + size);
          if (covering.length === 0) expect(found).toBeUndefined();
          else expect(covering).toContainEqual([Number(found?.vaddr), Number(found?.memsz)]);
        },
      ),
      { seed: 5, numRuns: 500 },
    );
  });
});
