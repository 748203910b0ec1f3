/** Program header families [gABI, "Program Header"]. What a processor adds is in `machine/`. */
import { machineFor } from "../machine/registry.ts";
import { flagNames, nameOf } from "./family.ts";

/** `p_type`: what a segment is for. */
export const PT = {
  PT_NULL: 0,
  PT_LOAD: 1,
  PT_DYNAMIC: 2,
  PT_INTERP: 3,
  PT_NOTE: 4,
  PT_SHLIB: 5,
  PT_PHDR: 6,
  PT_TLS: 7,
  PT_GNU_EH_FRAME: 0x6474e550,
  PT_GNU_STACK: 0x6474e551,
  PT_GNU_RELRO: 0x6474e552,
  PT_GNU_PROPERTY: 0x6474e553,
  PT_GNU_SFRAME: 0x6474e554,
  PT_OPENBSD_RANDOMIZE: 0x65a3dbe6,
  PT_OPENBSD_WXNEEDED: 0x65a3dbe7,
  PT_OPENBSD_BOOTDATA: 0x65a41be6,
  PT_SUNWBSS: 0x6ffffffa,
  PT_SUNWSTACK: 0x6ffffffb,
} as const;
export type PT = (typeof PT)[keyof typeof PT];

const PT_RANGES = { PT_LOOS: 0x60000000, PT_LOPROC: 0x70000000 };

/** `p_flags`: what memory of the segment may be used for. */
export const PF = { PF_X: 0x1, PF_W: 0x2, PF_R: 0x4 } as const;
export type PF = (typeof PF)[keyof typeof PF];

/** `PT_LOAD`; `machine` is the `e_machine` that gives processor types their meaning. */
export function segmentTypeName(value: number, machine = 0): string {
  return nameOf("PT", value, [PT, machineFor(machine)?.segmentTypes], PT_RANGES);
}

/** `["PF_X", "PF_R"]`. */
export function segmentFlagNames(value: number): string[] {
  return flagNames(value, [PF]);
}
