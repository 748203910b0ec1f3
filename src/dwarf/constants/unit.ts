/** Unit headers [DWARF5 7.5.1] and abbreviation declarations [7.5.3]. */
import { dwarfName } from "./name.ts";

/** Kinds of unit [table 7.2]. */
export const DW_UT = {
  DW_UT_compile: 0x01,
  DW_UT_type: 0x02,
  DW_UT_partial: 0x03,
  DW_UT_skeleton: 0x04,
  DW_UT_split_compile: 0x05,
  DW_UT_split_type: 0x06,
} as const;
export type DW_UT = (typeof DW_UT)[keyof typeof DW_UT];

/** `DW_UT_skeleton`; an unknown vendor kind as `DW_UT_lo_user+0x1`. */
export function unitTypeName(value: number): string {
  return dwarfName("DW_UT", value, DW_UT, { low: 0x80, high: 0xff });
}

/** Whether entries of an abbreviation own the entries that follow [table 7.4]. */
export const DW_CHILDREN = {
  DW_CHILDREN_no: 0x00,
  DW_CHILDREN_yes: 0x01,
} as const;
export type DW_CHILDREN = (typeof DW_CHILDREN)[keyof typeof DW_CHILDREN];
