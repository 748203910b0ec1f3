/**
 * What range lists and location lists have in common: entries whose bounds count from somewhere [DWARF5 2.17.3, 2.6.2].
 *
 * Walking decodes no bound and looks no relocation up; a bound is a {@link Relocatable} when it is asked for.
 */

import { leb128Length, readUleb128, readUleb128Number } from "../../../bytes/leb128.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { Relocatable, type RelocatableSource, type RelocationInfo } from "../../relocation/relocatable.ts";
import type { DebugSection } from "../../section.ts";
import type { UnitBases } from "../unit/addr-table.ts";

const TWO_32 = 0x1_0000_0000;

/** What the operands of an entry are, whatever kind of list it is in. */
export const SHAPE = {
  /** None; the list ends. */
  END: 0,
  /** An address, which further offsets count from. */
  BASE: 1,
  /** Two offsets from the base. */
  PAIR: 2,
  /** Two addresses. */
  START_END: 3,
  /** An address and the distance to the end. */
  START_LENGTH: 4,
  /** None: wherever no other entry applies. */
  DEFAULT: 5,
  /** Two views, of the next entry. */
  VIEWS: 6,
} as const;

/** How operands are written. */
export const OPERAND = {
  /** Addresses and offsets in fields of address size; pairs before DWARF 5. */
  FIELDS: 0,
  /** Addresses in fields, offsets and lengths as LEB128. */
  INLINE: 1,
  /** Addresses by index, the rest as LEB128. */
  INDEXED: 2,
  /** Addresses by index, lengths in 4 bytes: split lists of GNU. */
  INDEXED_LENGTH_4: 3,
} as const;

/** How an entry of some kind is read. */
export interface EntryForm {
  readonly shape: number;
  readonly operand: number;
}

/** Entries of DWARF 5's lists by what their names end in, which lists of ranges and of locations share. */
const NEW_ENTRIES: ReadonlyMap<string, EntryForm> = new Map([
  ["end_of_list", { shape: SHAPE.END, operand: OPERAND.INLINE }],
  ["base_addressx", { shape: SHAPE.BASE, operand: OPERAND.INDEXED }],
  ["startx_endx", { shape: SHAPE.START_END, operand: OPERAND.INDEXED }],
  ["startx_length", { shape: SHAPE.START_LENGTH, operand: OPERAND.INDEXED }],
  ["offset_pair", { shape: SHAPE.PAIR, operand: OPERAND.INLINE }],
  ["default_location", { shape: SHAPE.DEFAULT, operand: OPERAND.INLINE }],
  ["base_address", { shape: SHAPE.BASE, operand: OPERAND.INLINE }],
  ["start_end", { shape: SHAPE.START_END, operand: OPERAND.INLINE }],
  ["start_length", { shape: SHAPE.START_LENGTH, operand: OPERAND.INLINE }],
  ["GNU_view_pair", { shape: SHAPE.VIEWS, operand: OPERAND.INLINE }],
]);

/** A table by kind of the entries of DWARF 5 that a family of constants names: `DW_RLE`, `DW_LLE`. */
export function newEntryForms(family: Readonly<Record<string, number>>): EntryForm[] {
  const table: EntryForm[] = [];
  for (const [name, kind] of Object.entries(family)) {
    const form = NEW_ENTRIES.get(name.replace(/^DW_[A-Z]+_/, ""));
    if (form !== undefined) table[kind] = form;
  }
  return table;
}

/** A table by kind, of rows of kind, shape and operand. */
export function entryForms(
  rows: readonly (readonly [kind: number, shape: number, operand: number])[],
): EntryForm[] {
  const table: EntryForm[] = [];
  for (const [kind, shape, operand] of rows) table[kind] = { shape, operand };
  return table;
}

/** A number of 0 in a section, to which constants are added. */
function zero(section: DebugSection): RelocatableSource {
  return { section, infoAt: () => ({ target: undefined, addend: 0n }) };
}

/** Fields that count from a base: only one of the two may have a relocation. [seed: `dwarf_ranges_relocatable`] */
function countedFrom(reader: FieldReader, base: Relocatable): RelocatableSource {
  return {
    section: reader.section,
    infoAt(offset: number, size: number): RelocationInfo {
      const mine = reader.infoAt(offset, size);
      const theirs = base.info();
      if (mine.target !== undefined && theirs.target !== undefined) {
        throw dwarfError(
          reader.section,
          "DWARF_BAD_RELOCATION",
          offset,
          "address: both the entry and the base it counts from are relocatable, expected one",
        );
      }
      const addend = BigInt.asIntN(8 * size, mine.addend + theirs.addend);
      const counted = mine.target === undefined ? theirs : mine;
      const minus = mine.minus ?? theirs.minus;
      return { target: counted.target, addend, ...(minus && { minus }) };
    },
  };
}

/** A place in a list. */
export abstract class BoundsCursor {
  readonly bases: UnitBases;
  readonly reader: FieldReader;
  /** Of the current entry, in the section. */
  offset: number;
  /** Its number in the section: a `DW_RLE_`, `DW_LLE_` or `DW_LLE_GNU_`; 0 in lists of pairs. */
  kind = 0;
  /** What it is: a value of `SHAPE`. */
  shape: number = SHAPE.END;
  /** Halves of the final bounds that {@link finalBounds} found. */
  beginLow = 0;
  beginHigh = 0;
  endLow = 0;
  endHigh = 0;
  protected operand: number = OPERAND.FIELDS;
  /** Where its operands are. */
  protected first = 0;
  protected second = 0;
  /** Where the next entry is. */
  protected position: number;
  readonly #addressSize: number;
  #base: Relocatable | undefined;
  #counted: RelocatableSource | undefined;
  /** Halves of the base's final value, while it is known; and whether it counts from anything. */
  #baseFinal = false;
  #baseLow = 0;
  #baseHigh = 0;
  #baseRelocatable = false;
  #ended = false;

  protected constructor(bases: UnitBases, reader: FieldReader, offset: number) {
    this.bases = bases;
    this.reader = reader;
    this.offset = offset;
    this.position = offset;
    this.#addressSize = bases.unit.header.addressSize;
    this.#base = bases.base;
    if (offset >= this.reader.bytes.length) {
      throw dwarfError(
        reader.section,
        "DWARF_BAD_REFERENCE",
        offset,
        `list: the section has ${reader.bytes.length} bytes`,
      );
    }
  }

  /**
   * Moves to the next entry, those that set a base or give views included.
   * @returns false at the end of the list, whose entry is the current one then
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE for an unknown kind
   */
  nextEntry(): boolean {
    if (this.#ended) return false;
    this.offset = this.position;
    this.decode(this.position);
    if (this.shape === SHAPE.BASE) {
      this.#base = this.#address(this.first);
      this.#counted = undefined;
      this.#baseFinal = false;
    }
    this.#ended = this.shape === SHAPE.END;
    return !this.#ended;
  }

  /** Moves to the next entry that says a range. @returns false at the end of the list */
  next(): boolean {
    while (this.nextEntry()) if (this.shape >= SHAPE.PAIR && this.shape <= SHAPE.DEFAULT) return true;
    return false;
  }

  /** First address of the current entry's range; of one that sets a base, the base. */
  get begin(): Relocatable {
    switch (this.shape) {
      case SHAPE.PAIR:
        return this.#counting(this.first);
      case SHAPE.BASE:
      case SHAPE.START_END:
      case SHAPE.START_LENGTH:
        return this.#address(this.first);
      default:
        return this.#none();
    }
  }

  /** The address behind the current entry's range. */
  get end(): Relocatable {
    switch (this.shape) {
      case SHAPE.PAIR:
        return this.#counting(this.second);
      case SHAPE.START_END:
        return this.#address(this.second);
      case SHAPE.START_LENGTH:
        return this.#address(this.first).plus(this.#length());
      default:
        return this.#none();
    }
  }

  /**
   * Finds the final bounds of the current entry by the resolver in force, in {@link beginLow} and the fields beside it.
   * Allocates nothing, save at the first entry behind a base. Offsets and lengths are exact below 2^53.
   * @throws RelocationRequiredError when the resolver does not know a place
   * @throws DwarfError
   */
  finalBounds(): void {
    switch (this.shape) {
      case SHAPE.PAIR:
        this.#finalCounting(this.first);
        this.#setBegin();
        this.#finalCounting(this.second);
        break;
      case SHAPE.START_END:
        this.#finalAddress(this.first);
        this.#setBegin();
        this.#finalAddress(this.second);
        break;
      case SHAPE.START_LENGTH:
        this.#finalAddress(this.first);
        this.#setBegin();
        this.#addEnd(this.#length());
        break;
      default:
        this.#none();
    }
  }

  /** Decodes the entry at `at`: sets kind, shape, operands and the position of the next one. */
  protected abstract decode(at: number): void;

  /** An entry that begins with its kind in a byte. @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE */
  protected tagged(at: number, forms: readonly EntryForm[], name: (kind: number) => string): void {
    this.take(at, 1);
    this.kind = this.reader.bytes[at] ?? 0;
    const form = forms[this.kind];
    if (form === undefined) {
      throw dwarfError(
        this.reader.section,
        "DWARF_BAD_VALUE",
        at,
        `list entry: unknown kind ${name(this.kind)}`,
      );
    }
    this.#operands(form.shape, form.operand, at + 1);
  }

  /** Sets operands that follow each other at `at`, by shape and way of writing. */
  #operands(shape: number, operand: number, at: number): void {
    this.shape = shape;
    this.operand = operand;
    this.first = at;
    this.second = at;
    this.position = at;
    switch (shape) {
      case SHAPE.BASE:
        this.position = this.#skipAddress(at);
        return;
      case SHAPE.START_END:
        this.second = this.#skipAddress(at);
        this.position = this.#skipAddress(this.second);
        return;
      case SHAPE.START_LENGTH:
        this.second = this.#skipAddress(at);
        this.position =
          operand === OPERAND.INDEXED_LENGTH_4 ? this.take(this.second, 4) : this.leb(this.second);
        return;
      case SHAPE.PAIR:
      case SHAPE.VIEWS:
        this.second = this.leb(at);
        this.position = this.leb(this.second);
        return;
      default:
        return;
    }
  }

  /** An entry of two fields of address size [DWARF4 2.17.3]: two zeros end the list, all ones set a base. */
  protected pair(at: number): void {
    const size = this.#addressSize;
    const end = this.take(at, 2 * size);
    this.operand = OPERAND.FIELDS;
    this.first = at;
    this.second = at + size;
    this.position = end;
    if (this.#isFilled(at, size, 0xff)) {
      this.shape = SHAPE.BASE;
      this.first = at + size;
      return;
    }
    // A field with a relocation is often 0 in the file.
    this.shape =
      this.#isFilled(at, 2 * size, 0) && !this.#isRelocated(at) && !this.#isRelocated(at + size)
        ? SHAPE.END
        : SHAPE.PAIR;
  }

  /** Behind `size` bytes at `at`. @throws DwarfError DWARF_TRUNCATED */
  protected take(at: number, size: number): number {
    const end = at + size;
    if (end > this.reader.bytes.length)
      this.#fail(at, `found ${this.reader.bytes.length - at} bytes, expected ${size}`);
    return end;
  }

  /** Behind the LEB128 at `at`. @throws DwarfError DWARF_TRUNCATED */
  protected leb(at: number): number {
    const length = leb128Length(this.reader.bytes, at);
    if (length === 0) this.#fail(at, "found a LEB128 without an end");
    return at + length;
  }

  #skipAddress(at: number): number {
    return this.operand >= OPERAND.INDEXED ? this.leb(at) : this.take(at, this.#addressSize);
  }

  #address(at: number): Relocatable {
    return this.operand >= OPERAND.INDEXED
      ? this.bases.indexed(readUleb128Number(this.reader.bytes, at))
      : this.reader.address(at, this.#addressSize);
  }

  #counting(at: number): Relocatable {
    const { reader } = this;
    const base = this.#base;
    if (this.operand === OPERAND.FIELDS) {
      if (base === undefined) return reader.address(at, this.#addressSize);
      this.#counted ??= countedFrom(reader, base);
      return new Relocatable(this.#counted, at, this.#addressSize);
    }
    const distance = reader.isRelocated(at) ? BigInt(reader.uleb128(at)) : readUleb128(reader.bytes, at);
    return base?.plus(distance) ?? new Relocatable(zero(reader.section), at, this.#addressSize, distance);
  }

  /** Of the current entry, the distance from its start to its end. */
  #length(): number {
    const { reader, second } = this;
    return this.operand === OPERAND.INDEXED_LENGTH_4 ? reader.offset(second, 4) : reader.uleb128(second);
  }

  /** The final address that an operand is, in the halves of the end. */
  #finalAddress(at: number): void {
    if (this.operand < OPERAND.INDEXED) this.#finalField(this.reader, at);
    else {
      const field = this.bases.indexedField(this.reader.uleb128(at));
      this.#finalField(this.bases.addresses(), field);
    }
  }

  #finalField(reader: FieldReader, at: number): void {
    reader.finalAddress(at, this.#addressSize);
    this.endLow = reader.low;
    this.endHigh = reader.high;
  }

  #finalCounting(at: number): void {
    if (!this.#baseFinal) this.#findBase();
    if (this.operand === OPERAND.FIELDS) {
      // The slow way says what is wrong.
      if (this.#baseRelocatable && this.reader.isRelocated(at)) this.#counting(at).info();
      this.#finalField(this.reader, at);
      this.#add(this.#baseLow, this.#baseHigh);
    } else {
      this.endLow = this.#baseLow;
      this.endHigh = this.#baseHigh;
      this.#addEnd(this.reader.uleb128(at));
    }
  }

  #findBase(): void {
    const base = this.#base;
    const value = base?.resolve() ?? 0n;
    this.#baseLow = Number(BigInt.asUintN(32, value));
    this.#baseHigh = Number(value >> 32n);
    this.#baseRelocatable = base !== undefined && base.info().target !== undefined;
    this.#baseFinal = true;
  }

  #setBegin(): void {
    this.beginLow = this.endLow;
    this.beginHigh = this.endHigh;
  }

  #addEnd(distance: number): void {
    this.#add(distance >>> 0, Math.floor(distance / TWO_32));
  }

  #add(low: number, high: number): void {
    const sum = this.endLow + low;
    this.endLow = sum >>> 0;
    this.endHigh = this.#addressSize === 8 ? (this.endHigh + high + (sum < TWO_32 ? 0 : 1)) >>> 0 : 0;
  }

  #isFilled(at: number, size: number, byte: number): boolean {
    const { bytes } = this.reader;
    for (let i = 0; i < size; i++) if (bytes[at + i] !== byte) return false;
    return true;
  }

  #isRelocated(at: number): boolean {
    const { relocations } = this.reader.section;
    const position = relocations?.find(at) ?? -1;
    if (relocations === undefined || position < 0) return false;
    // One of type 0, which all machines call NONE, changes nothing: linkers leave it where code was discarded.
    const { table, index } = relocations.recordAt(position);
    return table.type(index) !== 0;
  }

  #none(): never {
    throw dwarfError(
      this.reader.section,
      "DWARF_BAD_REFERENCE",
      this.offset,
      "list entry: has no such bound",
    );
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.reader.section, "DWARF_TRUNCATED", at, `list entry: ${what}`);
  }
}
