/** Relocations of Intel 80386 code and data [Intel386 psABI, table 4.9 and its later additions]. */
import { R_386 } from "../i386.ts";
import { bytes, type CodeRelocation, type CodeRelocations, NOTHING } from "./row.ts";

const TLS: CodeRelocation = { ...NOTHING, formula: "TLS" };

/** Addresses wrap at 4 GiB, so every difference of two fits. */
export const I386_CODE: CodeRelocations = new Map<number, CodeRelocation>([
  [R_386.R_386_NONE, NOTHING],
  [R_386.R_386_32, bytes("S + A", 4, "none")],
  [R_386.R_386_PC32, bytes("S + A - P", 4, "none")],
  [R_386.R_386_PLT32, bytes("L + A - P", 4, "none")],
  [R_386.R_386_GOT32, bytes("G + A - GOT", 4, "none")],
  [R_386.R_386_GOT32X, bytes("G + A - GOT", 4, "none")],
  [R_386.R_386_GOTOFF, bytes("S + A - GOT", 4, "none")],
  [R_386.R_386_GOTPC, bytes("GOT + A - P", 4, "none")],
  [R_386.R_386_16, bytes("S + A", 2, "either")],
  [R_386.R_386_PC16, bytes("S + A - P", 2, "signed")],
  [R_386.R_386_8, bytes("S + A", 1, "either")],
  [R_386.R_386_PC8, bytes("S + A - P", 1, "signed")],
  [R_386.R_386_SIZE32, bytes("Z + A", 4, "none")],
  ...[
    R_386.R_386_TLS_TPOFF,
    R_386.R_386_TLS_IE,
    R_386.R_386_TLS_GOTIE,
    R_386.R_386_TLS_LE,
    R_386.R_386_TLS_GD,
    R_386.R_386_TLS_LDM,
    R_386.R_386_TLS_LDO_32,
    R_386.R_386_TLS_IE_32,
    R_386.R_386_TLS_LE_32,
    R_386.R_386_TLS_GOTDESC,
    R_386.R_386_TLS_DESC_CALL,
  ].map((type): [number, CodeRelocation] => [type, TLS]),
]);
