/**
 * A cursor over the entries of a unit and their attributes [DWARF5 7.5.2, 7.5.6]. Walking allocates nothing: the
 * current entry and the current attribute are fields of the cursor.
 */
import { DW_AT } from "../../constants/attribute.ts";
import { DW_FORM, formName } from "../../constants/form.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { UnitHeader } from "../unit/header.ts";
import { type AbbrevTable, formSize } from "./abbrev.ts";
import { FormReader } from "./form.ts";

/** A place among the entries of a unit, and among the attributes of the entry there. */
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

  readonly #forms: FormReader;
  readonly #bytes: Uint8Array;
  #sizes: Int32Array | undefined;
  readonly #end: number;
  /** Where reading goes on. */
  #position: number;
  /** The current entry's declaration; -1 before the first entry and behind the last. */
  #declaration = -1;
  /** The attribute that {@link nextAttribute} comes to next, as an index in the columns of the abbreviations. */
  #next = 0;

  constructor(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable, from = unit.entries, depth = 0) {
    const { bytes } = reader;
    this.unit = unit;
    this.reader = reader;
    this.abbrevs = abbrevs;
    this.#forms = new FormReader(reader, unit);
    this.#bytes = bytes;
    this.#end = unit.end;
    this.#position = from;
    this.depth = depth;
  }

  /** `DW_TAG_` of the current entry. */
  get tag(): number {
    return this.abbrevs.columns.tags[this.#declaration] ?? 0;
  }

  /** Whether the current entry owns entries. */
  get hasChildren(): boolean {
    return this.abbrevs.columns.children[this.#declaration] === 1;
  }

  /**
   * Moves to the next entry in the order of the file: a child, a sibling, or a sibling of an ancestor.
   * @returns false at the end of the unit
   */
  next(): boolean {
    const { abbrevs } = this;
    let { depth } = this;
    if (this.#declaration >= 0) {
      this.#skipAttributes();
      depth += abbrevs.columns.children[this.#declaration] ?? 0;
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
      this.#next = abbrevs.columns.first[declaration] ?? 0;
      return true;
    }
    this.#position = end;
    this.#declaration = -1;
    return false;
  }

  /**
   * Moves to the entry that begins at an offset, which is at depth 0 then.
   * @returns false when that is not among the unit's entries
   */
  moveTo(offset: number): boolean {
    if (offset < this.unit.entries || offset >= this.#end) return false;
    this.#position = offset;
    this.#declaration = -1;
    this.depth = 0;
    return this.next() && this.offset === offset;
  }

  /**
   * Moves past the entries that the current one owns. `DW_AT_sibling`, where a compiler wrote it, saves walking them.
   * @returns false when the unit ends; the entry may be one of an ancestor's: see {@link depth}
   */
  nextSibling(): boolean {
    if (!this.hasChildren) return this.next();
    const { depth, offset } = this;
    while (this.nextAttribute()) {
      if (this.attribute !== DW_AT.DW_AT_sibling) continue;
      if (this.low > offset && this.low < this.#end) {
        this.#position = this.low;
        this.#declaration = -1;
        return this.next();
      }
    }
    let more = this.next();
    while (more && this.depth > depth) more = this.next();
    return more;
  }

  /**
   * Moves to the next attribute of the current entry.
   * @returns false when there is none
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for an unknown form, DWARF_BAD_RELOCATION
   */
  nextAttribute(): boolean {
    const declaration = this.#declaration;
    if (declaration < 0) return false;
    const { columns } = this.abbrevs;
    if (this.#next >= (columns.first[declaration + 1] ?? 0)) return false;
    const index = this.#next++;
    const at = this.#position;
    const form = columns.forms[index] ?? 0;
    this.attribute = columns.attributes[index] ?? 0;
    this.valueOffset = at;
    if (form === DW_FORM.DW_FORM_implicit_const) {
      this.form = form;
      this.low = columns.constants[2 * index] ?? 0;
      this.high = columns.constants[2 * index + 1] ?? 0;
      return true;
    }
    const forms = this.#forms;
    this.#position = forms.read(form, at);
    this.form = forms.form;
    this.low = forms.low;
    this.high = forms.high;
    if (this.#position > this.unit.end) this.#fail(at, `${formName(form)}: runs past the end of the unit`);
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
    const declaration = this.#declaration;
    const { columns } = this.abbrevs;
    const last = columns.first[declaration + 1] ?? 0;
    if (this.#next === last) return;
    this.#sizes ??= this.abbrevs.sizes(this.unit);
    const size = this.#sizes[declaration] ?? -1;
    if (size >= 0 && this.#next === columns.first[declaration]) this.#position += size;
    else {
      for (let index = this.#next; index < last; index++) {
        this.#position = this.#endOf(columns.forms[index] ?? 0, this.#position);
      }
    }
    if (this.#position > this.#end) this.#fail(this.offset, "entry: runs past the end of the unit");
  }

  /** Where the value of an attribute that begins at `at` ends. */
  #endOf(form: number, at: number): number {
    const size = formSize(form, this.unit);
    return size >= 0 ? at + size : this.#forms.read(form, at);
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
