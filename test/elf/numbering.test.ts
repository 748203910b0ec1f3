/** Counts that do not fit 16 bits: sections beyond 65,280, program headers beyond 65,534 [gABI, "ELF Header"]. */
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ElfFile, SHN } from "../../src/elf/index.ts";
import { Workshop } from "../support/elf-clang.ts";
import { readelf } from "../support/elf-readelf.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());
const SECTIONS = 65_600;

describe("an object with more sections than 16 bits count", () => {
  let file: ElfFile;
  beforeAll(() => {
    const source = Array.from(
      { length: SECTIONS },
      (_, i) => `.section s${i},"a"\n.globl v${i}\nv${i}: .byte ${i & 0xff}\n`,
    );
    writeFileSync(workshop.path("many.s"), `${source.join("")}.globl absolute\nabsolute = 0xfff1\n`);
    workshop.run("as", "many.s", "-o", "many.o");
    file = ElfFile.open(readFileSync(workshop.path("many.o")), { name: "many.o" });
  });

  it("has its counts in section header 0", () => {
    const { header } = file;
    expect(header.stored.shnum).toBe(0);
    expect(header.stored.shstrndx).toBe(SHN.SHN_XINDEX);
    const told = readelf(workshop.path("many.o"));
    expect(header.shnum).toBe(told.sections.length);
    expect(header.shnum).toBeGreaterThan(SECTIONS);
    expect(file.section(header.shstrndx).name).toBe(".shstrtab");
  });

  it("finds the section of every symbol through SHT_SYMTAB_SHNDX", () => {
    const symbols = file.symtab();
    if (symbols === undefined) throw new Error("no symbols");
    const { sectionIndexes } = symbols;
    let checked = 0;
    for (let i = 1; i < symbols.length; i++) {
      const name = symbols.name(i);
      if (!name.startsWith("v")) continue;
      const index = sectionIndexes[i] ?? 0;
      expect(symbols.isSpecial(i)).toBe(false);
      if (file.section(index).name !== `s${name.slice(1)}`) throw new Error(`${name} is in section ${index}`);
      checked++;
    }
    expect(checked).toBe(SECTIONS);
  });

  it("tells section 0xfff1 from SHN_ABS", () => {
    const symbols = file.symtab();
    const [absolute] = symbols?.indexesOf("absolute") ?? [];
    expect(symbols?.at(absolute ?? 0)).toMatchObject({
      special: true,
      sectionIndex: SHN.SHN_ABS,
      value: 0xfff1n,
    });
    const there = file.section(0xfff1).name;
    const [ordinary] = symbols?.indexesOf(`v${there.slice(1)}`) ?? [];
    expect(symbols?.at(ordinary ?? 0)).toMatchObject({ special: false, sectionIndex: 0xfff1 });
  });
});

describe("program headers", () => {
  it("are counted by sh_info of section header 0 where e_phnum is PN_XNUM", () => {
    const count = 70_000;
    const image = new Uint8Array(64 + 64 + count * 56);
    const view = new DataView(image.buffer);
    image.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    view.setUint16(16, 4, true);
    view.setUint16(18, 62, true);
    view.setUint32(20, 1, true);
    view.setBigUint64(32, 128n, true); // e_phoff
    view.setBigUint64(40, 64n, true); // e_shoff
    view.setUint16(52, 64, true);
    view.setUint16(54, 56, true);
    view.setUint16(56, 0xffff, true); // e_phnum = PN_XNUM
    view.setUint16(58, 64, true);
    view.setUint16(60, 1, true); // e_shnum
    view.setUint32(64 + 44, count, true); // sh_info
    for (let i = 0; i < count; i++) {
      view.setUint32(128 + i * 56, 1, true);
      view.setBigUint64(128 + i * 56 + 16, BigInt(i) * 0x1000n, true);
      view.setBigUint64(128 + i * 56 + 40, 0x1000n, true);
    }
    const file = ElfFile.open(image);
    expect(file.header.phnum).toBe(count);
    expect(file.segments.length).toBe(count);
    expect(file.segmentAt(0x1000n * 69_999n + 5n)?.index).toBe(69_999);
    writeFileSync(workshop.path("segments.core"), image);
    expect(readelf(workshop.path("segments.core")).segments.length).toBe(count);
  });
});
