/** Where things are while a program runs [DWARF5 2.6]: single expressions, `.debug_loc` and `.debug_loclists`. */
import { readU16 } from "../../../bytes/endian.ts";
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_FORM } from "../../constants/form.ts";
import {
  DW_LLE,
  DW_LLE_GNU,
  locationListEntryName,
  splitLocationListEntryName,
} from "../../constants/list.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";
import type { EntryCursor } from "../entry/cursor.ts";
import { type Expression, unitExpression } from "../expression/expression.ts";
import { type UnitBases, unitBases } from "../unit/addr-table.ts";
import { BoundsCursor, type EntryForm, entryForms, newEntryForms, OPERAND, SHAPE } from "./bounds.ts";
import { isWithin } from "./range.ts";

/** By kind [DWARF5 7.29, table 7.10]. */
const ENTRIES: readonly EntryForm[] = newEntryForms(DW_LLE);

/** By kind in `.debug_loc.dwo`, as GNU had it before DWARF 5 [GCC wiki, DebugFission]. */
const SPLIT_ENTRIES: readonly EntryForm[] = entryForms([
  [DW_LLE_GNU.DW_LLE_GNU_end_of_list_entry, SHAPE.END, OPERAND.INLINE],
  [DW_LLE_GNU.DW_LLE_GNU_base_address_selection_entry, SHAPE.BASE, OPERAND.INDEXED],
  [DW_LLE_GNU.DW_LLE_GNU_start_end_entry, SHAPE.START_END, OPERAND.INDEXED],
  [DW_LLE_GNU.DW_LLE_GNU_start_length_entry, SHAPE.START_LENGTH, OPERAND.INDEXED_LENGTH_4],
]);

/** A place in a location list. Nothing is allocated by walking. */
export class LocationCursor extends BoundsCursor {
  /** Where the current entry's expression is in the section, and its bytes. */
  expressionOffset = 0;
  expressionLength = 0;
  /** Views of the current entry's bounds; 0 where the list has none. [GCC, `-gvariable-location-views`] */
  beginView = 0;
  endView = 0;
  /** Where the next two views are, before the list; -1 when they are not there. */
  #views: number;
  /** Whether an entry just gave the views of the next. */
  #viewsGiven = false;

  /**
   * @param bases of the unit that the list belongs to
   * @param offset of the list in the section, {@link UnitBases.locations}
   * @param views where a table of views is in the same section, from `DW_AT_GNU_locviews`
   */
  constructor(bases: UnitBases, offset: number, views = -1) {
    super(bases, bases.locations(), offset);
    this.#views = views;
  }

  /** True when the current entry applies wherever no other does; it has no bounds. */
  get isDefault(): boolean {
    return this.shape === SHAPE.DEFAULT;
  }

  /** The current entry's expression. */
  get expression(): Expression {
    return unitExpression(this.bases.unit, this.reader, this.expressionOffset, this.expressionLength);
  }

  protected override decode(at: number): void {
    const { version } = this.bases.unit.header;
    if (version >= 5) this.tagged(at, ENTRIES, locationListEntryName);
    else if (this.bases.isSplit) this.tagged(at, SPLIT_ENTRIES, splitLocationListEntryName);
    else this.pair(at);
    if (this.shape === SHAPE.VIEWS) {
      this.#takeViews(this.first);
      this.#viewsGiven = true;
      return;
    }
    if (this.shape === SHAPE.END || this.shape === SHAPE.BASE) return;
    this.#takeExpression(version);
    if (this.#views >= 0) this.#views = this.#takeViews(this.#views);
    else if (!this.#viewsGiven) {
      this.beginView = 0;
      this.endView = 0;
    }
    this.#viewsGiven = false;
  }

  #takeExpression(version: number): void {
    const { bytes, little } = this.reader;
    const at = this.position;
    if (version >= 5) {
      this.expressionOffset = this.leb(at);
      this.expressionLength = readUleb128Number(bytes, at);
    } else {
      this.expressionOffset = this.take(at, 2);
      this.expressionLength = readU16(bytes, at, little);
    }
    this.position = this.take(this.expressionOffset, this.expressionLength);
  }

  /** @returns where the next views are */
  #takeViews(at: number): number {
    const { bytes } = this.reader;
    const second = this.leb(at);
    this.beginView = readUleb128Number(bytes, at);
    this.endView = readUleb128Number(bytes, second);
    return second + leb128Length(bytes, second);
  }
}

/** Where a thing is while the pc is from `begin` to before `end`; without both, wherever no other entry says. */
export interface BoundedLocation {
  readonly begin: Relocatable | undefined;
  readonly end: Relocatable | undefined;
  readonly expression: Expression;
}

/**
 * The location list that a cursor's current attribute leads to, before its first entry.
 * @param views the value of the entry's `DW_AT_GNU_locviews`
 * @returns `undefined` when the form is no offset or index of a list: a single expression or a constant
 * @throws DwarfError
 */
export function locationList(unit: DwarfUnit, at: EntryCursor, views = -1): LocationCursor | undefined {
  if (!isListForm(unit, at.form)) return undefined;
  const bases = unitBases(unit);
  const isConstant = at.form === DW_FORM.DW_FORM_data4 || at.form === DW_FORM.DW_FORM_data8;
  const value = isConstant ? at.high * 0x1_0000_0000 + at.low : at.low;
  return new LocationCursor(bases, bases.locationOffset(at.form, value), views);
}

/** Whether an attribute that may have a location list has one when its form is this. */
export function isListForm(unit: DwarfUnit, form: number): boolean {
  switch (form) {
    case DW_FORM.DW_FORM_data4:
    case DW_FORM.DW_FORM_data8:
      // Constants of DW_AT_data_member_location from DWARF 4 on, lists before [DWARF3 7.5.4].
      return unit.header.version < 4;
    case DW_FORM.DW_FORM_sec_offset:
    case DW_FORM.DW_FORM_loclistx:
      return true;
    default:
      return false;
  }
}

/**
 * The expression that a cursor's current attribute holds in place; `undefined` when its form is no block.
 */
export function attributeExpression(unit: DwarfUnit, at: EntryCursor): Expression | undefined {
  switch (at.form) {
    case DW_FORM.DW_FORM_exprloc:
    case DW_FORM.DW_FORM_block:
    case DW_FORM.DW_FORM_block1:
    case DW_FORM.DW_FORM_block2:
    case DW_FORM.DW_FORM_block4:
      return unitExpression(unit, unit.reader, at.low, at.high);
    default:
      return undefined;
  }
}

/**
 * All that a cursor's current attribute says of a location: one expression without bounds, or the entries of a list.
 * Nothing of the bounds' relocation is looked at yet. [seed: `dwarf_getlocation_relocatable`]
 * @throws DwarfError
 */
export function* locations(unit: DwarfUnit, at: EntryCursor): IterableIterator<BoundedLocation> {
  const single = attributeExpression(unit, at);
  if (single !== undefined) {
    yield { begin: undefined, end: undefined, expression: single };
    return;
  }
  const list = locationList(unit, at);
  if (list === undefined) {
    throw dwarfError(
      unit.reader.section,
      "DWARF_BAD_VALUE",
      at.valueOffset,
      "location: found a form of another class",
    );
  }
  while (list.next()) {
    const { expression, isDefault } = list;
    yield isDefault
      ? { begin: undefined, end: undefined, expression }
      : { begin: list.begin, end: list.end, expression };
  }
}

/**
 * The expression that holds at a pc, found by section and offset; `undefined` when the thing is nowhere then. Of several
 * entries that hold, the first.
 * @throws DwarfError
 */
export function locationAt(unit: DwarfUnit, at: EntryCursor, pc: Relocatable): Expression | undefined {
  let otherwise: Expression | undefined;
  for (const { begin, end, expression } of locations(unit, at)) {
    if (begin === undefined || end === undefined) otherwise ??= expression;
    else if (isWithin(pc, begin, end)) return expression;
  }
  return otherwise;
}
