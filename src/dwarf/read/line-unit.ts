/** The line program of a unit: `DW_AT_stmt_list` [DWARF5 3.1.1, item 5]. */
import { DW_AT } from "../constants/attribute.ts";
import { rootEntry } from "../die.ts";
import type { DwarfUnit } from "../dwarf.ts";
import { dwarfError } from "../place.ts";
import { LineHeader } from "./line-header.ts";
import { referredSection } from "./names-reference.ts";

/**
 * The header of a unit's line program.
 * @returns `undefined` when the unit has none
 * @throws DwarfError
 */
export function unitLineHeader(unit: DwarfUnit): LineHeader | undefined {
  const { dwarf, reader, header } = unit;
  const attribute = rootEntry(unit).attribute(DW_AT.DW_AT_stmt_list);
  if (attribute === undefined) return undefined;
  const section = referredSection(dwarf, reader, attribute.offset, header.offsetSize, "debug_line");
  if (section !== undefined) return LineHeader.read(section, Number(attribute.constant), dwarf);
  const what = "DW_AT_stmt_list: the file has no .debug_line";
  throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", attribute.offset, what);
}
