/** Range lists as places, without an object for a bound: for who looks into thousands [DWARF5 2.17.3, 7.25]. */
import { leb128Length } from "../../bytes/leb128.ts";
import { DW_RLE, rangeListEntryName } from "../constants/list.ts";
import { dwarfError } from "../place.ts";
import type { FieldReader } from "../relocation/field.ts";
import { ABSOLUTE, type PlaceReader } from "./place-reader.ts";

/** Who knows the addresses of a unit that stand elsewhere. */
export interface IndexedPlaces {
  /** Reads the address at an index. */
  readIndexed(index: number): PlaceReader;
}

/** The ranges of one list, read into columns that the next one takes over. */
export class RangePlaces {
  /** Ranges in the columns; empty ones are left out. */
  count = 0;
  sections = new Int32Array(16);
  begins = new Float64Array(16);
  ends = new Float64Array(16);
  readonly #reader: FieldReader;
  readonly #places: PlaceReader;
  readonly #indexed: IndexedPlaces;
  readonly #version: number;
  readonly #addressSize: number;
  #baseSection = ABSOLUTE;
  #base = 0;

  /** @param places of the section that the lists are in */
  constructor(
    places: PlaceReader,
    indexed: IndexedPlaces,
    unit: { readonly version: number; readonly addressSize: number },
  ) {
    this.#reader = places.reader;
    this.#places = places;
    this.#indexed = indexed;
    this.#version = unit.version;
    this.#addressSize = unit.addressSize;
  }

  /**
   * Reads a list.
   * @param at where it is in the section
   * @param baseSection with `base`: what offsets count from at first
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE, DWARF_BAD_RELOCATION
   */
  read(at: number, baseSection: number, base: number): void {
    this.count = 0;
    this.#baseSection = baseSection;
    this.#base = base;
    if (!(at < this.#reader.bytes.length))
      this.#fail(at, `the section has ${this.#reader.bytes.length} bytes`);
    if (this.#version >= 5) this.#readTagged(at);
    else this.#readPairs(at);
  }

  #readTagged(from: number): void {
    const { bytes } = this.#reader;
    const size = this.#addressSize;
    let at = from;
    for (;;) {
      const kind = bytes[at] ?? -1;
      const entry = at++;
      switch (kind) {
        case DW_RLE.DW_RLE_end_of_list:
          return;
        case DW_RLE.DW_RLE_base_addressx:
          this.#setBase(this.#indexedAt(at));
          at = this.#behindLeb(at);
          break;
        case DW_RLE.DW_RLE_base_address:
          this.#setBase(this.#addressAt(at));
          at += size;
          break;
        case DW_RLE.DW_RLE_offset_pair: {
          const begin = this.#base + this.#reader.uleb128(at);
          at = this.#behindLeb(at);
          this.#add(this.#baseSection, begin, this.#base + this.#reader.uleb128(at));
          at = this.#behindLeb(at);
          break;
        }
        case DW_RLE.DW_RLE_start_end: {
          const { section, offset } = this.#addressAt(at);
          this.#add(section, offset, this.#addressAt(at + size).offset);
          at += 2 * size;
          break;
        }
        case DW_RLE.DW_RLE_start_length: {
          const { section, offset } = this.#addressAt(at);
          at += size;
          this.#add(section, offset, offset + this.#reader.uleb128(at));
          at = this.#behindLeb(at);
          break;
        }
        case DW_RLE.DW_RLE_startx_endx: {
          const { section, offset } = this.#indexedAt(at);
          at = this.#behindLeb(at);
          this.#add(section, offset, this.#indexedAt(at).offset);
          at = this.#behindLeb(at);
          break;
        }
        case DW_RLE.DW_RLE_startx_length: {
          const { section, offset } = this.#indexedAt(at);
          at = this.#behindLeb(at);
          this.#add(section, offset, offset + this.#reader.uleb128(at));
          at = this.#behindLeb(at);
          break;
        }
        default: {
          if (kind < 0) this.#fail(entry, "found the end of the section");
          const what = `list entry: unknown kind ${rangeListEntryName(kind)}`;
          throw dwarfError(this.#reader.section, "DWARF_BAD_VALUE", entry, what);
        }
      }
    }
  }

  /** Pairs of DWARF 2 to 4: two zeros end the list, all ones set a base [DWARF4 2.17.3]. */
  #readPairs(from: number): void {
    const size = this.#addressSize;
    const ones = size === 8 ? -1 : 2 ** (8 * size) - 1;
    for (let at = from; ; at += 2 * size) {
      const begin = this.#addressAt(at);
      let { section, offset } = begin;
      const end = this.#addressAt(at + size);
      if (section === ABSOLUTE && offset === ones) {
        this.#setBase(end);
        continue;
      }
      const isEnd = section === ABSOLUTE && offset === 0 && end.section === ABSOLUTE && end.offset === 0;
      if (isEnd && !this.#reader.isRelocated(at)) return;
      let last = end.offset;
      // What has a relocation of its own counts from that.
      if (section === ABSOLUTE) {
        section = this.#baseSection;
        offset += this.#base;
        last += this.#base;
      }
      this.#add(section, offset, last);
    }
  }

  #addressAt(at: number): PlaceReader {
    if (at + this.#addressSize > this.#reader.bytes.length) this.#fail(at, "found the end of the section");
    this.#places.read(at, this.#addressSize);
    return this.#places;
  }

  #indexedAt(at: number): PlaceReader {
    return this.#indexed.readIndexed(this.#reader.uleb128(at));
  }

  #setBase({ section, offset }: PlaceReader): void {
    this.#baseSection = section;
    this.#base = offset;
  }

  #behindLeb(at: number): number {
    const { bytes } = this.#reader;
    if ((bytes[at] ?? 0x80) < 0x80) return at + 1;
    const length = leb128Length(bytes, at);
    if (length === 0) this.#fail(at, "found a LEB128 without an end");
    return at + length;
  }

  #add(section: number, begin: number, end: number): void {
    let [from, to] = [begin, end];
    if (this.#addressSize === 4 && section === ABSOLUTE) [from, to] = [begin >>> 0, end >>> 0];
    if (!(to > from)) return;
    const index = this.count++;
    if (index === this.sections.length) this.#grow();
    this.sections[index] = section;
    this.begins[index] = from;
    this.ends[index] = to;
  }

  #grow(): void {
    const { sections, begins, ends } = this;
    this.sections = new Int32Array(2 * sections.length);
    this.begins = new Float64Array(2 * begins.length);
    this.ends = new Float64Array(2 * ends.length);
    this.sections.set(sections);
    this.begins.set(begins);
    this.ends.set(ends);
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.#reader.section, "DWARF_TRUNCATED", at, `list entry: ${what}`);
  }
}
