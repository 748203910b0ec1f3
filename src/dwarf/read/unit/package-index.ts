/**
 * Indexes of packages (`.dwp`), which hold the sections of many split files: `.debug_cu_index` and `.debug_tu_index`
 * [DWARF5 7.3.5.3], and GNU's version 2 of them before DWARF 5 [GCC wiki, DebugFissionDWP].
 */
import { readU16, readU32 } from "../../../bytes/endian.ts";
import { DW_SECT, DW_SECT_V2 } from "../../constants/package.ts";
import { dwarfError } from "../../place.ts";
import type { DebugSection } from "../../section.ts";

const HEADER = 16;
/** Bytes of a slot of the hash table: a signature, and beside all of these a row. */
const SIGNATURE = 8;
const ROW = 4;

/** Names, without the dot, of what the columns are about; the units' own section is in another map. */
const CONTRIBUTED: ReadonlyMap<number, ReadonlyMap<number, string>> = new Map([
  [
    2,
    new Map<number, string>([
      [DW_SECT_V2.DW_SECT_INFO, "debug_info"],
      [DW_SECT_V2.DW_SECT_TYPES, "debug_types"],
      [DW_SECT_V2.DW_SECT_ABBREV, "debug_abbrev"],
      [DW_SECT_V2.DW_SECT_LINE, "debug_line"],
      [DW_SECT_V2.DW_SECT_LOC, "debug_loc"],
      [DW_SECT_V2.DW_SECT_STR_OFFSETS, "debug_str_offsets"],
      [DW_SECT_V2.DW_SECT_MACINFO, "debug_macinfo"],
      [DW_SECT_V2.DW_SECT_MACRO, "debug_macro"],
    ]),
  ],
  [
    5,
    new Map<number, string>([
      [DW_SECT.DW_SECT_INFO, "debug_info"],
      [DW_SECT.DW_SECT_ABBREV, "debug_abbrev"],
      [DW_SECT.DW_SECT_LINE, "debug_line"],
      [DW_SECT.DW_SECT_LOCLISTS, "debug_loclists"],
      [DW_SECT.DW_SECT_STR_OFFSETS, "debug_str_offsets"],
      [DW_SECT.DW_SECT_MACRO, "debug_macro"],
      [DW_SECT.DW_SECT_RNGLISTS, "debug_rnglists"],
    ]),
  ],
]);

/** The part of a section that came from one split file. */
export interface Contribution {
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Parts by section name without its dot: `debug_abbrev`. */
export type Contributions = ReadonlyMap<string, Contribution>;

/** Rows of one kind, by where their units are. */
interface RowOrder {
  readonly starts: Uint32Array;
  readonly rows: Uint32Array;
}

/** One index of a package. Rows are numbered from 0. */
export class PackageIndex {
  readonly section: DebugSection;
  /** 2 or 5. */
  readonly version: number;
  /** Units that the index tells of. */
  readonly length: number;
  /** Slots of the hash table: a power of two. */
  readonly slots: number;
  /** Of each column, the section's name without its dot; `undefined` of one that is not known. */
  readonly columns: readonly (string | undefined)[];
  readonly #rowTable: number;
  readonly #offsets: number;
  readonly #sizes: number;
  readonly #orders = new Map<string, RowOrder>();

  /**
   * Reads the header and the columns.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for another version, DWARF_BAD_VALUE
   */
  constructor(section: DebugSection) {
    this.section = section;
    const { bytes, little } = section;
    if (bytes.length < HEADER) this.#truncated(0, bytes.length, HEADER);
    // Before the version had 4 bytes; now it has 2, and as many behind it are unused.
    this.version = this.#u32(0) === 2 ? 2 : readU16(bytes, 0, little);
    const names = CONTRIBUTED.get(this.version);
    if (names === undefined || (this.version === 2 && this.#u32(0) !== 2)) {
      throw dwarfError(section, "DWARF_UNSUPPORTED", 0, `index version ${this.version}: expected 2 or 5`);
    }
    const width = this.#u32(4);
    this.length = this.#u32(8);
    this.slots = this.#u32(12);
    this.#rowTable = HEADER + SIGNATURE * this.slots;
    const titles = this.#rowTable + ROW * this.slots;
    this.#offsets = titles + 4 * width;
    this.#sizes = this.#offsets + 4 * width * this.length;
    const end = this.#sizes + 4 * width * this.length;
    if (end > bytes.length) this.#truncated(0, bytes.length, end);
    if ((this.slots & (this.slots - 1)) !== 0 || this.length > this.slots) {
      const what = `hash table of ${this.slots} slots for ${this.length} units: expected a power of two, and as many`;
      throw dwarfError(section, "DWARF_BAD_VALUE", 12, what);
    }
    this.columns = Array.from({ length: width }, (_, column) => names.get(this.#u32(titles + 4 * column)));
  }

  /** The row of a signature; -1 when the package has no such unit. @throws DwarfError DWARF_BAD_VALUE */
  find(signature: bigint): number {
    if (this.slots === 0) return -1;
    const low = Number(BigInt.asUintN(32, signature));
    const high = Number(BigInt.asUintN(32, signature >> 32n));
    const mask = this.slots - 1;
    const step = (high & mask) | 1;
    let slot = (low & mask) >>> 0;
    for (let probes = 0; probes < this.slots; probes++) {
      const row = this.#rowOfSlot(slot);
      if (row < 0) return -1;
      if (this.#signatureLow(slot) === low && this.#signatureHigh(slot) === high) return row;
      slot = ((slot + step) & mask) >>> 0;
    }
    return -1;
  }

  /** Signatures of the units with their rows, in the order of the hash table. @throws DwarfError DWARF_BAD_VALUE */
  *signatures(): IterableIterator<readonly [signature: bigint, row: number]> {
    for (let slot = 0; slot < this.slots; slot++) {
      const row = this.#rowOfSlot(slot);
      if (row < 0) continue;
      yield [(BigInt(this.#signatureHigh(slot)) << 32n) | BigInt(this.#signatureLow(slot)), row];
    }
  }

  /** The row whose part of a section holds an offset; -1 when there is none. @param name `debug_info` or `debug_types` */
  rowAt(name: string, offset: number): number {
    const column = this.columns.indexOf(name);
    if (column < 0) return -1;
    const { starts, rows } = this.#order(name, column);
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const row = rows[low - 1];
    if (row === undefined) return -1;
    return offset < (starts[low - 1] ?? 0) + this.#cell(this.#sizes, row, column) ? row : -1;
  }

  /** What a row contributes. */
  contributions(row: number): Contributions {
    const found = new Map<string, Contribution>();
    this.columns.forEach((name, column) => {
      if (name === undefined) return;
      const offset = this.#cell(this.#offsets, row, column);
      found.set(name, { offset, size: this.#cell(this.#sizes, row, column) });
    });
    return found;
  }

  #order(name: string, column: number): RowOrder {
    let order = this.#orders.get(name);
    if (order === undefined) {
      const rows = Uint32Array.from({ length: this.length }, (_, row) => row)
        .filter((row) => this.#cell(this.#sizes, row, column) > 0)
        .sort((a, b) => this.#cell(this.#offsets, a, column) - this.#cell(this.#offsets, b, column));
      order = { rows, starts: rows.map((row) => this.#cell(this.#offsets, row, column)) };
      this.#orders.set(name, order);
    }
    return order;
  }

  /** Rows are counted from 1 in the file, and 0 says that the slot is free. */
  #rowOfSlot(slot: number): number {
    const at = this.#rowTable + ROW * slot;
    const row = this.#u32(at) - 1;
    if (row < this.length) return row;
    const what = `slot ${slot}: found row ${row + 1}, expected at most ${this.length}`;
    throw dwarfError(this.section, "DWARF_BAD_VALUE", at, what);
  }

  #signatureLow(slot: number): number {
    return this.#u32(HEADER + SIGNATURE * slot + (this.section.little ? 0 : 4));
  }

  #signatureHigh(slot: number): number {
    return this.#u32(HEADER + SIGNATURE * slot + (this.section.little ? 4 : 0));
  }

  #cell(table: number, row: number, column: number): number {
    return this.#u32(table + 4 * (row * this.columns.length + column));
  }

  #u32(at: number): number {
    return readU32(this.section.bytes, at, this.section.little);
  }

  #truncated(at: number, found: number, expected: number): never {
    const what = `index: found ${found} bytes, expected ${expected}`;
    throw dwarfError(this.section, "DWARF_TRUNCATED", at, what);
  }
}
