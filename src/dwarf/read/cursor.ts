/**
 * A cursor over the entries of a unit and their attributes [DWARF5 7.5.2, 7.5.6]. Walking allocates nothing: the
 * current entry and the current attribute are fields of the cursor.
 */
import { leb128Length } from "../../bytes/leb128.ts";
import { DW_FORM, formName } from "../constants/form.ts";
import type { FieldReader } from "../field.ts";
import { dwarfError } from "../place.ts";
import { type AbbrevTable, decodingOf, formSize } from "./abbrev.ts";
import type { UnitHeader } from "./unit.ts";

/** `DW_FORM_indirect` may name `DW_FORM_indirect`; nobody needs more than one. */
const INDIRECTIONS = 4;

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
          this.#position = at;
          this.#uleb();
          ({ low, high } = this);
          at = this.#position;
          break;
        }
        case 10: // DW_FORM_exprloc
          high = bytes[at] ?? 0;
          if (high < 0x80) {
            low = at + 1;
            at = low + high;
            break;
          }
          at = this.#decodeAt(first + i, at);
          ({ low, high } = this);
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
          at = this.#decodeAt(first + i, at);
          ({ low, high } = this);
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
    const form = this.abbrevs.forms[index] ?? 0;
    this.form = form === DW_FORM.DW_FORM_indirect ? this.#indirectForm(this.offsets[i] ?? 0) : form;
    this.valueOffset = this.offsets[i] ?? 0;
    this.low = this.lows[i] ?? 0;
    this.high = this.highs[i] ?? 0;
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

  /** Decodes the value at the position; the numbers are those of {@link AbbrevTable.decodings}. */
  #decode(decoding: number): void {
    const bytes = this.#bytes;
    const at = this.#position;
    switch (decoding) {
      case 1: // DW_FORM_data1
        this.low = bytes[at] ?? 0;
        this.high = 0;
        this.#position = at + 1;
        return;
      case 2: // DW_FORM_data2
        this.low = this.#u16(at);
        this.high = 0;
        this.#position = at + 2;
        return;
      case 3: // DW_FORM_data4, an offset before DWARF 4
        this.low = this.#relocated ? this.reader.offset(at, 4) : this.#u32(at);
        this.high = 0;
        this.#position = at + 4;
        return;
      case 4: // DW_FORM_strx4
        this.low = this.#u32(at);
        this.high = 0;
        this.#position = at + 4;
        return;
      case 5: // DW_FORM_ref4
        this.low = this.unit.offset + this.#u32(at);
        this.high = 0;
        this.#position = at + 4;
        return;
      case 6: // DW_FORM_strp, DW_FORM_sec_offset
        this.#offset(at, this.unit.offsetSize);
        return;
      case 7: // DW_FORM_flag_present
        this.low = 1;
        this.high = 0;
        return;
      case 8: // DW_FORM_udata
        this.#uleb();
        return;
      case 9: // DW_FORM_sdata
        this.#sleb();
        return;
      case 10: // DW_FORM_exprloc
        this.#uleb();
        this.#block(this.#position, this.low);
        return;
      case 11: // DW_FORM_block1
        this.#block(at + 1, bytes[at] ?? 0);
        return;
      case 12: // DW_FORM_addr
        this.#word(at, this.unit.addressSize);
        return;
      case 13: // DW_FORM_string
        this.#string(at);
        return;
      default:
        this.#decodeRare(this.form, at);
    }
  }

  /** Forms that compilers seldom use. */
  #decodeRare(form: number, at: number): void {
    const { unit } = this;
    switch (form) {
      case DW_FORM.DW_FORM_ref_addr:
        this.#offset(at, unit.version === 2 ? unit.addressSize : unit.offsetSize);
        return;
      case DW_FORM.DW_FORM_data8:
        // Before DWARF 4 an offset in the 64-bit format looks like a constant; only its relocation tells.
        if (this.#relocated && this.reader.isRelocated(at)) this.#offset(at, 8);
        else this.#word(at, 8);
        return;
      case DW_FORM.DW_FORM_ref_sig8:
        this.#word(at, 8);
        return;
      case DW_FORM.DW_FORM_ref_sup8:
        this.low = this.reader.raw(at, 8);
        this.high = 0;
        this.#position = at + 8;
        return;
      case DW_FORM.DW_FORM_ref1:
      case DW_FORM.DW_FORM_ref2:
      case DW_FORM.DW_FORM_ref8: {
        const size = form === DW_FORM.DW_FORM_ref1 ? 1 : form === DW_FORM.DW_FORM_ref2 ? 2 : 8;
        this.low = unit.offset + this.reader.raw(at, size);
        this.high = 0;
        this.#position = at + size;
        return;
      }
      case DW_FORM.DW_FORM_ref_udata:
        this.#uleb();
        this.low += unit.offset;
        return;
      case DW_FORM.DW_FORM_strx3:
      case DW_FORM.DW_FORM_addrx3: {
        const [a, b, c] = [this.#bytes[at] ?? 0, this.#bytes[at + 1] ?? 0, this.#bytes[at + 2] ?? 0];
        this.low = this.#little ? a | (b << 8) | (c << 16) : (a << 16) | (b << 8) | c;
        this.high = 0;
        this.#position = at + 3;
        return;
      }
      case DW_FORM.DW_FORM_block2:
        this.#block(at + 2, this.#u16(at));
        return;
      case DW_FORM.DW_FORM_block4:
        this.#block(at + 4, this.#u32(at));
        return;
      case DW_FORM.DW_FORM_data16:
        this.#block(at, 16);
        return;
      case DW_FORM.DW_FORM_indirect:
        this.#decodeIndirect(at);
        return;
      default:
        throw dwarfError(this.reader.section, "DWARF_UNSUPPORTED", at, `${formName(form)}: unknown form`);
    }
  }

  #decodeIndirect(at: number): void {
    const form = this.#indirectForm(at);
    this.form = form;
    this.#decode(decodingOf(form));
  }

  /** The form that `DW_FORM_indirect` at `at` leads to; the position is behind its code then. */
  #indirectForm(at: number): number {
    const before = this.#position;
    this.#position = at;
    let form: number = DW_FORM.DW_FORM_indirect;
    for (let depth = 0; form === DW_FORM.DW_FORM_indirect; depth++) {
      if (depth === INDIRECTIONS) {
        throw dwarfError(this.reader.section, "DWARF_LOOP", at, "DW_FORM_indirect: leads to itself");
      }
      this.#uleb();
      form = this.low;
    }
    if (form === DW_FORM.DW_FORM_implicit_const) {
      throw dwarfError(
        this.reader.section,
        "DWARF_BAD_VALUE",
        at,
        "DW_FORM_indirect: leads to DW_FORM_implicit_const",
      );
    }
    if (this.#decoded >= 0) this.#position = before;
    return form;
  }

  #skipAttributes(): void {
    const { abbrevs } = this;
    const declaration = this.#declaration;
    const size = this.#sizes[declaration] ?? -1;
    if (size >= 0) this.#position += size;
    else {
      const last = abbrevs.first[declaration + 1] ?? 0;
      for (let index = abbrevs.first[declaration] ?? 0; index < last; index++) this.#skipOne(index);
    }
    if (this.#position > this.#end) this.#fail(this.offset, "entry: runs past the end of the unit");
  }

  #widen(count: number): number {
    this.lows = new Float64Array(count);
    this.highs = new Uint32Array(count);
    this.offsets = new Float64Array(count);
    return this.decode();
  }

  /** Decodes one value at `at` into {@link low} and {@link high}. @returns where it ends */
  #decodeAt(index: number, at: number): number {
    this.#position = at;
    this.form = this.abbrevs.forms[index] ?? 0;
    this.valueOffset = at;
    this.#decode(this.abbrevs.decodings[index] ?? 0);
    return this.#position;
  }

  #skipOne(index: number): void {
    this.form = this.abbrevs.forms[index] ?? 0;
    this.valueOffset = this.#position;
    const size = formSize(this.form, this.unit);
    if (size >= 0) this.#position += size;
    else this.#decode(this.abbrevs.decodings[index] ?? 0);
  }

  #offset(at: number, size: number): void {
    this.low = this.#relocated || size !== 4 ? this.reader.offset(at, size) : this.#u32(at);
    this.high = 0;
    this.#position = at + size;
  }

  /** An address or a 64-bit constant, as it stands. */
  #word(at: number, size: number): void {
    if (size === 8) {
      this.low = this.#u32(this.#little ? at : at + 4);
      this.high = this.#u32(this.#little ? at + 4 : at);
    } else {
      this.low = size === 4 ? this.#u32(at) : this.#u16(at);
      this.high = 0;
    }
    this.#position = at + size;
  }

  #block(start: number, length: number): void {
    if (start + length > this.#end)
      this.#fail(this.valueOffset, `block of ${length} bytes: runs past the end of the unit`);
    this.low = start;
    this.high = length;
    this.#position = start + length;
  }

  #string(at: number): void {
    const end = this.#bytes.indexOf(0, at);
    if (end < 0 || end >= this.#end) this.#fail(at, "DW_FORM_string: no end within the unit");
    this.low = at;
    this.high = end - at;
    this.#position = end + 1;
  }

  #uleb(): void {
    const bytes = this.#bytes;
    let at = this.#position;
    const first = bytes[at++] ?? 0;
    this.high = 0;
    if (first < 0x80) {
      this.low = first;
      this.#position = at;
      return;
    }
    let low = first & 0x7f;
    let shift = 7;
    while (shift < 28) {
      const byte = bytes[at++] ?? 0;
      low |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) {
        this.low = low;
        this.#position = at;
        return;
      }
    }
    this.#longLeb(false);
  }

  #sleb(): void {
    const first = this.#bytes[this.#position] ?? 0;
    if (first < 0x80) {
      const value = (first << 25) >> 25;
      this.low = value >>> 0;
      this.high = value < 0 ? 0xffff_ffff : 0;
      this.#position++;
      return;
    }
    this.#longLeb(true);
  }

  /** A LEB128 of any length, in halves; bits past 64 are dropped. */
  #longLeb(signed: boolean): void {
    const bytes = this.#bytes;
    const start = this.#position;
    const length = leb128Length(bytes, start);
    if (length === 0 || start + length > this.#end) this.#fail(start, "LEB128: no end within the unit");
    let low = 0;
    let high = 0;
    for (let i = 0; i < length; i++) {
      const bits = (bytes[start + i] ?? 0) & 0x7f;
      const shift = 7 * i;
      if (shift < 32) low |= bits << shift;
      if (shift > 25 && shift < 64) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
    }
    const width = 7 * length;
    if (signed && width < 64 && ((bytes[start + length - 1] ?? 0) & 0x40) !== 0) {
      if (width < 32) low |= -1 << width;
      high = width <= 32 ? -1 : high | (-1 << (width - 32));
    }
    this.low = low >>> 0;
    this.high = high >>> 0;
    this.#position = start + length;
  }

  #u16(at: number): number {
    return at + 2 <= this.#bytes.length ? this.#view.getUint16(at, this.#little) : this.#failEnd(at);
  }

  #u32(at: number): number {
    return at + 4 <= this.#bytes.length ? this.#view.getUint32(at, this.#little) : this.#failEnd(at);
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
