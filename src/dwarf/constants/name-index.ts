/** Columns of the entry pool of `.debug_names` [DWARF5 6.1.1.4.7, table 6.1; numbers in 7.19, table 7.23]. */
import { dwarfName } from "./name.ts";

/** Index attributes. */
export const DW_IDX = {
  DW_IDX_compile_unit: 0x01,
  DW_IDX_type_unit: 0x02,
  DW_IDX_die_offset: 0x03,
  DW_IDX_parent: 0x04,
  DW_IDX_type_hash: 0x05,
  // GNU; the second is of early versions of gdb.
  DW_IDX_GNU_internal: 0x2000,
  DW_IDX_GNU_external: 0x2001,
  DW_IDX_GNU_main: 0x2002,
  DW_IDX_GNU_language: 0x2003,
  DW_IDX_GNU_linkage_name: 0x2004,
} as const;
export type DW_IDX = (typeof DW_IDX)[keyof typeof DW_IDX];

/** `DW_IDX_die_offset`; an unknown vendor column as `DW_IDX_lo_user+0x9`. */
export function indexAttributeName(value: number): string {
  return dwarfName("DW_IDX", value, DW_IDX, { low: 0x2000, high: 0x3fff });
}
