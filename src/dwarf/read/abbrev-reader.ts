/** Reads the declarations of an abbreviation table [DWARF5 7.5.3] into columns that the next table writes over. */
import { leb128Length, readSleb128, readUleb128Number } from "../../bytes/leb128.ts";
import { DW_FORM } from "../constants/form.ts";
import { dwarfError, type Located } from "../place.ts";
import { decodingOf } from "./decoding.ts";

/** Columns of declarations and of attributes, reused: files have thousands of tables. */
class Draft {
  codes = new Float64Array(256);
  tags = new Uint16Array(256);
  children = new Uint8Array(256);
  /** Of each declaration: where its attributes begin. */
  first = new Int32Array(257);
  attributes = new Uint16Array(1024);
  forms = new Uint16Array(1024);
  decodings = new Uint8Array(1024);
  /** Two halves of each attribute's `DW_FORM_implicit_const`, low first; 0 of others. */
  constants = new Uint32Array(2048);
  /** Declarations and attributes so far. */
  declarationCount = 0;
  attributeCount = 0;
  hasConstants = false;

  /** Makes room for one declaration more. */
  growDeclarations(): void {
    const { codes, tags, children, first } = this;
    this.codes = widened(codes, new Float64Array(2 * codes.length));
    this.tags = widened(tags, new Uint16Array(2 * codes.length));
    this.children = widened(children, new Uint8Array(2 * codes.length));
    this.first = widened(first, new Int32Array(2 * codes.length + 1));
  }

  /** Makes room for one attribute more. */
  growAttributes(): void {
    const { attributes, forms, decodings, constants } = this;
    this.attributes = widened(attributes, new Uint16Array(2 * forms.length));
    this.forms = widened(forms, new Uint16Array(2 * forms.length));
    this.decodings = widened(decodings, new Uint8Array(2 * forms.length));
    this.constants = widened(constants, new Uint32Array(4 * forms.length));
  }
}

function widened<T extends { set(values: T): void }>(column: T, wider: T): T {
  wider.set(column);
  return wider;
}

const draft = new Draft();

/** One abbreviation table, read from front to back. */
export class AbbrevReader {
  /** What was read; written over by the next table. */
  readonly draft: Readonly<Draft> = draft;
  readonly #bytes: Uint8Array;
  readonly #place: Located;
  #at: number;

  /** Reads from `offset` of a section. */
  constructor(bytes: Uint8Array, offset: number, place: Located) {
    this.#bytes = bytes;
    this.#place = place;
    this.#at = offset;
    draft.declarationCount = 0;
    draft.attributeCount = 0;
    draft.hasConstants = false;
  }

  /**
   * Reads a declaration.
   * @returns false at the end of the table
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  declaration(): boolean {
    const start = this.#at;
    const code = this.#uleb();
    if (code === 0) return false;
    const tag = this.#uleb();
    const children = this.#bytes[this.#at++];
    if (children === undefined || children > 1) {
      const what = `children flag: found ${children ?? "the end"}, expected 0 or 1`;
      this.#fail(this.#at - 1, `abbreviation ${code}: ${what}`);
    }
    if (tag > 0xffff) this.#fail(start, `abbreviation ${code}: tag 0x${tag.toString(16)}, expected 16 bits`);
    this.#attributes(code);
    const index = draft.declarationCount++;
    if (index === draft.codes.length) draft.growDeclarations();
    draft.codes[index] = code;
    draft.tags[index] = tag;
    draft.children[index] = children;
    draft.first[index + 1] = draft.attributeCount;
    return true;
  }

  #attributes(code: number): void {
    for (;;) {
      const start = this.#at;
      const attribute = this.#uleb();
      const form = this.#uleb();
      const index = draft.attributeCount;
      if (index === draft.forms.length) draft.growAttributes();
      draft.constants[2 * index] = 0;
      draft.constants[2 * index + 1] = 0;
      if (form === DW_FORM.DW_FORM_implicit_const) this.#constant(index);
      if (attribute === 0 && form === 0) return;
      if (attribute > 0xffff || form > 0xffff) {
        const what = `attribute 0x${attribute.toString(16)} of form 0x${form.toString(16)}, expected 16 bits each`;
        this.#fail(start, `abbreviation ${code}: ${what}`);
      }
      draft.attributes[index] = attribute;
      draft.forms[index] = form;
      draft.decodings[index] = decodingOf(form);
      draft.attributeCount = index + 1;
    }
  }

  #constant(index: number): void {
    draft.hasConstants = true;
    const byte = this.#bytes[this.#at];
    if (byte !== undefined && byte < 0x80) {
      const value = (byte << 25) >> 25;
      draft.constants[2 * index] = value;
      draft.constants[2 * index + 1] = value >> 31;
      this.#at++;
      return;
    }
    const length = leb128Length(this.#bytes, this.#at);
    if (length === 0) this.#failEnd();
    const value = readSleb128(this.#bytes, this.#at);
    draft.constants[2 * index] = Number(BigInt.asUintN(32, value));
    draft.constants[2 * index + 1] = Number(BigInt.asUintN(32, value >> 32n));
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
