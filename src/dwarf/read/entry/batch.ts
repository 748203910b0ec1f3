/**
 * Entries of a unit with all their attribute values, decoded many at a time into columns [DWARF5 7.5.2, 7.5.6]. For who
 * reads every entry of a file. The kernel reads what compilers usually write; the rest is read here, form by form.
 */
import { DW_FORM } from "../../constants/form.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { UnitHeader } from "../unit/header.ts";
import type { AbbrevTable } from "./abbrev.ts";
import { FormReader } from "./form.ts";
import { type EntryColumns, EntryKernel } from "./kernel.ts";

/** Entries in a batch, and values: as many as stay in the processor's cache. */
const ENTRIES = 2048;
const VALUES = 8 * ENTRIES;

/** A batch of entries in columns, filled again and again. */
export class EntryBatch {
  /** Abbreviations of the unit: what the values are. */
  abbrevs: AbbrevTable;
  /** Entries in the columns. */
  count = 0;
  #columns: EntryColumns;
  #reader: FieldReader;
  #unit: UnitHeader;
  #forms: FormReader;
  readonly #kernel: EntryKernel | undefined;
  /** Whether the kernel has the unit. */
  #loaded = false;
  /** The placement that the kernel knows symbols of. */
  #generation = -1;
  #position = 0;
  #depth = 0;
  /** What the kernel looks at strings in. */
  #texts: Uint8Array | undefined;
  /** Entries in the columns that were read form by form. */
  readonly #others: number[] = [];

  /** A batch before the unit's root entry, empty until {@link fill}. */
  constructor(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable) {
    this.abbrevs = abbrevs;
    this.#reader = reader;
    this.#unit = unit;
    this.#forms = new FormReader(reader, unit);
    this.#kernel = EntryKernel.create(ENTRIES, VALUES);
    this.#columns = this.#kernel?.columns ?? columnsOf(VALUES);
    this.begin(reader, unit, abbrevs);
  }

  /**
   * Goes on with another unit, of whatever file; the columns may be others then.
   * @param texts `.debug_str`, to look at its strings while they are come to: see {@link looked}
   */
  begin(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable, texts?: Uint8Array): void {
    if (reader !== this.#reader) this.#generation = -1;
    this.abbrevs = abbrevs;
    this.#reader = reader;
    this.#unit = unit;
    this.#forms = new FormReader(reader, unit);
    this.#position = unit.entries;
    this.#depth = 0;
    this.count = 0;
    this.#texts = texts;
    this.#loaded = this.#kernel?.load(reader, unit, abbrevs, texts) ?? false;
    if (this.#kernel !== undefined && this.#loaded) this.#columns = this.#kernel.columns;
    else if (abbrevs.all.longest > this.lows.length) this.#columns = columnsOf(abbrevs.all.longest);
  }

  /** Of each entry: where it is in the section. Like all columns, valid until {@link begin}. */
  get offsets(): Float64Array {
    return this.#columns.offsets;
  }

  /** Its number in {@link abbrevs}. */
  get declarations(): Uint32Array {
    return this.#columns.declarations;
  }

  /** Levels below the unit's root. */
  get depths(): Uint32Array {
    return this.#columns.depths;
  }

  /** Where its values begin in the value columns; one more at the end. */
  get firstValues(): Uint32Array {
    return this.#columns.firstValues;
  }

  /** Of each value: `low` of {@link EntryCursor}. */
  get lows(): Float64Array {
    return this.#columns.lows;
  }

  /** Of each value: `high` of {@link EntryCursor}. */
  get highs(): Uint32Array {
    return this.#columns.highs;
  }

  /**
   * Decodes the next entries in the order of the file. Those before a damaged one are given first; the error comes with
   * the next call.
   * @returns how many; 0 at the end of the unit
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_REFERENCE for an undeclared code, DWARF_UNSUPPORTED for an unknown form,
   *   DWARF_BAD_RELOCATION
   */
  fill(): number {
    this.count = 0;
    try {
      if (this.#kernel === undefined || !this.#loaded) while (this.#readEntry());
      else this.#run(this.#kernel);
    } catch (error) {
      if (this.count === 0) throw error;
    }
    return this.count;
  }

  /**
   * The strings in place and in the section that {@link begin} was given, of the entries in the columns: how many were
   * looked at, and the sum of their first bytes, 0 of an empty string. Those of `others` were not.
   * @returns `undefined` when no string was looked at
   */
  looked(): { count: number; firstBytes: number; others: readonly number[] } | undefined {
    if (this.#kernel === undefined || !this.#loaded || this.#texts === undefined) return undefined;
    const [count, firstBytes] = this.#kernel.looked();
    return { count, firstBytes, others: this.#others };
  }

  #run(kernel: EntryKernel): void {
    const { generation } = this.#reader.section.placement;
    if (generation !== this.#generation) kernel.forget();
    this.#generation = generation;
    kernel.entries = 0;
    kernel.values = 0;
    this.#others.length = 0;
    for (;;) {
      const declined = kernel.run();
      this.count = kernel.entries;
      this.#position = kernel.at;
      this.#depth = kernel.depth;
      if (!declined) return;
      const start = this.#position;
      if (!this.#readEntry()) return;
      this.#others.push(this.count - 1);
      kernel.learn(this.#reader, start, this.#position);
      kernel.entries = this.count;
      kernel.values = this.firstValues[this.count] ?? 0;
      kernel.at = this.#position;
      kernel.depth = this.#depth;
    }
  }

  /** Reads one entry form by form. @returns false at the end of the unit, or when the columns have no room */
  #readEntry(): boolean {
    const { abbrevs, lows, highs, count } = this;
    const { first, forms, children, constants } = abbrevs.all;
    const start = this.#skipNulls();
    if (start === this.#unit.end || count === ENTRIES) return false;
    const [code, behind] = this.#readCode(start);
    const declaration = abbrevs.indexOf(code);
    if (declaration < 0) {
      const what = `abbreviation code ${code}: not declared`;
      throw dwarfError(this.#reader.section, "DWARF_BAD_REFERENCE", start, what);
    }
    let index = first[declaration] ?? 0;
    const last = first[declaration + 1] ?? 0;
    let value = count === 0 ? 0 : (this.firstValues[count] ?? 0);
    if (value + last - index > lows.length) return false;
    this.firstValues[count] = value;
    let at = behind;
    for (; index < last; index++, value++) {
      const form = forms[index] ?? 0;
      if (form === DW_FORM.DW_FORM_implicit_const) {
        lows[value] = constants[2 * index] ?? 0;
        highs[value] = constants[2 * index + 1] ?? 0;
        continue;
      }
      at = this.#forms.read(form, at);
      lows[value] = this.#forms.low;
      highs[value] = this.#forms.high;
    }
    if (at > this.#unit.end) this.#fail(start, "entry: runs past the end of the unit");
    this.offsets[count] = start;
    this.declarations[count] = declaration;
    this.depths[count] = this.#depth;
    this.firstValues[count + 1] = value;
    this.count = count + 1;
    this.#depth += children[declaration] ?? 0;
    this.#position = at;
    return true;
  }

  /** Where the next entry is; between, chains of siblings end. Compilers also pad the end of a unit, above the root then. */
  #skipNulls(): number {
    const { bytes } = this.#reader;
    const { end } = this.#unit;
    while (this.#position < end && bytes[this.#position] === 0) {
      if (this.#depth > 0) this.#depth--;
      this.#position++;
    }
    return this.#position;
  }

  #readCode(start: number): [code: number, behind: number] {
    const { bytes } = this.#reader;
    let code = 0;
    let scale = 1;
    for (let at = start; at < this.#unit.end; at++) {
      const byte = bytes[at] ?? 0;
      code += (byte & 0x7f) * scale;
      if (byte < 0x80) return [code, at + 1];
      scale *= 0x80;
    }
    return this.#fail(start, "abbreviation code: found the end of the unit");
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.#reader.section, "DWARF_TRUNCATED", at, what);
  }
}

function columnsOf(values: number): EntryColumns {
  return {
    offsets: new Float64Array(ENTRIES),
    declarations: new Uint32Array(ENTRIES),
    depths: new Uint32Array(ENTRIES),
    firstValues: new Uint32Array(ENTRIES + 1),
    lows: new Float64Array(values),
    highs: new Uint32Array(values),
  };
}
