/** Reads all there is in a file's debug information, by every reader, and goes on behind what is damaged. */

import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { type Die, entryAt } from "../../src/dwarf/die.ts";
import type { Dwarf, DwarfUnit } from "../../src/dwarf/dwarf.ts";
import type { EntryBatch } from "../../src/dwarf/read/entry/batch.ts";
import type { EntryCursor } from "../../src/dwarf/read/entry/cursor.ts";
import { expressionText } from "../../src/dwarf/read/expression/text.ts";
import { frameRow } from "../../src/dwarf/read/frame/row.ts";
import { FrameRows } from "../../src/dwarf/read/frame/rows.ts";
import { FrameSection } from "../../src/dwarf/read/frame/section.ts";
import { LineHeader, lineProgramOffsets } from "../../src/dwarf/read/line/header.ts";
import { LineTable } from "../../src/dwarf/read/line/table.ts";
import type { BoundsCursor } from "../../src/dwarf/read/list/bounds.ts";
import { attributeExpression, locationList } from "../../src/dwarf/read/list/location.ts";
import { attributeRanges, entryRanges } from "../../src/dwarf/read/list/range.ts";
import { unitMacros } from "../../src/dwarf/read/macro/unit.ts";
import { ArangeCursor } from "../../src/dwarf/read/names/aranges.ts";
import { ArangeIndex } from "../../src/dwarf/read/names/aranges-index.ts";
import { nameIndexes } from "../../src/dwarf/read/names/names.ts";
import { PublicNameCursor } from "../../src/dwarf/read/names/pubnames.ts";
import { unitBases } from "../../src/dwarf/read/unit/addr-table.ts";
import { typeDefinition } from "../../src/dwarf/type/definition.ts";
import { DwarfError, ElfError } from "../../src/errors.ts";

/** Entries of a unit of which is asked what takes objects. */
const OBJECTS = 20;

/** What was read, and what was refused. */
export class Exercise {
  /** Entries, values, rows, entries of lists and names. */
  count = 0;
  readonly refusals: (DwarfError | ElfError)[] = [];

  /** Runs a reader; what it refuses is kept. @throws what is no DwarfError or ElfError */
  attempt(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!(error instanceof DwarfError || error instanceof ElfError)) throw error;
      this.refusals.push(error);
    }
  }
}

/** Reads everything. @throws what is no DwarfError or ElfError */
export function exercise(dwarf: Dwarf): Exercise {
  const result = new Exercise();
  let batch: EntryBatch | undefined;
  const skipped = (error: DwarfError): void => {
    result.refusals.push(error);
  };
  result.attempt(() => {
    for (const unit of dwarf.units(skipped)) {
      result.attempt(() => {
        batch = unit.batch(batch);
        while (batch.fill() > 0) result.count += batch.count;
      });
      result.attempt(() => readEntries(unit, result));
      result.attempt(() => {
        for (const _ of unitMacros(unit)) result.count++;
      });
    }
  });
  result.attempt(() => readLines(dwarf, result));
  result.attempt(() => readIndexes(dwarf, result));
  result.attempt(() => {
    for (const frames of FrameSection.all(dwarf)) result.attempt(() => readFrames(frames, result));
  });
  return result;
}

function readEntries(unit: DwarfUnit, result: Exercise): void {
  const offsets: number[] = [];
  const at = unit.entries();
  try {
    while (at.next()) {
      offsets.push(at.offset);
      result.count++;
      while (at.nextAttribute()) result.attempt(() => readValue(unit, at, result));
    }
  } finally {
    const step = Math.max(1, Math.floor(offsets.length / OBJECTS));
    for (let index = 0; index < offsets.length; index += step) {
      result.attempt(() => readObject(entryAt(unit, offsets[index] ?? 0), result));
    }
  }
  const over = unit.entries();
  for (let more = over.next(); more; more = over.nextSibling()) result.count++;
}

function readValue(unit: DwarfUnit, at: EntryCursor, result: Exercise): void {
  result.count++;
  unit.dwarf.string(unit, at);
  const address = unitBases(unit).address(at.form, at.valueOffset, at.low);
  if (address !== undefined) address.resolve();
  const expression = attributeExpression(unit, at);
  if (expression !== undefined) {
    for (const like of ["readelf", "llvm"] as const) expressionText(expression, { like, address: String });
  }
  if (at.attribute === DW_AT.DW_AT_ranges) readList(attributeRanges(unit, at), result);
  if (at.attribute !== DW_AT.DW_AT_location && at.attribute !== DW_AT.DW_AT_frame_base) return;
  const list = locationList(unit, at);
  if (list !== undefined)
    readList(list, result, () => {
      expressionText(list.expression, { like: "llvm" });
    });
}

function readList(list: BoundsCursor, result: Exercise, read?: () => void): void {
  while (list.next()) {
    result.count++;
    result.attempt(() => {
      list.finalBounds();
      list.begin.info();
      list.end.info();
    });
    if (read !== undefined) result.attempt(read);
  }
}

/** What follows references, and prints types. */
function readObject(die: Die, result: Exercise): void {
  const { unit } = die;
  result.attempt(() => {
    result.count += die.name?.length ?? 0;
  });
  result.attempt(() => {
    for (const _ of entryRanges(unit, die)) result.count++;
  });
  result.attempt(() => {
    for (const { reference } of die.attributes) if (reference !== undefined) result.count += reference.tag;
  });
  result.attempt(() => {
    result.count += typeDefinition(die, { layout: true }).length;
  });
  result.attempt(() => {
    result.count += die.parent?.offset ?? 0;
  });
}

function readLines(dwarf: Dwarf, result: Exercise): void {
  for (const section of dwarf.sections.named("debug_line")) {
    const reader = dwarf.reader(section);
    for (const offset of lineProgramOffsets(reader)) {
      result.attempt(() => {
        const header = LineHeader.read(reader, offset, dwarf);
        const table = LineTable.build(header);
        result.count += table.rows.count;
        for (let i = 0; i < header.fileCount; i++) header.path(i + header.firstFile);
        for (let i = 0; i < 4; i++) table.find(i, 0x10n);
      });
    }
  }
}

function readIndexes(dwarf: Dwarf, result: Exercise): void {
  result.attempt(() => {
    ArangeIndex.of(dwarf).at({ section: 1, symbol: 0, offset: 4n });
  });
  for (const section of dwarf.sections.named("debug_aranges")) {
    result.attempt(() => {
      const at = new ArangeCursor(dwarf.reader(section));
      while (at.nextSet()) while (at.next()) result.count++;
    });
  }
  for (const name of ["debug_pubnames", "debug_pubtypes", "debug_gnu_pubnames", "debug_gnu_pubtypes"]) {
    for (const section of dwarf.sections.named(name)) {
      result.attempt(() => {
        const at = new PublicNameCursor(dwarf.reader(section));
        while (at.nextSet()) while (at.next()) result.count++;
      });
    }
  }
  for (const index of nameIndexes(dwarf)) {
    result.attempt(() => {
      for (let i = 0; i < index.length; i++) result.count += index.name(i).length + index.find(index.name(i));
    });
  }
}

function readFrames(frames: FrameSection, result: Exercise): void {
  for (const at = frames.entries(); at.next(); ) {
    if (at.isCie) continue;
    result.attempt(() => {
      const fde = frames.fde(at);
      fde.start.info();
      for (const rows = new FrameRows(fde); rows.next(); ) result.count += frameRow(rows).rules.size;
    });
  }
}
