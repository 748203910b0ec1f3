/** Ranges of addresses that an entry covers [DWARF5 2.17]: `.debug_ranges`, `.debug_rnglists`, and `DW_AT_low_pc`. */
import { DW_AT } from "../../constants/attribute.ts";
import { DW_FORM } from "../../constants/form.ts";
import { DW_RLE, rangeListEntryName } from "../../constants/list.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { Relocatable, Resolver } from "../../relocation/relocatable.ts";
import { EntryCursor } from "../entry/cursor.ts";
import { type UnitBases, unitBases } from "../unit/addr-table.ts";
import { BoundsCursor, type EntryForm, newEntryForms } from "./bounds.ts";

/** An entry of a unit, by its offset in the section; an {@link EntryCursor} at the entry is one. */
export interface EntryPlace {
  readonly offset: number;
}

/** Addresses from `begin` to before `end`. */
export interface RelocatableRange {
  readonly begin: Relocatable;
  readonly end: Relocatable;
}

/** Final addresses from `begin` to before `end`. */
export interface AddressRange {
  readonly begin: bigint;
  readonly end: bigint;
}

/** By kind [DWARF5 7.25, table 7.30]. */
const ENTRIES: readonly EntryForm[] = newEntryForms(DW_RLE);

/** A place in a range list. Nothing is allocated by walking. */
export class RangeCursor extends BoundsCursor {
  /**
   * @param bases of the unit that the list belongs to
   * @param offset of the list in the section, {@link UnitBases.ranges}
   */
  constructor(bases: UnitBases, offset: number) {
    super(bases, bases.ranges(), offset);
  }

  protected override decode(at: number): void {
    if (this.bases.unit.header.version < 5) {
      this.pair(at);
      return;
    }
    this.tagged(at, ENTRIES, rangeListEntryName);
  }
}

/** `DW_AT_low_pc` and `DW_AT_high_pc` of an entry. */
export interface PcBounds {
  readonly low: Relocatable;
  /** Behind the last byte; `undefined` when the entry is a single address. */
  readonly high: Relocatable | undefined;
}

/** What says where an entry's code is. */
interface Coverage {
  readonly low: Relocatable | undefined;
  readonly high: Relocatable | undefined;
  readonly list: RangeCursor | undefined;
}

/**
 * The low and high bounds of an entry; `undefined` when it has no `DW_AT_low_pc`.
 * @throws DwarfError
 */
export function pcBounds(unit: DwarfUnit, entry: EntryPlace): PcBounds | undefined {
  const { low, high } = coverage(unit, entry, false);
  return low && { low, high };
}

/**
 * The range list of an entry, before its first entry; `undefined` when it has no `DW_AT_ranges`.
 * @throws DwarfError
 */
export function rangeList(unit: DwarfUnit, entry: EntryPlace): RangeCursor | undefined {
  return coverage(unit, entry, true).list;
}

/**
 * The range list that a cursor's current attribute, a `DW_AT_ranges` or alike, leads to, before its first entry.
 * @throws DwarfError DWARF_BAD_VALUE when its form is none of a list
 */
export function attributeRanges(unit: DwarfUnit, at: EntryCursor): RangeCursor {
  const bases = unitBases(unit);
  return new RangeCursor(bases, bases.rangeOffset(at.form, rangesValue(at)));
}

/**
 * Ranges that an entry covers, those without an address left out: nothing of their relocation is looked at yet.
 * [seed: `dwarf_ranges_relocatable`]
 * @throws DwarfError
 */
export function* entryRanges(unit: DwarfUnit, entry: EntryPlace): IterableIterator<RelocatableRange> {
  const { list, low, high } = coverage(unit, entry, true);
  if (list !== undefined) while (list.next()) yield { begin: list.begin, end: list.end };
  else if (low !== undefined && high !== undefined) yield { begin: low, end: high };
}

/**
 * The same in final addresses, by a resolver or the one in force.
 * @throws RelocationRequiredError when the resolver does not know a section that a bound counts from
 */
export function* addressRanges(
  unit: DwarfUnit,
  entry: EntryPlace,
  resolver?: Resolver,
): IterableIterator<AddressRange> {
  for (const { begin, end } of entryRanges(unit, entry)) {
    yield { begin: begin.resolve(resolver), end: end.resolve(resolver) };
  }
}

/**
 * Whether an entry covers a pc: in the same section, and between the offsets. Two sections that both begin at 0 are
 * never confused. [seed: `dwarf_haspc_relocatable`]
 * @throws DwarfError
 */
export function hasPc(unit: DwarfUnit, entry: EntryPlace, pc: Relocatable): boolean {
  for (const { begin, end } of entryRanges(unit, entry)) if (isWithin(pc, begin, end)) return true;
  return false;
}

/** Whether `pc` is in the section of `begin`, at or behind it, and before `end`. */
export function isWithin(pc: Relocatable, begin: Relocatable, end: Relocatable): boolean {
  const from = pc.minus(begin);
  if (from === undefined || from < 0n) return false;
  const to = pc.minus(end);
  return to !== undefined && to < 0n;
}

/** Finds the attributes in one walk. `DW_AT_ranges` counts before the bounds [DWARF5 2.17]. */
function coverage(unit: DwarfUnit, entry: EntryPlace, wantList: boolean): Coverage {
  const bases = unitBases(unit);
  const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, entry.offset);
  let low: Relocatable | undefined;
  let highAddress: Relocatable | undefined;
  let distance: bigint | undefined;
  let list: RangeCursor | undefined;
  if (!at.next() || at.offset !== entry.offset) {
    throw dwarfError(
      unit.reader.section,
      "DWARF_BAD_REFERENCE",
      entry.offset,
      "no entry of the unit begins here",
    );
  }
  while (at.nextAttribute()) {
    switch (at.attribute) {
      case DW_AT.DW_AT_low_pc:
        low = bases.codeAddress(at.form, at.valueOffset, at.low);
        break;
      case DW_AT.DW_AT_high_pc:
        highAddress = bases.codeAddress(at.form, at.valueOffset, at.low);
        if (highAddress === undefined) distance = at.constant;
        break;
      case DW_AT.DW_AT_ranges:
        if (wantList) list = attributeRanges(unit, at);
        break;
      default:
    }
  }
  return { list, low, high: highAddress ?? (distance === undefined ? undefined : low?.plus(distance)) };
}

/** Before DWARF 4 the offset of a list has the form of a constant [DWARF3 7.5.4]. */
function rangesValue(at: EntryCursor): number {
  switch (at.form) {
    case DW_FORM.DW_FORM_data4:
    case DW_FORM.DW_FORM_sec_offset:
    case DW_FORM.DW_FORM_rnglistx:
      return at.low;
    case DW_FORM.DW_FORM_data8:
      return at.high * 0x1_0000_0000 + at.low;
    default:
      throw dwarfError(
        at.reader.section,
        "DWARF_BAD_VALUE",
        at.valueOffset,
        "DW_AT_ranges: found a form that is no list",
      );
  }
}
