/**
 * The relocations of one debug section, found by offset. [seed: libdw's lazy relocation]
 *
 * Nothing is read before the first question. Then a single sorted `RELA` table of a 64-bit little-endian file serves as it
 * lies, and anything else is digested into sorted columns. Questions mostly rise, so the last answer is where the next
 * search begins.
 */
import { HOST_LITTLE } from "../../bytes/endian.ts";
import { EM } from "../../elf/constants/machine.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { RelocationTable } from "../../elf/relocation.ts";
import type { ElfSection } from "../../elf/section.ts";
import { dwarfError, type Located } from "../place.ts";

/** Words of an `Elf64_Rela`, of which the first is the low half of `r_offset`. */
export const RELA64_WORDS = 6;
/** Records looked at one by one before the search widens its steps. */
const NEAR = 4;

/** The section that relocations apply to. */
export interface Relocated extends Located {
  readonly elf: ElfFile;
  readonly bytes: Uint8Array;
}

/** Where a record is: which table, which record. */
export interface RecordPlace {
  readonly table: RelocationTable;
  readonly index: number;
}

export class SectionRelocations {
  readonly #target: Relocated;
  readonly #sources: readonly ElfSection[];
  #tables: readonly RelocationTable[] | undefined;
  /** Offsets, `#stride` words apart, ascending. */
  #offsets: Uint32Array = new Uint32Array(0);
  #stride = 1;
  #count = 0;
  /** By position in `#offsets`, where they are digested: the table, and the record in it. */
  #tableOf: Uint32Array | undefined;
  #indexOf: Uint32Array | undefined;
  #next = 0;

  /** @param sources the relocation sections that apply to `target`; not read here */
  constructor(target: Relocated, sources: readonly ElfSection[]) {
    this.#target = target;
    this.#sources = sources;
  }

  /**
   * The records themselves, {@link RELA64_WORDS} words each, where they serve as they lie; a reader of millions of fields
   * walks them itself. `undefined` where they were digested.
   */
  get words(): Uint32Array | undefined {
    if (this.#tables === undefined) this.#digest();
    return this.#stride === RELA64_WORDS ? this.#offsets : undefined;
  }

  /** True once records were looked at. */
  get isRead(): boolean {
    return this.#tables !== undefined;
  }

  /** Records that were sorted into columns so far: none of a table that serves as it lies. */
  get digested(): number {
    return this.#tableOf === undefined ? 0 : this.#count;
  }

  /** Number of records. */
  get count(): number {
    if (this.#tables === undefined) this.#digest();
    return this.#count;
  }

  /**
   * Position of the first record that applies at `offset`, or -1. Further records for the same place, of machines that
   * compose a value from several, follow it: ask {@link offsetAt}.
   */
  find(offset: number): number {
    const at = this.lowerBound(offset);
    return this.offsetAt(at) === offset ? at : -1;
  }

  /** Position of the first record at or after `offset`; {@link count} if there is none. */
  lowerBound(offset: number): number {
    if (this.#tables === undefined) this.#digest();
    const offsets = this.#offsets;
    const stride = this.#stride;
    const count = this.#count;
    let at = this.#next;
    if (at > 0 && (offsets[(at - 1) * stride] ?? 0) >= offset) at = this.#search(0, at - 1, offset);
    else {
      let steps = NEAR;
      while (at < count && (offsets[at * stride] ?? 0) < offset) {
        at++;
        if (--steps === 0) {
          at = this.#gallop(at, offset);
          break;
        }
      }
    }
    this.#next = at;
    return at;
  }

  /** `r_offset` of the record at a position; -1 behind the last. */
  offsetAt(position: number): number {
    return position < this.#count ? (this.#offsets[position * this.#stride] ?? -1) : -1;
  }

  /** The table that holds the record at a position. */
  tableAt(position: number): RelocationTable {
    const table = this.#tables?.[this.#tableOf?.[position] ?? 0];
    if (table === undefined) throw new RangeError("relocations: asked for a record before any was found");
    return table;
  }

  /** Index in its table of the record at a position. */
  indexAt(position: number): number {
    return this.#indexOf?.[position] ?? position;
  }

  /** Where the record at a position is. */
  recordAt(position: number): RecordPlace {
    return { table: this.tableAt(position), index: this.indexAt(position) };
  }

  #digest(): void {
    const tables = this.#sources.map((section) => this.#target.elf.relocations(section));
    const [only] = tables;
    if (only === undefined || tables.length > 1 || !this.#useInPlace(only)) this.#merge(tables);
    this.#tables = tables;
  }

  #useInPlace(table: RelocationTable): boolean {
    const { bytes, length, kind } = table;
    const { is64, little, machine } = this.#target.elf.image;
    const wordsLie = is64 && little && HOST_LITTLE && bytes.byteOffset % 4 === 0;
    // The halves of r_info are not where others have them on 64-bit MIPS.
    if (kind !== "RELA" || !wordsLie || machine === EM.EM_MIPS || !table.sorted) return false;
    if (length > 0) this.#check(table.offset(length - 1));
    this.#offsets = new Uint32Array(bytes.buffer, bytes.byteOffset, length * RELA64_WORDS);
    this.#stride = RELA64_WORDS;
    this.#count = length;
    return true;
  }

  #check(offset: number): void {
    const { length } = this.#target.bytes;
    if (offset < length) return;
    throw dwarfError(
      this.#target,
      "DWARF_BAD_RELOCATION",
      offset,
      `relocation: outside of the section, which has ${length} bytes`,
    );
  }

  #merge(tables: readonly RelocationTable[]): void {
    const count = tables.reduce((sum, table) => sum + table.length, 0);
    const keys = new Float64Array(count);
    let at = 0;
    // Offset and order in one key: sorting numbers keeps records of one place in the order of the file.
    for (const table of tables) {
      for (let i = 0; i < table.length; i++, at++) {
        const offset = table.offset(i);
        this.#check(offset);
        keys[at] = offset * count + at;
      }
    }
    keys.sort();
    const offsets = new Uint32Array(count);
    const tableOf = new Uint32Array(count);
    const indexOf = new Uint32Array(count);
    // Where the record of an order in the file went.
    const positions = new Uint32Array(count);
    for (let position = 0; position < count; position++) {
      const key = keys[position] ?? 0;
      const order = key % count;
      offsets[position] = (key - order) / count;
      positions[order] = position;
    }
    let order = 0;
    tables.forEach(({ length }, table) => {
      for (let index = 0; index < length; index++, order++) {
        const position = positions[order] ?? 0;
        tableOf[position] = table;
        indexOf[position] = index;
      }
    });
    this.#offsets = offsets;
    this.#tableOf = tableOf;
    this.#indexOf = indexOf;
    this.#stride = 1;
    this.#count = count;
  }

  #gallop(from: number, offset: number): number {
    let step = NEAR;
    let low = from;
    while (low + step < this.#count && (this.#offsets[(low + step) * this.#stride] ?? 0) < offset) {
      low += step;
      step *= 2;
    }
    return this.#search(low, Math.min(low + step, this.#count), offset);
  }

  /** First position in `[low, high]` whose offset is not below `offset`. */
  #search(low: number, high: number, offset: number): number {
    let from = low;
    let to = high;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#offsets[middle * this.#stride] ?? 0) < offset) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
