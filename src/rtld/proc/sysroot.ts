/** Files of processes that run elsewhere, below a directory here. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { EM } from "../../elf/constants/machine.ts";
import { BinderyError } from "../../errors.ts";
import { openElf } from "../../host/file.ts";

/** Machines whose programs run here, of 64 and of 32 bits, by what Node calls the machine. */
const MACHINES: Readonly<Record<string, readonly [number, number]>> = {
  x64: [EM.EM_X86_64, EM.EM_386],
  arm64: [EM.EM_AARCH64, EM.EM_ARM],
  ppc64: [EM.EM_PPC64, EM.EM_PPC],
  s390x: [EM.EM_S390, EM.EM_S390],
  riscv64: [EM.EM_RISCV, EM.EM_RISCV],
};

/** Machines of programs that run here, of 64 and of 32 bits; `EM_NONE` where that is not known. */
export const OWN_MACHINES: readonly [number, number] = MACHINES[process.arch] ?? [EM.EM_NONE, EM.EM_NONE];

/**
 * Path here of a file that a process has under a path. An emulator lets programs of another machine have files of that machine
 * also from outside of the directory.
 *
 * @param machine of the process: an `EM_` value
 */
export function fileBelow(sysroot: string, path: string, machine: number): string {
  const inside = join(sysroot, path);
  if (existsSync(inside) || OWN_MACHINES.includes(machine)) return inside;
  return machineOf(path) === machine ? path : inside;
}

function machineOf(path: string): number | undefined {
  try {
    using file = openElf(path);
    return file.elf.header.machine;
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}
