/** The reader against elfutils' readelf, which shares no code with GNU's: sections, symbols and notes. */
import { afterAll, describe, expect, it } from "vitest";
import {
  bindingName,
  type ElfFile,
  SHT,
  type SymbolTable,
  sectionIndexName,
  sectionTypeName,
  symbolTypeName,
  visibilityName,
} from "../../src/elf/index.ts";
import { openElf } from "../../src/host/file.ts";
import { TARGETS, Workshop } from "../support/elf-clang.ts";
import { tool } from "../support/elf-readelf.ts";

const workshop = new Workshop();
afterAll(() => workshop.remove());

/** eu-readelf's word for a constant: without the prefix, save where it is spelled otherwise. */
function word(name: string): string {
  const spelled: Readonly<Record<string, string>> = {
    STT_GNU_IFUNC: "GNU_IFUNC",
    STB_GNU_UNIQUE: "GNU_UNIQUE",
    SHN_UNDEF: "UNDEF",
  };
  return spelled[name] ?? name.replace(/^[A-Z]+_/, "");
}

function sectionRows(file: ElfFile): string[] {
  return file.sections.map((one) =>
    [
      one.index,
      one.name,
      word(sectionTypeName(one.type, file.header.machine)),
      one.addr,
      one.offset,
      one.size,
      one.entsize,
      one.link,
      one.info,
      one.addralign,
    ].join(" "),
  );
}

function symbolRows(file: ElfFile, table: SymbolTable): string[] {
  const { machine } = file.header;
  return Array.from(table, (one) => {
    const section = one.special ? sectionIndexName(one.sectionIndex, machine) : String(one.sectionIndex);
    const { version } = one;
    const mark = version?.file !== undefined || version?.hidden === true ? "@" : "@@";
    return [
      one.index,
      one.value,
      one.size,
      word(symbolTypeName(one.type, machine)),
      word(bindingName(one.binding)),
      word(visibilityName(one.visibility)),
      one.sectionIndex === 0 ? "UNDEF" : word(section),
      version === undefined ? one.name : `${one.name}${mark}${version.name}`,
    ].join(" ");
  });
}

const number = (text: string | undefined): bigint => BigInt(`0x${text}`);

function expectSameAsEuReadelf(path: string): void {
  using opened = openElf(path);
  const { elf } = opened;
  const sections =
    /^\[ *(\d+)\] (.*?) +(\S+) +([0-9a-f]{8,16}) ([0-9a-f]{6,8}) ([0-9a-f]{6,8}) +(\d+) ([A-Za-z]*) +(\d+) +(\d+) +(\d+)$/gm;
  // Types that are newer than it, it prints as numbers.
  const named = (value: number) => ` ${word(sectionTypeName(value, elf.header.machine))}`;
  const output = tool("eu-readelf", "-S", path)
    .replace(/ +<unknown>: (\d+)/g, (_, value: string) => named(Number(value)))
    .replace(/ +SHT_(LOOS|LOPROC)\+([0-9a-f]+)/g, (_, range: string, value: string) =>
      named((range === "LOOS" ? 0x60000000 : 0x70000000) + Number.parseInt(value, 16)),
    );
  const told = [...output.matchAll(sections)].map((row) => {
    const [, index, name, type, addr, offset, size, entsize, , link, info, align] = row;
    return [index, name, type, number(addr), number(offset), number(size), entsize, link, info, align].join(
      " ",
    );
  });
  expect(told.length).toBe(elf.header.shnum);
  expect(sectionRows(elf)).toEqual(told);
  const tables = tool("eu-readelf", "-s", path).split("Symbol table [");
  const ours = elf.sections.filter((one) => one.type === SHT.SHT_SYMTAB || one.type === SHT.SHT_DYNSYM);
  expect(tables.length - 1).toBe(ours.length);
  const rows = /^ *(\d+): ([0-9a-f]{8,16}) +(\d+) (\S+) +(\S+) +(\S+) +(\S+) ?(.*)$/gm;
  for (const section of ours) {
    const table = tables.find((one) => Number.parseInt(one, 10) === section.index) ?? "";
    const symbols = [...table.matchAll(rows)].map(
      ([, index, value, size, type, binding, visibility, where, name]) =>
        [index, number(value), size, type, binding, visibility, where, name?.replace(/ \(\d+\)$/, "")].join(
          " ",
        ),
    );
    expect(symbolRows(elf, elf.symbols(section))).toEqual(symbols);
  }
  const ids = [...tool("eu-readelf", "-n", path).matchAll(/Build ID: ([0-9a-f]+)/g)].map((row) => row[1]);
  expect(elf.buildId()).toBe(ids[0]);
}

describe("as elfutils reads it", () => {
  it.each(["libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libelf.so.1"])("%s", (name) => {
    expectSameAsEuReadelf(`/usr/lib/x86_64-linux-gnu/${name}`);
  });

  it.each(TARGETS.map((one) => [one.name, one] as const))("what clang makes for %s", (_, target) => {
    const object = workshop.compile(target, "symbols.c");
    expectSameAsEuReadelf(object);
    if (target.hash !== undefined) expectSameAsEuReadelf(workshop.link(target, [object]));
  });
});
