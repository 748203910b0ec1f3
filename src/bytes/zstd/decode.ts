/**
 * Zstandard [RFC 8878], decoded in plain JavaScript: for hosts without a decoder of their own. Time and memory are
 * bounded by the limit on the output, whatever the input says.
 */

import { readSize64, readU32 } from "../endian.ts";
import { Output } from "../output.ts";
import { xxh64Low } from "../xxh64.ts";
import { decodeBlock, FrameState, MAX_BLOCK } from "./block.ts";

const MAGIC = 0xfd2fb528;
/** 16 values; the low four bits are free. */
const SKIPPABLE = 0x184d2a50;

/** Whether `bytes` begin as a Zstandard frame does. */
export function isZstd(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && readU32(bytes, 0, true) === MAGIC;
}

/**
 * Decompresses all frames of `input`. Dictionaries are not supported.
 *
 * @param limit bytes of output to accept
 * @throws Error saying what is wrong with the data
 */
export function decodeZstd(input: Uint8Array, limit: number): Uint8Array {
  const output = new Output(limit, Math.min(limit, input.length * 4));
  for (let at = 0; at < input.length; ) {
    if (input.length - at < 8) throw new Error("zstd: found data after the last frame that is no frame");
    const magic = readU32(input, at, true);
    if (magic === MAGIC) at = decodeFrame(input, at + 4, output);
    else if ((magic & 0xfffffff0) === SKIPPABLE) at += 8 + readU32(input, at + 4, true);
    else throw new Error(`zstd: found 0x${magic.toString(16)}, expected the mark of a frame`);
    if (at > input.length) throw new Error("zstd: found a frame that runs past the end");
  }
  return output.finish();
}

/** [RFC 8878, 3.1.1]; gives where the frame ends. */
function decodeFrame(input: Uint8Array, start: number, output: Output): number {
  let at = start;
  const descriptor = input[at++] ?? 0;
  const single = ((descriptor >> 5) & 1) === 1;
  const hasChecksum = ((descriptor >> 2) & 1) === 1;
  if ((descriptor & 8) !== 0) throw new Error("zstd: found a reserved bit in the frame header");
  if (!single) at += 1;
  const dictionary = descriptor & 3;
  if (dictionary !== 0)
    throw new Error("zstd: found a frame that needs a dictionary, which is not supported");
  const sizeFlag = descriptor >> 6;
  const size = contentSize(input, at, sizeFlag, single);
  at += sizeFlag === 0 ? (single ? 1 : 0) : 2 ** sizeFlag;
  // A declared size that the limit refuses is refused at once; a small lie costs no more than the truth.
  if (size !== undefined) output.reserve(Math.min(size, input.length * 4096));

  const state = new FrameState(output.length);
  for (let last = false; !last; ) {
    if (at + 3 > input.length) throw new Error("zstd: found the end before the last block");
    const header = (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8) | ((input[at + 2] ?? 0) << 16);
    at += 3;
    last = (header & 1) === 1;
    const type = (header >> 1) & 3;
    const length = header >> 3;
    if (length > MAX_BLOCK) throw new Error("zstd: found a block of more than 128 KiB");
    const stored = type === 1 ? 1 : length;
    if (at + stored > input.length) throw new Error("zstd: found a block that runs past the end");
    const block = input.subarray(at, at + stored);
    if (type === 0) output.write(block);
    else if (type === 1) output.fill(block[0] ?? 0, length);
    else if (type === 2) decodeBlock(block, state, output);
    else throw new Error("zstd: found a block of the reserved type");
    at += stored;
  }
  const made = output.length - state.start;
  if (size !== undefined && made !== size)
    throw new Error(`zstd: found ${made} decompressed bytes, expected ${size}`);
  if (!hasChecksum) return at;
  if (at + 4 > input.length) throw new Error("zstd: found the end before the checksum");
  const stored = readU32(input, at, true);
  const found = xxh64Low(output.bytes.subarray(state.start, output.length));
  if (stored !== found)
    throw new Error(`zstd: checksum: found 0x${found.toString(16)}, expected 0x${stored.toString(16)}`);
  return at + 4;
}

function contentSize(input: Uint8Array, at: number, flag: number, single: boolean): number | undefined {
  if (flag === 0) return single ? (input[at] ?? 0) : undefined;
  if (flag === 1) return ((input[at] ?? 0) | ((input[at + 1] ?? 0) << 8)) + 256;
  return flag === 2 ? readU32(input, at, true) : readSize64(input, at, true);
}
