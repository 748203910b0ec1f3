/** Line number programs [DWARF5 7.22]. */
import { nameOf } from "../../elf/constants/family.ts";
import { dwarfName } from "./name.ts";

/** Standard opcodes [table 7.25]; 0 begins an extended one. */
export const DW_LNS = {
  DW_LNS_extended_op: 0x00,
  DW_LNS_copy: 0x01,
  DW_LNS_advance_pc: 0x02,
  DW_LNS_advance_line: 0x03,
  DW_LNS_set_file: 0x04,
  DW_LNS_set_column: 0x05,
  DW_LNS_negate_stmt: 0x06,
  DW_LNS_set_basic_block: 0x07,
  DW_LNS_const_add_pc: 0x08,
  DW_LNS_fixed_advance_pc: 0x09,
  DW_LNS_set_prologue_end: 0x0a,
  DW_LNS_set_epilogue_begin: 0x0b,
  DW_LNS_set_isa: 0x0c,
} as const;
export type DW_LNS = (typeof DW_LNS)[keyof typeof DW_LNS];

/** `DW_LNS_copy`, or `DW_LNS_0x10`: an opcode that a header declares beyond those of the specification. */
export function lineOpcodeName(value: number): string {
  return nameOf("DW_LNS", value, [DW_LNS]);
}

/** Extended opcodes [table 7.26]. */
export const DW_LNE = {
  DW_LNE_end_sequence: 0x01,
  DW_LNE_set_address: 0x02,
  DW_LNE_define_file: 0x03,
  DW_LNE_set_discriminator: 0x04,
  // HP.
  DW_LNE_HP_negate_is_UV_update: 0x11,
  DW_LNE_HP_push_context: 0x12,
  DW_LNE_HP_pop_context: 0x13,
  DW_LNE_HP_set_file_line_column: 0x14,
  DW_LNE_HP_set_routine_name: 0x15,
  DW_LNE_HP_set_sequence: 0x16,
  DW_LNE_HP_negate_post_semantics: 0x17,
  DW_LNE_HP_negate_function_exit: 0x18,
  DW_LNE_HP_negate_front_end_logical: 0x19,
  DW_LNE_HP_define_proc: 0x20,
  DW_LNE_HP_source_file_correlation: 0x80,
  // NVIDIA.
  DW_LNE_NVIDIA_inlined_call: 0x90,
  DW_LNE_NVIDIA_set_function_name: 0x91,
} as const;
export type DW_LNE = (typeof DW_LNE)[keyof typeof DW_LNE];

/** `DW_LNE_set_address`; an unknown vendor opcode as `DW_LNE_lo_user+0x1`. */
export function extendedLineOpcodeName(value: number): string {
  return dwarfName("DW_LNE", value, DW_LNE, { low: 0x80, high: 0xff });
}

/** What a column of a version 5 directory or file table holds [table 7.27]. */
export const DW_LNCT = {
  DW_LNCT_path: 0x01,
  DW_LNCT_directory_index: 0x02,
  DW_LNCT_timestamp: 0x03,
  DW_LNCT_size: 0x04,
  DW_LNCT_MD5: 0x05,
  // LLVM.
  DW_LNCT_LLVM_source: 0x2001,
  DW_LNCT_LLVM_is_MD5: 0x2002,
} as const;
export type DW_LNCT = (typeof DW_LNCT)[keyof typeof DW_LNCT];

/** `DW_LNCT_path`; an unknown vendor column as `DW_LNCT_lo_user+0x3`. */
export function lineContentName(value: number): string {
  return dwarfName("DW_LNCT", value, DW_LNCT, { low: 0x2000, high: 0x3fff });
}
