/**
 * Constants of DWARF and of the exception-frame sections, in the specifications' spelling.
 */

/** Call frame instructions [DWARF5 7.24, table 7.29]. The first three carry an operand in their low six bits. */
export const DW_CFA_advance_loc = 0x40;
export const DW_CFA_offset = 0x80;
export const DW_CFA_restore = 0xc0;
export const DW_CFA_nop = 0x00;
export const DW_CFA_advance_loc1 = 0x02;
export const DW_CFA_advance_loc2 = 0x03;
export const DW_CFA_advance_loc4 = 0x04;
export const DW_CFA_remember_state = 0x0a;
export const DW_CFA_restore_state = 0x0b;
export const DW_CFA_def_cfa = 0x0c;
export const DW_CFA_def_cfa_register = 0x0d;
export const DW_CFA_def_cfa_offset = 0x0e;

/** Pointer encodings of `.eh_frame` [LSB 5.0, 10.5.1]. */
export const DW_EH_PE_absptr = 0x00;
export const DW_EH_PE_udata4 = 0x03;
export const DW_EH_PE_sdata4 = 0x0b;
export const DW_EH_PE_pcrel = 0x10;
export const DW_EH_PE_datarel = 0x30;

/** DWARF register numbers of x86-64 [AMD64 psABI, figure 3.36]. */
export const DW_REG_x86_64_rbp = 6;
export const DW_REG_x86_64_rsp = 7;
export const DW_REG_x86_64_RA = 16;
