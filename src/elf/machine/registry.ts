/** Which machines are known, and the names of their relocations. */
import { nameIn } from "../constants/family.ts";
import { EM, machineName } from "../constants/machine.ts";
import { AARCH64 } from "./aarch64.ts";
import { ARM } from "./arm.ts";
import { I386 } from "./i386.ts";
import { LOONGARCH } from "./loongarch.ts";
import type { Machine } from "./machine.ts";
import { MIPS } from "./mips.ts";
import { PPC64 } from "./ppc64.ts";
import { RISCV } from "./riscv.ts";
import { S390X } from "./s390x.ts";
import { X86_64 } from "./x86_64.ts";

const MACHINES: ReadonlyMap<number, Machine> = new Map(
  [X86_64, I386, AARCH64, ARM, RISCV, PPC64, S390X, MIPS, LOONGARCH].map((one) => [one.machine, one]),
);

/** What is known of the processor `machine` (an `e_machine`), or `undefined`. */
export function machineFor(machine: number): Machine | undefined {
  return MACHINES.get(machine);
}

/**
 * The name of relocation type `type` on `machine` (an `e_machine`), `R_X86_64_PC32`, or a text that shows both
 * numbers where either is not known.
 *
 * A 64-bit MIPS record packs up to three types, applied in turn, one a byte from the lowest
 * [64-bit ELF Object File Specification, 2.9]: `R_MIPS_GPREL16/R_MIPS_SUB/R_MIPS_HI16`. Trailing `R_MIPS_NONE`
 * are left out.
 */
export function relocationTypeName(machine: number, type: number): string {
  if (machine === EM.EM_MIPS && type > 0xff) {
    const types = [type & 0xff, (type >>> 8) & 0xff, (type >>> 16) & 0xff];
    while (types.length > 1 && types.at(-1) === 0) types.pop();
    return types.map((one) => relocationTypeName(machine, one)).join("/");
  }
  const known = machineFor(machine);
  const name = known === undefined ? undefined : nameIn(known.relocations, type);
  return name ?? `${machineName(machine)} relocation ${type}`;
}
