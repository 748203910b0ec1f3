/**
 * Entries of a unit with all their attribute values, decoded many at a time into columns [DWARF5 7.5.2, 7.5.6]. For who
 * reads every entry of a file: one loop, whose state is local, writes numbers into arrays and nothing else.
 */
import type { FieldReader } from "../field.ts";
import { dwarfError } from "../place.ts";
import type { AbbrevTable } from "./abbrev.ts";
import { FormReader } from "./form.ts";
import type { UnitHeader } from "./unit.ts";

/** Entries in a batch, and values: as many as stay in the processor's cache. */
const ENTRIES = 2048;
const VALUES = 8 * ENTRIES;
/** Bytes of the longest value that is read without looking at bounds. */
const MOST_BYTES = 129;

/** A batch of entries in columns, filled again and again. */
export class EntryBatch {
  /** Abbreviations of the unit: what the values are. */
  abbrevs: AbbrevTable;
  /** Entries in the columns. */
  count = 0;
  /** Of each entry: where it is in the section. */
  readonly offsets = new Float64Array(ENTRIES);
  /** Its number in {@link abbrevs}. */
  readonly declarations = new Uint32Array(ENTRIES);
  /** Levels below the unit's root. */
  readonly depths = new Uint32Array(ENTRIES);
  /** Where its values begin in the value columns; one more at the end. */
  readonly firstValues = new Uint32Array(ENTRIES + 1);
  /** Of each value: as `low` and `high` of {@link EntryCursor}, and where it is in the section. */
  lows = new Float64Array(VALUES);
  highs = new Uint32Array(VALUES);
  places = new Float64Array(VALUES);

  #reader: FieldReader;
  #unit: UnitHeader;
  #forms: FormReader;
  #view: DataView;
  #position = 0;
  #depth = 0;

  /** A batch before the unit's root entry, empty until {@link fill}. */
  constructor(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable) {
    this.abbrevs = abbrevs;
    this.#reader = reader;
    this.#unit = unit;
    this.#forms = new FormReader(reader, unit);
    this.#view = viewOf(reader);
    this.begin(reader, unit, abbrevs);
  }

  /** Goes on with another unit, of whatever file, in the same columns: they are too large to make anew for each. */
  begin(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable): void {
    this.abbrevs = abbrevs;
    this.#unit = unit;
    this.#forms = new FormReader(reader, unit);
    if (reader !== this.#reader) this.#view = viewOf(reader);
    this.#reader = reader;
    this.#position = unit.entries;
    this.#depth = 0;
    this.count = 0;
    if (abbrevs.longest > this.lows.length) {
      this.lows = new Float64Array(abbrevs.longest);
      this.highs = new Uint32Array(abbrevs.longest);
      this.places = new Float64Array(abbrevs.longest);
    }
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
      this.#run();
    } catch (error) {
      if (this.count === 0) throw error;
    }
    return this.count;
  }

  #run(): void {
    const { abbrevs, offsets, declarations, depths, firstValues, lows, highs, places } = this;
    const { decodings, first, children, forms } = abbrevs;
    const reader = this.#reader;
    const { bytes, little } = reader;
    const view = this.#view;
    const { end, offset: unitOffset, offsetSize } = this.#unit;
    const plainOffsets = offsetSize === 4 && reader.section.relocations === undefined;
    // Near the end of the section the careful reader takes over: wide reads look at no bounds.
    const { length } = bytes;
    let at = this.#position;
    let depth = this.#depth;
    let values = 0;
    let entries = 0;
    while (at < end && entries < ENTRIES) {
      const start = at;
      let code = bytes[at++] ?? 0;
      if (code >= 0x80) {
        code &= 0x7f;
        let scale = 0x80;
        for (;;) {
          const byte = bytes[at++] ?? 0;
          code += (byte & 0x7f) * scale;
          if (byte < 0x80) break;
          scale *= 0x80;
          if (at >= end) this.#fail(start, "abbreviation code: found the end of the unit");
        }
      }
      if (code === 0) {
        // A chain of siblings ends. Compilers also pad the end of a unit with zeros, above the root then.
        if (depth > 0) depth--;
        continue;
      }
      const declaration = abbrevs.indexOf(code);
      if (declaration < 0) this.#failCode(start, code);
      const last = first[declaration + 1] ?? 0;
      let index = first[declaration] ?? 0;
      if (values + last - index > lows.length) {
        at = start;
        break;
      }
      const careful = at + (last - index) * MOST_BYTES > length;
      offsets[entries] = start;
      declarations[entries] = declaration;
      depths[entries] = depth;
      firstValues[entries] = values;
      for (; index < last; index++) {
        let low = 0;
        let high = 0;
        places[values] = at;
        // The numbers are those of AbbrevTable.decodings; 15 is what only the careful reader does.
        switch (careful ? 15 : decodings[index]) {
          case 1: // DW_FORM_data1
            low = bytes[at++] ?? 0;
            break;
          case 2: // DW_FORM_data2
            low = view.getUint16(at, little);
            at += 2;
            break;
          case 4: // DW_FORM_strx4
            low = view.getUint32(at, little);
            at += 4;
            break;
          case 5: // DW_FORM_ref4
            low = unitOffset + view.getUint32(at, little);
            at += 4;
            break;
          case 6: // DW_FORM_strp, DW_FORM_sec_offset
            low = plainOffsets ? view.getUint32(at, little) : reader.offset(at, offsetSize);
            at += offsetSize;
            break;
          case 7: // DW_FORM_flag_present
            low = 1;
            break;
          case 8: {
            // DW_FORM_udata, of which most take one byte or two
            const byte = bytes[at] ?? 0;
            const more = bytes[at + 1] ?? 0;
            if (byte < 0x80) {
              low = byte;
              at++;
            } else if (more < 0x80) {
              low = (byte & 0x7f) | (more << 7);
              at += 2;
            } else {
              at = this.#forms.read(forms[index] ?? 0, at);
              low = this.#forms.low;
              high = this.#forms.high;
            }
            break;
          }
          case 10: // DW_FORM_exprloc, of which most are short
            high = bytes[at] ?? 0;
            if (high < 0x80) {
              low = at + 1;
              at = low + high;
            } else {
              at = this.#forms.read(forms[index] ?? 0, at);
              low = this.#forms.low;
              high = this.#forms.high;
            }
            break;
          case 14: // DW_FORM_implicit_const
            low = abbrevs.constantLow[index] ?? 0;
            high = abbrevs.constantHigh[index] ?? 0;
            break;
          default:
            if (decodings[index] === 14) {
              low = abbrevs.constantLow[index] ?? 0;
              high = abbrevs.constantHigh[index] ?? 0;
              break;
            }
            at = this.#forms.read(forms[index] ?? 0, at);
            low = this.#forms.low;
            high = this.#forms.high;
        }
        lows[values] = low;
        highs[values] = high;
        values++;
      }
      if (at > end) this.#fail(start, "entry: runs past the end of the unit");
      depth += children[declaration] ?? 0;
      entries++;
      firstValues[entries] = values;
      this.count = entries;
      this.#position = at;
      this.#depth = depth;
    }
    this.#position = at;
    this.#depth = depth;
  }

  #failCode(at: number, code: number): never {
    const what = `abbreviation code ${code}: not declared`;
    throw dwarfError(this.#reader.section, "DWARF_BAD_REFERENCE", at, what);
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.#reader.section, "DWARF_TRUNCATED", at, what);
  }
}

function viewOf({ bytes }: FieldReader): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
