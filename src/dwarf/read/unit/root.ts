/** What a unit's root entry says of the unit as a whole: where its strings, addresses and lists begin, what it stands for. */
import { DW_AT } from "../../constants/attribute.ts";
import type { EntryCursor } from "../entry/cursor.ts";

/** An attribute of the root entry, kept to be read when it is needed. */
export interface RootAttribute {
  readonly form: number;
  /** Where its value is in the unit's section. */
  readonly at: number;
  /** As `low` and `high` of the cursor. */
  readonly value: number;
  readonly high: number;
}

const KEPT: ReadonlySet<number> = new Set([
  DW_AT.DW_AT_low_pc,
  DW_AT.DW_AT_entry_pc,
  DW_AT.DW_AT_addr_base,
  DW_AT.DW_AT_GNU_addr_base,
  DW_AT.DW_AT_str_offsets_base,
  DW_AT.DW_AT_rnglists_base,
  DW_AT.DW_AT_loclists_base,
  DW_AT.DW_AT_GNU_ranges_base,
  DW_AT.DW_AT_stmt_list,
  DW_AT.DW_AT_comp_dir,
  DW_AT.DW_AT_dwo_name,
  DW_AT.DW_AT_GNU_dwo_name,
  DW_AT.DW_AT_GNU_dwo_id,
]);

/** Root attributes by their `DW_AT_`. @param at a cursor before the root */
export function rootAttributes(at: EntryCursor): ReadonlyMap<number, RootAttribute> {
  const found = new Map<number, RootAttribute>();
  if (!at.next()) return found;
  while (at.nextAttribute()) {
    if (!KEPT.has(at.attribute)) continue;
    found.set(at.attribute, { form: at.form, at: at.valueOffset, value: at.low, high: at.high });
  }
  return found;
}
