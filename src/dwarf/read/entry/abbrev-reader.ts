/** Reads the declarations of an abbreviation table [DWARF5 7.5.3], one after the other, into columns that grow. */
import { leb128Length, readSleb128, readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_FORM } from "../../constants/form.ts";
import { dwarfError, type Located } from "../../place.ts";
import { type AbbrevColumns, draft, joined, NOTHING } from "./abbrev-columns.ts";
import { DECODINGS, decodingOf } from "./decoding.ts";

/** Reads a table from front to back, as far as it is asked to. */
export class AbbrevReader {
  /** What was read so far. */
  columns: AbbrevColumns = NOTHING;
  /** Declaration by code, where codes do not count up from 1. The first declaration of a code counts. */
  byCode: Map<number, number> | undefined;
  readonly #bytes: Uint8Array;
  readonly #place: Located;
  #at: number;
  #ended = false;
  /** Declarations and attributes that were read, those in the draft too. */
  #declarations = 0;
  #attributes = 0;

  /** A reader of the table at `offset` of a section. */
  constructor(bytes: Uint8Array, offset: number, place: Located) {
    this.#bytes = bytes;
    this.#place = place;
    this.#at = offset;
  }

  /**
   * The declaration of a code, reading on as far as needed; -1 when there is none.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  find(code: number): number {
    const known = this.#known(code);
    if (known >= 0 || this.#ended) return known;
    this.#read(() => this.#known(code) >= 0);
    return this.#known(code);
  }

  /** Reads all declarations. @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE */
  finish(): AbbrevColumns {
    if (!this.#ended) this.#read(() => false);
    return this.columns;
  }

  #known(code: number): number {
    if (this.byCode !== undefined) return this.byCode.get(code) ?? -1;
    return code <= this.#declarations ? code - 1 : -1;
  }

  /** Reads declarations into the draft, and what is there into columns, also when one is damaged. */
  #read(isEnough: () => boolean): void {
    const { columns } = this;
    draft.begin(columns.forms.length);
    try {
      while (this.#declaration() && !isEnough());
    } catch (error) {
      // The next question comes to the same error.
      this.#at = draft.at;
      this.#attributes = draft.base + draft.attributesUpTo(draft.count);
      throw error;
    } finally {
      if (draft.count > 0) this.columns = joined(columns);
    }
  }

  /** Reads a declaration. @returns false at the end of the table */
  #declaration(): boolean {
    const start = this.#at;
    draft.at = start;
    const code = this.#uleb();
    if (code === 0) {
      this.#ended = true;
      return false;
    }
    const tag = this.#uleb();
    const children = this.#bytes[this.#at++];
    if (children === undefined || children > 1) {
      const what = `children flag: found ${children ?? "the end"}, expected 0 or 1`;
      this.#fail(this.#at - 1, `abbreviation ${code}: ${what}`);
    }
    if (tag > 0xffff) this.#fail(start, `abbreviation ${code}: tag 0x${tag.toString(16)}, expected 16 bits`);
    this.#readAttributes(code);
    draft.declare(tag, children, this.#attributes);
    this.#number(code, this.#declarations++);
    return true;
  }

  /** Notes a code, unless it is what is expected. */
  #number(code: number, index: number): void {
    if (this.byCode === undefined) {
      if (code === index + 1) return;
      this.byCode = new Map(Array.from({ length: index }, (_, before) => [before + 1, before]));
    }
    if (!this.byCode.has(code)) this.byCode.set(code, index);
  }

  /** Reads attributes and forms up to the pair of zeros. Nearly all are a byte each. */
  #readAttributes(code: number): void {
    const bytes = this.#bytes;
    const base = draft.base;
    let index = this.#attributes - base;
    for (;;) {
      const start = this.#at;
      let attribute = bytes[start] ?? 0x80;
      let form = bytes[start + 1] ?? 0x80;
      if (attribute < 0x80 && form < 0x80) this.#at = start + 2;
      else {
        attribute = this.#uleb();
        form = this.#uleb();
      }
      if (index === draft.forms.length) draft.widenAttributes();
      if (form === DW_FORM.DW_FORM_implicit_const) this.#constant(index);
      if (attribute === 0 && form === 0) break;
      if (attribute > 0xffff || form > 0xffff) {
        const what = `attribute 0x${attribute.toString(16)} of form 0x${form.toString(16)}, expected 16 bits each`;
        this.#fail(start, `abbreviation ${code}: ${what}`);
      }
      draft.attributes[index] = attribute;
      draft.forms[index] = form;
      draft.decodings[index] = form < 0x100 ? (DECODINGS[form] ?? 0) : decodingOf(form);
      index++;
    }
    this.#attributes = base + index;
  }

  #constant(index: number): void {
    draft.clearConstants(index + 1);
    const { constants } = draft;
    const byte = this.#bytes[this.#at];
    if (byte !== undefined && byte < 0x80) {
      const value = (byte << 25) >> 25;
      constants[2 * index] = value;
      constants[2 * index + 1] = value >> 31;
      this.#at++;
      return;
    }
    const length = leb128Length(this.#bytes, this.#at);
    if (length === 0) this.#failEnd();
    const value = readSleb128(this.#bytes, this.#at);
    constants[2 * index] = Number(BigInt.asUintN(32, value));
    constants[2 * index + 1] = Number(BigInt.asUintN(32, value >> 32n));
    this.#at += length;
  }

  #uleb(): number {
    const byte = this.#bytes[this.#at];
    if (byte !== undefined && byte < 0x80) {
      this.#at++;
      return byte;
    }
    const length = leb128Length(this.#bytes, this.#at);
    if (length === 0) this.#failEnd();
    const value = readUleb128Number(this.#bytes, this.#at);
    this.#at += length;
    return value;
  }

  #failEnd(): never {
    const what = "abbreviation: found the end, expected a LEB128";
    throw dwarfError(this.#place, "DWARF_TRUNCATED", this.#at, what);
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.#place, "DWARF_BAD_VALUE", at, what);
  }
}
