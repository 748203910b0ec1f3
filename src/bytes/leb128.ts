/**
 * LEB128, the variable-length integers of DWARF [DWARF5 7.6] and of some ELF tables.
 *
 * The decoders take the bytes and a place and give the value; the length is asked for apart, so that a hot loop
 * allocates nothing.
 */

/** A LEB128 of more bytes than this can't hold a 64-bit value, however it is padded by an assembler. */
const LONGEST = 16;

/** Bytes that the LEB128 at `at` takes, or 0 if it does not end inside `bytes` (or inside any sensible length). */
export function leb128Length(bytes: Uint8Array, at: number): number {
  const end = Math.min(bytes.length, at + LONGEST);
  for (let i = at; i < end; i++) if ((bytes[i] ?? 0) < 0x80) return i - at + 1;
  return 0;
}

/** Unsigned LEB128 at `at`, all 64 bits. Whether it ends is {@link leb128Length}'s question. */
export function readUleb128(bytes: Uint8Array, at: number): bigint {
  return BigInt.asUintN(64, accumulate(bytes, at).value);
}

/** Signed LEB128 at `at`, all 64 bits. */
export function readSleb128(bytes: Uint8Array, at: number): bigint {
  const { value, bits, last } = accumulate(bytes, at);
  return BigInt.asIntN(64, (last & 0x40) === 0 ? value : value - (1n << BigInt(bits)));
}

/**
 * Unsigned LEB128 at `at` as a number: exact below 2^53. The fast way, for lengths, counts and codes; a larger value
 * comes out about as large, which the caller's bounds check refuses.
 */
export function readUleb128Number(bytes: Uint8Array, at: number): number {
  let byte = bytes[at] ?? 0;
  if (byte < 0x80) return byte;
  let value = byte & 0x7f;
  let scale = 0x80;
  for (let i = at + 1; i < at + LONGEST; i++) {
    byte = bytes[i] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  return value;
}

function accumulate(bytes: Uint8Array, at: number): { value: bigint; bits: number; last: number } {
  let value = 0n;
  let bits = 0;
  let last = 0;
  for (let i = at; i < at + LONGEST; i++) {
    last = bytes[i] ?? 0;
    value |= BigInt(last & 0x7f) << BigInt(bits);
    bits += 7;
    if (last < 0x80) break;
  }
  return { value, bits, last };
}
