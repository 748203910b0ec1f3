/**
 * What relocations in debug sections mean, a row each: formula, size, and the machine's source.
 *
 * `S` is the value of the symbol, `A` the addend, `V` what the place holds before, `P` the address of the place. A debug
 * section is not loaded, so types that need a loaded place, a global offset table or a linkage table have no row and are
 * refused by name. `P` occurs in `.eh_frame`, which is loaded.
 */
import { EM } from "../elf/constants/machine.ts";
import { R_386 } from "../elf/machine/i386.ts";
import { R_X86_64 } from "../elf/machine/x86_64.ts";

export type Formula =
  /** Nothing happens. */
  | "none"
  | "S + A"
  | "S + A - P"
  /** An offset in a thread's block of variables: not an address. */
  | "TLS: S + A";

export interface RelocationRow {
  readonly formula: Formula;
  /** Bytes of the field. */
  readonly size: 0 | 4 | 8;
}

type Rows = ReadonlyMap<number, RelocationRow>;

const NONE: RelocationRow = { formula: "none", size: 0 };
const ABSOLUTE_4: RelocationRow = { formula: "S + A", size: 4 };
const ABSOLUTE_8: RelocationRow = { formula: "S + A", size: 8 };
const RELATIVE_4: RelocationRow = { formula: "S + A - P", size: 4 };
const RELATIVE_8: RelocationRow = { formula: "S + A - P", size: 8 };
const TLS_4: RelocationRow = { formula: "TLS: S + A", size: 4 };
const TLS_8: RelocationRow = { formula: "TLS: S + A", size: 8 };

/** [AMD64 psABI 4.4, table 4.9] */
const X86_64: Rows = new Map([
  [R_X86_64.R_X86_64_NONE, NONE],
  [R_X86_64.R_X86_64_32, ABSOLUTE_4],
  [R_X86_64.R_X86_64_32S, ABSOLUTE_4],
  [R_X86_64.R_X86_64_64, ABSOLUTE_8],
  [R_X86_64.R_X86_64_PC32, RELATIVE_4],
  [R_X86_64.R_X86_64_PC64, RELATIVE_8],
  [R_X86_64.R_X86_64_DTPOFF32, TLS_4],
  [R_X86_64.R_X86_64_DTPOFF64, TLS_8],
]);

/** [Intel386 psABI, table 4.8] */
const I386: Rows = new Map([
  [R_386.R_386_NONE, NONE],
  [R_386.R_386_32, ABSOLUTE_4],
  [R_386.R_386_PC32, RELATIVE_4],
  [R_386.R_386_TLS_LDO_32, TLS_4],
]);

const MACHINES: ReadonlyMap<number, Rows> = new Map([
  [EM.EM_X86_64, X86_64],
  [EM.EM_386, I386],
]);

/** The row of a type; `undefined` when it has no meaning in a debug section. */
export function relocationRow(machine: number, type: number): RelocationRow | undefined {
  return MACHINES.get(machine)?.get(type);
}
