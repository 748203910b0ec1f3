/** Entries of a name in the pool of a name index [DWARF5 6.1.1.4.8]. */
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_FORM } from "../../constants/form.ts";
import { DW_IDX } from "../../constants/name-index.ts";
import { DW_UT } from "../../constants/unit.ts";
import { type Die, entryAt } from "../../die.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import { FormReader } from "../entry/form.ts";
import type { NameIndex } from "./names.ts";

/** A place among the entries of one name. */
export class NameEntryCursor {
  readonly index: NameIndex;
  /** Of the current entry, in the section. */
  offset = -1;
  /** Code of its abbreviation. */
  code = 0;
  /** `DW_TAG_` of the entry that is meant. */
  tag = 0;
  /** Where that entry is, from the start of its unit: `DW_IDX_die_offset`; -1 when it is not said. */
  entry = -1;
  /** `DW_IDX_compile_unit`; of a foreign type unit's entry, the unit that says which split file it is in. -1: not said. */
  unitIndex = -1;
  /** `DW_IDX_type_unit`, those of split files after the others; -1 when it is in a compilation unit. */
  typeUnitIndex = -1;
  /** Whether the name is seen outside its unit, as gdb's indexes say: `DW_IDX_GNU_internal`, `DW_IDX_GNU_external`. */
  linkage: "internal" | "external" | undefined;
  /** `DW_IDX_type_hash`, or 0. */
  typeHash = 0n;
  /** Where in the section the owner's entry is: `DW_IDX_parent`; -1 when the owner is not said or has no entry. */
  parent = -1;
  readonly #forms: FormReader;
  #next: number;

  /** @param offset where the entries begin: {@link NameIndex.entries}, or a {@link parent} to read that one */
  constructor(index: NameIndex, offset: number) {
    const { reader, offsetSize } = index;
    this.index = index;
    this.#next = offset;
    this.#forms = new FormReader(reader, {
      // References count from the start of the pool or of their unit, which whoever follows them adds.
      offset: 0,
      end: index.end,
      version: 5,
      addressSize: 8,
      offsetSize,
      unitType: DW_UT.DW_UT_compile,
      abbrevField: 0,
      entries: 0,
      signature: 0n,
      typeOffset: 0,
    });
  }

  /**
   * Moves to the next entry.
   * @returns false at the end of the name's entries
   * @throws DwarfError DWARF_BAD_REFERENCE of an unknown abbreviation, DWARF_TRUNCATED, DWARF_UNSUPPORTED
   */
  next(): boolean {
    const { index } = this;
    const { reader, end } = index;
    const at = this.#next;
    const length = leb128Length(reader.bytes, at);
    if (length === 0 || at + length > end)
      this.#fail("DWARF_TRUNCATED", at, "name entry: no end in the index");
    const code = readUleb128Number(reader.bytes, at);
    if (code === 0) return false;
    const abbrev = index.abbrevs.get(code);
    if (abbrev === undefined)
      return this.#fail("DWARF_BAD_REFERENCE", at, `name abbreviation ${code}: not declared`);
    this.offset = at;
    this.code = code;
    this.tag = abbrev.tag;
    this.entry = -1;
    this.unitIndex = -1;
    this.typeUnitIndex = -1;
    this.linkage = undefined;
    this.typeHash = 0n;
    this.parent = -1;
    let position = at + length;
    for (const [i, attribute] of abbrev.attributes.entries()) {
      const form = abbrev.forms[i] ?? 0;
      if (form === DW_FORM.DW_FORM_implicit_const) {
        this.#forms.low = abbrev.constants[i] ?? 0;
        this.#forms.high = 0;
        this.#forms.form = form;
      } else position = this.#forms.read(form, position);
      if (position > end) this.#fail("DWARF_TRUNCATED", at, "name entry: runs past the index");
      this.#take(attribute);
    }
    this.#next = position;
    return true;
  }

  /**
   * The unit of the current entry; that of the whole index, where it has one alone and the entry says nothing.
   * @returns `undefined` for a type unit of a split file that is not at hand
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  get unit(): DwarfUnit | undefined {
    const { index, unitIndex, typeUnitIndex } = this;
    if (typeUnitIndex >= 0) return index.typeUnit(typeUnitIndex);
    return index.unit(unitIndex < 0 && index.unitCount === 1 ? 0 : unitIndex);
  }

  /** The entry that is meant; `undefined` as {@link unit} is, or when it is not said. @throws DwarfError */
  get die(): Die | undefined {
    const unit = this.entry < 0 ? undefined : this.unit;
    return unit && entryAt(unit, unit.header.offset + this.entry);
  }

  #take(attribute: number): void {
    const { low, high, form } = this.#forms;
    switch (attribute) {
      case DW_IDX.DW_IDX_compile_unit:
        this.unitIndex = low;
        break;
      case DW_IDX.DW_IDX_type_unit:
        this.typeUnitIndex = low;
        break;
      case DW_IDX.DW_IDX_die_offset:
        this.entry = low;
        break;
      case DW_IDX.DW_IDX_type_hash:
        this.typeHash = (BigInt(high) << 32n) | BigInt(low);
        break;
      case DW_IDX.DW_IDX_GNU_internal:
        this.linkage = "internal";
        break;
      case DW_IDX.DW_IDX_GNU_external:
        this.linkage = "external";
        break;
      case DW_IDX.DW_IDX_parent:
        // As a flag: the owner has no entry in the index.
        if (form !== DW_FORM.DW_FORM_flag_present) this.parent = this.index.pool + low;
        break;
      default:
    }
  }

  #fail(code: "DWARF_TRUNCATED" | "DWARF_BAD_REFERENCE", at: number, what: string): never {
    throw dwarfError(this.index.reader.section, code, at, what);
  }
}
