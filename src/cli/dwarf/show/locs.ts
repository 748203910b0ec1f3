/** `bindery dwarf locs`: expressions and location lists of entries. */
import { attributeName, DW_AT } from "../../../dwarf/constants/attribute.ts";
import { isExpressionAttribute, isListAttribute } from "../../../dwarf/constants/attribute-class.ts";
import { DW_FORM } from "../../../dwarf/constants/form.ts";
import { tagName } from "../../../dwarf/constants/tag.ts";
import type { DwarfUnit } from "../../../dwarf/dwarf.ts";
import { EntryCursor } from "../../../dwarf/read/entry/cursor.ts";
import type { Expression } from "../../../dwarf/read/expression/expression.ts";
import { expressionText } from "../../../dwarf/read/expression/text.ts";
import {
  attributeExpression,
  isListForm,
  type LocationCursor,
  locationList,
} from "../../../dwarf/read/list/location.ts";
import { unitBases } from "../../../dwarf/read/unit/addr-table.ts";
import type { Dump } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { EntryOptions } from "../options.ts";
import { entriesOf, entryName, entryText, hex, unitFields, unitsOf, unitTitle } from "../units.ts";
import { type Range, rangeOf, rangeText } from "./ranges.ts";

/** Where something is while the pc is in a range; without a range everywhere, or everywhere else. */
export interface PlacedExpression extends Partial<Range> {
  readonly isDefault?: true;
  readonly beginView?: number;
  readonly endView?: number;
  readonly expression: string;
}

/** A location attribute of an entry. */
interface Located {
  readonly offset: number;
  readonly tag: string;
  readonly name: string | undefined;
  readonly attribute: string;
  /** Section and offset of the list, if there is one. */
  readonly list: string | undefined;
  readonly locations: readonly PlacedExpression[];
}

export function locsDump(options: EntryOptions): Dump<Located> {
  return {
    groups: "units",
    items: "attributes",
    absent: "There are no units in this file.",
    counted: ["units", "attributes", "locations"],
    *groupsOf(file) {
      for (const unit of unitsOf(file, options)) {
        yield { title: unitTitle(unit), fields: unitFields(unit), items: () => located(file, unit, options) };
      }
    },
    *text(item) {
      const { list, locations, attribute } = item;
      const [only] = locations;
      if (list === undefined) {
        yield `${entryText(item)} ${attribute} ${only?.expression ?? ""}`.trimEnd();
        return;
      }
      yield `${entryText(item)} ${attribute}, ${list}`;
      for (const location of locations) yield `    ${locationText(location)}`;
    },
    count({ locations }, counts) {
      counts.locations = (counts.locations ?? 0) + locations.length;
    },
  };
}

function* located(file: DumpFile, unit: DwarfUnit, options: EntryOptions): IterableIterator<Located> {
  for (const at of entriesOf(unit, options)) {
    let name: string | undefined;
    let isNamed = false;
    const { offset } = at;
    while (at.nextAttribute()) {
      const { attribute } = at;
      const single = singleExpression(unit, at);
      const list = single === undefined ? file.attempt(() => attributeList(unit, at)) : undefined;
      if (single === undefined && list === undefined) continue;
      if (!isNamed) name = file.attempt(() => entryName(unit, offset));
      isNamed = true;
      const place = list && `${list.reader.section.section}+${hex(list.offset)}`;
      const locations = list === undefined ? alone(file, single) : listedLocations(file, list);
      yield {
        offset,
        tag: tagName(at.tag),
        name,
        attribute: attributeName(attribute),
        list: place,
        locations,
      };
    }
  }
}

/** The expression that a cursor's attribute holds in place; `undefined` when it is a block of another kind. */
export function singleExpression(unit: DwarfUnit, at: EntryCursor): Expression | undefined {
  const isExpression = at.form === DW_FORM.DW_FORM_exprloc || isExpressionAttribute(at.attribute);
  return isExpression ? attributeExpression(unit, at) : undefined;
}

/** The list that a cursor's attribute leads to. @throws DwarfError */
export function attributeList(unit: DwarfUnit, at: EntryCursor): LocationCursor | undefined {
  if (!isListForm(unit, at.form) || !isListAttribute(at.attribute)) return undefined;
  return locationList(unit, at, viewsOf(unit, at.offset));
}

/** Where the views of an entry's location list are, by its `DW_AT_GNU_locviews`; -1 without one. */
function viewsOf(unit: DwarfUnit, entry: number): number {
  const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, entry);
  at.next();
  while (at.nextAttribute())
    if (at.attribute === DW_AT.DW_AT_GNU_locviews) return unitBases(unit).viewsOffset(at.low);
  return -1;
}

function alone(file: DumpFile, expression: Expression | undefined): PlacedExpression[] {
  const text = expression && file.attempt(() => printed(file, expression));
  return text === undefined ? [] : [{ expression: text }];
}

/** The locations of a list, as far as they can be read. */
export function listedLocations(file: DumpFile, list: LocationCursor): PlacedExpression[] {
  const locations: PlacedExpression[] = [];
  file.attempt(() => {
    while (list.next()) {
      const expression = printed(file, list.expression);
      if (list.isDefault) locations.push({ isDefault: true, expression });
      else {
        const { beginView, endView } = list;
        const views = beginView === 0 && endView === 0 ? {} : { beginView, endView };
        locations.push({ ...rangeOf(file, list.begin, list.end), ...views, expression });
      }
    }
  });
  return locations;
}

/** An expression as llvm-dwarfdump prints it, addresses as elsewhere. @throws DwarfError */
export function printed(file: DumpFile, expression: Expression): string {
  return expressionText(expression, { like: "llvm", address: file.address });
}

/** `[.text+0x0, .text+0x9) 9: DW_OP_reg5 RDI`. */
export function locationText(location: PlacedExpression): string {
  const { begin, end, size, isDefault, beginView, endView, expression } = location;
  if (isDefault === true) return `default: ${expression}`.trimEnd();
  if (begin === undefined || end === undefined) return expression;
  const views = beginView === undefined ? "" : ` views ${beginView}, ${endView}`;
  return `${rangeText({ begin, end, ...(size !== undefined && { size }) })}${views}: ${expression}`.trimEnd();
}
