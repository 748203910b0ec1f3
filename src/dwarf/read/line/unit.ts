/** The line program of a unit: `DW_AT_stmt_list` [DWARF5 3.1.1, item 5]. */
import { DW_AT } from "../../constants/attribute.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import { referredSection } from "../names/reference.ts";
import { LineHeader } from "./header.ts";

/**
 * The header of a unit's line program: of a split unit that of its skeleton, which both share [DWARF5 3.1.3]; a split
 * type unit has one of its own.
 * @returns `undefined` when the unit has none
 * @throws DwarfError
 */
export function unitLineHeader(unit: DwarfUnit): LineHeader | undefined {
  const owner = unit.skeleton ?? unit;
  const { dwarf, reader, header } = owner;
  const attribute = owner.root.get(DW_AT.DW_AT_stmt_list);
  if (attribute === undefined) return undefined;
  const section = referredSection(dwarf, reader, attribute.at, header.offsetSize, "debug_line");
  if (section === undefined) {
    const what = "DW_AT_stmt_list: the file has no .debug_line";
    throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", attribute.at, what);
  }
  const offset = attribute.value + attribute.high * 0x1_0000_0000 + owner.contribution("debug_line").offset;
  const strings = { stringOf: (form: number, value: number) => dwarf.stringOf(form, value, owner) };
  return LineHeader.read(section, offset, strings);
}
