/** How many relocations an object has, by its dynamic section in memory: without reading the records themselves. */
import { type MachineLayout, readWords } from "../dwfl/process/link-map.ts";
import type { MemoryReader } from "../dwfl/process/memory-image.ts";
import { DT } from "../elf/constants/dynamic.ts";
import { layoutOf } from "../elf/header.ts";

/** Longest dynamic section that is read, in entries; those of libraries have some thirty. */
const MOST_ENTRIES = 4096;
/** Largest table of `DT_RELR` that is counted, in bytes. */
const LARGEST_RELR = 2 ** 26;

/**
 * Records of `DT_RELA`, `DT_REL` and `DT_JMPREL`, and what those of `DT_RELR` stand for.
 *
 * @param dynamic address of the dynamic section
 * @param bias what was added to the file's addresses
 */
export function countRelocations(
  memory: MemoryReader,
  layout: MachineLayout,
  dynamic: bigint,
  bias: bigint,
): number {
  const entries = dynamicEntries(memory, layout, dynamic);
  const value = (tag: number): number => Number(entries.get(tag) ?? 0n);
  const { relsize, relasize, word } = layoutOf(layout.is64);
  const isRela = value(DT.DT_PLTREL) === DT.DT_RELA;
  const relr = entries.get(DT.DT_RELR) ?? 0n;
  const size = Math.min(value(DT.DT_RELRSZ), LARGEST_RELR);
  // glibc puts the final address in place of the file's.
  const words = size === 0 ? [] : readWords(memory, relr < bias ? relr + bias : relr, size / word, layout);
  return (
    value(DT.DT_RELASZ) / relasize +
    value(DT.DT_RELSZ) / relsize +
    value(DT.DT_PLTRELSZ) / (isRela ? relasize : relsize) +
    (words ?? []).reduce((sum, one) => sum + relativesOf(one), 0)
  );
}

function dynamicEntries(
  memory: MemoryReader,
  layout: MachineLayout,
  address: bigint,
): ReadonlyMap<number, bigint> {
  const step = BigInt(layoutOf(layout.is64).dynsize);
  const found = new Map<number, bigint>();
  for (let at = address, count = 0; count < MOST_ENTRIES; at += step, count++) {
    const [tag, value = 0n] = readWords(memory, at, 2, layout) ?? [];
    if (tag === undefined || tag === BigInt(DT.DT_NULL)) break;
    found.set(Number(tag), value);
  }
  return found;
}

/** An even word is the address of one; in an odd one each further bit is one [gABI, "Relative Relocations"]. */
function relativesOf(word: bigint): number {
  if ((word & 1n) === 0n) return 1;
  let count = 0;
  for (let bits = word >> 1n; bits !== 0n; bits &= bits - 1n) count++;
  return count;
}
