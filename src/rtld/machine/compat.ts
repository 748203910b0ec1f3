/** Registers of 32-bit programs on x86_64, whose kernel hands them out as if the programs had 64 bits. */
import { Registers } from "../registers.ts";
import { I386_REGISTERS } from "./layouts.ts";

/** `eip` and `orig_eax` are `rip` and `orig_rax`; segments and flags have one name. */
const wideName = (name: string): string =>
  name.length === 3 || name === "orig_eax" ? name.replace(/e(?=..$)/, "r") : name;

/** Registers of i386 out of those of x86_64. */
export function narrowRegisters(wide: Registers): Registers {
  const narrow = new Registers(new Uint8Array(0), I386_REGISTERS);
  for (const name of narrow.names) narrow.set(name, wide.get(wideName(name)));
  return narrow;
}

/** Puts registers of i386 into those of x86_64. */
export function widenRegisters(narrow: Registers, wide: Registers): void {
  for (const name of narrow.names) wide.set(wideName(name), narrow.get(name));
}
