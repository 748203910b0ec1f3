/** Symbol versioning [LSB Core, "Symbol Versioning"; Solaris Linker and Libraries Guide, "Versioning Sections"]. */
import { flagNames } from "./family.ts";

/** Indexes into the version tables with a meaning of their own. */
export const VER_NDX = { VER_NDX_LOCAL: 0, VER_NDX_GLOBAL: 1 } as const;
export type VER_NDX = (typeof VER_NDX)[keyof typeof VER_NDX];

/** Bit of a `.gnu.version` entry: the symbol is found only if its version is asked for. */
export const VERSYM_HIDDEN = 0x8000;
/** Bits of a `.gnu.version` entry that hold the version index. */
export const VERSYM_VERSION = 0x7fff;

/** `vd_flags` and `vna_flags`. */
export const VER_FLG = { VER_FLG_BASE: 0x1, VER_FLG_WEAK: 0x2, VER_FLG_INFO: 0x4 } as const;
export type VER_FLG = (typeof VER_FLG)[keyof typeof VER_FLG];

/** `vd_version` of the only version-definition format there is. */
export const VER_DEF_CURRENT = 1;
/** `vn_version` of the only version-need format there is. */
export const VER_NEED_CURRENT = 1;

/** Names of the bits of `vd_flags` or `vna_flags`. */
export function versionFlagNames(value: number): string[] {
  return flagNames(value, [VER_FLG]);
}
