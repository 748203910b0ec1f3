/**
 * What a process tells debuggers of code that it made itself: a list of object files in its memory, and a function that
 * it calls at each change ["JIT Compilation Interface", Debugging with GDB].
 */
import { type ByteSource, checkRange } from "../../bytes/source.ts";
import { ET } from "../../elf/constants/header.ts";
import { SHF } from "../../elf/constants/section.ts";
import { ElfFile } from "../../elf/file.ts";
import type { ElfSection } from "../../elf/section.ts";
import { BinderyError, ElfError } from "../../errors.ts";
import { CodeFile, moduleOf } from "./code-file.ts";

/** Name of the function that a process calls after each change of its list. */
export const JIT_REGISTER = "__jit_debug_register_code";
/** Name of the head of the list: `struct jit_descriptor`. */
export const JIT_DESCRIPTOR = "__jit_debug_descriptor";

/** Most objects of one list, and most bytes of one of them. */
const MOST_OBJECTS = 100_000;
const LARGEST = 2 ** 40;
/** Offset of the first entry's address in a head. */
const FIRST_ENTRY = 16n;

/** Reads all of `length` bytes of a process; `undefined` if one of them is not mapped. */
export type ReadProcess = (address: bigint, length: number) => Uint8Array | undefined;

/**
 * Opens the files of some lists, the newest of each first. They are read where they lie, and only what is asked for: one may
 * be a large table that the process goes on filling.
 *
 * @param descriptors addresses of the lists' heads
 */
export function jitFiles(read: ReadProcess, descriptors: readonly bigint[]): CodeFile[] {
  const files: CodeFile[] = [];
  const seen = new Set<bigint>();
  for (const head of descriptors) {
    for (let at = words(read, head + FIRST_ENTRY, 1)?.[0] ?? 0n; at !== 0n; ) {
      if (seen.has(at) || seen.size === MOST_OBJECTS) break;
      seen.add(at);
      // struct jit_code_entry: next, previous, address and size of the object file
      const [next = 0n, , address = 0n, size = 0n] = words(read, at, 4) ?? [];
      const file = open(read, address, size);
      if (file !== undefined) files.push(file);
      at = next;
    }
  }
  return files;
}

function open(read: ReadProcess, address: bigint, size: bigint): CodeFile | undefined {
  if (size > BigInt(LARGEST)) return undefined;
  const name = `object at 0x${address.toString(16)}`;
  try {
    const elf = ElfFile.open(new ProcessSource(read, name, address, Number(size)), { name });
    const covered = elf.sections
      .filter((one) => (one.flags & SHF.SHF_ALLOC) !== 0 && one.size > 0)
      .map(({ addr, size: length }) => ({ start: addr, end: addr + BigInt(length) }));
    if (covered.length === 0) return undefined;
    const span = {
      start: covered.map((one) => one.start).reduce(lower),
      end: covered.map((one) => one.end).reduce(upper),
    };
    // Its sections are where it says, whether it was linked or not.
    const sectionAddress = (section: ElfSection) => section.addr;
    const place = elf.header.type === ET.ET_REL ? { sectionAddress, span } : { bias: 0n };
    const file = { elf, path: undefined, close: () => {} };
    return new CodeFile(moduleOf({ name, path: undefined, open: () => file, place, span }), covered);
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}

/** `Math.min` has no use for bigint. */
function lower(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function upper(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

/** A file in the memory of a process. */
class ProcessSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #read: ReadProcess;
  readonly #address: bigint;

  constructor(read: ReadProcess, name: string, address: bigint, size: number) {
    this.name = name;
    this.size = size;
    this.#read = read;
    this.#address = address;
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this.name, this.size, offset, length);
    const bytes = length === 0 ? new Uint8Array(0) : this.#read(this.#address + BigInt(offset), length);
    if (bytes !== undefined) return bytes;
    throw new ElfError("ELF_TRUNCATED", { file: this.name, offset }, `found no memory for ${length} bytes`);
  }
}

function words(read: ReadProcess, address: bigint, count: number): BigUint64Array | undefined {
  const bytes = read(address, 8 * count);
  return bytes === undefined ? undefined : new BigUint64Array(Uint8Array.from(bytes).buffer);
}
