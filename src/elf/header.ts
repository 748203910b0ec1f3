/** The file header, and the counts that overflow from it into section header 0 [gABI, "ELF Header"]. */
import { readSize64, readU16, readU32, readU64 } from "../bytes/endian.ts";
import type { ByteSource } from "../bytes/source.ts";
import { ElfError } from "../errors.ts";
import { EI, ELFCLASS, ELFDATA, EV, PN_XNUM } from "./constants/header.ts";
import { SHN } from "./constants/section.ts";
import { placeIn } from "./place.ts";

const PART = "ELF header";

/** The decoded file header. Addresses are `bigint`, file offsets `number`. */
export interface ElfHeader {
  /** The 16 bytes of `e_ident`. */
  readonly ident: Uint8Array;
  /** `ELFCLASS64`: addresses and sizes take 64 bits. */
  readonly is64: boolean;
  /** `ELFDATA2LSB`: low byte first. */
  readonly little: boolean;
  /** `e_ident[EI_OSABI]`, an `ELFOSABI_` value. */
  readonly osAbi: number;
  readonly abiVersion: number;
  /** `e_type`, an `ET_` value. */
  readonly type: number;
  /** `e_machine`, an `EM_` value. */
  readonly machine: number;
  readonly version: number;
  readonly entry: bigint;
  readonly phoff: number;
  readonly shoff: number;
  /** `e_flags`: bits that the machine defines. */
  readonly flags: number;
  readonly ehsize: number;
  readonly phentsize: number;
  /** Program headers, extended numbering resolved. */
  readonly phnum: number;
  readonly shentsize: number;
  /** Section headers, extended numbering resolved. */
  readonly shnum: number;
  /** Section with the section names, extended numbering resolved; 0 if there is none. */
  readonly shstrndx: number;
  /** The three counts as the header itself holds them, before extended numbering. */
  readonly stored: { readonly phnum: number; readonly shnum: number; readonly shstrndx: number };
}

/** Bytes of the structures whose size depends on the class. */
export interface Layout {
  readonly ehsize: number;
  readonly phentsize: number;
  readonly shentsize: number;
  readonly symsize: number;
  readonly dynsize: number;
  readonly relsize: number;
  readonly relasize: number;
  /** An address or offset. */
  readonly word: number;
}

const LAYOUT32: Layout = {
  ehsize: 52,
  phentsize: 32,
  shentsize: 40,
  symsize: 16,
  dynsize: 8,
  relsize: 8,
  relasize: 12,
  word: 4,
};
const LAYOUT64: Layout = {
  ehsize: 64,
  phentsize: 56,
  shentsize: 64,
  symsize: 24,
  dynsize: 16,
  relsize: 16,
  relasize: 24,
  word: 8,
};

/** Sizes of the structures of `ELFCLASS64` or `ELFCLASS32`. */
export function layoutOf(is64: boolean): Layout {
  return is64 ? LAYOUT64 : LAYOUT32;
}

/** Whether `bytes` begin with `\x7fELF`. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * Reads the header of `source`: one read of at most 64 bytes, and one of section header 0 where a count overflows.
 *
 * @throws ElfError `ELF_BAD_MAGIC`, `ELF_BAD_IDENT`, `ELF_TRUNCATED` or `ELF_BAD_VALUE`
 */
export function readHeader(source: ByteSource): ElfHeader {
  const bytes = source.read(0, Math.min(LAYOUT64.ehsize, source.size));
  const fail = (code: "ELF_BAD_MAGIC" | "ELF_BAD_IDENT" | "ELF_TRUNCATED", offset: number, what: string) =>
    new ElfError(code, placeIn(source.name, PART, offset), what);
  if (!isElf(bytes)) {
    const found = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    throw fail("ELF_BAD_MAGIC", 0, `not an ELF file: found ${found || "nothing"}, expected 7f 45 4c 46`);
  }
  const elfClass = bytes[EI.EI_CLASS] ?? 0;
  const data = bytes[EI.EI_DATA] ?? 0;
  const identVersion = bytes[EI.EI_VERSION] ?? 0;
  if (elfClass !== ELFCLASS.ELFCLASS32 && elfClass !== ELFCLASS.ELFCLASS64) {
    throw fail("ELF_BAD_IDENT", EI.EI_CLASS, `class: found ${elfClass}, expected 1 (32 bits) or 2 (64 bits)`);
  }
  if (data !== ELFDATA.ELFDATA2LSB && data !== ELFDATA.ELFDATA2MSB) {
    throw fail("ELF_BAD_IDENT", EI.EI_DATA, `byte order: found ${data}, expected 1 (little) or 2 (big)`);
  }
  if (identVersion !== EV.EV_CURRENT) {
    throw fail("ELF_BAD_IDENT", EI.EI_VERSION, `version: found ${identVersion}, expected 1`);
  }
  const is64 = elfClass === ELFCLASS.ELFCLASS64;
  const little = data === ELFDATA.ELFDATA2LSB;
  const { ehsize } = layoutOf(is64);
  if (bytes.length < ehsize) {
    throw fail("ELF_TRUNCATED", 0, `found ${bytes.length} bytes, expected a header of ${ehsize}`);
  }
  const u16 = (at: number) => readU16(bytes, at, little);
  const u32 = (at: number) => readU32(bytes, at, little);
  const tail = is64 ? 48 : 36;
  const stored = { phnum: u16(tail + 8), shnum: u16(tail + 12), shstrndx: u16(tail + 14) };
  const fixed = {
    ident: bytes.slice(0, EI.EI_NIDENT),
    is64,
    little,
    osAbi: bytes[EI.EI_OSABI] ?? 0,
    abiVersion: bytes[EI.EI_ABIVERSION] ?? 0,
    type: u16(16),
    machine: u16(18),
    version: u32(20),
    entry: is64 ? readU64(bytes, 24, little) : BigInt(u32(24)),
    phoff: is64 ? readSize64(bytes, 32, little) : u32(28),
    shoff: is64 ? readSize64(bytes, 40, little) : u32(32),
    flags: u32(tail),
    ehsize: u16(tail + 4),
    phentsize: u16(tail + 6),
    shentsize: u16(tail + 10),
    stored,
  };
  return { ...fixed, ...resolveCounts(source, fixed) };
}

/** Counts that do not fit 16 bits live in `sh_size`, `sh_link` and `sh_info` of section header 0. */
function resolveCounts(
  source: ByteSource,
  header: Pick<ElfHeader, "is64" | "little" | "shoff" | "stored">,
): Pick<ElfHeader, "phnum" | "shnum" | "shstrndx"> {
  const { is64, little, shoff, stored } = header;
  const overflowed =
    stored.phnum === PN_XNUM ||
    stored.shstrndx === SHN.SHN_XINDEX ||
    (stored.shnum === 0 && shoff !== 0 && stored.shstrndx !== 0);
  if (!overflowed || shoff === 0) {
    if (shoff === 0 && stored.phnum !== PN_XNUM) return { ...stored, shnum: 0, shstrndx: 0 };
    return stored;
  }
  const { shentsize } = layoutOf(is64);
  if (!(shoff + shentsize <= source.size)) {
    throw new ElfError(
      "ELF_TRUNCATED",
      placeIn(source.name, "section header 0"),
      `extended numbering: found a file of ${source.size} bytes, expected ${shentsize} bytes at offset ${shoff}`,
    );
  }
  const first = source.read(shoff, shentsize);
  return {
    phnum: stored.phnum === PN_XNUM ? readU32(first, is64 ? 44 : 28, little) : stored.phnum,
    shnum:
      stored.shnum !== 0 ? stored.shnum : is64 ? readSize64(first, 32, little) : readU32(first, 20, little),
    shstrndx: stored.shstrndx === SHN.SHN_XINDEX ? readU32(first, is64 ? 40 : 24, little) : stored.shstrndx,
  };
}
