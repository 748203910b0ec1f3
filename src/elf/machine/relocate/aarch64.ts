/** Relocations of AArch64 code and data, LP64 [ELF for the Arm 64-bit Architecture, 5.7]. */
import { R_AARCH64 } from "../aarch64.ts";
import {
  bytes,
  type CodeField,
  type CodeFormula,
  type CodeRelocation,
  type CodeRelocations,
  NOTHING,
  type RangeCheck,
} from "./row.ts";

/** `R_<CLS>_NONE` as it was first numbered; still to be accepted. */
const NONE_WITHDRAWN = 256;

/** The field of an instruction. `bits` are those of the value before its `shift` low ones are dropped. */
function field(
  formula: CodeFormula,
  place: CodeField,
  check: RangeCheck,
  bits: number,
  shift = 0,
  align = 1,
): CodeRelocation {
  return { formula, field: place, size: 4, bits, check, shift, align };
}

/** A branch, to a multiple of 4. */
const branch = (formula: CodeFormula, place: CodeField, bits: number): CodeRelocation =>
  field(formula, place, "signed", bits, 2, 4);
/** 16 bits of a value, from `shift` on. */
const piece = (formula: CodeFormula, shift: number, check: RangeCheck): CodeRelocation =>
  field(formula, "imm16", check, shift + 16, shift);
const signedPiece = (formula: CodeFormula, shift: number, check: RangeCheck): CodeRelocation =>
  field(formula, "imm16 signed", check, shift + 17, shift);
/** The place in its page of something of `1 << shift` bytes. */
const inPage = (formula: CodeFormula, shift: number): CodeRelocation =>
  field(formula, "lo12", "none", 12, shift, 1 << shift);
/** An entry of the table by its distance from the table's page: 12 bits of 15. */
const fromTable = (formula: CodeFormula): CodeRelocation => field(formula, "imm12", "unsigned", 15, 3, 8);

const THREAD: CodeRelocation = { ...NOTHING, formula: "TLS" };

/** All types for thread-local storage are between these. */
const FIRST_THREAD = R_AARCH64.R_AARCH64_TLSGD_ADR_PREL21;
const LAST_THREAD = R_AARCH64.R_AARCH64_TLSLD_LDST128_DTPREL_LO12_NC;

export const AARCH64_CODE: CodeRelocations = new Map<number, CodeRelocation>([
  [R_AARCH64.R_AARCH64_NONE, NOTHING],
  [NONE_WITHDRAWN, NOTHING],
  [R_AARCH64.R_AARCH64_ABS64, bytes("S + A", 8, "none")],
  [R_AARCH64.R_AARCH64_ABS32, bytes("S + A", 4, "either")],
  [R_AARCH64.R_AARCH64_ABS16, bytes("S + A", 2, "either")],
  [R_AARCH64.R_AARCH64_PREL64, bytes("S + A - P", 8, "none")],
  [R_AARCH64.R_AARCH64_PREL32, bytes("S + A - P", 4, "either")],
  [R_AARCH64.R_AARCH64_PREL16, bytes("S + A - P", 2, "either")],
  [R_AARCH64.R_AARCH64_PLT32, bytes("L + A - P", 4, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G0, piece("S + A", 0, "unsigned")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G0_NC, piece("S + A", 0, "none")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G1, piece("S + A", 16, "unsigned")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G1_NC, piece("S + A", 16, "none")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G2, piece("S + A", 32, "unsigned")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G2_NC, piece("S + A", 32, "none")],
  [R_AARCH64.R_AARCH64_MOVW_UABS_G3, piece("S + A", 48, "none")],
  [R_AARCH64.R_AARCH64_MOVW_SABS_G0, signedPiece("S + A", 0, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_SABS_G1, signedPiece("S + A", 16, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_SABS_G2, signedPiece("S + A", 32, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G0, signedPiece("S + A - P", 0, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G0_NC, piece("S + A - P", 0, "none")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G1, signedPiece("S + A - P", 16, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G1_NC, piece("S + A - P", 16, "none")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G2, signedPiece("S + A - P", 32, "signed")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G2_NC, piece("S + A - P", 32, "none")],
  [R_AARCH64.R_AARCH64_MOVW_PREL_G3, signedPiece("S + A - P", 48, "none")],
  [R_AARCH64.R_AARCH64_LD_PREL_LO19, branch("S + A - P", "imm19", 21)],
  [R_AARCH64.R_AARCH64_ADR_PREL_LO21, field("S + A - P", "adr", "signed", 21)],
  [R_AARCH64.R_AARCH64_ADR_PREL_PG_HI21, field("Page(S + A) - Page(P)", "adr", "signed", 33, 12)],
  [R_AARCH64.R_AARCH64_ADR_PREL_PG_HI21_NC, field("Page(S + A) - Page(P)", "adr", "none", 33, 12)],
  [R_AARCH64.R_AARCH64_ADD_ABS_LO12_NC, inPage("S + A", 0)],
  [R_AARCH64.R_AARCH64_LDST8_ABS_LO12_NC, inPage("S + A", 0)],
  [R_AARCH64.R_AARCH64_LDST16_ABS_LO12_NC, inPage("S + A", 1)],
  [R_AARCH64.R_AARCH64_LDST32_ABS_LO12_NC, inPage("S + A", 2)],
  [R_AARCH64.R_AARCH64_LDST64_ABS_LO12_NC, inPage("S + A", 3)],
  [R_AARCH64.R_AARCH64_LDST128_ABS_LO12_NC, inPage("S + A", 4)],
  [R_AARCH64.R_AARCH64_TSTBR14, branch("L + A - P", "imm14", 16)],
  [R_AARCH64.R_AARCH64_CONDBR19, branch("L + A - P", "imm19", 21)],
  [R_AARCH64.R_AARCH64_JUMP26, branch("L + A - P", "imm26", 28)],
  [R_AARCH64.R_AARCH64_CALL26, branch("L + A - P", "imm26", 28)],
  [R_AARCH64.R_AARCH64_GOTREL64, bytes("S + A - GOT", 8, "none")],
  [R_AARCH64.R_AARCH64_GOTREL32, bytes("S + A - GOT", 4, "either")],
  [R_AARCH64.R_AARCH64_GOT_LD_PREL19, branch("G + A - P", "imm19", 21)],
  [R_AARCH64.R_AARCH64_ADR_GOT_PAGE, field("Page(G) - Page(P)", "adr", "signed", 33, 12)],
  [R_AARCH64.R_AARCH64_LD64_GOT_LO12_NC, inPage("G + A", 3)],
  [R_AARCH64.R_AARCH64_LD64_GOTPAGE_LO15, fromTable("G - Page(GOT)")],
  [R_AARCH64.R_AARCH64_LD64_GOTOFF_LO15, fromTable("G + A - GOT")],
  ...Array.from({ length: LAST_THREAD - FIRST_THREAD + 1 }, (_, i): [number, CodeRelocation] => [
    FIRST_THREAD + i,
    THREAD,
  ]),
]);
