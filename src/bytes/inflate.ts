/** Decompression in plain JavaScript, for where a faster one is not at hand. Every function is bounded by its `size`. */
import { unzlibSync } from "fflate";
import { decompress as unzstdSync } from "fzstd";

/**
 * Decompresses a zlib stream [RFC 1950] to exactly `size` bytes.
 *
 * @throws Error saying what is wrong with the data
 */
export function unzlib(input: Uint8Array, size: number): Uint8Array {
  // One byte more than expected shows a stream that goes on.
  const output = unzlibSync(input, { out: new Uint8Array(size + 1) });
  expectSize(output, size);
  const stored = adler32Of(input);
  const found = adler32(output);
  if (stored !== found)
    throw new Error(`checksum: found ${found.toString(16)}, expected ${stored.toString(16)}`);
  return output;
}

/**
 * Decompresses Zstandard data [RFC 8878] to exactly `size` bytes.
 *
 * @throws Error saying what is wrong with the data
 */
export function unzstd(input: Uint8Array, size: number): Uint8Array {
  const output = unzstdSync(input, new Uint8Array(size));
  expectSize(output, size);
  return output;
}

function expectSize(output: Uint8Array, size: number): void {
  if (output.length !== size)
    throw new Error(`found ${output.length} decompressed bytes or more, expected ${size}`);
}

/** The checksum that ends a zlib stream, big-endian. */
function adler32Of(input: Uint8Array): number {
  const tail = input.subarray(-4);
  return tail.reduce((sum, byte) => ((sum << 8) | byte) >>> 0, 0);
}

/** Adler-32 [RFC 1950, 8.2]. */
function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  // 3800 sums of bytes stay below 2^32 between reductions.
  for (let start = 0; start < bytes.length; start += 3800) {
    const end = Math.min(bytes.length, start + 3800);
    for (let i = start; i < end; i++) {
      a += bytes[i] ?? 0;
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return ((b << 16) | a) >>> 0;
}
