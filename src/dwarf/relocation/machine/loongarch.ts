/** Relocations of LoongArch on data, of which several make up one value [LoongArch ELF psABI 2.30, "Relocations"]. */
import { R_LARCH } from "../../../elf/machine/loongarch.ts";
import {
  add,
  based,
  NONE,
  type RelocationRows,
  relative,
  six,
  slot,
  subtract,
  threadWord,
  uleb128,
  word,
} from "../row.ts";

export const LOONGARCH_ROWS: RelocationRows = new Map([
  [R_LARCH.R_LARCH_NONE, NONE],
  [R_LARCH.R_LARCH_64, word(8)],
  [R_LARCH.R_LARCH_32, word(4)],
  [R_LARCH.R_LARCH_64_PCREL, relative(8)],
  [R_LARCH.R_LARCH_32_PCREL, relative(4)],
  [R_LARCH.R_LARCH_ADD64, add(8)],
  [R_LARCH.R_LARCH_ADD32, add(4)],
  [R_LARCH.R_LARCH_ADD16, add(2)],
  [R_LARCH.R_LARCH_ADD8, add(1)],
  [R_LARCH.R_LARCH_ADD6, six("V + S + A")],
  [R_LARCH.R_LARCH_ADD_ULEB128, uleb128("V + S + A")],
  [R_LARCH.R_LARCH_SUB64, subtract(8)],
  [R_LARCH.R_LARCH_SUB32, subtract(4)],
  [R_LARCH.R_LARCH_SUB16, subtract(2)],
  [R_LARCH.R_LARCH_SUB8, subtract(1)],
  [R_LARCH.R_LARCH_SUB6, six("V - S - A")],
  [R_LARCH.R_LARCH_SUB_ULEB128, uleb128("V - S - A")],
  [R_LARCH.R_LARCH_TLS_DTPREL64, threadWord(8)],
  [R_LARCH.R_LARCH_TLS_DTPREL32, threadWord(4)],
  [R_LARCH.R_LARCH_JUMP_SLOT, slot(8)],
  [R_LARCH.R_LARCH_RELATIVE, based(8)],
]);
