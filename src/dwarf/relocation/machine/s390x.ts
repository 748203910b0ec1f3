/** Relocations of s390x on data [z/Architecture ELF ABI supplement 1.6, table 2.9]. */
import { R_390 } from "../../../elf/machine/s390x.ts";
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

export const S390X_ROWS: RelocationRows = new Map([
  [R_390.R_390_NONE, NONE],
  [R_390.R_390_64, word(8)],
  [R_390.R_390_32, word(4)],
  [R_390.R_390_16, absolute(2)],
  [R_390.R_390_8, absolute(1)],
  [R_390.R_390_PC64, relativeWord(8)],
  [R_390.R_390_PC32, relativeWord(4)],
  [R_390.R_390_PC16, relative(2)],
  [R_390.R_390_TLS_LDO64, threadOffset(8)],
  [R_390.R_390_TLS_LDO32, threadOffset(4)],
  [R_390.R_390_GLOB_DAT, slot(8)],
  [R_390.R_390_JMP_SLOT, slot(8)],
  [R_390.R_390_RELATIVE, based(8)],
]);
