/** The kernel's own library in a process: a whole file in memory, sections and all. */
import { bufferSource } from "../../bytes/source.ts";
import { ElfFile } from "../../elf/file.ts";
import type { AddressSpan } from "../module/layout.ts";
import { borrowedFile } from "../module/offline.ts";
import type { ModuleReport } from "../module/report.ts";
import { isElfAt, type MemoryReader } from "./memory-image.ts";

/** Largest image that is read. */
const LARGEST = 2 ** 20;

/** The module of the library in a range of memory, which is read now; `undefined` if none is there. */
export function vdsoReport({ start, end }: AddressSpan, memory: MemoryReader): ModuleReport | undefined {
  if (isElfAt(memory, start) !== true) return undefined;
  const bytes = memory.read(start, Math.min(Number(end - start), LARGEST));
  if (bytes === undefined) return undefined;
  const name = "[vdso]";
  const open = () => borrowedFile(ElfFile.open(bufferSource(bytes, name)), undefined);
  return { name, path: undefined, open, place: { address: start, fileOffset: 0n }, span: { start, end } };
}
