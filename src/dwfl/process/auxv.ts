/** The auxiliary vector: what the kernel tells a program about itself [getauxval(3)]. */
import { readSize64, readU32, readU64 } from "../../bytes/endian.ts";
import { AT } from "../../elf/constants/note.ts";

/** Values by `AT_` type, the first of each. */
export type AuxVector = ReadonlyMap<number, bigint>;

/** Reads `/proc/PID/auxv`. The words are as wide as those of the process, which the vector itself shows. */
export function readAuxVector(bytes: Uint8Array, little: boolean): AuxVector {
  const wide = bytes.length >= 16 && readSize64(bytes, 0, little) < 2 ** 32;
  const word = wide ? 8 : 4;
  const values = new Map<number, bigint>();
  for (let at = 0; at + 2 * word <= bytes.length; at += 2 * word) {
    const type = wide ? readSize64(bytes, at, little) : readU32(bytes, at, little);
    const value = wide ? readU64(bytes, at + word, little) : BigInt(readU32(bytes, at + word, little));
    if (type === AT.AT_NULL) break;
    if (!values.has(type)) values.set(type, value);
  }
  return values;
}
