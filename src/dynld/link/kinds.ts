/** What relocations of each type refer to, found out once for each machine: a module may have a million records. */
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import type { CodeFormula, CodeRelocation } from "../../elf/machine/relocate/row.ts";

/**
 * Bits: an entry of the global offset table, something of thread-local storage, what is called; an address in 8 bytes, the
 * distance to one in 4, which together are nearly all there are.
 */
export const KIND = { entry: 1, thread: 2, call: 4, address: 8, distance: 16 } as const;

const byMachine = new Map<number, Uint8Array>();

/** By relocation type of a machine: bits of {@link KIND}. */
export function relocationKinds(machine: number): Uint8Array {
  let kinds = byMachine.get(machine);
  if (kinds === undefined) {
    const rows = codeRelocations(machine);
    kinds = Uint8Array.from(rows, (row) => (row === undefined ? 0 : kindOf(row.formula) | shapeOf(row)));
    byMachine.set(machine, kinds);
  }
  return kinds;
}

/** By the letters of formulas, as processor supplements have them. */
function kindOf(formula: CodeFormula): number {
  if (formula.startsWith("G ") || formula.includes("(G)")) return KIND.entry;
  if (/^(D|GD|LD|IE) /.test(formula)) return KIND.thread;
  return formula.startsWith("L ") ? KIND.call : 0;
}

function shapeOf({ formula, field, size, check }: CodeRelocation): number {
  if (field !== "bytes") return 0;
  if (formula === "S + A" && size === 8) return KIND.address;
  const isDistance = formula === "S + A - P" || formula === "L + A - P";
  return isDistance && size === 4 && check === "signed" ? KIND.distance : 0;
}
