/** `bindery dwarf lines`: the rows of line programs. */
import { DW_AT } from "../../../dwarf/constants/attribute.ts";
import { rootEntry } from "../../../dwarf/die.ts";
import { LineHeader, lineProgramOffsets } from "../../../dwarf/read/line/header.ts";
import { LineRows } from "../../../dwarf/read/line/program.ts";
import { unitLineHeader } from "../../../dwarf/read/line/unit.ts";
import { add, type Counts, type Dump, type Group } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { UnitOptions } from "../options.ts";
import { hex, unitsOf } from "../units.ts";

interface Row {
  readonly address: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly flags: readonly string[];
}

export function linesDump(options: UnitOptions): Dump<Row> {
  return {
    groups: "programs",
    items: "rows",
    absent: "There are no line programs in this file.",
    counted: ["sequences", "rows"],
    *groupsOf(file) {
      for (const { header, directory } of programsOf(file, options)) yield* groupOf(file, header, directory);
    },
    *text({ address, file, line, column, flags }) {
      yield `${address.padEnd(20)} ${file}:${line}:${column} ${flags.join(" ")}`.trimEnd();
    },
    countFile(file, counts) {
      for (const { header } of programsOf(file, options)) file.attempt(() => countRows(header, counts));
    },
  };
}

/** A program, and where its compiler ran, if its unit is known to say so. */
interface Program {
  readonly header: LineHeader;
  readonly directory: string | undefined;
}

/** The programs of the unit that is asked for; or all of the section, whether a unit refers to them or not. */
function* programsOf(file: DumpFile, options: UnitOptions): IterableIterator<Program> {
  if (options.unit !== undefined) {
    for (const unit of unitsOf(file, options)) {
      const header = file.attempt(() => unitLineHeader(unit));
      const directory = file.attempt(() => rootEntry(unit).attribute(DW_AT.DW_AT_comp_dir)?.string);
      if (header !== undefined) yield { header, directory };
    }
    return;
  }
  const { dwarf } = file;
  for (const section of dwarf.sections.named("debug_line")) {
    const reader = dwarf.reader(section);
    for (const offset of lineProgramOffsets(reader)) {
      const header = file.attempt(() => LineHeader.read(reader, offset, dwarf));
      if (header !== undefined) yield { header, directory: undefined };
    }
  }
}

function* groupOf(file: DumpFile, header: LineHeader, directory?: string): IterableIterator<Group<Row>> {
  const { offset, version, reader } = header;
  const files = file.attempt(() => header.fileCount);
  if (files === undefined) return;
  const { section } = reader.section;
  yield {
    title: `${section}+${hex(offset)}: DWARF ${version}, ${files} files`,
    fields: { section, offset, version, files },
    items: () => rowsOf(file, header, directory),
  };
}

function* rowsOf(file: DumpFile, header: LineHeader, directory?: string): IterableIterator<Row> {
  const rows = new LineRows(header);
  const paths = new Map<number, string>();
  while (rows.next()) {
    let path = paths.get(rows.file);
    if (path === undefined) {
      path = header.path(rows.file, directory) ?? `file ${rows.file}`;
      paths.set(rows.file, path);
    }
    const { line, column } = rows;
    yield { address: file.address(rows.address()), file: path, line, column, flags: flagsOf(rows) };
  }
}

function flagsOf(rows: LineRows): string[] {
  const flags = [
    rows.isStmt ? "is_stmt" : "",
    rows.basicBlock ? "basic_block" : "",
    rows.prologueEnd ? "prologue_end" : "",
    rows.epilogueBegin ? "epilogue_begin" : "",
    rows.endSequence ? "end_sequence" : "",
    rows.isa === 0 ? "" : `isa ${rows.isa}`,
    rows.opIndex === 0 ? "" : `op_index ${rows.opIndex}`,
    rows.discriminator === 0 ? "" : `discriminator ${rows.discriminator}`,
  ];
  return flags.filter((flag) => flag !== "");
}

/** Every row is decoded and counted. */
function countRows(header: LineHeader, counts: Counts): void {
  let [count, sequences] = [0, 0];
  try {
    const rows = new LineRows(header);
    while (rows.next()) {
      count++;
      if (rows.endSequence) sequences++;
    }
  } finally {
    add(counts, "rows", count);
    add(counts, "sequences", sequences);
  }
}
