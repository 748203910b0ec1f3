/**
 * Relocations of Arm on data [ELF for the Arm Architecture, "Static relocations"].
 *
 * Where that says `(S + A) | T`, `T` is the lowest bit that `st_value` of a Thumb function has anyway, and `A` is even.
 */
import { R_ARM } from "../../../elf/machine/arm.ts";
import { absolute, based, NONE, type RelocationRows, relative, slot, threadOffset, word } from "../row.ts";

export const ARM_ROWS: RelocationRows = new Map([
  [R_ARM.R_ARM_NONE, NONE],
  [R_ARM.R_ARM_ABS32, word(4)],
  [R_ARM.R_ARM_ABS32_NOI, absolute(4)],
  [R_ARM.R_ARM_ABS16, absolute(2)],
  [R_ARM.R_ARM_ABS8, absolute(1)],
  [R_ARM.R_ARM_REL32, relative(4)],
  [R_ARM.R_ARM_TLS_LDO32, threadOffset(4)],
  [R_ARM.R_ARM_GLOB_DAT, slot(4)],
  [R_ARM.R_ARM_JUMP_SLOT, slot(4)],
  [R_ARM.R_ARM_RELATIVE, based(4)],
]);
