/**
 * Directory and file tables of line programs [DWARF5 6.2.4.1]. Those of version 5 say in the header what their columns
 * are; those before have the columns of DWARF 2. Only where each row begins is kept, and a row is decoded when asked for.
 */
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { decodeUtf8, findNul } from "../../../bytes/text.ts";
import { DW_FORM, formName } from "../../constants/form.ts";
import { DW_LNCT } from "../../constants/line.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { type Encoding, formSize } from "../entry/abbrev.ts";

/** Who knows the strings that lie in other sections; `undefined` for a form that is none of them. */
export interface LineStrings {
  stringOf(form: number, value: number): string | undefined;
}

/** A file, or a directory, as its table has it. What its table has no column for is `undefined`. */
export interface LineFile {
  /** As it was written: often relative to its directory. */
  readonly path: string;
  /** Its directory, by the numbers of the directory table. */
  readonly directory: number;
  /** When it was changed, in a unit that the compiler chose; 0 where it did not say. */
  readonly timestamp: number | undefined;
  /** Bytes; 0 where the compiler did not say. */
  readonly size: number | undefined;
  /** Digest of its contents, 16 bytes. A view of the section. */
  readonly md5: Uint8Array | undefined;
  /** Its whole text. */
  readonly source: string | undefined;
}

interface Column {
  readonly content: number;
  readonly form: number;
}

/** Columns of a table, and where each of its rows begins. */
export interface LineTableRows {
  readonly columns: readonly Column[];
  readonly starts: number[];
  /** Behind the table. */
  readonly end: number;
}

/** In place of a size: that of a LEB128. */
const LEB = -2;

const PATH: Column = { content: DW_LNCT.DW_LNCT_path, form: DW_FORM.DW_FORM_string };
/** Columns of a file in DWARF 2 to 4, in the table and in `DW_LNE_define_file`. */
export const OLD_FILE: readonly Column[] = [
  PATH,
  { content: DW_LNCT.DW_LNCT_directory_index, form: DW_FORM.DW_FORM_udata },
  { content: DW_LNCT.DW_LNCT_timestamp, form: DW_FORM.DW_FORM_udata },
  { content: DW_LNCT.DW_LNCT_size, form: DW_FORM.DW_FORM_udata },
];
export const OLD_DIRECTORY: readonly Column[] = [PATH];

/** Reads the rows of tables. */
export class LineFileDecoder {
  readonly #reader: FieldReader;
  readonly #encoding: Encoding;
  readonly #end: number;
  readonly #strings: LineStrings;

  /** @param end where the header, and with it the last table, ends at the latest */
  constructor(reader: FieldReader, encoding: Encoding, end: number, strings: LineStrings) {
    this.#reader = reader;
    this.#encoding = encoding;
    this.#end = end;
    this.#strings = strings;
  }

  /** Finds the rows of a table of DWARF 2 to 4, which a zero byte ends. @throws DwarfError DWARF_TRUNCATED */
  oldTable(start: number, columns: readonly Column[]): LineTableRows {
    const { bytes } = this.#reader;
    const starts: number[] = [];
    let at = start;
    while (at < this.#end && bytes[at] !== 0) {
      starts.push(at);
      at = this.skipRow(at, columns);
    }
    if (at >= this.#end) this.#truncated(start, "table: no end within the header");
    return { columns, starts, end: at + 1 };
  }

  /** Finds the rows of a table of DWARF 5. @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for an unknown form */
  newTable(start: number): LineTableRows {
    const { bytes } = this.#reader;
    const columns: Column[] = [];
    let at = start + 1;
    for (let left = start < this.#end ? (bytes[start] ?? 0) : 0; left > 0; left--) {
      const content = this.#uleb(at);
      at += leb128Length(bytes, at);
      const form = this.#uleb(at);
      at += leb128Length(bytes, at);
      columns.push({ content, form });
    }
    const count = this.#uleb(at);
    // Each row has a name and so some bytes: a count of more rows than bytes is wrong, and would take memory.
    if (count > (columns.length === 0 ? 0 : this.#end - at)) {
      this.#truncated(at, `table of ${count} rows: ${this.#end - at} bytes are left in the header`);
    }
    at += leb128Length(bytes, at);
    const starts: number[] = [];
    const sizes = this.#quickSizes(columns);
    for (let i = 0; i < count; i++) {
      starts.push(at);
      if (sizes === undefined) {
        at = this.skipRow(at, columns);
        continue;
      }
      for (const size of sizes) {
        if (size === LEB) while ((bytes[at++] ?? 0) >= 0x80);
        else at += size;
      }
      if (at > this.#end) this.#truncated(start, `table of ${count} rows: runs past the end of the header`);
    }
    return { columns, starts, end: at };
  }

  /** Bytes of each column, {@link LEB} for a LEB128; `undefined` where a column has another form of variable size. */
  #quickSizes(columns: readonly Column[]): number[] | undefined {
    const sizes = columns.map(({ form }) =>
      form === DW_FORM.DW_FORM_udata ? LEB : formSize(form, this.#encoding),
    );
    return sizes.every((size) => size > 0 || size === LEB) ? sizes : undefined;
  }

  /** Where the row at `at` ends. */
  skipRow(at: number, columns: readonly Column[]): number {
    let next = at;
    for (const { form } of columns) next += this.#size(form, next);
    return next;
  }

  /** The row at `at`. Columns that are not known are passed over. */
  row(at: number, columns: readonly Column[]): LineFile {
    let path = "";
    let directory = 0;
    let timestamp: number | undefined;
    let size: number | undefined;
    let md5: Uint8Array | undefined;
    let source: string | undefined;
    let next = at;
    for (const { content, form } of columns) {
      const length = this.#size(form, next);
      switch (content) {
        case DW_LNCT.DW_LNCT_path:
          path = this.#string(form, next, length) ?? "";
          break;
        case DW_LNCT.DW_LNCT_directory_index:
          directory = this.#constant(form, next, length) ?? 0;
          break;
        case DW_LNCT.DW_LNCT_timestamp:
          timestamp = this.#constant(form, next, length);
          break;
        case DW_LNCT.DW_LNCT_size:
          size = this.#constant(form, next, length);
          break;
        case DW_LNCT.DW_LNCT_MD5:
          if (form === DW_FORM.DW_FORM_data16) md5 = this.#reader.bytes.subarray(next, next + length);
          break;
        case DW_LNCT.DW_LNCT_LLVM_source:
          source = this.#string(form, next, length);
          break;
      }
      next += length;
    }
    return { path, directory, timestamp, size, md5, source };
  }

  #string(form: number, at: number, length: number): string | undefined {
    const reader = this.#reader;
    switch (form) {
      case DW_FORM.DW_FORM_string:
        return decodeUtf8(reader.bytes, at, at + length - 1);
      case DW_FORM.DW_FORM_strx:
        return this.#strings.stringOf(form, readUleb128Number(reader.bytes, at));
      case DW_FORM.DW_FORM_strx3: {
        const [first, middle, last] = [reader.raw(at, 1), reader.raw(at + 1, 1), reader.raw(at + 2, 1)];
        const [low, high] = reader.little ? [first, last] : [last, first];
        return this.#strings.stringOf(form, low + 0x100 * middle + 0x1_0000 * high);
      }
      case DW_FORM.DW_FORM_strx1:
      case DW_FORM.DW_FORM_strx2:
      case DW_FORM.DW_FORM_strx4:
        return this.#strings.stringOf(form, reader.raw(at, length));
      case DW_FORM.DW_FORM_strp:
      case DW_FORM.DW_FORM_line_strp:
      case DW_FORM.DW_FORM_strp_sup:
        return this.#strings.stringOf(form, reader.offset(at, length));
      default:
        return undefined;
    }
  }

  /** A number; `undefined` in a form that holds none, such as a block, which a timestamp may be. */
  #constant(form: number, at: number, length: number): number | undefined {
    switch (form) {
      case DW_FORM.DW_FORM_udata:
        return readUleb128Number(this.#reader.bytes, at);
      case DW_FORM.DW_FORM_data1:
      case DW_FORM.DW_FORM_data2:
      case DW_FORM.DW_FORM_data4:
      case DW_FORM.DW_FORM_data8:
        return this.#reader.raw(at, length);
      default:
        return undefined;
    }
  }

  /** Bytes of a value. */
  #size(form: number, at: number): number {
    const { bytes } = this.#reader;
    let size = formSize(form, this.#encoding);
    if (size < 0) {
      switch (form) {
        case DW_FORM.DW_FORM_string: {
          const nul = findNul(bytes, at);
          size = nul < 0 ? Number.POSITIVE_INFINITY : nul + 1 - at;
          break;
        }
        case DW_FORM.DW_FORM_udata:
        case DW_FORM.DW_FORM_sdata:
        case DW_FORM.DW_FORM_strx:
          size = leb128Length(bytes, at) || Number.POSITIVE_INFINITY;
          break;
        case DW_FORM.DW_FORM_block:
          size = leb128Length(bytes, at) + this.#uleb(at);
          break;
        case DW_FORM.DW_FORM_block1:
          size = 1 + this.#reader.raw(at, 1);
          break;
        case DW_FORM.DW_FORM_block2:
          size = 2 + this.#reader.raw(at, 2);
          break;
        case DW_FORM.DW_FORM_block4:
          size = 4 + this.#reader.raw(at, 4);
          break;
        default: {
          const what = `${formName(form)}: found in a file table, which can't have that form`;
          throw dwarfError(this.#reader.section, "DWARF_UNSUPPORTED", at, what);
        }
      }
    }
    if (at + size > this.#end) this.#truncated(at, `${formName(form)}: runs past the end of the header`);
    return size;
  }

  #uleb(at: number): number {
    const { bytes } = this.#reader;
    const length = leb128Length(bytes, at);
    if (length === 0 || at + length > this.#end) {
      this.#truncated(at, "table: found the end of the header, expected a LEB128");
    }
    return readUleb128Number(bytes, at);
  }

  #truncated(at: number, what: string): never {
    throw dwarfError(this.#reader.section, "DWARF_TRUNCATED", at, what);
  }
}
