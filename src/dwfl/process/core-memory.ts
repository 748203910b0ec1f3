/** Memory of a process as its core file has it. */
import { PF, PT } from "../../elf/constants/segment.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSegment } from "../../elf/segment.ts";
import type { AddressSpan } from "../module/layout.ts";
import type { MemoryReader } from "./memory-image.ts";

/** Reads what the core file holds; what was not dumped, or was cut off, can't be read. */
export class CoreMemory implements MemoryReader {
  readonly name: string;
  readonly #elf: ElfFile;

  constructor(elf: ElfFile) {
    this.name = elf.name ?? "core file";
    this.#elf = elf;
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    const segment = this.#elf.segmentAt(address);
    if (segment === undefined) return undefined;
    const inside = Number(address - segment.vaddr);
    const here = Math.min(length, segment.filesz - inside);
    const { source } = this.#elf.image;
    const at = segment.offset + inside;
    if (here <= 0 || at + here > source.size) return undefined;
    const first = source.read(at, here);
    if (here === length) return first;
    // The next segment may go on where this one ends; one that holds nothing ends the matter.
    const rest = this.read(address + BigInt(here), length - here);
    if (rest === undefined) return undefined;
    const all = new Uint8Array(length);
    all.set(first);
    all.set(rest, here);
    return all;
  }

  /** Whether an address was left out because a file has what is there: not cut off, and nothing that could be changed. */
  isLeftOut(address: bigint): boolean {
    const segment = this.#elf.segmentAt(address);
    if (segment === undefined) return true;
    return (segment.flags & PF.PF_W) === 0 && address - segment.vaddr >= BigInt(segment.filesz);
  }

  /** Whether code was executed from an address; `undefined` if the core file does not say. */
  isExecutable(address: bigint): boolean | undefined {
    const segment = this.#elf.segmentAt(address);
    return segment === undefined ? undefined : (segment.flags & PF.PF_X) !== 0;
  }

  /** The range of memory that an address is in. */
  spanAt(address: bigint): AddressSpan | undefined {
    const segment = this.#elf.segmentAt(address);
    return segment === undefined ? undefined : spanOf(segment);
  }

  /** All ranges of memory, in the order of the file. */
  spans(): AddressSpan[] {
    return this.#elf.segments.filter((one) => one.type === PT.PT_LOAD).map(spanOf);
  }
}

function spanOf({ vaddr, memsz }: ElfSegment): AddressSpan {
  return { start: vaddr, end: vaddr + memsz };
}
