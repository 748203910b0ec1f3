/**
 * Integers at a place in a byte array, either byte order.
 *
 * Loops over millions of records call these; they are written with plain byte loads, which need no view beside the
 * array, and check no bounds: a caller checks the extent of a table once, not each field. Reading past the end gives
 * wrong numbers, never an exception. Each byte is a load of its own: a loop that reads words where they lie as the
 * host's own do is faster over a `Uint32Array`.
 */

/** Whether the machine this runs on stores the low byte first; decides how the halves of 64-bit columns lie. */
export const HOST_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Unsigned 16 bits at `at`. */
export function readU16(bytes: Uint8Array, at: number, little: boolean): number {
  const first = bytes[at] ?? 0;
  const second = bytes[at + 1] ?? 0;
  return little ? first | (second << 8) : (first << 8) | second;
}

/** Unsigned 32 bits at `at`. */
export function readU32(bytes: Uint8Array, at: number, little: boolean): number {
  return readI32(bytes, at, little) >>> 0;
}

/** Signed 32 bits at `at`. */
export function readI32(bytes: Uint8Array, at: number, little: boolean): number {
  const a = bytes[at] ?? 0;
  const b = bytes[at + 1] ?? 0;
  const c = bytes[at + 2] ?? 0;
  const d = bytes[at + 3] ?? 0;
  return little ? a | (b << 8) | (c << 16) | (d << 24) : (a << 24) | (b << 16) | (c << 8) | d;
}

/** Unsigned 64 bits at `at`. */
export function readU64(bytes: Uint8Array, at: number, little: boolean): bigint {
  const low = readU32(bytes, little ? at : at + 4, little);
  const high = readU32(bytes, little ? at + 4 : at, little);
  // Nearly all values are exact as numbers, which are made into one bigint without others in between.
  if (high < 0x20_0000) return BigInt(high * 0x1_0000_0000 + low);
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Signed 64 bits at `at`. */
export function readI64(bytes: Uint8Array, at: number, little: boolean): bigint {
  return BigInt.asIntN(64, readU64(bytes, at, little));
}

/**
 * Unsigned 64 bits at `at` as a number: exact below 2^53, above it the nearest number that there is. For offsets
 * and sizes, where a value so large can't be satisfied anyway and the caller's bounds check refuses it.
 */
export function readSize64(bytes: Uint8Array, at: number, little: boolean): number {
  const low = readU32(bytes, little ? at : at + 4, little);
  const high = readU32(bytes, little ? at + 4 : at, little);
  return high === 0 ? low : high * 0x1_0000_0000 + low;
}
