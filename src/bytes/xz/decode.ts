/**
 * The `.xz` container [the .xz file format 1.2.1]: streams of blocks, each compressed with LZMA2 and checked. Other
 * filters are not supported; the tools that make kernel modules and debug data use none.
 */
import { crc32, crc64 } from "../checksum.ts";
import { readU32, readU64 } from "../endian.ts";
import { leb128Length, readUleb128Number } from "../leb128.ts";
import { Output } from "../output.ts";
import { Lzma2Decoder } from "./lzma2.ts";

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const FILTER_LZMA2 = 0x21;
/** Bytes of each kind of check, by its number [2.1.1.2]. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];
const CHECK_CRC32 = 1;
const CHECK_CRC64 = 4;

/** Whether `bytes` begin as an `.xz` file does. */
export function isXz(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * Decompresses an `.xz` file.
 *
 * @param limit bytes of output to accept
 * @throws Error saying what is wrong with the data
 */
export function decodeXz(input: Uint8Array, limit: number): Uint8Array {
  const output = new Output(limit, Math.min(limit, input.length * 4));
  let at = 0;
  do {
    at = decodeStream(input, at, output);
    // Padding between streams comes in fours.
    while (at + 4 <= input.length && readU32(input, at, true) === 0) at += 4;
  } while (at < input.length);
  return output.finish();
}

/** Header, blocks, index, footer; gives where the stream ends. */
function decodeStream(input: Uint8Array, start: number, output: Output): number {
  const header = part(input, start, 12);
  if (!isXz(header)) throw new Error("xz: found no mark of a stream");
  expectCrc32(header.subarray(6, 8), readU32(header, 8, true), "stream header");
  const check = header[7] ?? 0;
  if (header[6] !== 0 || check > 15) throw new Error("xz: found stream flags that are not known");
  const records: { stored: number; size: number }[] = [];
  let at = start + 12;
  while ((input[at] ?? 0) !== 0) {
    const block = decodeBlock(input, at, check, output);
    records.push({ stored: block.stored, size: block.size });
    at = block.end;
  }
  const index = readIndex(input, at, records);
  const footer = part(input, index, 12);
  expectCrc32(footer.subarray(4, 10), readU32(footer, 0, true), "stream footer");
  const backward = (readU32(footer, 4, true) + 1) * 4;
  if (backward !== index - at || footer[9] !== check || footer[10] !== 0x59 || footer[11] !== 0x5a) {
    throw new Error("xz: found a stream footer that does not match the stream");
  }
  return index + 12;
}

/** [3.1]; `stored` is the size without padding, as the index has it. */
function decodeBlock(
  input: Uint8Array,
  start: number,
  check: number,
  output: Output,
): { end: number; stored: number; size: number } {
  const headerSize = ((input[start] ?? 0) + 1) * 4;
  const header = part(input, start, headerSize);
  expectCrc32(header.subarray(0, headerSize - 4), readU32(header, headerSize - 4, true), "block header");
  const flags = header[1] ?? 0;
  if ((flags & 3) !== 0) throw new Error("xz: found a filter before LZMA2, which is not supported");
  let at = 2;
  const number = () => {
    const value = readNumber(header, at);
    at = value.end;
    return value.value;
  };
  const packed = (flags & 0x40) === 0 ? undefined : number();
  const declared = (flags & 0x80) === 0 ? undefined : number();
  const filter = number();
  const properties = number();
  const bits = header[at] ?? 0;
  if (filter !== FILTER_LZMA2 || properties !== 1 || bits > 40) {
    throw new Error(`xz: found filter 0x${filter.toString(16)}, expected LZMA2 (0x21)`);
  }
  const dictionary = bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
  const begin = output.length;
  const data = start + headerSize;
  const end = new Lzma2Decoder(input, data, output, dictionary).decode();
  const size = output.length - begin;
  if ((packed ?? end - data) !== end - data || (declared ?? size) !== size) {
    throw new Error(
      `xz: found a block of ${size} bytes from ${end - data}, expected ${declared} from ${packed}`,
    );
  }
  const padded = start + Math.ceil((end - start) / 4) * 4;
  for (let i = end; i < padded; i++)
    if (input[i] !== 0) throw new Error("xz: found block padding that is not zero");
  const checkSize = CHECK_SIZES[check] ?? 0;
  expectCheck(check, part(input, padded, checkSize), output.bytes.subarray(begin, output.length));
  return { end: padded + checkSize, stored: end - start + checkSize, size };
}

/** [4]; gives where the index ends. Every block must be in it. */
function readIndex(
  input: Uint8Array,
  start: number,
  blocks: readonly { stored: number; size: number }[],
): number {
  let at = start + 1;
  const number = () => {
    const value = readNumber(input, at);
    at = value.end;
    return value.value;
  };
  const count = number();
  if (count !== blocks.length)
    throw new Error(`xz: found ${count} blocks in the index, expected ${blocks.length}`);
  for (const block of blocks) {
    if (number() !== block.stored || number() !== block.size) {
      throw new Error("xz: found an index that does not match its blocks");
    }
  }
  const end = start + Math.ceil((at - start) / 4) * 4;
  expectCrc32(input.subarray(start, end), readU32(part(input, end, 4), 0, true), "index");
  return end + 4;
}

/** A number in the container's own variable-length form, which is unsigned LEB128 of at most nine bytes. */
function readNumber(bytes: Uint8Array, at: number): { value: number; end: number } {
  const length = leb128Length(bytes, at);
  if (length === 0 || length > 9) throw new Error("xz: found a number without an end");
  return { value: readUleb128Number(bytes, at), end: at + length };
}

function expectCheck(check: number, stored: Uint8Array, data: Uint8Array): void {
  if (check === 0) return;
  if (check === CHECK_CRC32) {
    expectCrc32(data, readU32(stored, 0, true), "block");
    return;
  }
  if (check !== CHECK_CRC64) throw new Error(`xz: found check ${check}, expected none, CRC32 or CRC64`);
  const found = crc64(data);
  const expected = readU64(stored, 0, true);
  if (found !== expected) {
    throw new Error(
      `xz: checksum of a block: found 0x${found.toString(16)}, expected 0x${expected.toString(16)}`,
    );
  }
}

function expectCrc32(data: Uint8Array, expected: number, what: string): void {
  const found = crc32(data);
  if (found === expected) return;
  throw new Error(
    `xz: checksum of the ${what}: found 0x${found.toString(16)}, expected 0x${expected.toString(16)}`,
  );
}

function part(input: Uint8Array, at: number, length: number): Uint8Array {
  if (at + length > input.length) throw new Error("xz: found the end of the data too early");
  return input.subarray(at, at + length);
}
