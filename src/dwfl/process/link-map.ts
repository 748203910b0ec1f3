/** The loader's list of what it loaded, in memory: `r_debug` and `link_map` [glibc, elf/link.h]. */
import { readU32, readU64 } from "../../bytes/endian.ts";
import { decodeUtf8, findNul } from "../../bytes/text.ts";
import { DT } from "../../elf/constants/dynamic.ts";
import { AT } from "../../elf/constants/note.ts";
import { PT } from "../../elf/constants/segment.ts";
import { DwflError } from "../../errors.ts";
import type { AuxVector } from "./auxv.ts";
import type { MemoryReader } from "./memory-image.ts";

/** One loaded file. */
export interface LinkMapEntry {
  /** Path, as the loader has it; empty for the program. */
  readonly name: string;
  /** What was added to the file's addresses. */
  readonly bias: bigint;
}

/** How the process lays out what is read here. */
export interface MachineLayout {
  readonly is64: boolean;
  readonly little: boolean;
}

/** Longest list that is followed, and longest path in it. */
const MOST = 100_000;
const LONGEST = 4096;
const PAGE = 4096;

/**
 * What the loader loaded, the program first; `undefined` if the memory does not have the list.
 *
 * @throws DwflError if the list leads back into itself
 */
export function readLinkMap(
  memory: MemoryReader,
  auxv: AuxVector,
  layout: MachineLayout,
): LinkMapEntry[] | undefined {
  const debug = debugAddress(memory, auxv, layout);
  if (debug === undefined || debug === 0n) return undefined;
  // int r_version, padded to a word; then r_map.
  const head = readWords(memory, debug, 2, layout);
  const entries: LinkMapEntry[] = [];
  const seen = new Set<bigint>();
  for (let at = head?.[1] ?? 0n; at !== 0n; ) {
    if (seen.has(at) || seen.size > MOST) {
      throw new DwflError("DWFL_NO_MODULES", memory.name, `link map: found entry 0x${at.toString(16)} twice`);
    }
    seen.add(at);
    // l_addr, l_name, l_ld, l_next
    const [bias, name, , next] = readWords(memory, at, 4, layout) ?? [];
    if (bias === undefined || name === undefined || next === undefined) break;
    entries.push({ name: readString(memory, name) ?? "", bias });
    at = next;
  }
  return entries.length === 0 ? undefined : entries;
}

/** What was added to the program's addresses, by where its program headers are; `undefined` if that is not in memory. */
function programBias(memory: MemoryReader, auxv: AuxVector, layout: MachineLayout): bigint | undefined {
  const at = auxv.get(AT.AT_PHDR);
  const own = programHeaders(memory, auxv, layout)?.find((one) => one.type === PT.PT_PHDR);
  return at === undefined || own === undefined ? undefined : at - own.vaddr;
}

/** Address of `r_debug`, by `DT_DEBUG` of the program. */
export function debugAddress(
  memory: MemoryReader,
  auxv: AuxVector,
  layout: MachineLayout,
): bigint | undefined {
  const bias = programBias(memory, auxv, layout) ?? 0n;
  const dynamic = programHeaders(memory, auxv, layout)?.find((one) => one.type === PT.PT_DYNAMIC);
  if (dynamic === undefined) return undefined;
  const step = layout.is64 ? 16n : 8n;
  let at = dynamic.vaddr + bias;
  const end = at + dynamic.memsz;
  for (let count = 0; at < end && count < MOST; count++, at += step) {
    const [tag, value] = readWords(memory, at, 2, layout) ?? [];
    if (tag === undefined || tag === BigInt(DT.DT_NULL)) return undefined;
    if (tag === BigInt(DT.DT_DEBUG)) return value;
  }
  return undefined;
}

/** What is read here of a program header. */
export interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly vaddr: bigint;
  readonly memsz: bigint;
}

/** The program's headers, where `AT_PHDR` has them; `undefined` if they are not in memory. */
export function programHeaders(
  memory: MemoryReader,
  auxv: AuxVector,
  layout: MachineLayout,
): ProgramHeader[] | undefined {
  const at = auxv.get(AT.AT_PHDR);
  const count = Number(auxv.get(AT.AT_PHNUM) ?? 0n);
  const size = layout.is64 ? 56 : 32;
  if (at === undefined || count === 0 || count > MOST) return undefined;
  const bytes = memory.read(at, count * size);
  if (bytes === undefined) return undefined;
  return decodeProgramHeaders(bytes, count, layout);
}

/** Program headers as they follow each other in `bytes`, which hold all of them. */
export function decodeProgramHeaders(
  bytes: Uint8Array,
  count: number,
  { is64, little }: MachineLayout,
): ProgramHeader[] {
  const size = is64 ? 56 : 32;
  const word = is64 ? readU64 : (from: Uint8Array, at: number) => BigInt(readU32(from, at, little));
  return Array.from({ length: count }, (_, i) => {
    const at = i * size;
    return {
      type: readU32(bytes, at, little),
      flags: readU32(bytes, at + (is64 ? 4 : 24), little),
      vaddr: word(bytes, at + (is64 ? 16 : 8), little),
      memsz: word(bytes, at + (is64 ? 40 : 20), little),
    };
  });
}

/** Words of memory, each as wide as the process has them; `undefined` if they are not all there. */
export function readWords(
  memory: MemoryReader,
  address: bigint,
  count: number,
  { is64, little }: MachineLayout,
): bigint[] | undefined {
  const bytes = memory.read(address, count * (is64 ? 8 : 4));
  if (bytes === undefined) return undefined;
  const words: bigint[] = [];
  for (let i = 0; i < count; i++) {
    words.push(is64 ? readU64(bytes, 8 * i, little) : BigInt(readU32(bytes, 4 * i, little)));
  }
  return words;
}

/** Bytes of a string that are read at once: most have no more. */
const PIECE = 64;

/** A string in memory; `undefined` if it can't be read, or is too long for a path. */
export function readString(memory: MemoryReader, address: bigint): string | undefined {
  const first = memory.read(address, PIECE);
  const end = first === undefined ? -1 : findNul(first, 0);
  return first === undefined || end < 0 ? readPieces(memory, address) : decodeUtf8(first, 0, end);
}

function readPieces(memory: MemoryReader, address: bigint): string | undefined {
  const parts: Uint8Array[] = [];
  for (let done = 0; done < LONGEST; done += PIECE) {
    const at = address + BigInt(done);
    const bytes = memory.read(at, PIECE) ?? readShort(memory, at, PIECE);
    const end = findNul(bytes, 0);
    parts.push(end < 0 ? bytes : bytes.subarray(0, end));
    if (end >= 0) {
      const all = Buffer.concat(parts);
      return decodeUtf8(all, 0, all.length);
    }
    if (bytes.length < PIECE) return undefined;
  }
  return undefined;
}

/** As many bytes as are there before the memory ends, which it does at the end of a page as a rule. */
function readShort(memory: MemoryReader, address: bigint, most: number): Uint8Array {
  const toEnd = PAGE - Number(address % BigInt(PAGE));
  const page = toEnd < most ? memory.read(address, toEnd) : undefined;
  if (page !== undefined) return page;
  for (let length = most - 1; length > 0; length--) {
    const bytes = memory.read(address, length);
    if (bytes !== undefined) return bytes;
  }
  return new Uint8Array(0);
}
