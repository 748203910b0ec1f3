/** Package files (`.dwp`): the sections that an index has columns for [DWARF5 7.3.5.3, table 7.1]. */
import { nameOf } from "../../elf/constants/family.ts";

/** Columns of an index of version 5. */
export const DW_SECT = {
  DW_SECT_INFO: 0x01,
  DW_SECT_ABBREV: 0x03,
  DW_SECT_LINE: 0x04,
  DW_SECT_LOCLISTS: 0x05,
  DW_SECT_STR_OFFSETS: 0x06,
  DW_SECT_MACRO: 0x07,
  DW_SECT_RNGLISTS: 0x08,
} as const;
export type DW_SECT = (typeof DW_SECT)[keyof typeof DW_SECT];

/** Columns of an index of version 2, GNU's before DWARF 5: same numbers, other sections. */
export const DW_SECT_V2 = {
  DW_SECT_INFO: 0x01,
  DW_SECT_TYPES: 0x02,
  DW_SECT_ABBREV: 0x03,
  DW_SECT_LINE: 0x04,
  DW_SECT_LOC: 0x05,
  DW_SECT_STR_OFFSETS: 0x06,
  DW_SECT_MACINFO: 0x07,
  DW_SECT_MACRO: 0x08,
} as const;
export type DW_SECT_V2 = (typeof DW_SECT_V2)[keyof typeof DW_SECT_V2];

/** `DW_SECT_LOCLISTS`, or `DW_SECT_LOC` of an index of version 2. */
export function packageSectionName(value: number, version: number): string {
  return nameOf("DW_SECT", value, [version === 2 ? DW_SECT_V2 : DW_SECT]);
}
