/** What relocation costs: bytes read, records digested and questions asked are counted, so that laziness is a fact. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bufferSource, type CountingSource, countingSource } from "../../src/bytes/source.ts";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { Dwarf, type DwarfUnit } from "../../src/dwarf/dwarf.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { R_X86_64 } from "../../src/elf/machine/x86_64.ts";
import { relocatableImage } from "./relocation-objects.ts";

const SOURCE = `
extern int printk(const char *, ...);
__attribute__((section(".init.text"))) int first(int a) { return printk("%d", a); }
static int twice(int a) { return 2 * a; }
int last(int a) { for (int i = 0; i < a; i++) a += twice(first(i)); return a; }
`;

let object = new Uint8Array(0);
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-lazy-"));
  writeFileSync(join(scratch, "a_name_for_debug_str.c"), SOURCE);
  const path = join(scratch, "a.o");
  execFileSync("gcc", ["-gdwarf-4", "-O2", "-c", "a_name_for_debug_str.c", "-o", path], { cwd: scratch });
  object = new Uint8Array(readFileSync(path));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function open(bytes: Uint8Array): { source: CountingSource; elf: ElfFile; dwarf: Dwarf } {
  const source = countingSource(bufferSource(bytes, "a.o"));
  const elf = ElfFile.open(source);
  return { source, elf, dwarf: Dwarf.open(elf) };
}

/** Names of the sections whose contents were read, each as often as it was. */
function sectionsRead(elf: ElfFile, { reads }: CountingSource, from = 0): string[] {
  const { shoff } = elf.header;
  return reads
    .slice(from)
    .flatMap(({ offset, length }) =>
      elf.sections.filter(
        (one) =>
          one.size > 0 && one.type !== 8 && offset < one.offset + one.size && offset + length > one.offset,
      ),
    )
    .filter(({ offset }) => offset !== shoff)
    .map(({ name }) => name)
    .sort();
}

function firstUnit(dwarf: Dwarf): DwarfUnit {
  for (const unit of dwarf.units()) return unit;
  throw new Error("no unit");
}

/** Offsets of all fields of `.debug_info` that hold an address. */
function addressFields(dwarf: Dwarf): number[] {
  const at = firstUnit(dwarf).entries();
  const offsets: number[] = [];
  while (at.next()) {
    while (at.nextAttribute()) {
      const isAddress = at.attribute === DW_AT.DW_AT_low_pc || at.attribute === DW_AT.DW_AT_call_return_pc;
      if (isAddress && at.reader.isRelocated(at.valueOffset)) offsets.push(at.valueOffset);
    }
  }
  return offsets;
}

/** Places sections a page apart, and records what it was asked. */
function recording(base: bigint): { resolver: Resolver; asked: string[] } {
  const asked: string[] = [];
  const resolver: Resolver = {
    sectionAddress(elf, index) {
      asked.push(elf.section(index).name);
      return base + BigInt(index) * 0x1000n;
    },
    symbolAddress(_elf, { name }) {
      asked.push(name);
      return 0x99n;
    },
  };
  return { resolver, asked };
}

describe("bytes and records", () => {
  test("opening reads headers and names, and of debug and relocation sections nothing", () => {
    const { source, elf, dwarf } = open(object);
    expect(sectionsRead(elf, source)).toEqual([".shstrtab"]);
    const { header } = elf;
    expect(source.bytesRead).toBe(64 + header.shnum * 64 + (elf.sections[header.shstrndx]?.size ?? 0));
    for (const name of ["debug_info", "debug_line", "debug_aranges"]) {
      expect(dwarf.sections.first(name)?.relocations?.isRead, name).toBe(false);
    }
  });

  test("the first need of .debug_info reads its own relocations, once, and digests none where they are sorted", () => {
    const { source, elf, dwarf } = open(object);
    const unit = firstUnit(dwarf);
    const root = unit.entries();
    root.next();
    const names: (string | undefined)[] = [];
    while (root.nextAttribute())
      if (root.attribute === DW_AT.DW_AT_name) names.push(dwarf.string(unit, root));
    expect(names).toEqual(["a_name_for_debug_str.c"]);
    const read = [".debug_abbrev", ".debug_info", ".debug_str", ".rela.debug_info", ".shstrtab", ".symtab"];
    expect(sectionsRead(elf, source)).toEqual(read);
    const info = dwarf.sections.first("debug_info")?.relocations;
    expect([info?.isRead, info?.digested]).toEqual([true, 0]);
    expect(dwarf.sections.first("debug_line")?.relocations?.isRead).toBe(false);
    const before = source.reads.length;
    for (const offset of addressFields(dwarf)) unit.reader.address(offset, 8).info();
    expect(sectionsRead(elf, source, before)).toEqual([".strtab"]);
  });

  test("records that can't serve as they lie are digested once, and no more than there are", () => {
    const record = (offset: number) => ({ offset, type: R_X86_64.R_X86_64_64, symbol: "early" });
    const { source, elf, dwarf } = open(relocatableImage([[record(16), record(0)], [record(8)]]));
    const section = dwarf.sections.first("debug_info");
    const relocations = section?.relocations;
    expect([relocations?.isRead, relocations?.digested]).toEqual([false, 0]);
    if (section === undefined) throw new Error("no .debug_info");
    expect([0, 8, 16, 24].map((at) => dwarf.reader(section).isRelocated(at))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([relocations?.isRead, relocations?.digested]).toEqual([true, 3]);
    expect(sectionsRead(elf, source)).toEqual([
      ".debug_info",
      ".rela.debug_info",
      ".rela.debug_info",
      ".shstrtab",
    ]);
  });

  test("a relocatable value looks nothing up before it is asked", () => {
    const { source, elf, dwarf } = open(relocatableImage([[{ offset: 8, type: 1, symbol: "early" }]]));
    const section = dwarf.sections.first("debug_info");
    if (section === undefined) throw new Error("no .debug_info");
    const value = dwarf.reader(section).address(8, 8).plus(4);
    const before = source.reads.length;
    expect(sectionsRead(elf, source)).not.toContain(".symtab");
    expect(value.toString()).toBe(".text+0x14");
    expect(sectionsRead(elf, source, before)).toEqual([".strtab", ".symtab"]);
  });
});

describe("questions to the resolver", () => {
  test("a section is asked for at the first need of it, and once", () => {
    const { elf, dwarf } = open(object);
    const { resolver, asked } = recording(0n);
    dwarf.place(resolver);
    const fields = firstUnit(dwarf).reader;
    const offsets = addressFields(dwarf);
    expect(offsets.length).toBeGreaterThan(2);
    expect(asked).toEqual([]);
    const inText = offsets.filter((at) => fields.address(at, 8).info().target?.sectionName === ".text");
    const inInit = offsets.filter((at) => fields.address(at, 8).info().target?.sectionName === ".init.text");
    expect(inText.length).toBeGreaterThan(0);
    expect(inInit.length).toBeGreaterThan(0);
    expect(asked).toEqual([]);
    for (const at of [...inText, ...inText]) fields.finalAddress(at, 8);
    expect(asked).toEqual([".text"]);
    for (const at of [...inInit, ...inText, ...inInit]) fields.address(at, 8).resolve();
    expect(asked).toEqual([".text", ".init.text"]);
    const { index } = elf.sections.find(({ name }) => name === ".init.text") ?? { index: 0 };
    expect(fields.final(inInit[0] ?? 0, 8) >> 12n).toBe(BigInt(index));
  });

  test("placing anew asks again, and reads and digests nothing again", () => {
    const { source, dwarf } = open(object);
    const [first, second] = [recording(0x10_0000n), recording(0xffff_ffff_c000_0000n)];
    dwarf.place(first.resolver);
    const unit = firstUnit(dwarf);
    const offsets = addressFields(dwarf);
    const values = (): bigint[] => offsets.map((at) => unit.reader.final(at, 8));
    const before = values();
    const { bytesRead, reads } = source;
    const count = reads.length;
    const { abbrevs, reader } = unit;
    dwarf.place(second.resolver);
    expect(values()).toEqual(before.map((value) => value - 0x10_0000n + 0xffff_ffff_c000_0000n));
    expect(second.asked.toSorted()).toEqual(first.asked.toSorted());
    expect(second.asked).toEqual([...new Set(second.asked)]);
    expect([source.bytesRead, reads.length]).toEqual([bytesRead, count]);
    expect(unit.abbrevs).toBe(abbrevs);
    expect(dwarf.reader(reader.section)).toBe(reader);
    dwarf.place(undefined);
    expect(values).toThrow(/value requires relocation/);
  });

  test("one that does not know is not asked twice either", () => {
    const { dwarf } = open(object);
    const { resolver, asked } = recording(0n);
    dwarf.place({
      ...resolver,
      sectionAddress(elf, index) {
        resolver.sectionAddress(elf, index);
        return undefined;
      },
    });
    const { reader } = firstUnit(dwarf);
    const offsets = addressFields(dwarf);
    for (const at of [...offsets, ...offsets]) {
      expect(() => reader.finalAddress(at, 8)).toThrow(/value requires relocation/);
    }
    expect(asked.toSorted()).toEqual([".init.text", ".text"]);
  });
});
