/** What relocations of code and data mean, by machine. */
import { EM } from "../../constants/machine.ts";
import { AARCH64_CODE } from "./aarch64.ts";
import { I386_CODE } from "./i386.ts";
import type { CodeRelocation, CodeRelocations } from "./row.ts";
import { X86_64_CODE } from "./x86_64.ts";

const MACHINES: ReadonlyMap<number, CodeRelocations> = new Map([
  [EM.EM_X86_64, X86_64_CODE],
  [EM.EM_386, I386_CODE],
  [EM.EM_AARCH64, AARCH64_CODE],
]);

const BY_TYPE = new Map<number, readonly (CodeRelocation | undefined)[]>();

/** The rows of a machine by type, empty for a machine that has none; a type without a row is not known. */
export function codeRelocations(machine: number): readonly (CodeRelocation | undefined)[] {
  let rows = BY_TYPE.get(machine);
  if (rows === undefined) {
    const table = MACHINES.get(machine);
    // An array is found in faster than a map.
    rows =
      table === undefined
        ? []
        : Array.from({ length: Math.max(...table.keys()) + 1 }, (_, type) => table.get(type));
    BY_TYPE.set(machine, rows);
  }
  return rows;
}
