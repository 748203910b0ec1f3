/** Call frame information: instructions [DWARF5 7.24, table 7.29] and pointer encodings [LSB 5.0, 10.5.1]. */
import { nameOf } from "../../elf/constants/family.ts";
import { EM } from "../../elf/constants/machine.ts";
import { dwarfName } from "./name.ts";

/** Call frame instructions. The first three carry an operand in their low six bits. */
export const DW_CFA = {
  DW_CFA_advance_loc: 0x40,
  DW_CFA_offset: 0x80,
  DW_CFA_restore: 0xc0,
  // Operands follow.
  DW_CFA_nop: 0x00,
  DW_CFA_set_loc: 0x01,
  DW_CFA_advance_loc1: 0x02,
  DW_CFA_advance_loc2: 0x03,
  DW_CFA_advance_loc4: 0x04,
  DW_CFA_offset_extended: 0x05,
  DW_CFA_restore_extended: 0x06,
  DW_CFA_undefined: 0x07,
  DW_CFA_same_value: 0x08,
  DW_CFA_register: 0x09,
  DW_CFA_remember_state: 0x0a,
  DW_CFA_restore_state: 0x0b,
  DW_CFA_def_cfa: 0x0c,
  DW_CFA_def_cfa_register: 0x0d,
  DW_CFA_def_cfa_offset: 0x0e,
  DW_CFA_def_cfa_expression: 0x0f,
  DW_CFA_expression: 0x10,
  DW_CFA_offset_extended_sf: 0x11,
  DW_CFA_def_cfa_sf: 0x12,
  DW_CFA_def_cfa_offset_sf: 0x13,
  DW_CFA_val_offset: 0x14,
  DW_CFA_val_offset_sf: 0x15,
  DW_CFA_val_expression: 0x16,
  // MIPS.
  DW_CFA_MIPS_advance_loc8: 0x1d,
  // GNU; AArch64 gave the first another meaning.
  DW_CFA_GNU_window_save: 0x2d,
  DW_CFA_AARCH64_negate_ra_state: 0x2d,
  DW_CFA_GNU_args_size: 0x2e,
  DW_CFA_GNU_negative_offset_extended: 0x2f,
  // LLVM.
  DW_CFA_LLVM_def_aspace_cfa: 0x30,
  DW_CFA_LLVM_def_aspace_cfa_sf: 0x31,
  // Metaware.
  DW_CFA_METAWARE_info: 0x34,
} as const;
export type DW_CFA = (typeof DW_CFA)[keyof typeof DW_CFA];

/**
 * The name of an instruction's first byte, without the operand that the byte may hold: `DW_CFA_offset` for 0x86.
 *
 * @param machine the `e_machine` that tells AArch64's meaning of 0x2d from SPARC's
 */
export function callFrameName(value: number, machine = 0): string {
  if (value === DW_CFA.DW_CFA_AARCH64_negate_ra_state && machine === EM.EM_AARCH64) {
    return "DW_CFA_AARCH64_negate_ra_state";
  }
  const opcode = value >= DW_CFA.DW_CFA_advance_loc ? value & 0xc0 : value;
  return dwarfName("DW_CFA", opcode, DW_CFA, { low: 0x1c, high: 0x3f });
}

/** Pointer encodings: a format in bits 0 to 3, what the pointer is relative to in bits 4 to 6, and indirection. */
export const DW_EH_PE = {
  // Formats.
  DW_EH_PE_absptr: 0x00,
  DW_EH_PE_uleb128: 0x01,
  DW_EH_PE_udata2: 0x02,
  DW_EH_PE_udata4: 0x03,
  DW_EH_PE_udata8: 0x04,
  DW_EH_PE_sleb128: 0x09,
  DW_EH_PE_sdata2: 0x0a,
  DW_EH_PE_sdata4: 0x0b,
  DW_EH_PE_sdata8: 0x0c,
  DW_EH_PE_signed: 0x08,
  // Relative to; absolute is 0.
  DW_EH_PE_pcrel: 0x10,
  DW_EH_PE_textrel: 0x20,
  DW_EH_PE_datarel: 0x30,
  DW_EH_PE_funcrel: 0x40,
  DW_EH_PE_aligned: 0x50,
  // The value found is the address of the pointer.
  DW_EH_PE_indirect: 0x80,
  // No pointer at all.
  DW_EH_PE_omit: 0xff,
} as const;
export type DW_EH_PE = (typeof DW_EH_PE)[keyof typeof DW_EH_PE];

/** `DW_EH_PE_indirect|DW_EH_PE_pcrel|DW_EH_PE_sdata4`; parts without a name are printed as numbers. */
export function pointerEncodingName(value: number): string {
  if (value === DW_EH_PE.DW_EH_PE_omit) return "DW_EH_PE_omit";
  const parts: string[] = [];
  if ((value & DW_EH_PE.DW_EH_PE_indirect) !== 0) parts.push("DW_EH_PE_indirect");
  if ((value & 0x70) !== 0) parts.push(nameOf("DW_EH_PE", value & 0x70, [DW_EH_PE]));
  parts.push(nameOf("DW_EH_PE", value & 0x0f, [DW_EH_PE]));
  return parts.join("|");
}
