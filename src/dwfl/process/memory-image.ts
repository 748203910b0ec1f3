/**
 * ELF files as they are in memory: what the loader mapped of them, which is all that is there where the file is not, and
 * what tells a file from another that took its place.
 */
import { readU32, readU64 } from "../../bytes/endian.ts";
import { type ByteSource, bufferSource, checkRange } from "../../bytes/source.ts";
import { DT } from "../../elf/constants/dynamic.ts";
import { PT } from "../../elf/constants/segment.ts";
import { ElfFile } from "../../elf/file.ts";
import { isElf, layoutOf } from "../../elf/header.ts";
import type { ElfSegment } from "../../elf/segment.ts";
import { ElfError } from "../../errors.ts";
import { loadedSpan } from "../module/layout.ts";

/** Memory of a process, alive or dumped. */
export interface MemoryReader {
  /** How messages call it. */
  readonly name: string;
  /** All of `length` bytes at an address; `undefined` if one of them can't be read. */
  read(address: bigint, length: number): Uint8Array | undefined;
}

/** A file seen in memory. */
export interface MemoryImage {
  /** Its segments and what they hold; of sections only what the loader mapped with them. */
  readonly elf: ElfFile;
  /** What the loader added to its addresses. */
  readonly bias: bigint;
  /** In hexadecimal; `undefined` if it has none, or none that can be read. */
  readonly buildId: string | undefined;
}

/** Bytes of an ELF header and, as a rule, of the program headers behind it. */
const HEAD = 4096;
/** Most program headers that a file is taken to have in memory, in bytes. */
const LARGEST_HEAD = 2 ** 20;

/** Tags whose value is an address, which glibc's loader changes to the final one in place [gABI, "Dynamic Section"]. */
const ADDRESSES: ReadonlySet<number> = new Set([
  DT.DT_PLTGOT,
  DT.DT_HASH,
  DT.DT_STRTAB,
  DT.DT_SYMTAB,
  DT.DT_RELA,
  DT.DT_REL,
  DT.DT_RELR,
  DT.DT_JMPREL,
  DT.DT_GNU_HASH,
  DT.DT_VERSYM,
  DT.DT_VERDEF,
  DT.DT_VERNEED,
]);

/** Whether an ELF header is at an address; `undefined` if the memory can't be read. */
export function isElfAt(memory: MemoryReader, address: bigint): boolean | undefined {
  const magic = memory.read(address, 4);
  return magic === undefined ? undefined : isElf(magic);
}

/**
 * The file whose header is at an address; `undefined` if none is there, or it is malformed.
 *
 * @param mapped bytes that are known to be mapped from there on in the order of the file
 */
export function imageAt(
  memory: MemoryReader,
  address: bigint,
  name: string,
  mapped = 0,
): MemoryImage | undefined {
  try {
    return readImage(memory, address, name, mapped);
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

function readImage(
  memory: MemoryReader,
  address: bigint,
  name: string,
  mapped: number,
): MemoryImage | undefined {
  const label = `${name} (in ${memory.name})`;
  const linear = linearSource(memory, address, label);
  const head = memory.read(address, 64);
  if (head === undefined || !isElf(head)) return undefined;
  const rough = ElfFile.open(bufferSource(head, label));
  const { phoff, phnum, phentsize } = rough.header.stored.phnum === 0xffff ? noHeaders : rough.header;
  if (phnum === 0 || phoff + phnum * phentsize > LARGEST_HEAD) return undefined;
  const { segments } = ElfFile.open(linear);
  const first = segments.find((one) => one.type === PT.PT_LOAD && one.offset < HEAD);
  if (first === undefined) return undefined;
  const bias = BigInt.asUintN(64, address - (first.vaddr - BigInt(first.offset)));
  const source = new ImageSource(memory, address, label, segments, bias, mapped);
  const elf = ElfFile.open(withoutLostSections(source, rough));
  return { elf: withFileAddresses(elf, bias), bias, buildId: buildIdOf(elf) };
}

const noHeaders = { phoff: 0, phnum: 0, phentsize: 0 };

/** The build id; `undefined` if its note is not in memory. */
function buildIdOf(elf: ElfFile): string | undefined {
  try {
    return elf.buildId();
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}

/** Memory from an address on, as a file that begins there. */
function linearSource(memory: MemoryReader, address: bigint, name: string): ByteSource {
  const size = LARGEST_HEAD;
  return {
    name,
    size,
    read(offset, length) {
      checkRange(name, size, offset, length);
      return memory.read(address + BigInt(offset), length) ?? lost(name, offset, length);
    },
  };
}

function lost(name: string, offset: number, length: number): never {
  const what = `found memory that can't be read, expected ${length} bytes`;
  throw new ElfError("ELF_TRUNCATED", { file: name, offset }, what);
}

/** A file's bytes, from where its segments are in memory. */
class ImageSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #memory: MemoryReader;
  readonly #address: bigint;
  readonly #loads: readonly ElfSegment[];
  readonly #bias: bigint;
  readonly #mapped: number;

  constructor(
    memory: MemoryReader,
    address: bigint,
    name: string,
    segments: readonly ElfSegment[],
    bias: bigint,
    mapped: number,
  ) {
    this.name = name;
    this.#memory = memory;
    this.#address = address;
    this.#loads = segments.filter((one) => one.type === PT.PT_LOAD);
    this.#bias = bias;
    this.#mapped = mapped;
    this.size = Math.max(mapped, ...this.#loads.map((one) => one.offset + one.filesz));
  }

  read(offset: number, length: number): Uint8Array {
    checkRange(this.name, this.size, offset, length);
    const { vaddr, offset: from } = this.#loads.find(
      (one) => offset >= one.offset && offset + length <= one.offset + one.filesz,
    ) ?? { vaddr: undefined, offset: 0 };
    let at: bigint | undefined;
    if (vaddr !== undefined) at = vaddr + this.#bias + BigInt(offset - from);
    else if (offset + length <= this.#mapped) at = this.#address + BigInt(offset);
    const bytes = at === undefined ? undefined : this.#memory.read(BigInt.asUintN(64, at), length);
    return bytes ?? lost(this.name, offset, length);
  }
}

/** The same bytes, under a header that names no sections where these are not in memory, as they mostly are not. */
function withoutLostSections(source: ImageSource, { header, image }: ElfFile): ByteSource {
  const { shoff, stored, shentsize, ehsize } = header;
  if (shoff === 0 || shoff + stored.shnum * shentsize <= source.size) return source;
  const head = image.source.read(0, ehsize).slice();
  const { is64 } = header;
  head.fill(0, is64 ? 40 : 32, is64 ? 48 : 36);
  head.fill(0, is64 ? 60 : 48, is64 ? 64 : 52);
  return patched(source, 0, head);
}

/** The same file, with the addresses of its dynamic section as the file had them. */
function withFileAddresses(elf: ElfFile, bias: bigint): ElfFile {
  const dynamic = elf.segments.find((one) => one.type === PT.PT_DYNAMIC);
  const span = loadedSpan(elf);
  if (dynamic === undefined || span === undefined || bias === 0n) return elf;
  const { is64, little } = elf.header;
  const { dynsize } = layoutOf(is64);
  const word = dynsize / 2;
  const bytes = dynamic.bytes().slice();
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + dynsize <= bytes.length; at += dynsize) {
    const tag = readU32(bytes, is64 && !little ? at + 4 : at, little);
    const value = is64 ? readU64(bytes, at + word, little) : BigInt(readU32(bytes, at + word, little));
    const own = value - bias;
    if (!ADDRESSES.has(tag) || own < span.start || own >= span.end) continue;
    if (is64) view.setBigUint64(at + word, own, little);
    else view.setUint32(at + word, Number(own), little);
  }
  return ElfFile.open(patched(elf.image.source, dynamic.offset, bytes));
}

/** A source with other bytes in one place. */
function patched(source: ByteSource, start: number, bytes: Uint8Array): ByteSource {
  return {
    name: source.name,
    size: source.size,
    read(offset, length) {
      const read = source.read(offset, length);
      const [from, to] = [Math.max(offset, start), Math.min(offset + length, start + bytes.length)];
      if (from >= to) return read;
      const own = read.slice();
      own.set(bytes.subarray(from - start, to - start), from - offset);
      return own;
    },
  };
}
