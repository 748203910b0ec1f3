/** Relocations of AArch64 on data, LP64 and ILP32 [ELF for the Arm 64-bit Architecture, "Static Data relocations"]. */
import { R_AARCH64 } from "../../../elf/machine/aarch64.ts";
import { absolute, based, NONE, type RelocationRows, relative, slot, threadWord, word } from "../row.ts";

/** `R_<CLS>_NONE` as it was first numbered; still to be accepted. */
const NONE_WITHDRAWN = 256;

export const AARCH64_ROWS: RelocationRows = new Map([
  [R_AARCH64.R_AARCH64_NONE, NONE],
  [NONE_WITHDRAWN, NONE],
  [R_AARCH64.R_AARCH64_ABS64, word(8)],
  [R_AARCH64.R_AARCH64_ABS32, absolute(4)],
  [R_AARCH64.R_AARCH64_ABS16, absolute(2)],
  [R_AARCH64.R_AARCH64_PREL64, relative(8)],
  [R_AARCH64.R_AARCH64_PREL32, relative(4)],
  [R_AARCH64.R_AARCH64_PREL16, relative(2)],
  [R_AARCH64.R_AARCH64_TLS_DTPREL64, threadWord(8)],
  [R_AARCH64.R_AARCH64_GLOB_DAT, slot(8)],
  [R_AARCH64.R_AARCH64_JUMP_SLOT, slot(8)],
  [R_AARCH64.R_AARCH64_RELATIVE, based(8)],
  [R_AARCH64.R_AARCH64_P32_ABS32, word(4)],
  [R_AARCH64.R_AARCH64_P32_ABS16, absolute(2)],
  [R_AARCH64.R_AARCH64_P32_PREL32, relative(4)],
  [R_AARCH64.R_AARCH64_P32_PREL16, relative(2)],
  [R_AARCH64.R_AARCH64_P32_TLS_DTPREL, threadWord(4)],
  [R_AARCH64.R_AARCH64_P32_GLOB_DAT, slot(4)],
  [R_AARCH64.R_AARCH64_P32_JUMP_SLOT, slot(4)],
  [R_AARCH64.R_AARCH64_P32_RELATIVE, based(4)],
]);
