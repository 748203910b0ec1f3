/** What a row of a machine's table says, and the rows that machines share. */
import { ET } from "../../elf/constants/header.ts";

/**
 * How the value comes about: `S` is the value of the symbol, `A` the addend, `V` what the place holds before, `P` the
 * address of the place, `B` the difference between where a file was linked to lie and where it lies.
 */
export type Formula =
  /** Nothing happens. */
  | "none"
  | "S + A"
  | "S + A - P"
  /** 64-bit MIPS, where `A` is what the type before in the same record gave. */
  | "S - A"
  | "V + S + A"
  | "V - S - A"
  /** An offset in a thread's block of variables: not an address. */
  | "TLS: S + A"
  /** Of files that are linked. */
  | "S"
  | "B + A";

export interface RelocationRow {
  readonly formula: Formula;
  /** Bytes of the field; 0 of types that touch nothing, and of ULEB128 numbers, whose place says its length. */
  readonly size: 0 | 1 | 2 | 4 | 8;
  /** Low bits of the field that the value takes; 0 of types that touch nothing. */
  readonly bits: 0 | 6 | 8 | 16 | 32 | 64;
  /** The `e_type` values of files in which the type may stand. */
  readonly types: readonly ET[];
  /** Is subtracted too: what the processor's thread pointers point behind the start of the block. */
  readonly bias: number;
  /** May also stand in a field of 8 bytes whose upper half is 0. */
  readonly widens?: true;
}

/** Rows by relocation type. */
export type RelocationRows = ReadonlyMap<number, RelocationRow>;

const RELOCATABLE: readonly ET[] = [ET.ET_REL];
const LINKED: readonly ET[] = [ET.ET_EXEC, ET.ET_DYN];
const ANY: readonly ET[] = [ET.ET_REL, ET.ET_EXEC, ET.ET_DYN];

type Size = 1 | 2 | 4 | 8;
const BITS = { 1: 8, 2: 16, 4: 32, 8: 64 } as const;

function row(formula: Formula, size: Size, types: readonly ET[], bias = 0): RelocationRow {
  return { formula, size, bits: BITS[size], types, bias };
}

export const NONE: RelocationRow = { formula: "none", size: 0, bits: 0, types: ANY, bias: 0 };

/** `S + A` of relocatable files only. */
export const absolute = (size: Size): RelocationRow => row("S + A", size, RELOCATABLE);
/** `S + A` that dynamic loaders know too. */
export const word = (size: 4 | 8): RelocationRow => row("S + A", size, ANY);
/** `S + A - P` of relocatable files only. */
export const relative = (size: Size): RelocationRow => row("S + A - P", size, RELOCATABLE);
/** `S + A - P` that dynamic loaders know too. */
export const relativeWord = (size: 4 | 8): RelocationRow => row("S + A - P", size, ANY);
/** An offset in the thread's block, less `bias`, of relocatable files only. */
export const threadOffset = (size: 4 | 8, bias = 0): RelocationRow =>
  row("TLS: S + A", size, RELOCATABLE, bias);
/**
 * The same in 4 bytes, or in the low half of 8: gcc gives `DW_OP_const8u` on x86-64 the type for 4 bytes, and 4 zeros
 * behind it [GCC, `i386_output_dwarf_dtprel`].
 */
export const wideThreadOffset: RelocationRow = { ...threadOffset(4), widens: true };
/** An offset in the thread's block, less `bias`, that dynamic loaders know too. */
export const threadWord = (size: 4 | 8, bias = 0): RelocationRow => row("TLS: S + A", size, ANY, bias);
/** `V + S + A` */
export const add = (size: Size): RelocationRow => row("V + S + A", size, RELOCATABLE);
/** `V - S - A` */
export const subtract = (size: Size): RelocationRow => row("V - S - A", size, RELOCATABLE);
/** A formula on the low six bits of a byte, whose upper two are an opcode of call frame information. */
export const six = (formula: Formula): RelocationRow => ({ ...row(formula, 1, RELOCATABLE), bits: 6 });
/** A formula on a ULEB128 number, which keeps its length. */
export const uleb128 = (formula: Formula): RelocationRow => ({
  formula,
  size: 0,
  bits: 64,
  types: RELOCATABLE,
  bias: 0,
});
/** `S`: an entry of a table that the dynamic loader fills. */
export const slot = (size: 4 | 8): RelocationRow => row("S", size, LINKED);
/** `B + A` */
export const based = (size: 4 | 8): RelocationRow => row("B + A", size, LINKED);
/** `S - A`, the second type of a record. */
export const SUBTRACTED: RelocationRow = row("S - A", 8, RELOCATABLE);
