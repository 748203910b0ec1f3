/** Headers of line programs [DWARF5 6.2.4]. */
import { readU16 } from "../../../bytes/endian.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { readInitialLength } from "../unit/header.ts";
import {
  type LineFile,
  LineFileDecoder,
  type LineStrings,
  type LineTableRows,
  OLD_DIRECTORY,
  OLD_FILE,
} from "./files.ts";

/** What the header says, and where its tables begin. Offsets count from the start of the section. */
type Fields = Pick<
  LineHeader,
  | ("offset" | "end" | "offsetSize" | "version" | "addressSize" | "segmentSelectorSize" | "program")
  | ("minimumInstructionLength" | "maximumOperations" | "defaultIsStmt" | "standardOpcodeLengths")
  | ("lineBase" | "lineRange" | "opcodeBase")
> & { readonly tables: number };

/** The header of a line program, with its tables of files and directories. */
export class LineHeader {
  readonly reader: FieldReader;
  /** Of the initial length. */
  readonly offset: number;
  /** Behind the last opcode. */
  readonly end: number;
  /** Bytes of an offset: 8 in the 64-bit format. */
  readonly offsetSize: 4 | 8;
  /** 2 to 5. */
  readonly version: number;
  /** Bytes of an address; `undefined` before DWARF 5, when only the unit says. */
  readonly addressSize: number | undefined;
  /** Bytes of a segment selector; 0 where there is none. */
  readonly segmentSelectorSize: number;
  readonly minimumInstructionLength: number;
  /** Operations of a VLIW instruction; 1 for other machines. */
  readonly maximumOperations: number;
  readonly defaultIsStmt: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operands of opcodes from 1 on. */
  readonly standardOpcodeLengths: Uint8Array;
  /** The first opcode. */
  readonly program: number;
  readonly #strings: LineStrings;
  /** Of single rows, of which a program may define more behind the header. */
  readonly #rows: LineFileDecoder;
  readonly #tables: number;
  #directoryRows: LineTableRows | undefined;
  #fileRows: LineTableRows | undefined;
  readonly #files: LineFile[] = [];
  readonly #directories: string[] = [];

  private constructor(reader: FieldReader, fields: Fields, strings: LineStrings) {
    this.reader = reader;
    this.offset = fields.offset;
    this.end = fields.end;
    this.offsetSize = fields.offsetSize;
    this.version = fields.version;
    this.addressSize = fields.addressSize;
    this.segmentSelectorSize = fields.segmentSelectorSize;
    this.minimumInstructionLength = fields.minimumInstructionLength;
    this.maximumOperations = fields.maximumOperations;
    this.defaultIsStmt = fields.defaultIsStmt;
    this.lineBase = fields.lineBase;
    this.lineRange = fields.lineRange;
    this.opcodeBase = fields.opcodeBase;
    this.standardOpcodeLengths = fields.standardOpcodeLengths;
    this.program = fields.program;
    this.#tables = fields.tables;
    this.#strings = strings;
    this.#rows = this.#decoder(fields.end);
  }

  /**
   * Reads the header at an offset of `.debug_line`; its tables are left for later.
   * @param strings asked for names that lie in other sections: the `Dwarf` of the file
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for another version, DWARF_BAD_VALUE
   */
  static read(reader: FieldReader, offset: number, strings: LineStrings): LineHeader {
    return new LineHeader(reader, readFields(reader, offset), strings);
  }

  /** Number of the first file and directory of the tables: 1 before DWARF 5. */
  get firstFile(): 0 | 1 {
    return this.version >= 5 ? 0 : 1;
  }

  /** Files of the table: their numbers begin at {@link firstFile}. */
  get fileCount(): number {
    return this.#fileTable().starts.length;
  }

  /** Directories of the table: their numbers begin at {@link firstFile}. */
  get directoryCount(): number {
    return this.#directoryTable().starts.length;
  }

  /**
   * A file by the number that rows have. Files that the program defines itself are there once its rows were read.
   * @returns `undefined` where the table has no such file
   * @throws DwarfError when the table is malformed
   */
  file(number: number): LineFile | undefined {
    const index = number - this.firstFile;
    let file = this.#files[index];
    if (file === undefined) {
      const { columns, starts } = this.#fileTable();
      const start = starts[index];
      if (start === undefined) return undefined;
      file = this.#rows.row(start, columns);
      this.#files[index] = file;
    }
    return file;
  }

  /**
   * A directory by the number that files have. Number 0, where the compiler ran, is not in tables before DWARF 5.
   * @returns `undefined` where the table has no such directory
   */
  directory(number: number): string | undefined {
    const index = number - this.firstFile;
    let directory = this.#directories[index];
    if (directory === undefined) {
      const { columns, starts } = this.#directoryTable();
      const start = starts[index];
      if (start === undefined) return undefined;
      directory = this.#rows.row(start, columns).path;
      this.#directories[index] = directory;
    }
    return directory;
  }

  /**
   * Path of a file, joined with its directory and with that where the compiler ran: absolute, where the compiler was
   * told or tells absolute names. Nothing is normalized.
   * @param compilationDirectory `DW_AT_comp_dir` of the unit
   * @returns `undefined` where the table has no such file
   */
  path(number: number, compilationDirectory?: string): string | undefined {
    const file = this.file(number);
    if (file === undefined) return undefined;
    const named = this.directory(0) ?? "";
    // What dwz writes in a supplementary file, whose units were compiled anywhere.
    const first = named === "<dwz>" ? "" : named;
    // From DWARF 5 on it is that where the compiler ran, which compilers may be told to write as a relative one.
    const start = first === compilationDirectory ? first : join(compilationDirectory, first);
    const directory = file.directory === 0 ? "" : (this.directory(file.directory) ?? "");
    return join(join(start, directory), file.path);
  }

  /** Adds the file of a `DW_LNE_define_file`, of versions before 5, whose operands begin at `at`, once however often the rows are read. */
  defineFile(at: number): void {
    if (this.version >= 5) return;
    const { columns, starts } = this.#fileTable();
    if (at <= (starts.at(-1) ?? 0)) return;
    this.#rows.skipRow(at, columns);
    starts.push(at);
  }

  #decoder(end: number): LineFileDecoder {
    const { version, offsetSize, addressSize = 0 } = this;
    return new LineFileDecoder(this.reader, { version, offsetSize, addressSize }, end, this.#strings);
  }

  #directoryTable(): LineTableRows {
    this.#directoryRows ??= this.#table(this.#tables, OLD_DIRECTORY);
    return this.#directoryRows;
  }

  #fileTable(): LineTableRows {
    this.#fileRows ??= this.#table(this.#directoryTable().end, OLD_FILE);
    return this.#fileRows;
  }

  #table(start: number, oldColumns: typeof OLD_FILE): LineTableRows {
    const decoder = this.#decoder(this.program);
    return this.version >= 5 ? decoder.newTable(start) : decoder.oldTable(start, oldColumns);
  }
}

/**
 * Offsets of all programs of a section, one after the other, whether a unit refers to them or not.
 * @throws DwarfError at a length that is wrong
 */
export function* lineProgramOffsets(reader: FieldReader): IterableIterator<number> {
  for (let offset = 0; offset < reader.bytes.length; ) {
    yield offset;
    offset = readInitialLength(reader.section, offset).end;
  }
}

function join(directory: string | undefined, path: string): string {
  if (directory === undefined || directory === "" || path.startsWith("/")) return path;
  return path === "" ? directory : `${directory}${directory.endsWith("/") ? "" : "/"}${path}`;
}

function readFields(reader: FieldReader, offset: number): Fields {
  const { section, bytes, little } = reader;
  const { offsetSize, start, end } = readInitialLength(section, offset);
  let at = start;
  const take = (size: number): number => {
    if (at + size > end) {
      const what = `line program header: the program ends after ${end - start} bytes`;
      throw dwarfError(section, "DWARF_TRUNCATED", offset, what);
    }
    at += size;
    return at - size;
  };
  const byte = (): number => bytes[take(1)] ?? 0;
  const version = readU16(bytes, take(2), little);
  if (version < 2 || version > 5) {
    const what = `line program version ${version}: expected 2 to 5`;
    throw dwarfError(section, "DWARF_UNSUPPORTED", start, what);
  }
  const addressSize = version >= 5 ? byte() : undefined;
  const segmentSelectorSize = version >= 5 ? byte() : 0;
  const length = reader.raw(take(offsetSize), offsetSize);
  const program = at + length;
  if (program > end) {
    const what = `header length ${length}: ends ${program - end} bytes past the program`;
    throw dwarfError(section, "DWARF_BAD_VALUE", at - offsetSize, what);
  }
  const minimumInstructionLength = byte();
  // 0 is what some assemblers write for machines without such instructions.
  const maximumOperations = version >= 4 ? byte() || 1 : 1;
  const defaultIsStmt = byte() !== 0;
  const lineBase = (byte() << 24) >> 24;
  const lineRange = byte();
  const opcodeBase = byte();
  if (lineRange === 0) {
    throw dwarfError(section, "DWARF_BAD_VALUE", at - 2, "line range 0: expected 1 to 255");
  }
  const lengths = take(Math.max(0, opcodeBase - 1));
  if (at > program) {
    const what = `header length ${length}: ends within the header's own fields`;
    throw dwarfError(section, "DWARF_BAD_VALUE", offset, what);
  }
  return {
    offset,
    end,
    offsetSize,
    version,
    addressSize,
    segmentSelectorSize,
    minimumInstructionLength,
    maximumOperations,
    defaultIsStmt,
    lineBase,
    lineRange,
    opcodeBase,
    standardOpcodeLengths: bytes.subarray(lengths, at),
    tables: at,
    program,
  };
}
