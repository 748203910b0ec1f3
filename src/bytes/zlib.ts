/** zlib streams [RFC 1950], decoded by pako within a bound on the output. */
import { Inflate } from "pako";

/**
 * Decompresses a zlib stream and checks its sum. Bytes after the stream are ignored, as zlib does: LLVM 14 pads there.
 *
 * @param limit bytes of output to accept; taken at once
 * @throws Error saying what is wrong with the data
 */
export function decodeZlib(input: Uint8Array, limit: number): Uint8Array {
  const output = new Uint8Array(limit);
  let length = 0;
  // 15 is the largest window; without it, gzip data would be taken as well.
  const inflate = new Inflate({ windowBits: 15 });
  inflate.onData = (chunk) => {
    if (length + chunk.length > limit) {
      throw new Error(`zlib: found more than ${limit} decompressed bytes, expected at most that many`);
    }
    output.set(chunk, length);
    length += chunk.length;
  };
  if (!inflate.push(input, true)) throw new Error(`zlib: ${inflate.msg}`);
  return output.subarray(0, length);
}
