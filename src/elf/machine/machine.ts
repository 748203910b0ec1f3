/** What one processor adds to ELF. A machine is described by data in a file of its own, named after it. */
import type { Family } from "../constants/family.ts";

/** A processor's own values in each family of constants; a family that it adds nothing to is absent. */
export interface Machine {
  /** `e_machine`. */
  readonly machine: number;
  /** Relocation types, `R_…`. */
  readonly relocations: Family;
  /** The relocation type that an entry of a `SHT_RELR` table stands for. */
  readonly relativeRelocation: number;
  /** `sh_type` values from `SHT_LOPROC` on. */
  readonly sectionTypes?: Family;
  /** Bits of `sh_flags` in `SHF_MASKPROC`. */
  readonly sectionFlags?: Family;
  /** Section indexes from `SHN_LOPROC` on. */
  readonly sectionIndexes?: Family;
  /** `p_type` values from `PT_LOPROC` on. */
  readonly segmentTypes?: Family;
  /** `d_tag` values from `DT_LOPROC` on. */
  readonly dynamicTags?: Family;
  /** Symbol types from `STT_LOPROC` on. */
  readonly symbolTypes?: Family;
}
