/** Units and entries of a file, those that are asked for. */
import { unitTypeName } from "../../dwarf/constants/unit.ts";
import { entryAt, rootEntry } from "../../dwarf/die.ts";
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import { dwarfError } from "../../dwarf/place.ts";
import { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import { DwarfError } from "../../errors.ts";
import type { DumpFile } from "./file.ts";
import type { EntryOptions } from "./options.ts";

/** The units that are asked for. What can't be read is told, and the rest goes on. */
export function* unitsOf(file: DumpFile, options: EntryOptions): IterableIterator<DwarfUnit> {
  const { unit: number, die } = options;
  let index = 0;
  let found = false;
  for (const unit of file.dwarf.units(file.fail)) {
    const { offset, end } = unit.header;
    const isWanted = number === undefined || number === index;
    index++;
    if (!isWanted || (die !== undefined && (die < offset || die >= end))) continue;
    found = true;
    yield unit;
    const split = options.split === true ? file.attempt(() => splitUnit(file, unit)) : undefined;
    if (split !== undefined) yield split;
  }
  if (found || (number === undefined && die === undefined)) return;
  const wanted = [number === undefined ? [] : `unit ${number}`, die === undefined ? [] : `entry ${hex(die)}`];
  const what = `no ${wanted.flat().join(" with ")}: found ${index} units`;
  file.fail(new DwarfError("DWARF_BAD_REFERENCE", { file: file.name }, what));
}

/** The unit that a skeleton stands for. @throws DwarfError DWARF_BAD_REFERENCE when it is not found */
function splitUnit({ companions }: DumpFile, unit: DwarfUnit): DwarfUnit | undefined {
  const { splitLink, split } = unit;
  if (splitLink === undefined || split !== undefined) return split;
  const places = [...new Set(companions.tried.map(({ place, what }) => `${place} (${what})`))];
  const what = `split unit ${hex(splitLink.id)} of ${splitLink.name}: not found; tried ${places.join(", ")}`;
  throw dwarfError(unit.reader.section, "DWARF_BAD_REFERENCE", unit.header.offset, what);
}

/** A cursor at each entry of a unit that is asked for. */
export function* entriesOf(unit: DwarfUnit, options: EntryOptions): IterableIterator<EntryCursor> {
  const { reader, header, abbrevs } = unit;
  const { die, depth: most = Number.POSITIVE_INFINITY } = options;
  if (die !== undefined && !unit.parents.has(die)) {
    throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", die, "no entry begins here");
  }
  const at = die === undefined ? unit.entries() : new EntryCursor(reader, header, abbrevs, die);
  let more = at.next();
  for (let first = true; more && (first || die === undefined || at.depth > 0); first = false) {
    if (at.depth <= most) yield at;
    // A root has no sibling to look for.
    more = at.depth < most ? at.next() : at.depth > 0 && at.nextSibling();
  }
}

/** `.debug_info+0x0: DW_UT_compile, DWARF 5, 32-bit format, 8-byte addresses: "a.c"`. */
export function unitTitle(unit: DwarfUnit): string {
  const { offset, unitType, version, offsetSize, addressSize } = unit.header;
  const place = `${unit.reader.section.section}+${hex(offset)}`;
  const name = unitName(unit);
  const format = `${8 * offsetSize}-bit format, ${addressSize}-byte addresses`;
  return `${place}: ${unitTypeName(unitType)}, DWARF ${version}, ${format}${name === undefined ? "" : `: ${JSON.stringify(name)}`}`;
}

/** The same as data. */
export function unitFields(unit: DwarfUnit): Record<string, unknown> {
  const { offset, unitType, version, offsetSize, addressSize } = unit.header;
  const section = unit.reader.section.section;
  const type = unitTypeName(unitType);
  return { section, offset, type, version, offsetSize, addressSize, name: unitName(unit) };
}

/** Name of what a unit was compiled from. Damage is told where its entries are shown, not here. */
function unitName(unit: DwarfUnit): string | undefined {
  try {
    return rootEntry(unit).name ?? unit.splitLink?.name;
  } catch {
    return undefined;
  }
}

/** The name of the entry at an offset, or of the one that it completes. @throws DwarfError */
export function entryName(unit: DwarfUnit, offset: number): string | undefined {
  return entryAt(unit, offset).name;
}

/** `0x2d`. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}

/** `0x0000002d`, as offsets stand at the beginning of lines. */
export function offsetText(offset: number): string {
  return `0x${offset.toString(16).padStart(8, "0")}`;
}

/** `0x0000002d DW_TAG_subprogram "main"`. */
export function entryText(entry: { offset: number; tag: string; name?: string | undefined }): string {
  const { offset, tag, name } = entry;
  return `${offsetText(offset)} ${tag}${name === undefined ? "" : ` ${JSON.stringify(name)}`}`;
}
