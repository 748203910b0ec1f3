/** Line programs of objects that tests compile. */
import { readFileSync } from "node:fs";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { LineHeader, lineProgramOffsets } from "../../../src/dwarf/read/line/header.ts";
import { LineRows } from "../../../src/dwarf/read/line/program.ts";
import type { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import { ElfFile } from "../../../src/elf/file.ts";

/** All programs of a file. */
export function lineHeaders(elf: ElfFile): LineHeader[] {
  const dwarf = Dwarf.open(elf);
  return dwarf.sections.named("debug_line").flatMap((section) => {
    const reader = dwarf.reader(section);
    return [...lineProgramOffsets(reader)].map((offset) => LineHeader.read(reader, offset, dwarf));
  });
}

export function openElf(path: string): ElfFile {
  return ElfFile.open(readFileSync(path), { name: path });
}

/** What a tool prints that lays each section at 0. */
export function flatAddress(address: Relocatable): number {
  const { target, addend } = address.info();
  return Number(addend + (target?.symbol.value ?? 0n));
}

/** All rows, by a function of the cursor. */
export function mapRows<Row>(header: LineHeader, of: (row: LineRows) => Row): Row[] {
  const rows: Row[] = [];
  const cursor = new LineRows(header);
  while (cursor.next()) rows.push(of(cursor));
  return rows;
}
