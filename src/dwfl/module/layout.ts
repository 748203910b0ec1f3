/**
 * Addresses for files that nobody placed, one module after the other with a gap between: the layout of libdwfl's
 * offline reporting [elfutils, libdwfl/dwfl_report_elf.c and offline.c].
 */
import { ET } from "../../elf/constants/header.ts";
import { SHF, SHT } from "../../elf/constants/section.ts";
import { PT } from "../../elf/constants/segment.ts";
import type { ElfFile } from "../../elf/file.ts";

/** Alignment of the first section of a relocatable file: keeps low digits readable, and middle sections aligned. */
const FIRST_ALIGNMENT = 0x100n;
/** Bytes kept free between modules. */
const GAP = 0x10000n;

/** Half-open range of addresses. */
export interface AddressSpan {
  readonly start: bigint;
  readonly end: bigint;
}

/** Where a file is in memory. */
export interface Layout extends AddressSpan {
  /** What is added to the file's own addresses; 0 for relocatable files, whose sections have none. */
  readonly bias: bigint;
  /** Of a relocatable file: address by section index; `undefined` for those that are not loaded. */
  readonly sections: readonly (bigint | undefined)[] | undefined;
}

/** Lays a file out at or above `base`; one with addresses of its own (`ET_EXEC`) where it says. Reads headers only. */
export function layOut(elf: ElfFile, base: bigint): Layout {
  if (elf.header.type === ET.ET_REL) return layOutSections(elf, base);
  const fixed = elf.header.type === ET.ET_EXEC;
  const own = loadedSpan(elf);
  if (own === undefined) return { start: base, end: base, bias: fixed ? 0n : base, sections: undefined };
  const bias = fixed ? 0n : up(base, own.alignment);
  return layOutAt(elf, bias);
}

/** The layout of a linked file with a given bias. */
export function layOutAt(elf: ElfFile, bias: bigint): Layout {
  const own = loadedSpan(elf) ?? { start: 0n, end: 0n };
  const start = BigInt.asUintN(64, own.start + bias);
  return { start, end: start + (own.end - own.start), bias, sections: undefined };
}

/**
 * What is added to the addresses of a linked file of which the byte at an offset is at an address; `undefined` if no
 * segment loads that byte. Segments are mapped in whole pages, which may begin before them.
 */
export function biasOf(elf: ElfFile, address: bigint, fileOffset: bigint): bigint | undefined {
  const at = Number(fileOffset);
  for (const { type, vaddr, offset, filesz, align } of elf.segments) {
    if (type !== PT.PT_LOAD) continue;
    const before = offset % Number(powerOfTwo(align));
    if (at < offset - before || at >= offset + filesz) continue;
    return BigInt.asUintN(64, address - fileOffset - (vaddr - BigInt(offset)));
  }
  return undefined;
}

/**
 * What `PT_LOAD` covers, from the page of the first to the last end; `undefined` if there is none. Segments come in order of
 * address [gABI, "Program Loading"]; one below the first is none that is loaded there: in a Linux kernel it is the template
 * of what each processor has for itself.
 */
export function loadedSpan(elf: ElfFile): (AddressSpan & { readonly alignment: bigint }) | undefined {
  let span: { start: bigint; end: bigint; alignment: bigint } | undefined;
  for (const { type, vaddr, memsz, align } of elf.segments) {
    if (type !== PT.PT_LOAD) continue;
    const alignment = powerOfTwo(align);
    const start = vaddr - (vaddr % alignment);
    const end = vaddr + memsz;
    span ??= { start, end, alignment };
    if (start < span.start) continue;
    if (end > span.end) span.end = end;
    if (alignment > span.alignment) span.alignment = alignment;
  }
  return span;
}

/**
 * One loaded section after the other, each aligned; the start is aligned as the most demanding of them. Addresses that
 * linker scripts leave in relocatable files, as those of kernel modules do, count for nothing: libdwfl keeps them, and then
 * has sections that overlap.
 */
function layOutSections(elf: ElfFile, base: bigint): Layout {
  let alignment = FIRST_ALIGNMENT;
  for (const { flags, addralign } of elf.sections) {
    if ((flags & SHF.SHF_ALLOC) === 0) continue;
    const wanted = powerOfTwo(addralign);
    if (wanted > alignment) alignment = wanted;
  }
  const start = up(base, alignment);
  let end = start;
  const sections = elf.sections.map((section) => {
    if ((section.flags & SHF.SHF_ALLOC) === 0) return undefined;
    const address = up(end, powerOfTwo(section.addralign));
    end = address + sizeOf(section.size);
    return address;
  });
  return { start, end, bias: 0n, sections };
}

/**
 * Where thread-local sections of a relocatable file begin in the block of a thread's variables, if the file is linked by
 * itself: those with contents first, as linkers put them. By section index.
 */
export function threadBlock(elf: ElfFile): ReadonlyMap<number, bigint> {
  const all = elf.sections.filter(({ flags }) => (flags & SHF.SHF_TLS) !== 0);
  const empty = all.filter(({ type }) => type === SHT.SHT_NOBITS);
  const block = new Map<number, bigint>();
  let end = 0n;
  for (const { index, addralign, size } of [...all.filter((one) => !empty.includes(one)), ...empty]) {
    const start = up(end, powerOfTwo(addralign));
    block.set(index, start);
    end = start + sizeOf(size);
  }
  return block;
}

/** Addresses that are given out one module after the other. */
export class OfflineSpace {
  #next: bigint;

  constructor(start = GAP) {
    this.#next = start;
  }

  /** Lays a file out in free addresses; those of files that bring their own are kept free from then on. */
  take(elf: ElfFile): Layout {
    const layout = layOut(elf, this.#next);
    this.keepFree(layout);
    return layout;
  }

  /** Gives nothing out from a range that is in use, nor within a gap of it. */
  keepFree({ start, end }: AddressSpan): void {
    if (this.#next + GAP > start && this.#next < end + GAP) this.#next = end + GAP;
  }
}

/** An alignment as a header has it, where 0 is none; what is no power of two aligns nothing and counts as none. */
function powerOfTwo(value: number): bigint {
  if (!(value >= 2) || value > 2 ** 40) return 1n;
  const wanted = BigInt(value);
  return (wanted & (wanted - 1n)) === 0n ? wanted : 1n;
}

/** Sizes past 2^53 are rounded, and larger than any file; they stay within 64 bits. */
function sizeOf(size: number): bigint {
  return BigInt.asUintN(64, BigInt(size));
}

function up(value: bigint, alignment: bigint): bigint {
  return ((value + alignment - 1n) / alignment) * alignment;
}
