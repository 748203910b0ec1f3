/** Relocations of RISC-V on data, of which several make up one value [RISC-V ELF psABI, "Relocations"]. */
import { R_RISCV } from "../../../elf/machine/riscv.ts";
import {
  absolute,
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

/** How far thread pointers point behind the start of the block: `TLS_DTV_OFFSET`. */
const BIAS = 0x800;

export const RISCV_ROWS: RelocationRows = new Map([
  [R_RISCV.R_RISCV_NONE, NONE],
  [R_RISCV.R_RISCV_64, word(8)],
  [R_RISCV.R_RISCV_32, word(4)],
  [R_RISCV.R_RISCV_32_PCREL, relative(4)],
  [R_RISCV.R_RISCV_ADD64, add(8)],
  [R_RISCV.R_RISCV_ADD32, add(4)],
  [R_RISCV.R_RISCV_ADD16, add(2)],
  [R_RISCV.R_RISCV_ADD8, add(1)],
  [R_RISCV.R_RISCV_SUB64, subtract(8)],
  [R_RISCV.R_RISCV_SUB32, subtract(4)],
  [R_RISCV.R_RISCV_SUB16, subtract(2)],
  [R_RISCV.R_RISCV_SUB8, subtract(1)],
  [R_RISCV.R_RISCV_SUB6, six("V - S - A")],
  [R_RISCV.R_RISCV_SET32, absolute(4)],
  [R_RISCV.R_RISCV_SET16, absolute(2)],
  [R_RISCV.R_RISCV_SET8, absolute(1)],
  [R_RISCV.R_RISCV_SET6, six("S + A")],
  [R_RISCV.R_RISCV_SET_ULEB128, uleb128("S + A")],
  [R_RISCV.R_RISCV_SUB_ULEB128, uleb128("V - S - A")],
  [R_RISCV.R_RISCV_TLS_DTPREL64, threadWord(8, BIAS)],
  [R_RISCV.R_RISCV_TLS_DTPREL32, threadWord(4, BIAS)],
  [R_RISCV.R_RISCV_JUMP_SLOT, slot(8)],
  [R_RISCV.R_RISCV_RELATIVE, based(8)],
]);
