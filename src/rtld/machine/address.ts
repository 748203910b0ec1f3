/** Addresses of instructions. */
import { EM } from "../../elf/constants/machine.ts";
import type { DataModel } from "../proc/service.ts";

/** Where an instruction is: of arm, an odd address says that it is one of Thumb [AAELF32, "Symbol Values"]. */
export function instructionAddress(address: bigint, { machine }: DataModel): bigint {
  return machine === EM.EM_ARM ? address & ~1n : address;
}
