/**
 * `node harness.js WORK FILE...`: the works of the peers, done with the library in one thread.
 * Prints what was counted, and the seconds that took without the start of the process, as JSON.
 */
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { Dwarf, type DwarfUnit } from "../../src/dwarf/dwarf.ts";
import type { EntryBatch } from "../../src/dwarf/read/entry/batch.ts";
import { StringLook } from "../../src/dwarf/read/entry/batch-strings.ts";
import { LineHeader, lineProgramOffsets } from "../../src/dwarf/read/line/header.ts";
import { LineRows } from "../../src/dwarf/read/line/program.ts";
import type { Resolver } from "../../src/dwarf/relocation/resolver.ts";
import { openElf } from "../../src/host/file.ts";
import { ReadBuffers } from "../../src/host/read-buffers.ts";

const counts = {
  units: 0,
  names: 0,
  dies: 0,
  values: 0,
  strings: 0,
  rows: 0,
  lines: 0,
  firstBytes: 0,
};

/** Every section and undefined symbol at 0, as gimli's ways have it. */
const AT_ZERO: Resolver = { sectionAddress: () => 0n, symbolAddress: () => 0n };

const look = new StringLook();

function readName(unit: DwarfUnit): void {
  counts.units++;
  const root = unit.entries();
  if (!root.next()) return;
  while (root.nextAttribute()) {
    if (root.attribute !== DW_AT.DW_AT_name) continue;
    counts.names++;
    look.one(unit, root.form, root.low);
    return;
  }
}

let batch: EntryBatch | undefined;

function readValues(unit: DwarfUnit): void {
  counts.units++;
  batch = look.batch(unit, batch);
  while (batch.fill() > 0) {
    counts.dies += batch.count;
    counts.values += batch.firstValues[batch.count] ?? 0;
    look.at(unit, batch);
  }
}

function readRows(dwarf: Dwarf): void {
  for (const section of dwarf.sections.named("debug_line")) {
    const reader = dwarf.reader(section);
    for (const offset of lineProgramOffsets(reader)) {
      counts.units++;
      const rows = new LineRows(LineHeader.read(reader, offset, dwarf));
      let number = 0;
      let lines = 0;
      let base = -1;
      while (rows.next()) {
        number++;
        lines += rows.line;
        if (rows.baseField !== base) {
          base = rows.baseField;
          if (base >= 0) reader.finalAddress(base, rows.baseSize);
        }
      }
      counts.rows += number;
      counts.lines += lines;
    }
  }
}

const [work, ...files] = process.argv.slice(2);
const buffers = new ReadBuffers();
const from = performance.now();
for (const file of files) {
  using opened = openElf(file, { buffers });
  const dwarf = Dwarf.open(opened.elf, AT_ZERO);
  if (work === "rows") readRows(dwarf);
  else for (const unit of dwarf.units()) (work === "units" ? readName : readValues)(unit);
}
const seconds = (performance.now() - from) / 1000;
counts.strings = look.count;
counts.firstBytes = look.firstBytes;
console.log(JSON.stringify({ seconds, ...counts }));
