/** Printable names of DWARF's values, beyond what the families themselves give. */
import { type Family, nameIn } from "../../elf/constants/family.ts";

/** The values that the specification leaves to vendors, both ends included: `DW_…_lo_user` to `DW_…_hi_user`. */
export interface UserRange {
  readonly low: number;
  readonly high: number;
}

/**
 * The name of `value`, never failing: `DW_TAG_member`; within the vendors' range `DW_TAG_lo_user+0x35`, and at its ends
 * `DW_TAG_lo_user` and `DW_TAG_hi_user`; else `DW_TAG_0x55`.
 */
export function dwarfName(prefix: string, value: number, family: Family, user?: UserRange): string {
  const name = nameIn(family, value);
  if (name !== undefined) return name;
  if (user === undefined || value < user.low || value > user.high) return `${prefix}_0x${value.toString(16)}`;
  if (value === user.low) return `${prefix}_lo_user`;
  if (value === user.high) return `${prefix}_hi_user`;
  return `${prefix}_lo_user+0x${(value - user.low).toString(16)}`;
}
