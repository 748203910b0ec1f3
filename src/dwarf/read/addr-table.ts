/**
 * Addresses that a unit holds elsewhere: `.debug_addr` [DWARF5 7.27], and where its lists count from [7.28, 7.29].
 *
 * The units of a split file (`.dwo`) keep their addresses in the file of their skeleton.
 */
import { readU32 } from "../../bytes/endian.ts";
import { DW_AT } from "../constants/attribute.ts";
import { DW_FORM } from "../constants/form.ts";
import type { DwarfUnit } from "../dwarf.ts";
import type { FieldReader } from "../field.ts";
import { dwarfError } from "../place.ts";
import type { Relocatable } from "../relocatable.ts";

/** What a unit of a split file can't know by itself. */
export interface SplitPlace {
  /** The unit of the linked or relocatable file that stands for it. */
  readonly skeleton: DwarfUnit;
  /** In a package (`.dwp`): where the unit's contribution begins, by section name (`debug_loclists`); 0 where absent. */
  readonly contributions?: ReadonlyMap<string, number>;
}

/** An attribute of the root entry, kept to be read when it is needed. */
interface RootAttribute {
  readonly form: number;
  readonly at: number;
  readonly value: number;
}

const KEPT: ReadonlySet<number> = new Set([
  DW_AT.DW_AT_low_pc,
  DW_AT.DW_AT_entry_pc,
  DW_AT.DW_AT_addr_base,
  DW_AT.DW_AT_GNU_addr_base,
  DW_AT.DW_AT_rnglists_base,
  DW_AT.DW_AT_loclists_base,
  DW_AT.DW_AT_GNU_ranges_base,
]);

/** Bytes of the header before a table of offsets, from its length on, without those of the length [DWARF5 7.28]. */
const LIST_HEADER = 8;

const known = new WeakMap<DwarfUnit, UnitBases>();

/** A unit's bases, read once. Of a split unit whose skeleton is not told, what its own file says. */
export function unitBases(unit: DwarfUnit): UnitBases {
  let bases = known.get(unit);
  if (bases === undefined) {
    bases = new UnitBases(unit);
    known.set(unit, bases);
  }
  return bases;
}

/** Says where a split unit belongs, before its addresses, ranges and locations are read. */
export function placeSplitUnit(unit: DwarfUnit, place: SplitPlace): void {
  known.set(unit, new UnitBases(unit, place));
}

/** What a unit's addresses and lists count from. */
export class UnitBases {
  readonly unit: DwarfUnit;
  /** True of units of a split file. */
  readonly isSplit: boolean;
  readonly #split: SplitPlace | undefined;
  #root: ReadonlyMap<number, RootAttribute> | undefined;
  #base: Relocatable | undefined;
  #baseKnown = false;
  #table: FieldReader | undefined;

  /** Reads nothing yet. Made by {@link unitBases}. */
  constructor(unit: DwarfUnit, split?: SplitPlace) {
    this.unit = unit;
    this.isSplit = unit.reader.section.section.endsWith(".dwo");
    this.#split = split;
  }

  /** The unit that holds addresses: the skeleton of a split one. */
  get #owner(): UnitBases {
    return this.#split === undefined ? this : unitBases(this.#split.skeleton);
  }

  /** What offsets in the unit's lists count from, until a list says otherwise; `undefined`: from 0. [DWARF5 3.1.1, item 2] */
  get base(): Relocatable | undefined {
    if (!this.#baseKnown) {
      const owner = this.#owner;
      this.#base = owner === this ? this.#ownBase() : owner.base;
      this.#baseKnown = true;
    }
    return this.#base;
  }

  /** The section of the unit's addresses: that of its skeleton, if it is split. @throws DwarfError when there is none */
  addresses(): FieldReader {
    const owner = this.#owner;
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
    const start = this.#contribution(name);
    return form === DW_FORM.DW_FORM_loclistx
      ? this.#listAt(this.locations(), this.#tableBase(DW_AT.DW_AT_loclists_base, start), value)
      : value + start;
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
    const root = this.#attributes();
    const found = root.get(DW_AT.DW_AT_low_pc) ?? root.get(DW_AT.DW_AT_entry_pc);
    return found && this.address(found.form, found.at, found.value);
  }

  /**
   * The address that an attribute of the unit is, in place or by index; `undefined` when its form is no address.
   * @param at where its value is in the unit's section
   * @param value the index
   */
  address(form: number, at: number, value: number): Relocatable | undefined {
    switch (form) {
      case DW_FORM.DW_FORM_addr:
        return this.unit.reader.address(at, this.unit.header.addressSize);
      case DW_FORM.DW_FORM_addrx:
      case DW_FORM.DW_FORM_addrx1:
      case DW_FORM.DW_FORM_addrx2:
      case DW_FORM.DW_FORM_addrx3:
      case DW_FORM.DW_FORM_addrx4:
      case DW_FORM.DW_FORM_GNU_addr_index:
        return this.indexed(value);
      default:
        return undefined;
    }
  }

  #addressBase(): number {
    const root = this.#attributes();
    const told = root.get(DW_AT.DW_AT_addr_base) ?? root.get(DW_AT.DW_AT_GNU_addr_base);
    if (told !== undefined) return told.value;
    // The tables of GNU have no header.
    return this.unit.header.version >= 5 ? this.#lengthSize + 4 : 0;
  }

  #rangesBase(form: number): number {
    if (this.unit.header.version >= 5) {
      const start = this.#contribution("debug_rnglists");
      return form === DW_FORM.DW_FORM_rnglistx ? this.#tableBase(DW_AT.DW_AT_rnglists_base, start) : start;
    }
    // The attribute stands in the skeleton and is for the split unit alone.
    if (!this.isSplit) return 0;
    return this.#owner.#attributes().get(DW_AT.DW_AT_GNU_ranges_base)?.value ?? 0;
  }

  /** Where the offsets of a table begin. Split units have one table and need not say. */
  #tableBase(attribute: number, start: number): number {
    return this.#attributes().get(attribute)?.value ?? start + this.#lengthSize + LIST_HEADER;
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

  #contribution(name: string): number {
    return this.#split?.contributions?.get(name) ?? 0;
  }

  /** Bytes of an initial length. */
  get #lengthSize(): number {
    return this.unit.header.offsetSize === 4 ? 4 : 12;
  }

  #attributes(): ReadonlyMap<number, RootAttribute> {
    if (this.#root === undefined) {
      const found = new Map<number, RootAttribute>();
      const at = this.unit.entries();
      if (at.next()) {
        while (at.nextAttribute()) {
          if (KEPT.has(at.attribute)) {
            found.set(at.attribute, { form: at.form, at: at.valueOffset, value: at.low });
          }
        }
      }
      this.#root = found;
    }
    return this.#root;
  }
}
