/**
 * Intel 80386: what its processor supplement adds to ELF.
 *
 * Source: System V ABI, Intel386 Architecture Processor Supplement, 4.4.
 */
import { EM } from "../constants/machine.ts";
import type { Machine } from "./machine.ts";

/** Relocation types of Intel 80386. */
export const R_386 = {
  R_386_NONE: 0,
  R_386_32: 1,
  R_386_PC32: 2,
  R_386_GOT32: 3,
  R_386_PLT32: 4,
  R_386_COPY: 5,
  R_386_GLOB_DAT: 6,
  R_386_JUMP_SLOT: 7,
  R_386_RELATIVE: 8,
  R_386_GOTOFF: 9,
  R_386_GOTPC: 10,
  R_386_32PLT: 11,
  R_386_TLS_TPOFF: 14,
  R_386_TLS_IE: 15,
  R_386_TLS_GOTIE: 16,
  R_386_TLS_LE: 17,
  R_386_TLS_GD: 18,
  R_386_TLS_LDM: 19,
  R_386_16: 20,
  R_386_PC16: 21,
  R_386_8: 22,
  R_386_PC8: 23,
  R_386_TLS_GD_32: 24,
  R_386_TLS_GD_PUSH: 25,
  R_386_TLS_GD_CALL: 26,
  R_386_TLS_GD_POP: 27,
  R_386_TLS_LDM_32: 28,
  R_386_TLS_LDM_PUSH: 29,
  R_386_TLS_LDM_CALL: 30,
  R_386_TLS_LDM_POP: 31,
  R_386_TLS_LDO_32: 32,
  R_386_TLS_IE_32: 33,
  R_386_TLS_LE_32: 34,
  R_386_TLS_DTPMOD32: 35,
  R_386_TLS_DTPOFF32: 36,
  R_386_TLS_TPOFF32: 37,
  R_386_SIZE32: 38,
  R_386_TLS_GOTDESC: 39,
  R_386_TLS_DESC_CALL: 40,
  R_386_TLS_DESC: 41,
  R_386_IRELATIVE: 42,
  R_386_GOT32X: 43,
} as const;
export type R_386 = (typeof R_386)[keyof typeof R_386];

export const I386: Machine = {
  machine: EM.EM_386,
  relocations: R_386,
  relativeRelocation: R_386.R_386_RELATIVE,
};
