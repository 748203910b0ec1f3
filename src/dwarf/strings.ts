/** Strings that attributes hold elsewhere: by offset, and by index [DWARF5 7.26]. */
import { decodeUtf8, findNul } from "../bytes/text.ts";
import { DW_FORM, isStringIndex } from "./constants/form.ts";
import { dwarfError } from "./place.ts";
import type { Contribution } from "./read/unit/package-index.ts";
import type { FieldReader } from "./relocation/field.ts";
import type { DebugSection, DebugSections } from "./section.ts";

/** What a unit must say of itself for its strings by index to be found. */
export interface StringOwner {
  /** Whether its strings are in `.dwo` sections. */
  readonly isSplit: boolean;
  readonly header: { readonly offsetSize: number };
  /** Its table of offsets. */
  readonly stringOffsets: Contribution;
}

/** The strings of one file. */
export class DebugStrings {
  readonly #sections: DebugSections;
  readonly #readerOf: (section: DebugSection) => FieldReader;

  /** @param readerOf the reader of a section's fields */
  constructor(sections: DebugSections, readerOf: (section: DebugSection) => FieldReader) {
    this.#sections = sections;
    this.#readerOf = readerOf;
  }

  /**
   * The string that a form with this value is; `undefined` when it is none of this file, or by index and of no unit.
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  of(form: number, value: number, unit: StringOwner | undefined): string | undefined {
    const isSplit = unit?.isSplit === true;
    switch (form) {
      case DW_FORM.DW_FORM_strp:
        return this.#at("debug_str", value, isSplit);
      case DW_FORM.DW_FORM_line_strp:
        return this.#at("debug_line_str", value, isSplit);
      default:
        return unit !== undefined && isStringIndex(form) ? this.#indexed(unit, value) : undefined;
    }
  }

  #indexed(unit: StringOwner, index: number): string {
    const section = this.#sections.need("debug_str_offsets", unit.isSplit);
    const { offsetSize } = unit.header;
    const { offset, size } = unit.stringOffsets;
    const reader = this.#readerOf(section);
    const at = offset + index * offsetSize;
    if (at + offsetSize > Math.min(reader.bytes.length, offset + size)) {
      const what = `string index ${index}: past the end of the unit's offsets`;
      throw dwarfError(section, "DWARF_BAD_REFERENCE", at, what);
    }
    return this.#at("debug_str", reader.offset(at, offsetSize), unit.isSplit);
  }

  #at(name: string, offset: number, isSplit: boolean): string {
    const section = this.#sections.need(name, isSplit);
    const end = findNul(section.bytes, offset);
    if (offset >= section.bytes.length || end < 0) {
      throw dwarfError(section, "DWARF_BAD_REFERENCE", offset, "string: no end within the section");
    }
    return decodeUtf8(section.bytes, offset, end);
  }
}
