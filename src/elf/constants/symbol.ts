/** Symbol families [gABI, "Symbol Table"]. What a processor adds is in `machine/`. */
import { machineFor } from "../machine/registry.ts";
import { nameOf } from "./family.ts";

/** High four bits of `st_info`: who sees a symbol. */
export const STB = {
  STB_LOCAL: 0,
  STB_GLOBAL: 1,
  STB_WEAK: 2,
  STB_GNU_UNIQUE: 10,
} as const;
export type STB = (typeof STB)[keyof typeof STB];

/** Low four bits of `st_info`: what a symbol stands for. */
export const STT = {
  STT_NOTYPE: 0,
  STT_OBJECT: 1,
  STT_FUNC: 2,
  STT_SECTION: 3,
  STT_FILE: 4,
  STT_COMMON: 5,
  STT_TLS: 6,
  STT_GNU_IFUNC: 10,
} as const;
export type STT = (typeof STT)[keyof typeof STT];

/** Low two bits of `st_other`: whether other components see a symbol, and may preempt it. */
export const STV = {
  STV_DEFAULT: 0,
  STV_INTERNAL: 1,
  STV_HIDDEN: 2,
  STV_PROTECTED: 3,
} as const;
export type STV = (typeof STV)[keyof typeof STV];

/** `STB_GLOBAL`, or a text relative to the reserved range. */
export function bindingName(value: number): string {
  return nameOf("STB", value, [STB], { STB_LOOS: 10, STB_LOPROC: 13 });
}

/** `STT_FUNC`; `machine` is the `e_machine` that gives processor types their meaning. */
export function symbolTypeName(value: number, machine = 0): string {
  return nameOf("STT", value, [STT, machineFor(machine)?.symbolTypes], { STT_LOOS: 10, STT_LOPROC: 13 });
}

/** `STV_HIDDEN`. */
export function visibilityName(value: number): string {
  return nameOf("STV", value, [STV]);
}
