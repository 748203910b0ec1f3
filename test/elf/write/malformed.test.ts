import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { ElfFile, SHT, STB } from "../../../src/elf/index.ts";
import { ElfEditor } from "../../../src/elf/write/editor.ts";
import { writeElf } from "../../../src/elf/write/write.ts";
import { ElfError } from "../../../src/errors.ts";
import { Workshop } from "./support.ts";

const shop = new Workshop();
afterAll(() => shop[Symbol.dispose]());

/** Edits whatever there is, one way for each `kind`. */
function edit(bytes: Uint8Array, kind: number, which: number): Uint8Array {
  const editor = ElfEditor.from(ElfFile.open(bytes));
  const { sections } = editor;
  const section = sections[which % Math.max(1, sections.length)];
  if (section !== undefined) {
    if (kind === 0) editor.removeSections(section);
    if (kind === 1) editor.symtab().add({ name: "x", section, binding: STB.STB_LOCAL });
    if (kind === 2) editor.moveSection(section, sections[0]);
    if (kind === 3) editor.addSection({ name: ".x", type: SHT.SHT_PROGBITS, bytes: new Uint8Array(3) });
    if (kind === 4) editor.replaceSection(section, { bytes: new Uint8Array(2) });
  }
  return editor.write({ relay: which % 2 === 0 });
}

describe("a malformed file", () => {
  it.each([
    ["64 bits", "x86_64-linux-gnu"],
    ["32 bits, big-endian", "mips-linux-gnu"],
  ])("is edited, or refused with an ElfError, in memory of its own size: %s", (_, triple) => {
    const fixture = join(import.meta.dirname, "fixtures", "shapes.cpp");
    const object = shop.path(`${triple}.o`);
    shop.run("clang++", [`--target=${triple}`, "-ffunction-sections", "-c", fixture, "-o", object]);
    const whole = Uint8Array.from(readFileSync(object));
    const { shoff } = ElfFile.open(whole).header;
    // Header, section headers, or anywhere.
    const place = fc.oneof(
      fc.nat(63),
      fc.integer({ min: shoff, max: whole.length - 1 }),
      fc.nat(whole.length - 1),
    );
    const byte = fc.oneof(fc.constantFrom(0, 0xff), fc.nat(255));
    const changes = fc.array(fc.tuple(place, byte), { minLength: 1, maxLength: 3 });
    let written = 0;
    fc.assert(
      fc.property(changes, fc.nat(5), fc.nat(1000), (list, kind, which) => {
        const bytes = whole.slice();
        for (const [at, value] of list) bytes[at] = value;
        try {
          const image = edit(bytes, kind, which);
          expect(image.length).toBeLessThan(whole.length * 2 + 100 * 0x10000);
          written++;
        } catch (error) {
          if (!(error instanceof ElfError)) throw error;
        }
      }),
      { numRuns: 800, seed: 20261121 },
    );
    expect(written).toBeGreaterThan(150);
  });

  it("is not described either: what would need a huge image is refused", () => {
    const huge = { name: ".x", type: SHT.SHT_PROGBITS, addralign: 2 ** 50, bytes: new Uint8Array(1) };
    expect(() => writeElf({ machine: 62, type: 1, sections: [huge] })).toThrow(
      /size of the image: found \d+ bytes, expected at most 4294967296/,
    );
  });
});
