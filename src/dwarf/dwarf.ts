/** The debug information of one file: its units, and what they share. */
import { decodeUtf8, findNul } from "../bytes/text.ts";
import type { ElfFile } from "../elf/file.ts";
import { DwarfError } from "../errors.ts";
import { DW_AT } from "./constants/attribute.ts";
import { DW_FORM } from "./constants/form.ts";
import { FieldReader } from "./field.ts";
import { dwarfError } from "./place.ts";
import { AbbrevTable } from "./read/abbrev.ts";
import { EntryBatch } from "./read/batch.ts";
import { EntryCursor } from "./read/cursor.ts";
import { Parents } from "./read/parents.ts";
import { readInitialLength, readUnitHeader, type UnitHeader } from "./read/unit.ts";
import type { Resolver } from "./resolver.ts";
import { type DebugSection, DebugSections } from "./section.ts";
import { UnitIndex } from "./unit-index.ts";

/** A unit of `.debug_info` or `.debug_types`. Made when it is come to; its entries are read through cursors. */
export class DwarfUnit {
  readonly dwarf: Dwarf;
  readonly header: UnitHeader;
  readonly reader: FieldReader;
  #abbrevs: AbbrevTable | undefined;
  #stringOffsets: number | undefined;
  #parents: Parents | undefined;

  /** Made by {@link Dwarf.units}. */
  constructor(dwarf: Dwarf, reader: FieldReader, header: UnitHeader) {
    this.dwarf = dwarf;
    this.reader = reader;
    this.header = header;
  }

  /** True of units of `.dwo` sections, which refer to others of those: a file may hold both kinds. */
  get isSplit(): boolean {
    return this.reader.section.section.endsWith(".dwo");
  }

  /** The unit's abbreviation table; units that share one get the same object. */
  get abbrevs(): AbbrevTable {
    if (this.#abbrevs === undefined) {
      const { abbrevField, offsetSize } = this.header;
      this.#abbrevs = this.dwarf.abbrevTable(this.reader.offset(abbrevField, offsetSize), this.isSplit);
    }
    return this.#abbrevs;
  }

  /** A cursor before the unit's root entry. */
  entries(): EntryCursor {
    return new EntryCursor(this.reader, this.header, this.abbrevs);
  }

  /** Which entry owns which; found at the first question. */
  get parents(): Parents {
    this.#parents ??= new Parents(this.entries());
    return this.#parents;
  }

  /** All entries with their values, many at a time, for who reads them all; in the columns of `reuse`, if it is given. */
  batch(reuse?: EntryBatch): EntryBatch {
    if (reuse === undefined) return new EntryBatch(this.reader, this.header, this.abbrevs);
    reuse.begin(this.reader, this.header, this.abbrevs);
    return reuse;
  }

  /** Where the unit's contribution to `.debug_str_offsets` begins: `DW_AT_str_offsets_base`. */
  get stringOffsets(): number {
    if (this.#stringOffsets === undefined) {
      const root = this.entries();
      // Split units have one table and need not say; in DWARF 5 it has a header [DWARF5 7.26].
      let base = this.header.version < 5 ? 0 : 2 * this.header.offsetSize;
      if (root.next()) {
        while (root.nextAttribute()) if (root.attribute === DW_AT.DW_AT_str_offsets_base) base = root.low;
      }
      this.#stringOffsets = base;
    }
    return this.#stringOffsets;
  }
}

/** The debug information of one file. Nothing is read before it is asked for, and everything once. */
export class Dwarf {
  readonly sections: DebugSections;
  readonly #readers = new Map<DebugSection, FieldReader>();
  readonly #abbrevs = new Map<DebugSection, Map<number, AbbrevTable>>();
  #index: UnitIndex<DwarfUnit> | undefined;

  private constructor(elf: ElfFile) {
    this.sections = new DebugSections(elf);
  }

  /** The debug information of a file. Reads section headers only. */
  static open(elf: ElfFile, resolver?: Resolver): Dwarf {
    const dwarf = new Dwarf(elf);
    dwarf.place(resolver);
    return dwarf;
  }

  /**
   * Puts a resolver in force, which says where sections and undefined symbols are, or none. It is asked at the first need
   * of each, and once. What was read and parsed stays.
   */
  place(resolver: Resolver | undefined): void {
    this.sections.placement.place(resolver);
  }

  /** The reader of a section's fields; one for each section. */
  reader(section: DebugSection): FieldReader {
    let reader = this.#readers.get(section);
    if (reader === undefined) {
      reader = new FieldReader(section);
      this.#readers.set(section, reader);
    }
    return reader;
  }

  /**
   * All units, those of `.debug_info` first, in the order of the file.
   * @param skipped is told of a unit whose header is bad; where its length is known, the one behind it is next
   * @throws DwarfError at a unit whose header is bad, when nobody is to be told
   */
  *units(skipped?: (error: DwarfError) => void): IterableIterator<DwarfUnit> {
    for (const name of ["debug_info", "debug_types"]) {
      for (const section of this.sections.named(name)) {
        const reader = this.reader(section);
        for (let offset = 0; offset < reader.bytes.length; ) {
          let unit: DwarfUnit | undefined;
          try {
            unit = new DwarfUnit(this, reader, readUnitHeader(section, offset, name === "debug_types"));
          } catch (error) {
            if (skipped === undefined || !(error instanceof DwarfError)) throw error;
            skipped(error);
          }
          if (unit !== undefined) yield unit;
          offset = unit?.header.end ?? endOfUnit(section, offset);
        }
      }
    }
  }

  /** The units by place and signature. Reads every unit's header at the first question. */
  get index(): UnitIndex<DwarfUnit> {
    this.#index ??= new UnitIndex(this.units());
    return this.#index;
  }

  /** The abbreviation table at an offset, read once. @param isSplit whether of `.debug_abbrev.dwo` */
  abbrevTable(offset: number, isSplit: boolean): AbbrevTable {
    const section = this.#need("debug_abbrev", isSplit);
    let tables = this.#abbrevs.get(section);
    if (tables === undefined) {
      tables = new Map();
      this.#abbrevs.set(section, tables);
    }
    let table = tables.get(offset);
    if (table === undefined) {
      table = AbbrevTable.read(section.bytes, offset, section);
      tables.set(offset, table);
    }
    return table;
  }

  /**
   * The string that the cursor's current attribute is.
   * @returns `undefined` when the form is no string, or one of a supplementary file
   */
  string(unit: DwarfUnit, at: EntryCursor): string | undefined {
    return at.form === DW_FORM.DW_FORM_string
      ? decodeUtf8(at.reader.bytes, at.low, at.low + at.high)
      : this.stringOf(at.form, at.low, unit);
  }

  /**
   * The string that a form with this value is, unless it stands in place.
   * @param unit whose string offsets count; without one, strings by index are not known
   * @returns `undefined` when the form is no such string, or one of a supplementary file
   */
  stringOf(form: number, value: number, unit?: DwarfUnit): string | undefined {
    const isSplit = unit?.isSplit === true;
    switch (form) {
      case DW_FORM.DW_FORM_strp:
        return this.#stringAt("debug_str", value, isSplit);
      case DW_FORM.DW_FORM_line_strp:
        return this.#stringAt("debug_line_str", value, isSplit);
      case DW_FORM.DW_FORM_strx:
      case DW_FORM.DW_FORM_strx1:
      case DW_FORM.DW_FORM_strx2:
      case DW_FORM.DW_FORM_strx3:
      case DW_FORM.DW_FORM_strx4:
      case DW_FORM.DW_FORM_GNU_str_index:
        return unit === undefined ? undefined : this.#indexedString(unit, value);
      default:
        return undefined;
    }
  }

  #indexedString(unit: DwarfUnit, index: number): string {
    const section = this.#need("debug_str_offsets", unit.isSplit);
    const { offsetSize } = unit.header;
    const at = unit.stringOffsets + index * offsetSize;
    const reader = this.reader(section);
    if (at + offsetSize > reader.bytes.length) {
      throw dwarfError(
        section,
        "DWARF_BAD_REFERENCE",
        at,
        `string index ${index}: past the end of the section`,
      );
    }
    return this.#stringAt("debug_str", reader.offset(at, offsetSize), unit.isSplit);
  }

  #stringAt(name: string, offset: number, isSplit: boolean): string {
    const section = this.#need(name, isSplit);
    const end = findNul(section.bytes, offset);
    if (offset >= section.bytes.length || end < 0) {
      throw dwarfError(section, "DWARF_BAD_REFERENCE", offset, "string: no end within the section");
    }
    return decodeUtf8(section.bytes, offset, end);
  }

  /** The section of that name, of those for split units or of the others; where there is but one, that. */
  #need(name: string, isSplit: boolean): DebugSection {
    const all = this.sections.named(name);
    const section = all.find((candidate) => candidate.section.endsWith(".dwo") === isSplit) ?? all[0];
    if (section === undefined) {
      const place = { file: this.sections.elf.name, section: `.${name}` };
      throw dwarfError(place, "DWARF_BAD_REFERENCE", 0, "no such section");
    }
    return section;
  }
}

/** Where the unit at an offset ends; the end of the section when its length is bad too. */
function endOfUnit(section: DebugSection, offset: number): number {
  try {
    return readInitialLength(section, offset).end;
  } catch {
    return section.bytes.length;
  }
}
