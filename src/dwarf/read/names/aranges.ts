/** `.debug_aranges`: which addresses each unit covers, a set of tuples a unit [DWARF5 6.1.2, 7.21]. */

import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";
import { readInitialLength } from "../unit/header.ts";

/** A place in the section. Walking allocates nothing but by {@link nextSet}. */
export class ArangeCursor {
  readonly reader: FieldReader;
  /** Of the current set, in the section. */
  set = -1;
  /** Where the set's offset of its unit is; see {@link unitOffset}. */
  unitField = 0;
  /** Bytes of that field. */
  offsetSize = 4;
  version = 0;
  addressSize = 0;
  /** Bytes of a segment selector; 0 where there is none, as everywhere today. */
  segmentSize = 0;
  /** Of the current tuple, in the section. */
  offset = 0;
  /** The current tuple's segment. */
  segment = 0;
  /** Bytes that the current tuple covers, exact below 2^53. */
  length = 0;
  /** Where the current tuple's start is; see {@link start}. */
  startField = 0;
  #next = 0;
  #end = 0;
  #nextSet = 0;

  /** Before the first set. */
  constructor(reader: FieldReader) {
    this.reader = reader;
  }

  /** Where the current set's unit is in its section. @throws DwarfError DWARF_BAD_RELOCATION */
  get unitOffset(): number {
    return this.reader.offset(this.unitField, this.offsetSize);
  }

  /** Where the current tuple begins. Nothing of its relocation is looked at yet. */
  get start(): Relocatable {
    return this.reader.address(this.startField, this.addressSize);
  }

  /** The same by the resolver in force, in the reader's `low` and `high`. @throws RelocationRequiredError */
  finalStart(): void {
    this.reader.finalAddress(this.startField, this.addressSize);
  }

  /**
   * Moves to the next set, before its first tuple.
   * @returns false at the end of the section
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED, DWARF_BAD_VALUE
   */
  nextSet(): boolean {
    const { reader } = this;
    const { section, bytes } = reader;
    const at = this.#nextSet;
    // Some linkers align sections behind the last set, with zeros.
    if (at >= bytes.length || isPadding(bytes, at)) {
      this.#next = this.#end;
      return false;
    }
    const { start, end, offsetSize } = readInitialLength(section, at);
    this.set = at;
    this.#nextSet = end;
    this.offsetSize = offsetSize;
    this.unitField = start + 2;
    const sizes = this.unitField + offsetSize;
    if (sizes + 2 > end) {
      throw dwarfError(
        section,
        "DWARF_TRUNCATED",
        at,
        `address ranges: the set ends after ${end - at} bytes`,
      );
    }
    this.version = reader.raw(start, 2);
    if (this.version !== 2) {
      const what = `address ranges of version ${this.version}: expected 2`;
      throw dwarfError(section, "DWARF_UNSUPPORTED", start, what);
    }
    this.addressSize = bytes[sizes] ?? 0;
    this.segmentSize = bytes[sizes + 1] ?? 0;
    checkSize(reader, sizes, "address", this.addressSize, 2);
    checkSize(reader, sizes + 1, "segment selector", this.segmentSize, 0);
    // The first tuple is at a multiple of a tuple's size, counted from the start of the set.
    const tuple = this.#tupleSize;
    this.#next = at + Math.ceil((sizes + 2 - at) / tuple) * tuple;
    this.#end = end;
    return true;
  }

  /**
   * Moves to the next tuple of the set.
   * @returns false at the end of the set
   * @throws DwarfError DWARF_BAD_RELOCATION of a length
   */
  next(): boolean {
    const { reader, addressSize, segmentSize } = this;
    const at = this.#next;
    if (at + this.#tupleSize > this.#end) return false;
    const startField = at + segmentSize;
    const length = reader.offset(startField + addressSize, addressSize);
    // An empty range at the start of a section looks like the end, but for its relocation.
    if (length === 0 && reader.raw(startField, addressSize) === 0 && !reader.isRelocated(startField)) {
      this.#next = this.#end;
      return false;
    }
    this.offset = at;
    this.segment = segmentSize === 0 ? 0 : reader.raw(at, segmentSize);
    this.startField = startField;
    this.length = length;
    this.#next = at + this.#tupleSize;
    return true;
  }

  get #tupleSize(): number {
    return this.segmentSize + 2 * this.addressSize;
  }
}

function isPadding(bytes: Uint8Array, from: number): boolean {
  if (bytes.length - from >= 12) return false;
  for (let at = from; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}

function checkSize({ section }: FieldReader, at: number, what: string, size: number, least: number): void {
  if (size === 4 || size === 8 || size === 2 || size === least) return;
  const expected = least === 0 ? "0, 2, 4 or 8" : "2, 4 or 8";
  throw dwarfError(section, "DWARF_UNSUPPORTED", at, `${what} size ${size}: expected ${expected}`);
}
