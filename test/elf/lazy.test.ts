/** What operations cost: reads are counted, so that laziness is a fact and stays one. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bufferSource, type CountingSource, countingSource, ElfFile } from "../../src/elf/index.ts";

const LIBC = readFileSync("/usr/lib/x86_64-linux-gnu/libc.so.6");

function open(): { source: CountingSource; file: ElfFile } {
  const source = countingSource(bufferSource(LIBC, "libc"));
  return { source, file: ElfFile.open(source) };
}

describe("reading lazily", () => {
  it("reads the header alone on opening", () => {
    const { source } = open();
    expect(source.reads).toEqual([{ offset: 0, length: 64 }]);
  });

  it("reads the section table once, and names only when a name is asked for", () => {
    const { source, file } = open();
    expect(file.sections.length).toBe(file.header.shnum);
    expect(file.sections[1]?.type).toBe(7);
    const table = { offset: file.header.shoff, length: file.header.shnum * 64 };
    expect(source.reads.slice(1)).toEqual([table]);
    const names = file.sections[file.header.shstrndx];
    expect(file.sectionsNamed(".text").length).toBe(1);
    expect(file.sectionsNamed(".data").length).toBe(1);
    expect(source.reads.slice(2)).toEqual([{ offset: names?.offset, length: names?.size }]);
  });

  it("reads the program headers without the sections, for addresses", () => {
    const { source, file } = open();
    expect(file.addressToOffset(file.header.entry)).toBe(Number(file.header.entry));
    expect(file.segmentAt(file.header.entry)?.flags).toBe(5);
    expect(source.reads.slice(1)).toEqual([{ offset: file.header.phoff, length: file.header.phnum * 56 }]);
  });

  it("reads a section's bytes once, and again only after they were let go", () => {
    const { source, file } = open();
    const text = file.sectionsNamed(".text")[0];
    const before = source.reads.length;
    expect(text?.bytes()).toBe(text?.bytes());
    expect(text?.rawBytes()).toBe(text?.bytes());
    expect(source.reads.length).toBe(before + 1);
    text?.release();
    text?.bytes();
    expect(source.reads.length).toBe(before + 2);
  });

  it("looks a symbol up with the tables that the look-up needs", () => {
    const { source, file } = open();
    const { gnu } = file.hashTables();
    const index = gnu?.lookup("printf");
    expect(index).toBeDefined();
    expect(file.dynsym()?.name(index ?? 0)).toBe("printf");
    // Header, sections, their names, both hash tables, symbols, strings: nothing of code, data or relocations.
    const sizes = [".shstrtab", ".hash", ".gnu.hash", ".dynsym", ".dynstr"].map(
      (name) => file.sectionsNamed(name)[0]?.size ?? 0,
    );
    const needed = 64 + file.header.shnum * 64 + sizes.reduce((sum, size) => sum + size, 0);
    expect(source.bytesRead).toBe(needed);
  });

  it("reads a relocation table once, whatever is asked of it", () => {
    const { source, file } = open();
    const section = file.sectionsNamed(".rela.dyn")[0];
    if (section === undefined) throw new Error("no relocations");
    const before = source.reads.length;
    const table = file.relocations(section);
    for (const one of table) table.lowerBound(Number(one.offset));
    expect(file.relocations(section)).toBe(table);
    expect(source.reads.slice(before)).toEqual([{ offset: section.offset, length: section.size }]);
  });
});
