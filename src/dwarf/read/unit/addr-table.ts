/**
 * Addresses that a unit holds elsewhere: `.debug_addr` [DWARF5 7.27], and where its lists count from [7.28, 7.29].
 *
 * The units of a split file (`.dwo`) keep their addresses in the file of their skeleton.
 */
import { readU32 } from "../../../bytes/endian.ts";
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_AT } from "../../constants/attribute.ts";
import { DW_FORM, isAddressIndex } from "../../constants/form.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";
import { expressionAddress } from "../expression/address.ts";

/** Attributes of class address [DWARF5 7.5.5, table 7.5], of which LLVM gives some as expressions. */
const ADDRESSES: ReadonlySet<number> = new Set([
  DW_AT.DW_AT_low_pc,
  DW_AT.DW_AT_high_pc,
  DW_AT.DW_AT_entry_pc,
  DW_AT.DW_AT_call_pc,
  DW_AT.DW_AT_call_return_pc,
]);

/** Whether an attribute is an address whatever its form: an expression in it is one to be found, not a location. */
export function isAddressAttribute(attribute: number): boolean {
  return ADDRESSES.has(attribute);
}

/** Bytes of the header before a table of offsets, from its length on, without those of the length [DWARF5 7.28]. */
const LIST_HEADER = 8;

const known = new WeakMap<DwarfUnit, UnitBases>();

/** A unit's bases, read once. */
export function unitBases(unit: DwarfUnit): UnitBases {
  let bases = known.get(unit);
  if (bases === undefined) {
    bases = new UnitBases(unit);
    known.set(unit, bases);
  }
  return bases;
}

/** What a unit's addresses and lists count from. */
export class UnitBases {
  readonly unit: DwarfUnit;
  /** True of units of a split file. */
  readonly isSplit: boolean;
  #base: Relocatable | undefined;
  #baseKnown = false;
  #table: FieldReader | undefined;

  /** Reads nothing yet. Made by {@link unitBases}. */
  constructor(unit: DwarfUnit) {
    this.unit = unit;
    this.isSplit = unit.isSplit;
  }

  /** The unit that holds addresses: the skeleton of a split one. */
  get #owner(): UnitBases {
    const { skeleton } = this.unit;
    return skeleton === undefined ? this : unitBases(skeleton);
  }

  /** What offsets in the unit's lists count from, until a list says otherwise; `undefined`: from 0. [DWARF5 3.1.1, item 2] */
  get base(): Relocatable | undefined {
    if (!this.#baseKnown) {
      const owner = this.#owner;
      this.#base = owner === this ? this.#ownBase() : owner.base;
      // A split unit's skeleton may be told later.
      this.#baseKnown = owner !== this || !this.isSplit;
    }
    return this.#base;
  }

  /** The section of the unit's addresses: that of its skeleton, if it is split. @throws DwarfError DWARF_BAD_REFERENCE, DWARF_MISSING_FILE when there is none */
  addresses(): FieldReader {
    const owner = this.#owner;
    if (owner.isSplit) {
      const what = "split unit: its addresses are in the file of its skeleton unit, which is not known";
      throw dwarfError(this.unit.reader.section, "DWARF_MISSING_FILE", this.unit.header.offset, what);
    }
    owner.#table ??= owner.#section("debug_addr");
    return owner.#table;
  }

  /**
   * Where the address at an index is, in {@link addresses}.
   * @throws DwarfError DWARF_BAD_REFERENCE when there is no table or no such entry
   */
  indexedField(index: number): number {
    const { bytes, section } = this.addresses();
    const { addressSize } = this.unit.header;
    const at = this.#owner.#addressBase() + index * addressSize;
    if (!(at + addressSize <= bytes.length)) {
      const what = `address index ${index}: the section has ${bytes.length} bytes`;
      throw dwarfError(section, "DWARF_BAD_REFERENCE", at, what);
    }
    return at;
  }

  /** The address at an index. @throws DwarfError DWARF_BAD_REFERENCE as {@link indexedField} */
  indexed(index: number): Relocatable {
    return this.addresses().address(this.indexedField(index), this.unit.header.addressSize);
  }

  /** Where an offset in the unit to `.debug_ranges` or `.debug_rnglists` leads, in {@link ranges}. */
  rangeOffset(form: number, value: number): number {
    const base = this.#rangesBase(form);
    return form === DW_FORM.DW_FORM_rnglistx ? this.#listAt(this.ranges(), base, value) : value + base;
  }

  /** Where an offset in the unit to `.debug_loc` or `.debug_loclists` leads, in {@link locations}. */
  locationOffset(form: number, value: number): number {
    const name = this.unit.header.version >= 5 ? "debug_loclists" : "debug_loc";
    const start = this.unit.contribution(name).offset;
    return form === DW_FORM.DW_FORM_loclistx
      ? this.#listAt(this.locations(), this.#tableBase(DW_AT.DW_AT_loclists_base, start), value)
      : value + start;
  }

  /** Where the views that `DW_AT_GNU_locviews` tells are, in {@link locations}: in split units gcc counts as lists do. */
  viewsOffset(value: number): number {
    const start = this.unit.contribution(
      this.unit.header.version >= 5 ? "debug_loclists" : "debug_loc",
    ).offset;
    const isInTable = this.isSplit && this.unit.header.version >= 5;
    return value + (isInTable ? this.#tableBase(DW_AT.DW_AT_loclists_base, start) : start);
  }

  /** The section of the unit's range lists. Before DWARF 5 split units have theirs in the skeleton's file. */
  ranges(): FieldReader {
    return this.unit.header.version >= 5
      ? this.#section("debug_rnglists")
      : this.#owner.#section("debug_ranges");
  }

  /** The section of the unit's location lists. */
  locations(): FieldReader {
    return this.#section(this.unit.header.version >= 5 ? "debug_loclists" : "debug_loc");
  }

  /** The section of that name that goes with the unit: a file may hold both its own and a split one. */
  #section(name: string): FieldReader {
    const { dwarf } = this.unit;
    const { sections } = dwarf;
    for (const section of sections.named(name)) {
      if (section.section.endsWith(".dwo") === this.isSplit) return dwarf.reader(section);
    }
    const shown = `.${name}${this.isSplit ? ".dwo" : ""}`;
    throw dwarfError(
      { file: sections.elf.name, section: shown },
      "DWARF_BAD_REFERENCE",
      0,
      "no such section",
    );
  }

  #ownBase(): Relocatable | undefined {
    const root = this.unit.root;
    const found = root.get(DW_AT.DW_AT_low_pc) ?? root.get(DW_AT.DW_AT_entry_pc);
    return found && this.codeAddress(found.form, found.at, found.value);
  }

  /**
   * The address that an attribute of the unit is: in place, by index, or by index and offset. `undefined` when its form
   * is no address.
   * @param at where its value is in the unit's section
   * @param value the index: `low` of the cursor
   */
  address(form: number, at: number, value: number): Relocatable | undefined {
    switch (form) {
      case DW_FORM.DW_FORM_addr:
        return this.unit.reader.address(at, this.unit.header.addressSize);
      case DW_FORM.DW_FORM_LLVM_addrx_offset: {
        const { reader } = this.unit;
        return this.indexed(value).plus(reader.offset(at + leb128Length(reader.bytes, at), 4));
      }
      default:
        return isAddressIndex(form) ? this.indexed(value) : undefined;
    }
  }

  /**
   * The address that an attribute of class address is, such as `DW_AT_low_pc`: as {@link address}, or as an expression
   * that is an address and constants added to it, which LLVM writes so that entries share addresses.
   */
  codeAddress(form: number, at: number, value: number): Relocatable | undefined {
    if (form !== DW_FORM.DW_FORM_exprloc) return this.address(form, at, value);
    const { reader, header } = this.unit;
    const source = {
      reader,
      addressSize: header.addressSize,
      indexed: (index: number) => this.indexed(index),
    };
    const start = at + leb128Length(reader.bytes, at);
    return expressionAddress(source, start, readUleb128Number(reader.bytes, at));
  }

  #addressBase(): number {
    const root = this.unit.root;
    const told = root.get(DW_AT.DW_AT_addr_base) ?? root.get(DW_AT.DW_AT_GNU_addr_base);
    if (told !== undefined) return told.value;
    // The tables of GNU have no header.
    return this.unit.header.version >= 5 ? this.#lengthSize + 4 : 0;
  }

  #rangesBase(form: number): number {
    if (this.unit.header.version >= 5) {
      const start = this.unit.contribution("debug_rnglists").offset;
      return form === DW_FORM.DW_FORM_rnglistx ? this.#tableBase(DW_AT.DW_AT_rnglists_base, start) : start;
    }
    // The attribute stands in the skeleton and is for the split unit alone.
    if (!this.isSplit) return 0;
    return this.#owner.unit.root.get(DW_AT.DW_AT_GNU_ranges_base)?.value ?? 0;
  }

  /** Where the offsets of a table begin. Split units have one table and need not say. */
  #tableBase(attribute: number, start: number): number {
    return this.unit.root.get(attribute)?.value ?? start + this.#lengthSize + LIST_HEADER;
  }

  #listAt(reader: FieldReader, base: number, index: number): number {
    const { offsetSize } = this.unit.header;
    const count =
      base >= 4 && base <= reader.bytes.length ? readU32(reader.bytes, base - 4, reader.little) : 0;
    const at = base + index * offsetSize;
    if (index >= count || at + offsetSize > reader.bytes.length) {
      throw dwarfError(
        reader.section,
        "DWARF_BAD_REFERENCE",
        base,
        `list index ${index}: the table has ${count} offsets`,
      );
    }
    return base + reader.offset(at, offsetSize);
  }

  /** Bytes of an initial length. */
  get #lengthSize(): number {
    return this.unit.header.offsetSize === 4 ? 4 : 12;
  }
}
