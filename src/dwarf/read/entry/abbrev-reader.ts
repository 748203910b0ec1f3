/** Reads the declarations of an abbreviation table [DWARF5 7.5.3], one after the other, into columns that grow. */
import { leb128Length, readSleb128, readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_FORM } from "../../constants/form.ts";
import { dwarfError, type Located } from "../../place.ts";
import { DECODINGS, decodingOf } from "./decoding.ts";

/** Declarations and attributes that there is room for at first: as many as small units have. */
const DECLARATIONS = 64;
const ATTRIBUTES = 320;

/** Declarations of a table, by their number. */
export interface AbbrevColumns {
  /** `DW_TAG_` of each. */
  readonly tags: Uint16Array;
  /** 1 where entries own the entries that follow. */
  readonly children: Uint8Array;
  /** Where the attributes of each begin in the columns below; one more at the end. */
  readonly first: Uint32Array;
  /** `DW_AT_`, all declarations one after the other. */
  readonly attributes: Uint16Array;
  /** `DW_FORM_`, beside {@link attributes}. */
  readonly forms: Uint16Array;
  /** How the value of each is decoded, beside {@link attributes}: see decoding.ts. */
  readonly decodings: Uint8Array;
  /** Values of `DW_FORM_implicit_const` in halves, low first, beside {@link attributes}; empty where none has the form. */
  readonly constants: Uint32Array;
  /** Attributes of the declaration that has most. */
  readonly longest: number;
}

export class AbbrevReader {
  /** What was read so far, with room for more. */
  columns = columnsFor(DECLARATIONS, ATTRIBUTES, 0);
  /** Declaration by code, where codes do not count up from 1. The first declaration of a code counts. */
  byCode: Map<number, number> | undefined;
  readonly #bytes: Uint8Array;
  readonly #place: Located;
  #at: number;
  #ended = false;
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
    for (;;) {
      if (this.byCode !== undefined) {
        const found = this.byCode.get(code);
        if (found !== undefined) return found;
      } else if (code <= this.#declarations) return code - 1;
      if (this.#ended || !this.#declaration()) return -1;
    }
  }

  /** Reads all declarations. @returns the columns without spare room @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE */
  finish(): AbbrevColumns {
    while (!this.#ended) this.#declaration();
    const { tags, children, first, attributes, forms, decodings, constants, longest } = this.columns;
    const [declarations, count] = [this.#declarations, this.#attributes];
    this.columns = {
      tags: tags.subarray(0, declarations),
      children: children.subarray(0, declarations),
      first: first.subarray(0, declarations + 1),
      attributes: attributes.subarray(0, count),
      forms: forms.subarray(0, count),
      decodings: decodings.subarray(0, count),
      constants: constants.subarray(0, 2 * count),
      longest,
    };
    return this.columns;
  }

  /** Reads a declaration. @returns false at the end of the table */
  #declaration(): boolean {
    const start = this.#at;
    const code = this.#uleb();
    if (code === 0) {
      this.#ended = true;
      return false;
    }
    const tag = this.#uleb();
    const children = this.#bytes[this.#at++];
    if (children === undefined || children > 1) {
      const what = `children flag: found ${children ?? "the end"}, expected 0 or 1`;
      this.#fail(start, this.#at - 1, `abbreviation ${code}: ${what}`);
    }
    if (tag > 0xffff) {
      this.#fail(start, start, `abbreviation ${code}: tag 0x${tag.toString(16)}, expected 16 bits`);
    }
    const first = this.#attributes;
    this.#readAttributes(start, code);
    const index = this.#declarations++;
    if (index === this.columns.tags.length) this.columns = grown(this.columns, 2 * index, 0);
    const { columns } = this;
    columns.tags[index] = tag;
    columns.children[index] = children;
    columns.first[index + 1] = this.#attributes;
    columns.longest = Math.max(columns.longest, this.#attributes - first);
    this.#number(code, index);
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
  #readAttributes(declaration: number, code: number): void {
    const bytes = this.#bytes;
    let index = this.#attributes;
    let { attributes, forms, decodings } = this.columns;
    for (;;) {
      const start = this.#at;
      let attribute = bytes[start] ?? 0x80;
      let form = bytes[start + 1] ?? 0x80;
      if (attribute < 0x80 && form < 0x80) this.#at = start + 2;
      else {
        attribute = this.#uleb();
        form = this.#uleb();
      }
      if (index === forms.length) {
        this.columns = grown(this.columns, 0, 2 * index);
        ({ attributes, forms, decodings } = this.columns);
      }
      if (form === DW_FORM.DW_FORM_implicit_const) this.#constant(index);
      if (attribute === 0 && form === 0) break;
      if (attribute > 0xffff || form > 0xffff) {
        const what = `attribute 0x${attribute.toString(16)} of form 0x${form.toString(16)}, expected 16 bits each`;
        this.#fail(declaration, start, `abbreviation ${code}: ${what}`);
      }
      attributes[index] = attribute;
      forms[index] = form;
      decodings[index] = form < 0x100 ? (DECODINGS[form] ?? 0) : decodingOf(form);
      index++;
    }
    this.#attributes = index;
  }

  #constant(index: number): void {
    const { columns } = this;
    if (columns.constants.length === 0) columns.constants = new Uint32Array(2 * columns.forms.length);
    const { constants } = columns;
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

  /** @param declaration where the declaration begins, at which the next question comes to the same error */
  #fail(declaration: number, at: number, what: string): never {
    this.#at = declaration;
    this.#attributes = this.columns.first[this.#declarations] ?? 0;
    throw dwarfError(this.#place, "DWARF_BAD_VALUE", at, what);
  }
}

type Growing = { -readonly [Key in keyof AbbrevColumns]: AbbrevColumns[Key] };

/** Columns with room for so many declarations, attributes and constants, in one piece of memory. */
function columnsFor(declarations: number, attributes: number, constants: number): Growing {
  const sizes = [4 * (declarations + 1), 8 * constants, 2 * declarations, 2 * attributes, 2 * attributes];
  let end = 0;
  const starts = sizes.map((size) => {
    end += size;
    return end - size;
  });
  const buffer = new ArrayBuffer(end + declarations + attributes);
  const [first, constant, tags, attribute, forms] = starts;
  return {
    first: new Uint32Array(buffer, first, declarations + 1),
    constants: new Uint32Array(buffer, constant, 2 * constants),
    tags: new Uint16Array(buffer, tags, declarations),
    attributes: new Uint16Array(buffer, attribute, attributes),
    forms: new Uint16Array(buffer, forms, attributes),
    children: new Uint8Array(buffer, end, declarations),
    decodings: new Uint8Array(buffer, end + declarations, attributes),
    longest: 0,
  };
}

/** The same columns with room for at least as many. */
function grown(columns: AbbrevColumns, declarations: number, attributes: number): Growing {
  const [hadDeclarations, hadAttributes] = [columns.tags.length, columns.forms.length];
  const count = Math.max(hadAttributes, attributes);
  const wider = columnsFor(
    Math.max(hadDeclarations, declarations),
    count,
    columns.constants.length === 0 ? 0 : count,
  );
  wider.first.set(columns.first);
  wider.constants.set(columns.constants);
  wider.tags.set(columns.tags);
  wider.attributes.set(columns.attributes);
  wider.forms.set(columns.forms);
  wider.children.set(columns.children);
  wider.decodings.set(columns.decodings);
  wider.longest = columns.longest;
  return wider;
}
