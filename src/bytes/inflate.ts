/** Decompression in plain JavaScript, for where a faster one is not at hand. Every function is bounded by its `size`. */
import { unzlibSync } from "fflate";
import { adler32 } from "./checksum.ts";
import { readU32 } from "./endian.ts";
import { decodeZstd } from "./zstd/decode.ts";

/**
 * Decompresses a zlib stream [RFC 1950] to exactly `size` bytes.
 *
 * @throws Error saying what is wrong with the data
 */
export function unzlib(input: Uint8Array, size: number): Uint8Array {
  // One byte more than expected shows a stream that goes on.
  const output = unzlibSync(input, { out: new Uint8Array(size + 1) });
  expectSize(output, size);
  const expected = input.length < 4 ? 0 : readU32(input, input.length - 4, false);
  const found = adler32(output);
  if (expected === found) return output;
  throw new Error(`checksum: found 0x${found.toString(16)}, expected 0x${expected.toString(16)}`);
}

/**
 * Decompresses Zstandard data [RFC 8878] to exactly `size` bytes.
 *
 * @throws Error saying what is wrong with the data
 */
export function unzstd(input: Uint8Array, size: number): Uint8Array {
  const output = decodeZstd(input, size);
  expectSize(output, size);
  return output;
}

function expectSize(output: Uint8Array, size: number): void {
  if (output.length !== size)
    throw new Error(`found ${output.length} decompressed bytes or more, expected ${size}`);
}
