/** Relocations of i386 on data [Intel386 psABI 1.1, table 2.10]. */
import { R_386 } from "../../../elf/machine/i386.ts";
import {
  absolute,
  based,
  NONE,
  type RelocationRows,
  relative,
  relativeWord,
  slot,
  threadOffset,
  word,
} from "../row.ts";

export const I386_ROWS: RelocationRows = new Map([
  [R_386.R_386_NONE, NONE],
  [R_386.R_386_32, word(4)],
  [R_386.R_386_16, absolute(2)],
  [R_386.R_386_8, absolute(1)],
  [R_386.R_386_PC32, relativeWord(4)],
  [R_386.R_386_PC16, relative(2)],
  [R_386.R_386_PC8, relative(1)],
  [R_386.R_386_TLS_LDO_32, threadOffset(4)],
  [R_386.R_386_GLOB_DAT, slot(4)],
  [R_386.R_386_JUMP_SLOT, slot(4)],
  [R_386.R_386_RELATIVE, based(4)],
]);
