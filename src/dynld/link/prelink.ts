/**
 * What mkmod settles beforehand in a module for x86-64, so that loading it takes little more than copying it. Its sections
 * hold what they are to hold when text lies at 0 and the other segments at the distances from it that live objects have them
 * at; so whatever is relative is right already. The rest is in `.bindery.prelink`, in 32-bit words of little-endian order:
 *
 *     magic
 *     bytes of text, of read-only data, of data, of data before its zeros; distances from text of read-only data, of data
 *     words of the global offset table; words of the stubs' code
 *     number of odd pointers, of fixups, of frames
 *     the table itself; the code of the stubs
 *     a bit for each 8 bytes of read-only data, then of data before its zeros: a pointer, to which the address of text is to be added
 *     odd pointers, which lie elsewhere or hold no unsigned 32 bits: segment, offset
 *     fixups, which hold addresses of imports: segment, offset, number of the symbol, addend
 *     frames, sorted: offset of the function in text, of its record in read-only data
 *
 * The relocation records are in the file all the same: for other linkers, and for segments that lie otherwise.
 */
import type { ElfFile } from "../../elf/file.ts";
import { linkError } from "./fault.ts";
import type { FrameColumns } from "./relocator.ts";

export const PRELINK_SECTION = ".bindery.prelink";

const MAGIC = 0x314b_4e4c;
const HEADER = 12;
/** Words of a fixup, and of an odd pointer or a frame. */
export const FIXUP = 4;
export const PAIR = 2;

/** Bytes that a bit of a map stands for, and bits of a word of it. */
export const POINTER = 8;
export const MAP_BITS = 32;

/** Where the segments of live objects begin, and how much lies between read-only data and data. */
const SEGMENT_ALIGN = 0x1_0000;

/** What is settled beforehand. All columns are views of one array of words. */
export interface Prelink {
  /** Bytes of text with its stubs, of read-only data with the table, of data with its zeros, of data without. */
  readonly sizes: readonly [number, number, number, number];
  /** Of read-only data, and of data, from text. */
  readonly distances: readonly [number, number];
  /** Words of the global offset table, which begins read-only data: 32-bit ones, two an entry. */
  readonly table: Uint32Array;
  /** Code of the stubs, which end text. */
  readonly stubs: Uint32Array;
  /** By segment number but text's: a bit for each pointer. */
  readonly maps: readonly [Uint32Array, Uint32Array];
  /** Segment and offset of pointers that no map shows. */
  readonly odd: Uint32Array;
  /** Segment, offset, number of the symbol and addend of addresses of imports. */
  readonly fixups: Uint32Array;
  readonly frames: FrameColumns;
}

/** Where a live object puts read-only data and data, counted from text, by the sizes of text and read-only data. */
export function segmentDistances(text: number, rodata: number): [number, number] {
  const room = (size: number): number => Math.max(1, Math.ceil(size / SEGMENT_ALIGN)) * SEGMENT_ALIGN;
  const first = room(text);
  return [first, first + room(rodata) + SEGMENT_ALIGN];
}

/** Words of the map of a segment of that many bytes. */
export function mapLength(size: number): number {
  return Math.ceil(Math.floor(size / POINTER) / MAP_BITS);
}

/** The contents of the section. */
export function encodePrelink(prelink: Prelink): Uint8Array {
  const { sizes, distances, table, stubs, maps, odd, fixups, frames } = prelink;
  const count = frames.starts.length;
  const pairs = new Uint32Array(count * PAIR);
  for (let i = 0; i < count; i++) {
    pairs[i * PAIR] = frames.starts[i] ?? 0;
    pairs[i * PAIR + 1] = frames.records[i] ?? 0;
  }
  const counts = [table.length, stubs.length, odd.length / PAIR, fixups.length / FIXUP, count];
  const parts = [[MAGIC, ...sizes, ...distances, ...counts], table, stubs, ...maps, odd, fixups, pairs];
  const words = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    words.set(part, at);
    at += part.length;
  }
  return new Uint8Array(words.buffer);
}

/**
 * What is settled in a module, checked: every place lies in its segment.
 * @returns `undefined` where nothing is
 * @throws DynldError DYNLD_BAD_VALUE
 */
export function readPrelink(elf: ElfFile): Prelink | undefined {
  const [section] = elf.sectionsNamed(PRELINK_SECTION);
  if (section === undefined) return undefined;
  const fail = (word: number, what: string): never => {
    throw linkError("DYNLD_BAD_VALUE", elf.name, section.label, word * 4, what);
  };
  const bytes = Uint8Array.from(section.bytes());
  if (bytes.length < HEADER * 4 || bytes.length % 4 !== 0) {
    fail(0, `found ${bytes.length} bytes, expected words, at least ${HEADER}`);
  }
  const words = new Uint32Array(bytes.buffer);
  const [magic = 0, text = 0, rodata = 0, data = 0, filled = 0, toRodata = 0, toData = 0] = words;
  // Of another version.
  if (magic !== MAGIC) return undefined;
  const sizes = [text, rodata, data, filled] as const;
  let end = HEADER;
  const take = (length: number): Uint32Array => {
    const part = words.subarray(end, end + length);
    if (part.length < length)
      fail(words.length, `found the end, expected ${length - part.length} words more`);
    end += length;
    return part;
  };
  const count = (index: number, each: number): number => (words[index] ?? 0) * each;
  const tableLength = count(7, 1);
  const stubsLength = count(8, 1);
  if (tableLength * 4 > rodata) fail(7, `found a table larger than read-only data of ${rodata} bytes`);
  if (stubsLength * 4 > text) fail(8, `found stubs larger than text of ${text} bytes`);
  const table = take(tableLength);
  const stubs = take(stubsLength);
  if (filled > data) fail(4, `found ${filled} bytes before the zeros of data, expected at most ${data}`);
  const mapped = [rodata, filled] as const;
  const maps = [take(mapLength(rodata)), take(mapLength(filled))] as const;
  maps.forEach((map, index) => {
    const last = Math.floor((mapped[index] ?? 0) / POINTER) % MAP_BITS;
    const beyond = last === 0 ? 0 : (map[map.length - 1] ?? 0) >>> last;
    if (beyond !== 0) fail((map.byteOffset >> 2) + map.length - 1, "found a pointer beyond the segment");
  });
  const checkPlaces = (places: Uint32Array, each: number): void => {
    for (let i = 0; i < places.length; i += each) {
      const [segment = 0, offset = 0] = [places[i], places[i + 1]];
      if (offset + POINTER <= (sizes[segment] ?? 0)) continue;
      fail((places.byteOffset >> 2) + i, `found offset ${offset} of segment ${segment}, which is outside`);
    }
  };
  const odd = take(count(9, PAIR));
  checkPlaces(odd, PAIR);
  const fixups = take(count(10, FIXUP));
  checkPlaces(fixups, FIXUP);
  const pairs = take(count(11, PAIR));
  // A linker has made one of several modules.
  if (end !== words.length) return undefined;
  return {
    sizes,
    distances: [toRodata, toData],
    table,
    stubs,
    maps,
    odd,
    fixups,
    frames: readFrames(pairs, fail, text, rodata),
  };
}

function readFrames(
  pairs: Uint32Array,
  fail: (word: number, what: string) => never,
  text: number,
  rodata: number,
): FrameColumns {
  const count = pairs.length / PAIR;
  const starts = new Int32Array(count);
  const records = new Int32Array(count);
  for (let i = 0, before = 0; i < count; i++) {
    const [start = 0, record = 0] = [pairs[i * PAIR], pairs[i * PAIR + 1]];
    if (start < before || start >= text || record >= rodata) {
      fail(
        (pairs.byteOffset >> 2) + i * PAIR,
        `found a frame of ${start} at ${record}, expected one behind ${before}`,
      );
    }
    starts[i] = start;
    records[i] = record;
    before = start;
  }
  return { starts, records };
}
