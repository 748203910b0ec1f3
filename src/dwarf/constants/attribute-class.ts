/** What some attributes are for, where the form of their value does not tell [DWARF5 7.5.4, table 7.5]. */
import { DW_AT } from "./attribute.ts";

/** Of class loclist, and so of class exprloc. */
const LISTS: ReadonlySet<number> = new Set([
  DW_AT.DW_AT_location,
  DW_AT.DW_AT_string_length,
  DW_AT.DW_AT_return_addr,
  DW_AT.DW_AT_data_member_location,
  DW_AT.DW_AT_frame_base,
  DW_AT.DW_AT_segment,
  DW_AT.DW_AT_static_link,
  DW_AT.DW_AT_use_location,
  DW_AT.DW_AT_vtable_elem_location,
]);

/** Of class exprloc alone; blocks of them are expressions in DWARF 2 and 3, which have no form for those. */
const EXPRESSIONS: ReadonlySet<number> = new Set([
  ...LISTS,
  DW_AT.DW_AT_byte_size,
  DW_AT.DW_AT_bit_size,
  DW_AT.DW_AT_bit_offset,
  DW_AT.DW_AT_byte_stride,
  DW_AT.DW_AT_bit_stride,
  DW_AT.DW_AT_lower_bound,
  DW_AT.DW_AT_upper_bound,
  DW_AT.DW_AT_count,
  DW_AT.DW_AT_allocated,
  DW_AT.DW_AT_associated,
  DW_AT.DW_AT_data_location,
  DW_AT.DW_AT_rank,
  DW_AT.DW_AT_call_value,
  DW_AT.DW_AT_call_data_location,
  DW_AT.DW_AT_call_data_value,
  DW_AT.DW_AT_call_target,
  DW_AT.DW_AT_call_target_clobbered,
  DW_AT.DW_AT_GNU_call_site_value,
  DW_AT.DW_AT_GNU_call_site_data_value,
  DW_AT.DW_AT_GNU_call_site_target,
  DW_AT.DW_AT_GNU_call_site_target_clobbered,
]);

/** Whether an offset or index that is the value of a `DW_AT_` leads to a location list. */
export function isListAttribute(attribute: number): boolean {
  return LISTS.has(attribute);
}

/** Whether a block that is the value of a `DW_AT_` is an expression. */
export function isExpressionAttribute(attribute: number): boolean {
  return EXPRESSIONS.has(attribute);
}
