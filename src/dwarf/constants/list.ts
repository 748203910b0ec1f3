/** Entries of range lists [DWARF5 7.25, table 7.30] and location lists [7.29, table 7.10]. */
import { nameOf } from "../../elf/constants/family.ts";

/** Entries of `.debug_rnglists`. */
export const DW_RLE = {
  DW_RLE_end_of_list: 0x00,
  DW_RLE_base_addressx: 0x01,
  DW_RLE_startx_endx: 0x02,
  DW_RLE_startx_length: 0x03,
  DW_RLE_offset_pair: 0x04,
  DW_RLE_base_address: 0x05,
  DW_RLE_start_end: 0x06,
  DW_RLE_start_length: 0x07,
} as const;
export type DW_RLE = (typeof DW_RLE)[keyof typeof DW_RLE];

/** `DW_RLE_offset_pair`. */
export function rangeListEntryName(value: number): string {
  return nameOf("DW_RLE", value, [DW_RLE]);
}

/** Entries of `.debug_loclists`. */
export const DW_LLE = {
  DW_LLE_end_of_list: 0x00,
  DW_LLE_base_addressx: 0x01,
  DW_LLE_startx_endx: 0x02,
  DW_LLE_startx_length: 0x03,
  DW_LLE_offset_pair: 0x04,
  DW_LLE_default_location: 0x05,
  DW_LLE_base_address: 0x06,
  DW_LLE_start_end: 0x07,
  DW_LLE_start_length: 0x08,
  // GNU: the views of the range that the next entry gives.
  DW_LLE_GNU_view_pair: 0x09,
} as const;
export type DW_LLE = (typeof DW_LLE)[keyof typeof DW_LLE];

/** `DW_LLE_startx_length`. */
export function locationListEntryName(value: number): string {
  return nameOf("DW_LLE", value, [DW_LLE]);
}

/** Entries of `.debug_loc.dwo`, the split location lists of GNU before DWARF 5. */
export const DW_LLE_GNU = {
  DW_LLE_GNU_end_of_list_entry: 0x00,
  DW_LLE_GNU_base_address_selection_entry: 0x01,
  DW_LLE_GNU_start_end_entry: 0x02,
  DW_LLE_GNU_start_length_entry: 0x03,
} as const;
export type DW_LLE_GNU = (typeof DW_LLE_GNU)[keyof typeof DW_LLE_GNU];

/** `DW_LLE_GNU_start_length_entry`. */
export function splitLocationListEntryName(value: number): string {
  return nameOf("DW_LLE_GNU", value, [DW_LLE_GNU]);
}
