/**
 * A cursor over the entries of a unit and their attributes [DWARF5 7.5.2, 7.5.6]. Walking allocates nothing: the
 * current entry and the current attribute are fields of the cursor.
 */
import { DW_FORM } from "../constants/form.ts";
import type { FieldReader } from "../field.ts";
import { dwarfError } from "../place.ts";
import { type AbbrevTable, formSize } from "./abbrev.ts";
import { FormReader } from "./form.ts";
import type { UnitHeader } from "./unit.ts";

export class EntryCursor {
  readonly unit: UnitHeader;
  readonly reader: FieldReader;
  readonly abbrevs: AbbrevTable;
  /** Of the current entry, in the section. */
  offset = -1;
  /** Levels of the current entry below the unit's root, which is at 0. */
  depth = 0;

  /** Of the current attribute: its `DW_AT_`. */
  attribute = 0;
  /** Its `DW_FORM_`, that which was found behind `DW_FORM_indirect`. */
  form = 0;
  /** Where its value begins in the section. */
  valueOffset = 0;
  /**
   * Low 32 bits of a constant, flag, signature or address as it stands; a whole number for what is an offset, index or
   * reference. Of blocks and strings in place: where the bytes begin.
   */
  low = 0;
  /** High 32 bits of what has 64. Of blocks and strings in place: how many bytes. */
  high = 0;

  /** Of the attributes that {@link decode} decoded: {@link low}, {@link high} and {@link valueOffset} of each. */
  lows = new Float64Array(32);
  highs = new Uint32Array(32);
  offsets = new Float64Array(32);

  readonly #forms: FormReader;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #relocated: boolean;
  readonly #sizes: Int32Array;
  readonly #end: number;
  /** Where reading goes on. */
  #position: number;
  /** The current entry's declaration; -1 before the first entry and behind the last. */
  #declaration = -1;
  /** Attributes of the current entry that {@link nextAttribute} has passed. */
  #passed = 0;
  /** Attributes of the current entry that are decoded; -1 while none is. */
  #decoded = -1;

  constructor(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable, from = unit.entries, depth = 0) {
    const { bytes } = reader;
    this.unit = unit;
    this.reader = reader;
    this.abbrevs = abbrevs;
    this.#forms = new FormReader(reader, unit);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = reader.little;
    this.#relocated = reader.section.relocations !== undefined;
    this.#sizes = abbrevs.sizes(unit);
    this.#end = unit.end;
    this.#position = from;
    this.depth = depth;
  }

  /** `DW_TAG_` of the current entry. */
  get tag(): number {
    return this.abbrevs.tags[this.#declaration] ?? 0;
  }

  /** Whether the current entry owns entries. */
  get hasChildren(): boolean {
    return this.abbrevs.children[this.#declaration] === 1;
  }

  /** Index in {@link AbbrevTable.attributes} of the current entry's first attribute. */
  get firstAttribute(): number {
    return this.abbrevs.first[this.#declaration] ?? 0;
  }

  /**
   * Moves to the next entry in the order of the file: a child, a sibling, or a sibling of an ancestor.
   * @returns false at the end of the unit
   */
  next(): boolean {
    const { abbrevs } = this;
    let { depth } = this;
    if (this.#declaration >= 0) {
      if (this.#decoded < 0) this.#skipAttributes();
      depth += abbrevs.children[this.#declaration] ?? 0;
    }
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#position;
    while (at < end) {
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
      this.offset = start;
      this.depth = depth;
      this.#declaration = declaration;
      this.#position = at;
      this.#decoded = -1;
      this.#passed = 0;
      return true;
    }
    this.#position = end;
    this.#declaration = -1;
    return false;
  }

  /**
   * Decodes all attributes of the current entry into {@link lows}, {@link highs} and {@link offsets}. For who reads
   * millions of entries: nothing but columns is written, and {@link AbbrevTable.attributes} and `forms` from
   * {@link firstAttribute} on say what they are.
   * @returns how many there are
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for an unknown form, DWARF_BAD_RELOCATION
   */
  decode(): number {
    const { abbrevs, lows, highs, offsets } = this;
    const { decodings } = abbrevs;
    const bytes = this.#bytes;
    const view = this.#view;
    const little = this.#little;
    const { reader, unit } = this;
    const { offset: unitOffset, offsetSize } = unit;
    const slowOffsets = this.#relocated || offsetSize !== 4;
    const first = abbrevs.first[this.#declaration] ?? 0;
    const count = (abbrevs.first[this.#declaration + 1] ?? 0) - first;
    if (count > lows.length) return this.#widen(count);
    // Fields of fixed size are bounded by the end of the section here, and by that of the unit behind the loop.
    let at = this.#position;
    for (let i = 0; i < count; i++) {
      offsets[i] = at;
      let low = 0;
      let high = 0;
      switch (decodings[first + i]) {
        case 1: // DW_FORM_data1
          low = bytes[at++] ?? 0;
          break;
        case 2: // DW_FORM_data2
          low = at + 2 <= bytes.length ? view.getUint16(at, little) : this.#failEnd(at);
          at += 2;
          break;
        case 5: // DW_FORM_ref4
          low = unitOffset + (at + 4 <= bytes.length ? view.getUint32(at, little) : this.#failEnd(at));
          at += 4;
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
            break;
          }
          if (more < 0x80) {
            low = (byte & 0x7f) | (more << 7);
            at += 2;
            break;
          }
          at = this.#forms.read(abbrevs.forms[first + i] ?? 0, at);
          ({ low, high } = this.#forms);
          break;
        }
        case 10: // DW_FORM_exprloc
          high = bytes[at] ?? 0;
          if (high < 0x80) {
            low = at + 1;
            at = low + high;
            break;
          }
          at = this.#forms.read(abbrevs.forms[first + i] ?? 0, at);
          ({ low, high } = this.#forms);
          break;
        case 6: // DW_FORM_strp, DW_FORM_sec_offset
          if (slowOffsets) {
            low = reader.offset(at, offsetSize);
            at += offsetSize;
          } else {
            low = at + 4 <= bytes.length ? view.getUint32(at, little) : this.#failEnd(at);
            at += 4;
          }
          break;
        case 14: // DW_FORM_implicit_const
          low = abbrevs.constantLow[first + i] ?? 0;
          high = abbrevs.constantHigh[first + i] ?? 0;
          break;
        default:
          at = this.#forms.read(abbrevs.forms[first + i] ?? 0, at);
          ({ low, high } = this.#forms);
      }
      lows[i] = low;
      highs[i] = high;
    }
    this.#position = at;
    this.#decoded = count;
    if (at > this.#end) this.#fail(this.offset, "entry: runs past the end of the unit");
    return count;
  }

  /**
   * Moves to the next attribute of the current entry.
   * @returns false when there is none
   * @throws DwarfError as {@link decode}, at the first attribute
   */
  nextAttribute(): boolean {
    if (this.#decoded < 0) this.decode();
    const i = this.#passed;
    if (i >= this.#decoded) return false;
    this.#passed = i + 1;
    const index = this.firstAttribute + i;
    this.attribute = this.abbrevs.attributes[index] ?? 0;
    this.form = this.abbrevs.forms[index] ?? 0;
    this.valueOffset = this.offsets[i] ?? 0;
    this.low = this.lows[i] ?? 0;
    this.high = this.highs[i] ?? 0;
    if (this.form === DW_FORM.DW_FORM_indirect) {
      this.#forms.read(this.form, this.valueOffset);
      this.form = this.#forms.form;
    }
    return true;
  }

  /** A constant, flag or signature as a signed 64-bit number, by the form's own sign. */
  get constant(): bigint {
    const value = (BigInt(this.high) << 32n) | BigInt(this.low);
    switch (this.form) {
      case DW_FORM.DW_FORM_sdata:
      case DW_FORM.DW_FORM_implicit_const:
        return BigInt.asIntN(64, value);
      default:
        return value;
    }
  }

  /** The bytes of a block, expression or string in place. A view of the section. */
  get block(): Uint8Array {
    return this.#bytes.subarray(this.low, this.low + this.high);
  }

  #skipAttributes(): void {
    const { abbrevs } = this;
    const declaration = this.#declaration;
    const size = this.#sizes[declaration] ?? -1;
    if (size >= 0) this.#position += size;
    else {
      const last = abbrevs.first[declaration + 1] ?? 0;
      for (let index = abbrevs.first[declaration] ?? 0; index < last; index++) {
        this.#position = this.#endOf(abbrevs.forms[index] ?? 0, this.#position);
      }
    }
    if (this.#position > this.#end) this.#fail(this.offset, "entry: runs past the end of the unit");
  }

  #widen(count: number): number {
    this.lows = new Float64Array(count);
    this.highs = new Uint32Array(count);
    this.offsets = new Float64Array(count);
    return this.decode();
  }

  /** Where the value of an attribute that begins at `at` ends. */
  #endOf(form: number, at: number): number {
    const size = formSize(form, this.unit);
    return size >= 0 ? at + size : this.#forms.read(form, at);
  }

  #failEnd(at: number): never {
    return this.#fail(at, "value: runs past the end of the section");
  }

  #failCode(at: number, code: number): never {
    throw dwarfError(
      this.reader.section,
      "DWARF_BAD_REFERENCE",
      at,
      `abbreviation code ${code}: not declared`,
    );
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.reader.section, "DWARF_TRUNCATED", at, what);
  }
}
