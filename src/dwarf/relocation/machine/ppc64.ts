/** Relocations of 64-bit PowerPC on data, ELFv1 and ELFv2 [64-bit ELF V2 ABI, table 3.17]. */
import { R_PPC64 } from "../../../elf/machine/ppc64.ts";
import { absolute, based, NONE, type RelocationRows, relative, slot, threadWord, word } from "../row.ts";

/** How far thread pointers point behind the start of the block. */
const BIAS = 0x8000;

export const PPC64_ROWS: RelocationRows = new Map([
  [R_PPC64.R_PPC64_NONE, NONE],
  [R_PPC64.R_PPC64_ADDR64, word(8)],
  [R_PPC64.R_PPC64_UADDR64, word(8)],
  [R_PPC64.R_PPC64_ADDR32, word(4)],
  [R_PPC64.R_PPC64_ADDR16, absolute(2)],
  [R_PPC64.R_PPC64_REL64, relative(8)],
  [R_PPC64.R_PPC64_REL32, relative(4)],
  [R_PPC64.R_PPC64_DTPREL64, threadWord(8, BIAS)],
  [R_PPC64.R_PPC64_GLOB_DAT, slot(8)],
  [R_PPC64.R_PPC64_JMP_SLOT, slot(8)],
  [R_PPC64.R_PPC64_RELATIVE, based(8)],
]);
