/** Where fields of the look-up tables and of macros lead, in files that have several sections of one name. */
import type { Dwarf, DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { readUnitHeader } from "../unit/header.ts";

/**
 * The section that an offset in a field counts from. Relocatable files may have several of one name, in section groups;
 * the field's relocation says which. Without one, it is the first that is split (`.dwo`) when the field's own section is.
 * @param name of the section, without its dot
 * @returns `undefined` when there is none
 */
export function referredSection(
  dwarf: Dwarf,
  field: FieldReader,
  at: number,
  size: number,
  name: string,
): FieldReader | undefined {
  const all = dwarf.sections.named(name);
  let found = all[0];
  if (all.length > 1) {
    const index = field.isRelocated(at) ? field.infoAt(at, size).target?.symbol.sectionIndex : undefined;
    const split = field.section.section.endsWith(".dwo");
    found =
      all.find(({ elfSection }) => elfSection.index === index) ??
      all.find(({ section }) => section.endsWith(".dwo") === split) ??
      found;
  }
  return found && dwarf.reader(found);
}

/**
 * The unit whose header begins where a field says.
 * @param name of the units' section: `debug_info` or `debug_types`
 * @throws DwarfError DWARF_BAD_REFERENCE when no unit begins there
 */
export function referredUnit(
  dwarf: Dwarf,
  field: FieldReader,
  at: number,
  size: number,
  name = "debug_info",
): DwarfUnit {
  const offset = field.offset(at, size);
  const reader = referredSection(dwarf, field, at, size, name);
  if (reader !== undefined && offset < reader.bytes.length) {
    const { entries } = readUnitHeader(reader.section, offset, name === "debug_types");
    const unit = dwarf.index.at(reader.section, entries);
    if (unit?.header.offset === offset) return unit;
  }
  const what = `unit offset 0x${offset.toString(16)}: no unit of .${name} begins there`;
  throw dwarfError(field.section, "DWARF_BAD_REFERENCE", at, what);
}
