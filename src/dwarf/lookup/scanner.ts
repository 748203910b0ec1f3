/**
 * Finds code in the entries of a unit: its functions, and what is inlined at a place. All else is stepped over, whole
 * subtrees at once where the compiler says where they end, and nothing is allocated by an entry.
 */
import { readU16, readU32 } from "../../bytes/endian.ts";
import { leb128Length, readUleb128Number } from "../../bytes/leb128.ts";
import { decodeUtf8 } from "../../bytes/text.ts";
import { DW_FORM } from "../constants/form.ts";
import type { DwarfUnit } from "../dwarf.ts";
import { dwarfError } from "../place.ts";
import { FormReader } from "../read/entry/form.ts";
import { unitBases } from "../read/unit/addr-table.ts";
import { ABSOLUTE, PlaceReader } from "./place-reader.ts";
import { ENTRY, KIND, OWNS, type Plan, SLOT, SLOTS, STEP, stepOf, UNPREPARED } from "./plan.ts";
import { type IndexedPlaces, RangePlaces } from "./range-places.ts";

const TWO_32 = 0x1_0000_0000;

/** Takes ranges of functions. */
export interface FunctionSink {
  /** Bytes `begin` to before `end` of a section belong to the function whose entry is at `entry`. */
  add(section: number, begin: number, end: number, entry: number): void;
}

/** Takes ranges of inlined functions. */
export interface InlineSink {
  /** @param depth inlined functions that it is in, and itself */
  addInlined(section: number, begin: number, end: number, entry: number, depth: number): void;
}

/** Who keeps one reader of places for each section. */
export interface PlaceReaders {
  placesOf(reader: PlaceReader["reader"]): PlaceReader;
}

/** Looks for code in one unit. */
export class UnitScanner implements IndexedPlaces {
  readonly unit: DwarfUnit;
  /** Of the values that {@link decode} found, by {@link SLOT}: where they stand. */
  readonly at: number[] = new Array(SLOTS).fill(0);
  /** Their forms; 0 where there is none. */
  readonly forms: number[] = new Array(SLOTS).fill(0);
  /** True when a scan jumped over entries that may hold functions. */
  skipped = false;
  readonly #plan: Plan;
  readonly #bytes: Uint8Array;
  readonly #reader: FormReader;
  readonly #owner: PlaceReaders;
  readonly #places: PlaceReader;
  readonly #end: number;
  readonly #offset: number;
  readonly #little: boolean;
  readonly #rows: number[] = new Array(SLOTS).fill(0);
  readonly #nesting: number[] = [];
  #ranges: RangePlaces | undefined;
  #base: { readonly section: number; readonly offset: number } | undefined;
  /** What {@link #step} came by: where a `DW_AT_sibling` leads. */
  #sibling = 0;

  constructor(unit: DwarfUnit, plan: Plan, owner: PlaceReaders) {
    const { reader, header } = unit;
    this.unit = unit;
    this.#plan = plan;
    this.#bytes = reader.bytes;
    this.#reader = new FormReader(reader, header);
    this.#owner = owner;
    this.#places = owner.placesOf(reader);
    this.#end = header.end;
    this.#offset = header.offset;
    this.#little = reader.little;
  }

  /**
   * Gives all functions that have code.
   * @param deep look into functions and types, too, which may hold further ones
   * @throws DwarfError
   */
  functions(sink: FunctionSink, deep: boolean): void {
    const plan = this.#plan;
    const { kinds, sizes, siblings, isDense } = plan;
    const bytes = this.#bytes;
    const end = this.#end;
    const little = this.#little;
    const unitOffset = this.#offset;
    let at = this.unit.header.entries;
    let depth = 0;
    while (at < end) {
      const start = at;
      let code = bytes[at] ?? 0;
      if (code < 0x80) at++;
      else {
        const second = bytes[at + 1] ?? 0;
        if (second < 0x80) {
          code = (code & 0x7f) | (second << 7);
          at += 2;
        } else {
          code = readUleb128Number(bytes, at);
          at += leb128Length(bytes, at) || this.#fail(start, "abbreviation code: found no end");
        }
      }
      if (code === 0) {
        if (--depth <= 0) return;
        continue;
      }
      let declaration = code - 1;
      let tagged = isDense ? (kinds[declaration] ?? UNPREPARED) : UNPREPARED;
      if (tagged === UNPREPARED) {
        declaration = plan.indexOf(code);
        if (declaration < 0) this.#failCode(start, code);
        tagged = kinds[declaration] ?? 0;
      }
      const size = sizes[declaration] ?? -1;
      let sibling = 0;
      if ((tagged & KIND) === ENTRY.FUNCTION) {
        const body = at;
        at = this.decode(declaration, body);
        if (at > end) this.#fail(start, "entry: runs past the end of the unit");
        sibling = this.forms[SLOT.SIBLING] === 0 ? 0 : this.reference(SLOT.SIBLING);
        this.#give(sink, start);
      } else if (size >= 0) {
        const field = siblings[declaration] ?? -1;
        if (field >= 0) sibling = unitOffset + readU32(bytes, at + field, little);
        at += size;
      } else {
        this.#sibling = 0;
        at = this.#step(declaration, at);
        sibling = this.#sibling;
      }
      if ((tagged & OWNS) !== 0) {
        const descend = depth === 0 || deep || (tagged & KIND) === ENTRY.CONTAINER;
        if (!descend && sibling >= at && sibling <= end) {
          at = sibling;
          this.skipped = true;
        } else depth++;
      } else if (depth === 0) return;
    }
    if (at > end) this.#fail(at, "entry: runs past the end of the unit");
  }

  /**
   * Gives the ranges of all that is inlined in a function, each behind what it is inlined into.
   * @param entry the function's own
   * @throws DwarfError
   */
  inlined(entry: number, sink: InlineSink): void {
    const plan = this.#plan;
    const { kinds, sizes, siblings, isDense } = plan;
    const bytes = this.#bytes;
    const end = this.#end;
    const little = this.#little;
    const unitOffset = this.#offset;
    /** Of each level of entries: how many inlined functions it is in. */
    const nesting = this.#nesting;
    let at = entry;
    let depth = 0;
    while (at < end) {
      const start = at;
      let code = bytes[at] ?? 0;
      if (code < 0x80) at++;
      else {
        code = readUleb128Number(bytes, at);
        at += leb128Length(bytes, at) || this.#fail(start, "abbreviation code: found no end");
      }
      if (code === 0) {
        if (--depth <= 0) return;
        continue;
      }
      let declaration = code - 1;
      let tagged = isDense ? (kinds[declaration] ?? UNPREPARED) : UNPREPARED;
      if (tagged === UNPREPARED) {
        declaration = plan.indexOf(code);
        if (declaration < 0) this.#failCode(start, code);
        tagged = kinds[declaration] ?? 0;
      }
      const kind = tagged & KIND;
      const size = sizes[declaration] ?? -1;
      const inside = depth === 0 ? 0 : (nesting[depth - 1] ?? 0);
      // What is in a nested function or a type is not in this function.
      const isAside = inside < 0;
      let sibling = 0;
      let level = inside;
      if (kind === ENTRY.INLINED && !isAside) {
        at = this.decode(declaration, at);
        if (this.forms[SLOT.SIBLING] !== 0) sibling = this.reference(SLOT.SIBLING);
        level = this.#giveInlined(sink, start, inside + 1) ? inside + 1 : -1;
      } else if (size >= 0) {
        const field = siblings[declaration] ?? -1;
        if (field >= 0) sibling = unitOffset + readU32(bytes, at + field, little);
        at += size;
      } else {
        this.#sibling = 0;
        at = this.#step(declaration, at);
        sibling = this.#sibling;
      }
      if ((tagged & OWNS) === 0) {
        if (depth === 0) return;
        continue;
      }
      if (depth > 0 && kind !== ENTRY.INLINED && kind !== ENTRY.BLOCK) level = -1;
      if (level < 0 && sibling >= at && sibling <= end) at = sibling;
      else nesting[depth++] = level;
    }
    if (at > end) this.#fail(at, "entry: runs past the end of the unit");
  }

  /** Notes the values of the root entry. False where the unit has none. */
  decodeRoot(): boolean {
    return this.decodeAt(this.unit.header.entries) !== ENTRY.OTHER;
  }

  /** Notes the values of an entry. @returns what it is: an {@link ENTRY} value; `OTHER` where nothing is noted */
  decodeAt(entry: number): number {
    const bytes = this.#bytes;
    this.forms.fill(0);
    if (entry < this.unit.header.entries || entry >= this.#end) return ENTRY.OTHER;
    const code = readUleb128Number(bytes, entry);
    const declaration = this.#plan.indexOf(code);
    if (declaration < 0) return code === 0 ? ENTRY.OTHER : this.#failCode(entry, code);
    this.decode(declaration, entry + leb128Length(bytes, entry));
    return (this.#plan.kinds[declaration] ?? 0) & KIND;
  }

  /** Notes where the values of an entry stand. @returns where they end */
  decode(declaration: number, from: number): number {
    const { firstValue, lastValue, slots, forms, stepByForm } = this.#plan;
    const first = firstValue[declaration] ?? 0;
    const last = lastValue[declaration] ?? 0;
    this.forms.fill(0);
    let at = from;
    for (let row = first; row < last; row++) {
      const form = forms[row] ?? 0;
      const slot = slots[row] ?? 0;
      if (slot !== SLOT.NONE) {
        this.at[slot] = at;
        this.forms[slot] = form;
        this.#rows[slot] = row;
      }
      const step = stepByForm[form] ?? stepOf(form, this.unit.header);
      at = step >= 0 ? at + step : this.#stepOver(step, form, at);
    }
    return at;
  }

  /** A whole number: a constant, an index, an offset. 0 where there is none. */
  number(slot: number): number {
    const form = this.forms[slot] ?? 0;
    const at = this.at[slot] ?? 0;
    switch (form) {
      case 0:
        return 0;
      case DW_FORM.DW_FORM_implicit_const:
        return this.#plan.constants.get(this.#rows[slot] ?? 0) ?? 0;
      case DW_FORM.DW_FORM_data1:
        return this.#bytes[at] ?? 0;
      case DW_FORM.DW_FORM_data2:
        return readU16(this.#bytes, at, this.#little);
      default:
        return this.#formNumber(form, at);
    }
  }

  #formNumber(form: number, at: number): number {
    const reader = this.#reader;
    reader.read(form, at);
    if (reader.high === 0) return reader.low;
    return reader.form === DW_FORM.DW_FORM_sdata
      ? (reader.high | 0) * TWO_32 + reader.low
      : reader.high * TWO_32 + reader.low;
  }

  /** The noted `DW_AT_high_pc`, where it is the bytes from the low one, which has the relocation if there is one. */
  #length(): number {
    if (this.forms[SLOT.HIGH] !== DW_FORM.DW_FORM_data8) return this.number(SLOT.HIGH);
    const at = this.at[SLOT.HIGH] ?? 0;
    const low = readU32(this.#bytes, this.#little ? at : at + 4, this.#little);
    const high = readU32(this.#bytes, this.#little ? at + 4 : at, this.#little);
    if (low === 0 && high === 0) return this.number(SLOT.HIGH);
    return high * TWO_32 + low;
  }

  /** A string; `undefined` where there is none. */
  text(slot: number): string | undefined {
    const form = this.forms[slot] ?? 0;
    if (form === 0) return undefined;
    const value = this.number(slot);
    return form === DW_FORM.DW_FORM_string
      ? decodeUtf8(this.#bytes, this.#reader.low, this.#reader.low + this.#reader.high)
      : this.unit.dwarf.stringOf(form, value, this.unit);
  }

  /** Where a reference within the section leads. */
  reference(slot: number): number {
    if (this.forms[slot] === DW_FORM.DW_FORM_ref4) {
      return this.#offset + readU32(this.#bytes, this.at[slot] ?? 0, this.#little);
    }
    return this.number(slot);
  }

  /** Reads an address that was noted. */
  address(slot: number): PlaceReader {
    const form = this.forms[slot] ?? 0;
    const at = this.at[slot] ?? 0;
    if (form === DW_FORM.DW_FORM_addr) {
      this.#places.read(at, this.unit.header.addressSize);
      return this.#places;
    }
    this.#reader.read(form, at);
    const found = unitBases(this.unit).codeAddress(form, at, this.#reader.low);
    if (found === undefined) this.#fail(at, "address: found a form that is none");
    else this.#places.take(found);
    return this.#places;
  }

  readIndexed(index: number): PlaceReader {
    const bases = unitBases(this.unit);
    const places = this.#owner.placesOf(bases.addresses());
    places.read(bases.indexedField(index), this.unit.header.addressSize);
    return places;
  }

  /** True when the form of the noted `DW_AT_high_pc` is that of an address, not of a length. */
  get highIsAddress(): boolean {
    switch (this.forms[SLOT.HIGH]) {
      case DW_FORM.DW_FORM_data1:
      case DW_FORM.DW_FORM_data2:
      case DW_FORM.DW_FORM_data4:
      case DW_FORM.DW_FORM_data8:
      case DW_FORM.DW_FORM_udata:
      case DW_FORM.DW_FORM_sdata:
      case DW_FORM.DW_FORM_implicit_const:
        return false;
      default:
        return true;
    }
  }

  /** Reads the noted range list. @throws DwarfError */
  ranges(): RangePlaces {
    const form = this.forms[SLOT.RANGES] ?? 0;
    const value = this.number(SLOT.RANGES);
    const { unit } = this;
    const plain = form !== DW_FORM.DW_FORM_rnglistx && !unit.isSplit;
    const offset = plain ? value : unitBases(unit).rangeOffset(form, value);
    this.#ranges ??= new RangePlaces(this.#owner.placesOf(unitBases(unit).ranges()), this, unit.header);
    const { section, offset: base } = this.#unitBase();
    this.#ranges.read(offset, section, base);
    return this.#ranges;
  }

  /** Gives the ranges of the entry that was decoded last. */
  give(sink: FunctionSink, entry: number): void {
    this.#give(sink, entry);
  }

  #give(sink: FunctionSink, entry: number): void {
    // `DW_AT_ranges` counts before the bounds [DWARF5 2.17].
    if (this.forms[SLOT.RANGES] !== 0) {
      const { count, sections, begins, ends } = this.ranges();
      for (let i = 0; i < count; i++) sink.add(sections[i] ?? 0, begins[i] ?? 0, ends[i] ?? 0, entry);
      return;
    }
    if (this.forms[SLOT.LOW] === 0 || this.forms[SLOT.HIGH] === 0) return;
    const { section, offset } = this.address(SLOT.LOW);
    const high = this.highIsAddress ? this.address(SLOT.HIGH).offset : offset + this.#length();
    if (high > offset) sink.add(section, offset, high, entry);
  }

  /** @returns whether there is any code */
  #giveInlined(sink: InlineSink, entry: number, depth: number): boolean {
    if (this.forms[SLOT.RANGES] !== 0) {
      const { count, sections, begins, ends } = this.ranges();
      for (let i = 0; i < count; i++) {
        sink.addInlined(sections[i] ?? 0, begins[i] ?? 0, ends[i] ?? 0, entry, depth);
      }
      return count > 0;
    }
    if (this.forms[SLOT.LOW] === 0 || this.forms[SLOT.HIGH] === 0) return false;
    const { section, offset } = this.address(SLOT.LOW);
    const high = this.highIsAddress ? this.address(SLOT.HIGH).offset : offset + this.#length();
    if (high > offset) sink.addInlined(section, offset, high, entry, depth);
    return high > offset;
  }

  /** What offsets in range lists count from, until a list says otherwise. */
  #unitBase(): { readonly section: number; readonly offset: number } {
    if (this.#base === undefined) {
      const { unit } = this;
      if (unit.isSplit) {
        const base = unitBases(unit).base;
        const places = new PlaceReader(unit.reader);
        if (base !== undefined) places.take(base);
        this.#base = { section: places.section, offset: places.offset };
      } else {
        // The values of another entry are noted, and wanted.
        const root = new UnitScanner(unit, this.#plan, this.#owner);
        const slot = root.decodeRoot() && root.forms[SLOT.LOW] === 0 ? SLOT.ENTRY_PC : SLOT.LOW;
        const { section, offset } =
          root.forms[slot] === 0 ? { section: ABSOLUTE, offset: 0 } : root.address(slot);
        this.#base = { section, offset };
      }
    }
    return this.#base;
  }

  /** Steps over the values of an entry some of which vary in size; a sibling it comes by is kept. */
  #step(declaration: number, from: number): number {
    const { firstStep, steps } = this.#plan;
    const bytes = this.#bytes;
    let at = from;
    for (let i = firstStep[declaration] ?? 0; ; i++) {
      const step = steps[i] ?? STEP.END;
      if (step === STEP.END) return at;
      if (step >= 0) at += step;
      else if (step === STEP.BLOCK && (bytes[at] ?? 0) < 0x80) at += 1 + (bytes[at] ?? 0);
      else if (step === STEP.LEB && (bytes[at] ?? 0) < 0x80) at++;
      else if (step === STEP.SIBLING4) {
        this.#sibling = this.#offset + readU32(bytes, at, this.#little);
        at += 4;
      } else if (step === STEP.SIBLING || step === STEP.FORM) {
        i++;
        const start = at;
        at = this.#reader.read(steps[i] ?? 0, start);
        if (step === STEP.SIBLING) this.#sibling = this.#reader.low;
      } else at = this.#stepOver(step, 0, at);
    }
  }

  #stepOver(step: number, form: number, at: number): number {
    const bytes = this.#bytes;
    switch (step) {
      case STEP.LEB:
        return at + (leb128Length(bytes, at) || this.#fail(at, "LEB128: no end within the unit"));
      case STEP.STRING: {
        const nul = bytes.indexOf(0, at);
        return nul < 0 ? this.#fail(at, "DW_FORM_string: no end within the unit") : nul + 1;
      }
      case STEP.BLOCK:
        return (
          at +
          (leb128Length(bytes, at) || this.#fail(at, "LEB128: no end within the unit")) +
          readUleb128Number(bytes, at)
        );
      case STEP.BLOCK1:
        return at + 1 + (bytes[at] ?? 0);
      default:
        return this.#reader.read(form, at);
    }
  }

  #failCode(at: number, code: number): never {
    throw dwarfError(
      this.unit.reader.section,
      "DWARF_BAD_REFERENCE",
      at,
      `abbreviation code ${code}: not declared`,
    );
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.unit.reader.section, "DWARF_TRUNCATED", at, what);
  }
}
