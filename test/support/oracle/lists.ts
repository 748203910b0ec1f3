/** Range lists and location lists as readelf and eu-readelf print them: the sections from end to end. */
import { DW_AT } from "../../../src/dwarf/constants/attribute.ts";
import { DW_FORM } from "../../../src/dwarf/constants/form.ts";
import { locationListEntryName, rangeListEntryName } from "../../../src/dwarf/constants/list.ts";
import type { Dwarf, DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import type { EntryCursor } from "../../../src/dwarf/read/entry/cursor.ts";
import { type BoundsCursor, SHAPE } from "../../../src/dwarf/read/list/bounds.ts";
import { LocationCursor } from "../../../src/dwarf/read/list/location.ts";
import { RangeCursor } from "../../../src/dwarf/read/list/range.ts";
import { unitBases } from "../../../src/dwarf/read/unit/addr-table.ts";
import type { Relocatable } from "../../../src/dwarf/relocation/relocatable.ts";
import type { Oracle } from "./compare.ts";
import { hex64, seenByElfutils } from "./file.ts";
import { readelfExpression, readelfText } from "./readelf-entries.ts";

/** Where the list is that an attribute leads to; -1 of others. */
type OffsetOf = (unit: DwarfUnit, at: EntryCursor) => number;

/** A list that an entry leads to. */
interface List {
  readonly unit: DwarfUnit;
  readonly offset: number;
  /** Where its views are; -1 without. */
  readonly views: number;
}

/** Compares all range lists before DWARF 5 with `readelf -wR`; of those since, readelf 2.40 prints the first alone, without its base. */
export function readelfRangesOracle(path: string, dwarf: Dwarf): Oracle {
  const isRead = !isMixed(dwarf);
  const ours = isRead ? ranges(dwarf) : [].values();
  return {
    tool: "readelf",
    args: ["-wNR", "-W", path],
    ours,
    normal: isRead ? oldRanges() : () => undefined,
  };
}

/** Compares all location lists that entries lead to with `readelf -wo`. */
export function readelfLocationsOracle(path: string, dwarf: Dwarf): Oracle {
  // readelf looks for lists in one section of entries alone, prints indexes of split units, and none by index.
  const sections = dwarf.sections.named("debug_info");
  const isRead =
    !isMixed(dwarf) &&
    sections.length === 1 &&
    !sections[0]?.section.endsWith(".dwo") &&
    !hasListTables(dwarf);
  const ours = isRead ? locations(dwarf) : [].values();
  const normal = isRead ? normalLocation : () => undefined;
  return { tool: "readelf", args: ["-wNo", "-W", path], ours, normal };
}

/** Compares the entries, as they are written, of all range lists of DWARF 5 with `eu-readelf --debug-dump=ranges`. */
export function euRangesOracle(path: string, dwarf: Dwarf): Oracle {
  const args = ["-N", "--debug-dump=ranges", path];
  return { tool: "eu-readelf", args, ours: writtenRanges(dwarf), normal: referred(dwarf, rangeOffset) };
}

/** Compares the entries, as they are written, of all location lists of DWARF 5 with `eu-readelf --debug-dump=loc`. */
export function euLocationsOracle(path: string, dwarf: Dwarf): Oracle {
  const args = ["-N", "--debug-dump=loc", path];
  return { tool: "eu-readelf", args, ours: writtenLocations(dwarf), normal: referred(dwarf, locationOffset) };
}

function* writtenRanges(dwarf: Dwarf): Generator<string> {
  const name = (kind: number): string => rangeListEntryName(kind).slice("DW_RLE_".length);
  let last: RangeCursor | undefined;
  for (const { unit, offset } of lists(dwarf, rangeOffset, isNew)) {
    // gcc lets an entry lead into the list of another, whose rest is its own; eu-readelf prints it once.
    if (last !== undefined && offset <= last.offset) continue;
    last = new RangeCursor(unitBases(unit), offset);
    if (!seenByElfutils(last.reader.section)) continue;
    yield* written(unit, last, name);
  }
}

function* writtenLocations(dwarf: Dwarf): Generator<string> {
  const name = (kind: number): string => locationListEntryName(kind).slice("DW_LLE_".length);
  let last: LocationCursor | undefined;
  for (const { unit, offset } of lists(dwarf, locationOffset, isNew)) {
    if (last !== undefined && offset <= last.offset) continue;
    last = new LocationCursor(unitBases(unit), offset);
    if (!seenByElfutils(last.reader.section)) continue;
    yield* written(unit, last, name);
  }
}

/** Entries by kind with the numbers that relocation does not change: offsets from the base, and lengths. */
function* written(unit: DwarfUnit, cursor: BoundsCursor, name: (kind: number) => string): Generator<string> {
  let { base } = unitBases(unit);
  while (cursor.nextEntry()) {
    const kind = name(cursor.kind);
    if (cursor.shape === SHAPE.BASE) {
      base = cursor.begin;
      yield kind;
    } else if (cursor.shape === SHAPE.PAIR) {
      const from = (place: Relocatable): string =>
        (base === undefined ? place.info().addend : place.minus(base))?.toString(16) ?? "?";
      yield `${kind} ${from(cursor.begin)} ${from(cursor.end)}`;
    } else if (cursor.shape === SHAPE.START_LENGTH) {
      yield `${kind} ${cursor.end.minus(cursor.begin)?.toString(16)}`;
    } else yield kind;
  }
  yield "end_of_list";
}

/** Units before DWARF 5 and since in one file: readelf looks for the lists of all in the sections of the first. */
function isMixed(dwarf: Dwarf): boolean {
  return new Set([...dwarf.units()].map(isNew)).size > 1;
}

function hasListTables(dwarf: Dwarf): boolean {
  for (const unit of dwarf.units()) {
    const at = unit.entries();
    if (!at.next()) continue;
    while (at.nextAttribute()) if (at.attribute === DW_AT.DW_AT_loclists_base) return true;
  }
  return false;
}

function isNew(unit: DwarfUnit): boolean {
  return unit.header.version >= 5;
}

/** Leaves out the lists that no entry leads to: eu-readelf prints those too, with bases that they don't have. */
function referred(dwarf: Dwarf, offsetOf: OffsetOf): (line: string) => string | undefined {
  const known = new Set(lists(dwarf, offsetOf, isNew).map(({ offset }) => offset));
  let wanted = false;
  return (line) => {
    const list = /^ {2}Offset: ([0-9a-f]+), Index: /.exec(line);
    if (list !== null) wanted = known.has(Number.parseInt(list[1] ?? "", 16));
    return wanted ? normalWritten(line) : undefined;
  };
}

function normalWritten(line: string): string | undefined {
  const [, kind = "", operands = ""] = /^ {4}([a-z_]+)(?: (.*))?$/.exec(line) ?? [];
  const [first = "", second = ""] = operands.split(", ");
  switch (kind) {
    case "offset_pair":
      return `${kind} ${first} ${second}`;
    case "start_length":
    case "startx_length":
      return `${kind} ${second}`;
    case "base_address":
    case "base_addressx":
    case "startx_endx":
    case "start_end":
    case "default_location":
    case "end_of_list":
      return kind;
    default:
      return undefined;
  }
}

function* ranges(dwarf: Dwarf): Generator<string> {
  for (const { unit, offset } of lists(dwarf, rangeOffset, (unit) => !isNew(unit))) {
    const cursor = new RangeCursor(unitBases(unit), offset);
    while (cursor.next() && !looksLikeEnd(unit, cursor)) yield bounds(cursor);
  }
}

function* locations(dwarf: Dwarf): Generator<string> {
  for (const { unit, offset, views } of lists(dwarf, locationOffset)) {
    const cursor = new LocationCursor(unitBases(unit), offset, views);
    // readelf takes no first entry for the end.
    for (let isFirst = true; cursor.next(); isFirst = false) {
      if (!isFirst && !cursor.isDefault && looksLikeEnd(unit, cursor)) break;
      if (views >= 0) yield `v${cursor.beginView.toString(16)} v${cursor.endView.toString(16)}`;
      const text = `(${readelfText(cursor.expression)})`;
      yield cursor.isDefault ? `default ${text}` : `${bounds(cursor)} ${text}`;
    }
  }
}

/**
 * Whether an entry before DWARF 5 is taken for the end of its list by readelf and LLVM: two fields that are 0 after
 * relocation with all sections at 0. What is behind it they don't print. It is no end: placed elsewhere it is not 0.
 */
export function looksLikeEnd(unit: DwarfUnit, cursor: BoundsCursor): boolean {
  if (isNew(unit)) return false;
  cursor.finalBounds();
  return cursor.beginLow === 0 && cursor.beginHigh === 0 && cursor.endLow === 0 && cursor.endHigh === 0;
}

/** The final bounds, by the fast way. */
function bounds(cursor: BoundsCursor): string {
  cursor.finalBounds();
  return `${hex64(cursor.beginLow, cursor.beginHigh)} ${hex64(cursor.endLow, cursor.endHigh)}`;
}

/** All lists that entries lead to, each once, in the order of the section. */
function lists(dwarf: Dwarf, offsetOf: OffsetOf, wanted: (unit: DwarfUnit) => boolean = () => true): List[] {
  const found = new Map<number, List>();
  for (const unit of dwarf.units()) {
    // Those of split units can't be placed without the file of their skeletons.
    if (!wanted(unit) || unit.isSplit) continue;
    const at = unit.entries();
    while (at.next()) {
      let offset = -1;
      let views = -1;
      while (at.nextAttribute()) {
        const list = offsetOf(unit, at);
        if (list >= 0) offset = list;
        if (at.attribute === DW_AT.DW_AT_GNU_locviews) views = at.low;
        if (list >= 0 && at.attribute !== DW_AT.DW_AT_location)
          found.set(list, { unit, offset: list, views: -1 });
      }
      if (offset >= 0) found.set(offset, { unit, offset, views });
    }
  }
  return [...found.values()].sort((a, b) => a.offset - b.offset);
}

function rangeOffset(unit: DwarfUnit, at: EntryCursor): number {
  if (at.attribute !== DW_AT.DW_AT_ranges) return -1;
  return unitBases(unit).rangeOffset(at.form, at.low);
}

function locationOffset(unit: DwarfUnit, at: EntryCursor): number {
  switch (at.attribute) {
    case DW_AT.DW_AT_location:
    case DW_AT.DW_AT_frame_base:
    case DW_AT.DW_AT_string_length:
    case DW_AT.DW_AT_return_addr:
    case DW_AT.DW_AT_data_member_location:
    case DW_AT.DW_AT_static_link:
    case DW_AT.DW_AT_use_location:
    case DW_AT.DW_AT_vtable_elem_location:
      break;
    default:
      return -1;
  }
  const isOffset =
    at.form === DW_FORM.DW_FORM_sec_offset ||
    at.form === DW_FORM.DW_FORM_loclistx ||
    (unit.header.version < 4 && (at.form === DW_FORM.DW_FORM_data4 || at.form === DW_FORM.DW_FORM_data8));
  return isOffset ? unitBases(unit).locationOffset(at.form, at.low) : -1;
}

const HEX = (digits: string): string => BigInt(`0x${digits}`).toString(16);

/** Only of `.debug_ranges`. */
function oldRanges(): (line: string) => string | undefined {
  let wanted = false;
  return (line) => {
    if (line.startsWith("Contents of the ")) wanted = line.includes(".debug_ranges");
    return wanted ? normalRange(line) : undefined;
  };
}

function normalRange(line: string): string | undefined {
  const range = /^ +[0-9a-f]{8} ([0-9a-f]{8,16}) ([0-9a-f]{8,16}) *(?:\(start (?:==|>) end\))?\s*$/.exec(
    line,
  );
  return range === null ? undefined : `${HEX(range[1] ?? "")} ${HEX(range[2] ?? "")}`;
}

function normalLocation(line: string): string | undefined {
  const views = / v([0-9a-f]{15}) v([0-9a-f]{15}) views at /.exec(line);
  if (views !== null) return `v${HEX(views[1] ?? "")} v${HEX(views[2] ?? "")}`;
  if (line.includes("(base address)")) return undefined;
  const row =
    /^ +(?:[0-9a-f]{8} )?([0-9a-f]{8,16}) ([0-9a-f]{8,16}) (\(.*?\))(?: \[without DW_AT_frame_base\])?(?: \(start (?:==|>) end\))?\s*$/.exec(
      line,
    );
  if (row === null) return undefined;
  const [, begin = "", end = "", text = ""] = row;
  return `${HEX(begin)} ${HEX(end)} ${readelfExpression(text)}`;
}
