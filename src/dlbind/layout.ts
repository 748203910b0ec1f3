/**
 * Where everything lies in the image of a live object. Addresses in the file are offsets in the file and an origin, so
 * one number, counted from the start of the image, serves for both.
 *
 *     headers │ debugger's headers │ tables: versions hash symbols names unwind │ text │ rodata │ dynamic data
 *     └──────────────── read-only segment ─────────────────────────────────────┘ └ R E┘ └─ R ──┘ └─── RW ────┘
 *
 * The loader remembers where each table is and how many buckets the hash table has when it maps the object, so
 * capacities are fixed here; the file behind the image is sparse, so what is never used is never there.
 */

import { GRANULE } from "./arena.ts";

/** Regions, and first pages of segments, begin at multiples of this: a page on every Linux machine. */
export const REGION_ALIGN = 0x1_0000;

/** Capacities of a live object, in bytes where the name does not say a count. */
export interface Capacities {
  readonly text: number;
  readonly rodata: number;
  readonly data: number;
  /** Number of symbols, the reserved first one not counted. */
  readonly symbols: number;
  /** Bytes of symbol names with their terminators. */
  readonly names: number;
  /** Number of functions with call-frame information. */
  readonly frames: number;
}

/** What each thread has of an object: a block of variables. */
export interface ThreadBlock {
  /** What a thread's block begins as; all of it. */
  readonly image: Uint8Array;
  /** A power of two. */
  readonly align: number;
  /** Whether it must be at the same distance from the thread pointer in all threads: the loader has little room for that. */
  readonly isStatic: boolean;
}

/** A span of the image. */
export interface Span {
  readonly offset: number;
  readonly size: number;
}

export interface Layout {
  readonly capacities: Capacities;
  /** Address of the first byte as the file has it: what the loader is asked for. 0 leaves it to the loader. */
  readonly origin: bigint;
  /** Buckets of the `DT_HASH` table. */
  readonly buckets: number;
  /** Headers as a debugger that attaches reads them through the GDB JIT interface. */
  readonly debugHeaders: Span;
  /** Version definitions; empty when no version was declared. */
  readonly verdef: Span;
  readonly hash: Span;
  readonly versym: Span;
  readonly dynsym: Span;
  readonly dynstr: Span;
  readonly ehFrameHdr: Span;
  readonly ehFrame: Span;
  readonly text: Span;
  readonly rodata: Span;
  readonly dynamic: Span;
  /** What threads' blocks begin as; empty when there are none. */
  readonly threads: Span;
  /** The loader's relocations: what it is to tell of the threads' blocks. */
  readonly relocations: Span;
  readonly data: Span;
  /** Bytes of the whole file. */
  readonly size: number;
}

/** Sizes of ELF64 records (gABI, "Symbol Table"). */
export const SYM_SIZE = 24;
/** Of a relocation with addend. */
export const RELA_SIZE = 24;
const HASH_HEADER = 8;
/** version, three encodings, eh_frame_ptr, fde_count (LSB 5.0, 10.6.2). */
export const EH_FRAME_HDR_HEADER = 12;
const EH_FRAME_HDR_ENTRY = 8;
/** Room for a call-frame record: 32 bytes of header and about as many of instructions. */
const EH_FRAME_RECORD = 64;
const DYNAMIC_SIZE = 0x200;
/** Where in the dynamic section's room the loader writes the number of the threads' blocks, and their distance. */
export const THREAD_WORDS = 0x1e0;
const HEADERS_SIZE = 0x1000;

/** Largest image: every place in it must be reachable from every other by a signed 32-bit displacement. */
export const MAX_IMAGE = 0x7fff_0000;

/** Lays out an image. `versionBytes` is the size of the encoded version definitions. */
export function layOut(
  capacities: Capacities,
  versionBytes: number,
  origin = 0n,
  block?: ThreadBlock,
): Layout {
  let at = 0;
  const place = (size: number, align: number): Span => {
    at += -at & (align - 1);
    const span = { offset: at, size };
    at += size;
    return span;
  };
  place(HEADERS_SIZE, 1);
  // One for the reserved first symbol, one to spare for a symbol that is about to replace another.
  const slots = capacities.symbols + 2;
  const buckets = bucketCount(capacities.symbols);
  const debugHeaders = place(HEADERS_SIZE, HEADERS_SIZE);
  const verdef = place(versionBytes, 8);
  const relocations = place(block === undefined ? 0 : (block.isStatic ? 2 : 1) * RELA_SIZE, 8);
  const hash = place(HASH_HEADER + 4 * (buckets + slots), 64);
  const versym = place(versionBytes === 0 ? 0 : 2 * slots, 64);
  const dynsym = place(SYM_SIZE * slots, 64);
  const dynstr = place(capacities.names, 64);
  const ehFrame = place(EH_FRAME_RECORD * (capacities.frames + 1), 64);
  // The table behind the 12-byte header is then 8-aligned.
  place(4, 64);
  // One for each granule of text, or for each function where these are given all at once and may be smaller.
  const entries = Math.max(Math.ceil(capacities.text / GRANULE), capacities.frames);
  const ehFrameHdr = place(EH_FRAME_HDR_HEADER + EH_FRAME_HDR_ENTRY * entries, 1);
  const text = place(capacities.text, REGION_ALIGN);
  const rodata = place(capacities.rodata, REGION_ALIGN);
  const dynamic = place(DYNAMIC_SIZE, REGION_ALIGN);
  const threads = place(block?.image.length ?? 0, block?.align ?? 1);
  const data = place(capacities.data, REGION_ALIGN);
  at += -at & (REGION_ALIGN - 1);
  return {
    capacities,
    origin,
    buckets,
    debugHeaders,
    verdef,
    hash,
    versym,
    dynsym,
    dynstr,
    ehFrameHdr,
    ehFrame,
    text,
    rodata,
    dynamic,
    threads,
    relocations,
    data,
    size: at,
  };
}

/**
 * Two buckets a symbol, and an odd number: a chain of `DT_HASH` costs its reader a cache miss or three a link, and the
 * SysV hash is weak, the more so for even counts.
 */
function bucketCount(symbols: number): number {
  return Math.max(61, (2 * symbols) | 1);
}
