/**
 * What relocations in debug sections mean, a table a machine in `relocation/`.
 *
 * A debug section is not loaded, so types that need a loaded place, a global offset table or a linkage table have no row
 * and are refused by name. The address of a place occurs in formulas all the same, since `.eh_frame` is loaded.
 */
import { EM } from "../../elf/constants/machine.ts";
import { AARCH64_ROWS } from "./machine/aarch64.ts";
import { ARM_ROWS } from "./machine/arm.ts";
import { I386_ROWS } from "./machine/i386.ts";
import { LOONGARCH_ROWS } from "./machine/loongarch.ts";
import { MIPS_ROWS } from "./machine/mips.ts";
import { PPC64_ROWS } from "./machine/ppc64.ts";
import { RISCV_ROWS } from "./machine/riscv.ts";
import { S390X_ROWS } from "./machine/s390x.ts";
import { X86_64_ROWS } from "./machine/x86_64.ts";
import type { RelocationRow, RelocationRows } from "./row.ts";

const MACHINES: ReadonlyMap<number, RelocationRows> = new Map([
  [EM.EM_X86_64, X86_64_ROWS],
  [EM.EM_386, I386_ROWS],
  [EM.EM_AARCH64, AARCH64_ROWS],
  [EM.EM_ARM, ARM_ROWS],
  [EM.EM_RISCV, RISCV_ROWS],
  [EM.EM_PPC64, PPC64_ROWS],
  [EM.EM_S390, S390X_ROWS],
  [EM.EM_MIPS, MIPS_ROWS],
  [EM.EM_LOONGARCH, LOONGARCH_ROWS],
]);

const BY_TYPE = new Map<number, readonly (RelocationRow | undefined)[]>();

/** The rows of a machine by type; `undefined` where one has no meaning in a debug section. All callers share them. */
export function relocationRows(machine: number): readonly (RelocationRow | undefined)[] {
  let rows = BY_TYPE.get(machine);
  if (rows === undefined) {
    const table = MACHINES.get(machine);
    rows = table === undefined ? [] : dense(table);
    BY_TYPE.set(machine, rows);
  }
  return rows;
}

/** An array is found in faster than a map, and no machine has types beyond two thousand. */
function dense(table: RelocationRows): readonly (RelocationRow | undefined)[] {
  return Array.from({ length: Math.max(...table.keys()) + 1 }, (_, type) => table.get(type));
}
