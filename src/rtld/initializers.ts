/** Where the initializers of an object begin [gABI, "Initialization and Termination Functions"]. */
import { DT } from "../elf/constants/dynamic.ts";
import type { ElfFile } from "../elf/file.ts";

/**
 * Address of the first function that the run-time linker calls to initialize an object; `undefined` if there is none.
 *
 * @param bias what is added to the file's addresses
 * @param word a word of the object as it is in memory, once the object is relocated
 * @throws ElfError if the file is malformed
 */
export function firstInitializer(
  elf: ElfFile,
  bias: bigint,
  word: (address: bigint) => bigint | undefined,
): bigint | undefined {
  const entries = elf.dynamic()?.entries ?? [];
  const entry = (tag: number) => entries.find((one) => one.tag === tag)?.value ?? 0n;
  const init = entry(DT.DT_INIT);
  if (init !== 0n) return bias + init;
  const array = entry(DT.DT_INIT_ARRAY);
  if (array === 0n || entry(DT.DT_INIT_ARRAYSZ) === 0n) return undefined;
  return word(bias + array) || undefined;
}
