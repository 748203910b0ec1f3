/**
 * `.xz` files [the .xz file format 1.2.1], decompressed by `@napi-rs/lzma`. That has no bound on its output, and what a
 * file's index says of sizes may be a lie. But LZMA2 data is a sequence of chunks, each of which says how much it makes,
 * and the decoder holds to that. So the chunks are added up first.
 */
import { createRequire } from "node:module";
import type { decompressSync } from "@napi-rs/lzma/xz";
import { leb128Length, readUleb128Number } from "../bytes/leb128.ts";
import { HostError } from "../errors.ts";

const MAGIC = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
/** Bytes of each kind of check, by its number [2.1.1.2]. */
const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

/** Whether `bytes` begin as an `.xz` file does. */
export function isXz(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * Decompresses an `.xz` file, of one stream or several. Filters before LZMA2 are not supported; the tools that make
 * kernel modules and debug data use none.
 *
 * @param limit bytes of output to accept
 * @throws Error saying what is wrong with the data, HostError `HOST_UNSUPPORTED` where the decoder does not run
 */
export function decodeXz(input: Uint8Array, limit: number): Uint8Array {
  const streams: Stream[] = [];
  let size = 0;
  for (let at = 0; at < input.length; ) {
    const stream = measureStream(input, at);
    size += stream.size;
    if (size > limit) {
      throw new Error(`xz: found more than ${limit} decompressed bytes, expected at most that many`);
    }
    streams.push(stream);
    at = stream.end;
    // Padding between streams comes in fours.
    while (at + 4 <= input.length && input.subarray(at, at + 4).every((byte) => byte === 0)) at += 4;
  }
  const decompress = loadDecoder();
  const parts = streams.map((stream) => decompress(input.subarray(stream.start, stream.end)));
  const output = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  if (output.length === size) return output;
  throw new Error(`xz: found ${output.length} decompressed bytes, expected ${size}`);
}

/** One stream of a file. */
interface Stream {
  readonly start: number;
  readonly end: number;
  /** Bytes once decompressed. */
  readonly size: number;
}

/** Finds out where a stream ends and what it makes. Everything else is for the decoder to check. */
function measureStream(input: Uint8Array, start: number): Stream {
  if (!isXz(input.subarray(start, start + 6))) throw new Error("xz: found no mark of a stream");
  const check = CHECK_SIZES[byteAt(input, start + 7) & 15] ?? 0;
  let at = start + 12;
  let size = 0;
  // A block begins with the size of its header, the index with a zero.
  while (byteAt(input, at) !== 0) {
    // Of several filters the last is LZMA2, and the ones before may make more of what it makes [3.1.2].
    if ((byteAt(input, at + 1) & 3) !== 0) {
      throw new Error("xz: found a filter before LZMA2, which is not supported");
    }
    const block = measureLzma2(input, at + (byteAt(input, at) + 1) * 4);
    size += block.size;
    at = aligned(block.end, start) + check;
  }
  // [4]: how many blocks, two numbers for each, and a sum. Then the footer.
  at++;
  const blocks = readUleb128Number(input, at);
  for (let left = 1 + blocks * 2; left > 0; left--) {
    const length = leb128Length(input, at);
    if (length === 0) throw new Error("xz: found an index without an end");
    at += length;
  }
  const end = aligned(at, start) + 4 + 12;
  if (end > input.length) throw new Error("xz: found the end of the data inside a stream");
  return { start, end, size };
}

/** Adds up the chunks of one block [liblzma, lzma2_decoder.c]. */
function measureLzma2(input: Uint8Array, start: number): { end: number; size: number } {
  const short = (at: number) => byteAt(input, at) * 256 + byteAt(input, at + 1) + 1;
  let size = 0;
  for (let at = start; ; ) {
    const control = byteAt(input, at);
    if (control === 0) return { end: at + 1, size };
    if (control >= 0x80) {
      size += (control & 0x1f) * 65536 + short(at + 1);
      at += (control >= 0xc0 ? 6 : 5) + short(at + 3);
    } else if (control <= 2) {
      size += short(at + 1);
      at += 3 + short(at + 1);
    } else {
      throw new Error(`xz: found 0x${control.toString(16)}, expected the start of an LZMA2 chunk`);
    }
  }
}

function aligned(at: number, start: number): number {
  return start + Math.ceil((at - start) / 4) * 4;
}

function byteAt(input: Uint8Array, at: number): number {
  const byte = input[at];
  if (byte === undefined) throw new Error("xz: found the end of the data inside a stream");
  return byte;
}

/** Loads native code, at first need only: most files are not compressed this way. */
function loadDecoder(): typeof decompressSync {
  try {
    const library: { decompressSync: typeof decompressSync } = createRequire(import.meta.url)(
      "@napi-rs/lzma/xz",
    );
    return library.decompressSync;
  } catch (cause) {
    throw new HostError(
      "HOST_UNSUPPORTED",
      "open",
      `xz data: found no decoder for ${process.arch}: ${String(cause)}`,
    );
  }
}
