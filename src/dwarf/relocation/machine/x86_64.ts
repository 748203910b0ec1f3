/** Relocations of x86-64 on data [AMD64 psABI 1.0, table 4.9]. */
import { R_X86_64 } from "../../../elf/machine/x86_64.ts";
import {
  absolute,
  based,
  NONE,
  type RelocationRows,
  relative,
  relativeWord,
  slot,
  threadWord,
  wideThreadOffset,
  word,
} from "../row.ts";

export const X86_64_ROWS: RelocationRows = new Map([
  [R_X86_64.R_X86_64_NONE, NONE],
  [R_X86_64.R_X86_64_64, word(8)],
  [R_X86_64.R_X86_64_32, word(4)],
  [R_X86_64.R_X86_64_32S, absolute(4)],
  [R_X86_64.R_X86_64_16, absolute(2)],
  [R_X86_64.R_X86_64_8, absolute(1)],
  [R_X86_64.R_X86_64_PC64, relativeWord(8)],
  [R_X86_64.R_X86_64_PC32, relativeWord(4)],
  [R_X86_64.R_X86_64_PC16, relative(2)],
  [R_X86_64.R_X86_64_PC8, relative(1)],
  [R_X86_64.R_X86_64_DTPOFF64, threadWord(8)],
  [R_X86_64.R_X86_64_DTPOFF32, wideThreadOffset],
  [R_X86_64.R_X86_64_GLOB_DAT, slot(8)],
  [R_X86_64.R_X86_64_JUMP_SLOT, slot(8)],
  [R_X86_64.R_X86_64_RELATIVE, based(8)],
]);
