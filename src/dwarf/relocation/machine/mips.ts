/**
 * Relocations of MIPS on data, 32 and 64 bits. A 64-bit record has three types, each of which takes the value of the one
 * before for its addend [64-bit ELF Object File Specification, 2.9].
 */
import { R_MIPS } from "../../../elf/machine/mips.ts";
import { absolute, NONE, type RelocationRows, relative, SUBTRACTED, slot, threadWord, word } from "../row.ts";

/** How far thread pointers point behind the start of the block. */
const BIAS = 0x8000;

export const MIPS_ROWS: RelocationRows = new Map([
  [R_MIPS.R_MIPS_NONE, NONE],
  [R_MIPS.R_MIPS_64, word(8)],
  [R_MIPS.R_MIPS_32, word(4)],
  [R_MIPS.R_MIPS_16, absolute(2)],
  [R_MIPS.R_MIPS_PC32, relative(4)],
  [R_MIPS.R_MIPS_SUB, SUBTRACTED],
  [R_MIPS.R_MIPS_TLS_DTPREL64, threadWord(8, BIAS)],
  [R_MIPS.R_MIPS_TLS_DTPREL32, threadWord(4, BIAS)],
  [R_MIPS.R_MIPS_GLOB_DAT, slot(4)],
  [R_MIPS.R_MIPS_JUMP_SLOT, slot(4)],
]);
