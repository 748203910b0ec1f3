/** `bindery dwarf lines`: the rows of line programs. */
import { Dwarf } from "../../dwarf/dwarf.ts";
import { LineHeader, lineProgramOffsets } from "../../dwarf/read/line-header.ts";
import { LineRows } from "../../dwarf/read/line-program.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { allInputs, type Input } from "../inputs.ts";
import { jsonPieces } from "../json.ts";
import { describe, Output } from "../output.ts";
import type { LinesOptions } from "./options.ts";

/** @returns the exit status */
export function showLines(files: readonly string[], options: LinesOptions): number {
  let status = EXIT_OK;
  const out = new Output();
  const count = { sequences: 0, rows: 0 };
  const documents: unknown[] = [];
  for (const input of allInputs(files)) {
    const errors: unknown[] = [];
    const fail = (error: unknown): void => {
      const said = describe(input.name, error);
      status = EXIT_FAILURE;
      errors.push(said);
      if (options.json === true && options.stats !== true) return;
      out.flush();
      process.stderr.write(`bindery: ${said.message}\n`);
    };
    const programs: unknown[] = [];
    const titled = files.length > 1 || !files.includes(input.name);
    if (titled && options.json !== true && options.stats !== true) out.line(`\nFile: ${input.name}`);
    for (const header of programsOf(input, fail)) {
      try {
        if (options.stats === true) countRows(header, count);
        else if (options.json === true) programs.push({ offset: header.offset, rows: [...rowsOf(header)] });
        else printRows(out, header);
      } catch (error) {
        fail(error);
      }
    }
    documents.push({ file: input.name, programs, ...(errors.length === 0 ? {} : { errors }) });
  }
  if (options.stats === true) {
    out.line(
      options.json === true ? JSON.stringify(count) : `${count.sequences} sequences, ${count.rows} rows`,
    );
  } else if (options.json === true) {
    for (const piece of jsonPieces(documents)) out.write(piece);
    out.line("");
  }
  out.flush();
  return status;
}

/** Every row is decoded and counted. */
function countRows(header: LineHeader, count: { sequences: number; rows: number }): void {
  const rows = new LineRows(header);
  while (rows.next()) {
    count.rows++;
    if (rows.endSequence) count.sequences++;
  }
}

/** A row as JSON. */
interface Row {
  readonly address: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly flags: readonly string[];
}

function* rowsOf(header: LineHeader): IterableIterator<Row> {
  const rows = new LineRows(header);
  while (rows.next()) {
    const flags = [
      rows.isStmt ? "is_stmt" : "",
      rows.basicBlock ? "basic_block" : "",
      rows.prologueEnd ? "prologue_end" : "",
      rows.epilogueBegin ? "epilogue_begin" : "",
      rows.endSequence ? "end_sequence" : "",
      rows.discriminator === 0 ? "" : `discriminator ${rows.discriminator}`,
    ];
    yield {
      address: rows.address().toString(),
      file: header.path(rows.file) ?? `file ${rows.file}`,
      line: rows.line,
      column: rows.column,
      flags: flags.filter((flag) => flag !== ""),
    };
  }
}

function printRows(out: Output, header: LineHeader): void {
  out.line(
    `\n.debug_line+0x${header.offset.toString(16)}: DWARF ${header.version}, ${header.fileCount} files`,
  );
  for (const { address, file, line, column, flags } of rowsOf(header)) {
    out.line(`${address.padEnd(20)} ${file}:${line}:${column} ${flags.join(" ")}`.trimEnd());
  }
}

/** Headers of all programs. What can't be read is told, and the rest goes on where it can. */
function* programsOf(input: Input, fail: (error: unknown) => void): IterableIterator<LineHeader> {
  if (input.elf === undefined) {
    fail(input.error);
    return;
  }
  try {
    const dwarf = Dwarf.open(input.elf);
    for (const section of dwarf.sections.named("debug_line")) {
      const reader = dwarf.reader(section);
      for (const offset of lineProgramOffsets(reader)) {
        try {
          yield LineHeader.read(reader, offset, dwarf);
        } catch (error) {
          fail(error);
        }
      }
    }
  } catch (error) {
    fail(error);
  }
}
