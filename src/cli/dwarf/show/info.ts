/** `bindery dwarf info`: entries and attributes. */
import { attributeName, DW_AT } from "../../../dwarf/constants/attribute.ts";
import { isListAttribute } from "../../../dwarf/constants/attribute-class.ts";
import { formName } from "../../../dwarf/constants/form.ts";
import { tagName } from "../../../dwarf/constants/tag.ts";
import type { DwarfUnit } from "../../../dwarf/dwarf.ts";
import type { EntryBatch } from "../../../dwarf/read/entry/batch.ts";
import { StringLook } from "../../../dwarf/read/entry/batch-strings.ts";
import type { EntryCursor } from "../../../dwarf/read/entry/cursor.ts";
import { attributeRanges } from "../../../dwarf/read/list/range.ts";
import { add, type Counts, type Dump } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { EntryOptions } from "../options.ts";
import { entriesOf, offsetText, unitFields, unitsOf, unitTitle } from "../units.ts";
import { attributeList, listedLocations, locationText, type PlacedExpression } from "./locs.ts";
import { listed, type Range, rangeText } from "./ranges.ts";
import { ValuePrinter } from "./value.ts";

interface Value {
  readonly name: string;
  readonly form: string;
  readonly value: string;
  readonly ranges?: readonly Range[];
  readonly locations?: readonly PlacedExpression[];
}

interface Entry {
  readonly offset: number;
  readonly depth: number;
  readonly tag: string;
  readonly attributes: readonly Value[];
}

/** An entry as JSON. */
interface Tree extends Omit<Entry, "depth"> {
  readonly children: Tree[];
}

export function infoDump(options: EntryOptions): Dump<Entry> {
  // One for all files: its columns are too large to be made anew for each.
  const columns: Columns = {};
  return {
    groups: "units",
    items: "dies",
    absent: "There are no units in this file.",
    counted: ["units", "dies", "attributes"],
    *groupsOf(file) {
      for (const unit of unitsOf(file, options)) {
        yield { title: unitTitle(unit), fields: unitFields(unit), items: () => entries(file, unit, options) };
      }
    },
    text: entryLines,
    nested: tree,
    countFile(file, counts) {
      if (options.die === undefined && options.depth === undefined) countAll(file, options, counts, columns);
      else countSome(file, options, counts);
    },
  };
}

function* entries(file: DumpFile, unit: DwarfUnit, options: EntryOptions): IterableIterator<Entry> {
  const printer = new ValuePrinter(file, unit);
  for (const at of entriesOf(unit, options)) {
    const { offset, depth } = at;
    const attributes: Value[] = [];
    printer.entry();
    while (at.nextAttribute()) {
      const value = { name: attributeName(at.attribute), form: formName(at.form), value: printer.text(at) };
      const list = listOf(file, unit, at);
      attributes.push(list === undefined ? value : { ...value, ...list });
    }
    yield { offset, depth, tag: tagName(at.tag), attributes };
  }
}

/** The list that an attribute leads to, as far as it can be read. */
function listOf(
  file: DumpFile,
  unit: DwarfUnit,
  at: EntryCursor,
): Pick<Value, "ranges" | "locations"> | undefined {
  if (at.attribute === DW_AT.DW_AT_ranges) {
    const list = file.attempt(() => attributeRanges(unit, at));
    return list && { ranges: listed(file, list) };
  }
  if (!isListAttribute(at.attribute)) return undefined;
  const list = file.attempt(() => attributeList(unit, at));
  return list && { locations: listedLocations(file, list) };
}

function* entryLines({ offset, depth, tag, attributes }: Entry): IterableIterator<string> {
  const indent = "  ".repeat(depth);
  const inner = `${" ".repeat(12)}${indent}  `;
  yield `${offsetText(offset)}: ${indent}${tag}`;
  for (const { name, value, ranges = [], locations = [] } of attributes) {
    yield `${inner}${name.padEnd(24)} ${value}`;
    for (const range of ranges) yield `${inner}${" ".repeat(25)}${rangeText(range)}`;
    for (const location of locations) yield `${inner}${" ".repeat(25)}${locationText(location)}`;
  }
}

function tree(all: readonly Entry[]): Tree[] {
  const roots: Tree[] = [];
  const open: Tree[][] = [];
  const top = all[0]?.depth;
  for (const { depth, ...entry } of all) {
    const node: Tree = { ...entry, children: [] };
    (depth === top ? roots : open[depth - 1])?.push(node);
    open[depth] = node.children;
  }
  return roots;
}

interface Columns {
  batch?: EntryBatch;
}

/** Every attribute value is decoded and counted; strings are looked at. */
function countAll(file: DumpFile, options: EntryOptions, counts: Counts, columns: Columns): void {
  const strings = new StringLook();
  for (const unit of unitsOf(file, options)) {
    add(counts, "units");
    file.attempt(() => {
      const batch = strings.batch(unit, columns.batch);
      columns.batch = batch;
      while (batch.fill() > 0) {
        add(counts, "dies", batch.count);
        add(counts, "attributes", batch.firstValues[batch.count] ?? 0);
        strings.at(unit, batch);
      }
    });
  }
}

/** The same of those entries that are asked for. */
function countSome(file: DumpFile, options: EntryOptions, counts: Counts): void {
  const strings = new StringLook();
  for (const unit of unitsOf(file, options)) {
    add(counts, "units");
    file.attempt(() => {
      for (const at of entriesOf(unit, options)) {
        add(counts, "dies");
        while (at.nextAttribute()) {
          add(counts, "attributes");
          strings.one(unit, at.form, at.low);
        }
      }
    });
  }
}
