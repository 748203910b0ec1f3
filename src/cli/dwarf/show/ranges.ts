/** `bindery dwarf ranges`: which addresses entries cover. */
import { DW_AT } from "../../../dwarf/constants/attribute.ts";
import { tagName } from "../../../dwarf/constants/tag.ts";
import type { DwarfUnit } from "../../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../../dwarf/read/entry/cursor.ts";
import { pcBounds, type RangeCursor, rangeList } from "../../../dwarf/read/list/range.ts";
import type { Relocatable } from "../../../dwarf/relocation/relocatable.ts";
import type { Dump } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import type { EntryOptions } from "../options.ts";
import { entriesOf, entryName, entryText, hex, unitFields, unitsOf, unitTitle } from "../units.ts";

/** A range as JSON. */
export interface Range {
  readonly begin: string;
  readonly end: string;
  /** Bytes; absent where the bounds count from different sections. */
  readonly size?: number;
}

/** An entry that covers addresses. */
interface Covering {
  readonly offset: number;
  readonly tag: string;
  readonly name: string | undefined;
  /** Section and offset of the list, if there is one. */
  readonly list: string | undefined;
  readonly ranges: readonly Range[];
}

export function rangesDump(options: EntryOptions): Dump<Covering> {
  return {
    groups: "units",
    items: "entries",
    absent: "There are no units in this file.",
    counted: ["units", "entries", "ranges"],
    *groupsOf(file) {
      for (const unit of unitsOf(file, options)) {
        yield {
          title: unitTitle(unit),
          fields: unitFields(unit),
          items: () => coverings(file, unit, options),
        };
      }
    },
    *text(item) {
      yield entryText(item) + (item.list === undefined ? "" : `, ${item.list}`);
      for (const range of item.ranges) yield `    ${rangeText(range)}`;
    },
    count({ ranges }, counts) {
      counts.ranges = (counts.ranges ?? 0) + ranges.length;
    },
  };
}

function* coverings(file: DumpFile, unit: DwarfUnit, options: EntryOptions): IterableIterator<Covering> {
  for (const at of entriesOf(unit, options)) {
    const has = coverage(at);
    if (has === undefined) continue;
    const { offset } = at;
    const name = file.attempt(() => entryName(unit, offset));
    const list = has === "list" ? file.attempt(() => rangeList(unit, at)) : undefined;
    const place = list && `${list.reader.section.section}+${hex(list.offset)}`;
    const ranges = has === "list" ? list && listed(file, list) : bounds(file, unit, at);
    if (ranges !== undefined) yield { offset, tag: tagName(at.tag), name, list: place, ranges };
  }
}

/** What an entry has: a list, which counts before bounds, bounds, or none [DWARF5 2.17]. Walks its attributes. */
function coverage(at: EntryCursor): "list" | "bounds" | undefined {
  let high = false;
  let list = false;
  while (at.nextAttribute()) {
    if (at.attribute === DW_AT.DW_AT_ranges) list = true;
    else if (at.attribute === DW_AT.DW_AT_high_pc) high = true;
  }
  return list ? "list" : high ? "bounds" : undefined;
}

/** The ranges of a list, as far as they can be read. */
export function listed(file: DumpFile, list: RangeCursor): Range[] {
  const ranges: Range[] = [];
  file.attempt(() => {
    while (list.next()) ranges.push(rangeOf(file, list.begin, list.end));
  });
  return ranges;
}

function bounds(file: DumpFile, unit: DwarfUnit, at: EntryCursor): Range[] | undefined {
  return file.attempt(() => {
    const found = pcBounds(unit, at);
    return found?.high === undefined ? undefined : [rangeOf(file, found.low, found.high)];
  });
}

/** A range as JSON. @throws DwarfError DWARF_BAD_RELOCATION */
export function rangeOf(file: DumpFile, begin: Relocatable, end: Relocatable): Range {
  const size = end.minus(begin);
  return {
    begin: file.address(begin),
    end: file.address(end),
    ...(size !== undefined && { size: Number(size) }),
  };
}

/** `[.text+0x0, .text+0x2b) 43`. */
export function rangeText({ begin, end, size }: Range): string {
  return `[${begin}, ${end})${size === undefined ? "" : ` ${size}`}`;
}
