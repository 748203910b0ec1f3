/** Line programs as llvm-dwarfdump, readelf and eu-readelf print their rows. */
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { LineHeader, lineProgramOffsets } from "../../../src/dwarf/read/line/header.ts";
import { LineRows } from "../../../src/dwarf/read/line/program.ts";
import type { Oracle } from "./compare.ts";
import { seenByElfutils } from "./file.ts";

/** Compares headers, tables of files, and all rows, in the order of the section, with `llvm-dwarfdump --debug-line`. */
export function llvmLinesOracle(path: string, dwarf: Dwarf): Oracle {
  return {
    tool: "llvm-dwarfdump",
    args: ["--debug-line", path],
    ours: llvmLines(dwarf),
    normal: normalLlvm,
  };
}

function* programs(dwarf: Dwarf): Generator<LineHeader> {
  for (const section of dwarf.sections.named("debug_line")) {
    const reader = dwarf.reader(section);
    for (const offset of lineProgramOffsets(reader)) yield LineHeader.read(reader, offset, dwarf);
  }
}

function* llvmLines(dwarf: Dwarf): Generator<string> {
  for (const header of programs(dwarf)) {
    const { offset, version, opcodeBase, lineBase, lineRange, firstFile } = header;
    yield `debug_line[0x${offset.toString(16).padStart(8, "0")}]`;
    yield `version ${version}`;
    yield `line_base ${lineBase}`;
    yield `line_range ${lineRange}`;
    yield `opcode_base ${opcodeBase}`;
    for (let i = 0; i < header.directoryCount; i++) yield `directory ${header.directory(i + firstFile)}`;
    for (let i = 0; i < header.fileCount; i++) {
      const file = header.file(i + firstFile);
      yield `name ${file?.path}`;
      yield `dir_index ${file?.directory}`;
    }
    const row = new LineRows(header);
    while (row.next()) {
      const { line, column, file, isa, discriminator } = row;
      yield `${place(row).toString(16)} ${line} ${column} ${file} ${isa} ${discriminator}${llvmFlags(row)}`;
    }
  }
}

/** The final address, by the fast way where there is one. */
function place(row: LineRows): bigint {
  if (row.baseField < 0) return BigInt(row.distance);
  const { reader } = row.header;
  reader.finalAddress(row.baseField, row.baseSize);
  const base = (BigInt(reader.high) << 32n) | BigInt(reader.low);
  return BigInt.asUintN(8 * row.baseSize, base + BigInt(row.distance));
}

function llvmFlags(row: LineRows): string {
  let text = "";
  if (row.isStmt) text += " is_stmt";
  if (row.basicBlock) text += " basic_block";
  if (row.prologueEnd) text += " prologue_end";
  if (row.epilogueBegin) text += " epilogue_begin";
  if (row.endSequence) text += " end_sequence";
  return text;
}

function normalLlvm(line: string): string | undefined {
  if (line.startsWith("0x")) {
    const [address = "", ...fields] = line.trimEnd().split(/ +/);
    return `${address.replace(/^0x0*(?=.)/, "")} ${fields.join(" ")}`;
  }
  if (line.startsWith("debug_line[")) return line;
  const quoted = /^(?:include_directories\[ *\d+\] = |( +)name: )"(.*)"$/.exec(line);
  if (quoted !== null) return `${quoted[1] === undefined ? "directory" : "name"} ${quoted[2]}`;
  const field = /^ +(version|line_base|line_range|opcode_base|dir_index): (-?\d+)$/.exec(line);
  return field === null ? undefined : `${field[1]} ${field[2]}`;
}

/** Compares all rows with `readelf -wL`. */
export function readelfLinesOracle(path: string, dwarf: Dwarf): Oracle {
  return {
    tool: "readelf",
    args: ["-wNL", "-W", path],
    ours: readelfLines(dwarf),
    normal: normalReadelf,
  };
}

function* readelfLines(dwarf: Dwarf): Generator<string> {
  for (const header of programs(dwarf)) {
    const row = new LineRows(header);
    const isVliw = header.maximumOperations > 1;
    while (row.next()) {
      const line = row.endSequence ? "-" : String(row.line);
      const op = isVliw ? `[${row.opIndex}]` : "";
      // The mark stands at the end of a sequence only by chance of what was printed before.
      yield `${place(row).toString(16)}${op} ${line}${row.isStmt && !row.endSequence ? " x" : ""}`;
    }
  }
}

function normalReadelf(line: string): string | undefined {
  const row = /\s(\d+|-)\s+(?:0x([0-9a-f]+)|0)(\[\d+\])?(?:\s+\d+)?(\s+x)?(?:\s+END)?\s*$/.exec(line);
  if (row === null) return undefined;
  const [, number = "", address = "0", op = "", stmt] = row;
  return `${address}${op} ${number}${stmt === undefined || number === "-" ? "" : " x"}`;
}

/** Compares all rows, program by program, with `eu-readelf --debug-dump=decodedline`. */
export function euLinesOracle(path: string, dwarf: Dwarf): Oracle {
  return {
    tool: "eu-readelf",
    args: ["-N", "--debug-dump=decodedline", path],
    ours: euLines(dwarf),
    normal: normalEu,
    excuse: excuseEu,
  };
}

interface EuRow {
  readonly section: number;
  readonly offset: bigint;
  readonly position: string;
  readonly flags: string;
  readonly numbers: string;
  end: boolean;
}

function* euLines(dwarf: Dwarf): Generator<string> {
  const { elf } = dwarf.sections;
  for (const header of programs(dwarf)) {
    if (!seenByElfutils(header.reader.section)) continue;
    for (const { section, offset, position, flags, numbers, end } of sortedRows(header)) {
      const name = section === 0 ? "" : elf.section(section).name;
      const shown = BigInt.asUintN(64, end ? offset - 1n : offset).toString(16);
      yield `${position} ${flags}${end ? "*" : ""} ${numbers} ${name}+${shown}`;
    }
  }
}

/** libdw sorts the rows of a program by address, ends of sequences first; its sections follow each other as in the file. */
function sortedRows(header: LineHeader): EuRow[] {
  const rows: EuRow[] = [];
  const row = new LineRows(header);
  while (row.next()) {
    const { section = 0, offset } = row.address().place();
    const { isStmt, basicBlock, prologueEnd, epilogueBegin } = row;
    const letters = [
      isStmt ? "S" : "",
      basicBlock ? "B" : "",
      prologueEnd ? "P" : "",
      epilogueBegin ? "E" : "",
    ];
    rows.push({
      section,
      offset,
      position: `${row.line}:${row.column}`,
      flags: letters.join(""),
      numbers: `${row.discriminator} ${row.isa} ${row.opIndex}`,
      end: row.endSequence,
    });
  }
  rows.sort((a, b) => a.section - b.section || Number(a.offset - b.offset) || Number(b.end) - Number(a.end));
  // It makes the last row an end whatever it was: a row of no bytes before the end of the last sequence comes behind it.
  const last = rows.at(-1);
  if (last !== undefined) last.end = true;
  return rows;
}

function normalEu(line: string): string | undefined {
  const row = /^ *(\d+):(\d+) +([SBPE* ]*?) *(\d+) +(\d+) +(\d+) (?:(\S*)\+)?(?:0x)?([0-9a-f]+) *$/.exec(
    line,
  );
  if (row === null) return undefined;
  const [, number, column, flags = "", discriminator, isa, op, section = "", offset = "0"] = row;
  const letters = flags.replaceAll(" ", "");
  const digits = BigInt(`0x${offset}`).toString(16);
  return `${number}:${column} ${letters} ${discriminator} ${isa} ${op} ${section}+${digits}`;
}

function excuseEu(ours: string, theirs: string): string | undefined {
  const [mine, their] = [ours.lastIndexOf(" "), theirs.lastIndexOf(" ")];
  if (ours.slice(0, mine) !== theirs.slice(0, their)) return undefined;
  const [section = "", offset] = ours.slice(mine + 1).split("+");
  const [theirSection = "", theirOffset] = theirs.slice(their + 1).split("+");
  if (theirSection === "" && offset === theirOffset) return "eu-readelf: names no section";
  return section === theirSection ? undefined : "eu-readelf: names a section that it lays over the right one";
}
