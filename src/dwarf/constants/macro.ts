/** Macro information: `.debug_macro` [DWARF5 7.23, table 7.28] and the older `.debug_macinfo` [DWARF4 7.22]. */
import { nameOf } from "../../elf/constants/family.ts";
import { dwarfName } from "./name.ts";

/** Entries of `.debug_macro`, of version 5 and of GNU's version 4, which has the first ten. */
export const DW_MACRO = {
  DW_MACRO_define: 0x01,
  DW_MACRO_undef: 0x02,
  DW_MACRO_start_file: 0x03,
  DW_MACRO_end_file: 0x04,
  DW_MACRO_define_strp: 0x05,
  DW_MACRO_undef_strp: 0x06,
  DW_MACRO_import: 0x07,
  DW_MACRO_define_sup: 0x08,
  DW_MACRO_undef_sup: 0x09,
  DW_MACRO_import_sup: 0x0a,
  DW_MACRO_define_strx: 0x0b,
  DW_MACRO_undef_strx: 0x0c,
} as const;
export type DW_MACRO = (typeof DW_MACRO)[keyof typeof DW_MACRO];

/** `DW_MACRO_define_strp`; an unknown vendor entry as `DW_MACRO_lo_user+0x1`. */
export function macroEntryName(value: number): string {
  return dwarfName("DW_MACRO", value, DW_MACRO, { low: 0xe0, high: 0xff });
}

/** GNU's own names of those ten, as version 4 tables are printed. */
export const DW_MACRO_GNU = {
  DW_MACRO_GNU_define: 0x01,
  DW_MACRO_GNU_undef: 0x02,
  DW_MACRO_GNU_start_file: 0x03,
  DW_MACRO_GNU_end_file: 0x04,
  DW_MACRO_GNU_define_indirect: 0x05,
  DW_MACRO_GNU_undef_indirect: 0x06,
  DW_MACRO_GNU_transparent_include: 0x07,
  DW_MACRO_GNU_define_indirect_alt: 0x08,
  DW_MACRO_GNU_undef_indirect_alt: 0x09,
  DW_MACRO_GNU_transparent_include_alt: 0x0a,
} as const;
export type DW_MACRO_GNU = (typeof DW_MACRO_GNU)[keyof typeof DW_MACRO_GNU];

/** `DW_MACRO_GNU_define_indirect`, an entry of version 4. */
export function gnuMacroEntryName(value: number): string {
  return dwarfName("DW_MACRO_GNU", value, DW_MACRO_GNU, { low: 0xe0, high: 0xff });
}

/** Flags of a `.debug_macro` header [DWARF5 6.3.1]. */
export const DW_MACRO_FLAG = {
  DW_MACRO_FLAG_offset_size: 0x01,
  DW_MACRO_FLAG_debug_line_offset: 0x02,
  DW_MACRO_FLAG_opcode_operands_table: 0x04,
} as const;
export type DW_MACRO_FLAG = (typeof DW_MACRO_FLAG)[keyof typeof DW_MACRO_FLAG];

/** Entries of `.debug_macinfo`. */
export const DW_MACINFO = {
  DW_MACINFO_define: 0x01,
  DW_MACINFO_undef: 0x02,
  DW_MACINFO_start_file: 0x03,
  DW_MACINFO_end_file: 0x04,
  DW_MACINFO_vendor_ext: 0xff,
} as const;
export type DW_MACINFO = (typeof DW_MACINFO)[keyof typeof DW_MACINFO];

/** `DW_MACINFO_start_file`. */
export function macinfoEntryName(value: number): string {
  return nameOf("DW_MACINFO", value, [DW_MACINFO]);
}
