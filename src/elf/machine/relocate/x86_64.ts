/** Relocations of x86-64 code and data [AMD64 psABI 1.0, table 4.9]. */
import { R_X86_64 } from "../x86_64.ts";
import { bytes, type CodeRelocation, type CodeRelocations, NOTHING } from "./row.ts";

/** What no compiler writes without being asked to: refused by name. */
const TLS: CodeRelocation = { ...NOTHING, formula: "TLS" };

export const X86_64_CODE: CodeRelocations = new Map<number, CodeRelocation>([
  [R_X86_64.R_X86_64_NONE, NOTHING],
  [R_X86_64.R_X86_64_64, bytes("S + A", 8, "none")],
  [R_X86_64.R_X86_64_PC32, bytes("S + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_GOT32, bytes("G + A - GOT", 4, "signed")],
  [R_X86_64.R_X86_64_PLT32, bytes("L + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_GOTPCREL, bytes("G + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_32, bytes("S + A", 4, "unsigned")],
  [R_X86_64.R_X86_64_32S, bytes("S + A", 4, "signed")],
  [R_X86_64.R_X86_64_16, bytes("S + A", 2, "either")],
  [R_X86_64.R_X86_64_PC16, bytes("S + A - P", 2, "signed")],
  [R_X86_64.R_X86_64_8, bytes("S + A", 1, "either")],
  [R_X86_64.R_X86_64_PC8, bytes("S + A - P", 1, "signed")],
  [R_X86_64.R_X86_64_PC64, bytes("S + A - P", 8, "none")],
  [R_X86_64.R_X86_64_GOTOFF64, bytes("S + A - GOT", 8, "none")],
  [R_X86_64.R_X86_64_GOTPC32, bytes("GOT + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_GOT64, bytes("G + A - GOT", 8, "none")],
  [R_X86_64.R_X86_64_GOTPCREL64, bytes("G + A - P", 8, "none")],
  [R_X86_64.R_X86_64_GOTPC64, bytes("GOT + A - P", 8, "none")],
  // Withdrawn, and then the same as R_X86_64_GOT64.
  [R_X86_64.R_X86_64_GOTPLT64, bytes("G + A - GOT", 8, "none")],
  [R_X86_64.R_X86_64_PLTOFF64, bytes("L + A - GOT", 8, "none")],
  [R_X86_64.R_X86_64_SIZE32, bytes("Z + A", 4, "unsigned")],
  [R_X86_64.R_X86_64_SIZE64, bytes("Z + A", 8, "none")],
  [R_X86_64.R_X86_64_GOTPCRELX, bytes("G + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_REX_GOTPCRELX, bytes("G + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_TLSGD, bytes("GD + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_TLSLD, bytes("LD + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_DTPOFF64, bytes("D + A", 8, "none")],
  [R_X86_64.R_X86_64_DTPOFF32, bytes("D + A", 4, "signed")],
  [R_X86_64.R_X86_64_GOTTPOFF, bytes("IE + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_TPOFF64, bytes("D + T + A", 8, "none")],
  [R_X86_64.R_X86_64_TPOFF32, bytes("D + T + A", 4, "signed")],
  [R_X86_64.R_X86_64_DTPMOD64, TLS],
  // Linkers have the distance loaded, where descriptors are not made [ELF Handling For TLS, 5.5; RFC TLSDESC].
  [R_X86_64.R_X86_64_GOTPC32_TLSDESC, bytes("IE + A - P", 4, "signed")],
  [R_X86_64.R_X86_64_TLSDESC_CALL, { ...NOTHING, size: 2, formula: "IE call" }],
  [R_X86_64.R_X86_64_TLSDESC, TLS],
]);
