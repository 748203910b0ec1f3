/**
 * Values of attributes, one at a time and of any form [DWARF5 7.5.5, 7.5.6]. What the cursor's fast path does not know
 * comes here.
 */
import { leb128Length } from "../../../bytes/leb128.ts";
import { DW_FORM, formName } from "../../constants/form.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { UnitHeader } from "../unit/header.ts";
import { DECODING, decodingOf } from "./decoding.ts";

/** `DW_FORM_indirect` may name `DW_FORM_indirect`; nobody needs more than a few. */
const INDIRECTIONS = 4;

export class FormReader {
  /**
   * Low 32 bits of a constant, flag, signature or address as it stands; a whole number for what is an offset, index or
   * reference. Of blocks and strings in place: where the bytes begin.
   */
  low = 0;
  /** High 32 bits of what has 64. Of blocks and strings in place: how many bytes. Of `DW_FORM_LLVM_addrx_offset`: the offset. */
  high = 0;
  /** The form of the value read last: that which was found behind `DW_FORM_indirect`. */
  form = 0;

  readonly #reader: FieldReader;
  readonly #unit: UnitHeader;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;
  readonly #relocated: boolean;
  readonly #end: number;
  #position = 0;

  constructor(reader: FieldReader, unit: UnitHeader) {
    const { bytes } = reader;
    this.#reader = reader;
    this.#unit = unit;
    this.#bytes = bytes;
    this.#view = reader.view;
    this.#little = reader.little;
    this.#relocated = reader.section.relocations !== undefined;
    this.#end = unit.end;
  }

  /**
   * Reads the value of a form at `at` into {@link low} and {@link high}.
   * @returns where it ends; a value of fixed size may end past the unit, which the caller looks at
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for an unknown form, DWARF_BAD_RELOCATION
   */
  read(form: number, at: number): number {
    this.#position = at;
    this.form = form;
    this.#decode(decodingOf(form));
    return this.#position;
  }

  /** Decodes the value at the position. */
  #decode(decoding: number): void {
    const bytes = this.#bytes;
    const at = this.#position;
    switch (decoding) {
      case DECODING.data1:
        this.low = bytes[at] ?? 0;
        this.high = 0;
        this.#position = at + 1;
        return;
      case DECODING.data2:
        this.low = this.#u16(at);
        this.high = 0;
        this.#position = at + 2;
        return;
      case DECODING.data4:
        this.low = this.#relocated ? this.#reader.offset(at, 4) : this.#u32(at);
        this.high = 0;
        this.#position = at + 4;
        return;
      case DECODING.strx4:
        this.low = this.#u32(at);
        this.high = 0;
        this.#position = at + 4;
        return;
      case DECODING.ref4:
        this.low = this.#unit.offset + this.#u32(at);
        this.high = 0;
        this.#position = at + 4;
        return;
      case DECODING.offset:
      case DECODING.strp:
        this.#offset(at, this.#unit.offsetSize);
        return;
      case DECODING.present:
        this.low = 1;
        this.high = 0;
        return;
      case DECODING.udata:
        this.#uleb();
        return;
      case DECODING.sdata:
        this.#sleb();
        return;
      case DECODING.exprloc:
        this.#uleb();
        this.#block(this.#position, this.low);
        return;
      case DECODING.block1:
        this.#block(at + 1, bytes[at] ?? 0);
        return;
      case DECODING.addr:
        this.#word(at, this.#unit.addressSize);
        return;
      case DECODING.string:
        this.#string(at);
        return;
      default:
        this.#decodeRare(this.form, at);
    }
  }

  /** Forms that compilers seldom use. */
  #decodeRare(form: number, at: number): void {
    const unit = this.#unit;
    switch (form) {
      case DW_FORM.DW_FORM_ref_addr:
        this.#offset(at, unit.version === 2 ? unit.addressSize : unit.offsetSize);
        return;
      case DW_FORM.DW_FORM_data8:
        // Before DWARF 4 an offset in the 64-bit format looks like a constant; only its relocation tells.
        if (this.#relocated && this.#reader.isRelocated(at)) this.#offset(at, 8);
        else this.#word(at, 8);
        return;
      case DW_FORM.DW_FORM_ref_sig8:
        this.#word(at, 8);
        return;
      case DW_FORM.DW_FORM_ref_sup8:
        this.low = this.#reader.raw(at, 8);
        this.high = 0;
        this.#position = at + 8;
        return;
      case DW_FORM.DW_FORM_ref1:
      case DW_FORM.DW_FORM_ref2:
      case DW_FORM.DW_FORM_ref8: {
        const size = form === DW_FORM.DW_FORM_ref1 ? 1 : form === DW_FORM.DW_FORM_ref2 ? 2 : 8;
        this.low = unit.offset + this.#reader.raw(at, size);
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
      case DW_FORM.DW_FORM_LLVM_addrx_offset:
        // An index, and what is added to the address there.
        this.#uleb();
        this.high = this.#u32(this.#position);
        this.#position += 4;
        return;
      case DW_FORM.DW_FORM_indirect:
        this.#decodeIndirect(at);
        return;
      default:
        throw dwarfError(this.#reader.section, "DWARF_UNSUPPORTED", at, `${formName(form)}: unknown form`);
    }
  }

  #decodeIndirect(at: number): void {
    let form: number = DW_FORM.DW_FORM_indirect;
    for (let depth = 0; form === DW_FORM.DW_FORM_indirect; depth++) {
      if (depth === INDIRECTIONS) {
        throw dwarfError(this.#reader.section, "DWARF_LOOP", at, "DW_FORM_indirect: leads to itself");
      }
      this.#uleb();
      form = this.low;
    }
    if (form === DW_FORM.DW_FORM_implicit_const) {
      throw dwarfError(
        this.#reader.section,
        "DWARF_BAD_VALUE",
        at,
        "DW_FORM_indirect: leads to DW_FORM_implicit_const",
      );
    }
    this.form = form;
    this.#decode(decodingOf(form));
  }

  #offset(at: number, size: number): void {
    this.low = this.#relocated || size !== 4 ? this.#reader.offset(at, size) : this.#u32(at);
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
      this.#fail(start, `block of ${length} bytes: runs past the end of the unit`);
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

  #fail(at: number, what: string): never {
    throw dwarfError(this.#reader.section, "DWARF_TRUNCATED", at, what);
  }
}
