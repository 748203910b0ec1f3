/** The checksums that compressed formats end with. */

/** Adler-32 [RFC 1950, 8.2], of zlib streams. */
export function adler32(bytes: Uint8Array): number {
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

const CRC32_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 1 ? 0xedb88320 : 0);
  return value;
});

/** CRC-32 [ISO 3309], of gzip and xz. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) {
    crc = (crc >>> 8) ^ (CRC32_TABLE[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0);
  }
  return ~crc >>> 0;
}

const CRC64_LOW = new Int32Array(256);
const CRC64_HIGH = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let [low, high] = [byte, 0];
  for (let bit = 0; bit < 8; bit++) {
    const odd = (low & 1) === 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (odd) [low, high] = [low ^ 0xd7870f42, high ^ 0xc96c5795];
  }
  CRC64_LOW[byte] = low;
  CRC64_HIGH[byte] = high;
}

/** CRC-64 [ECMA-182], of xz. */
export function crc64(bytes: Uint8Array): bigint {
  let low = -1;
  let high = -1;
  for (let i = 0; i < bytes.length; i++) {
    const index = (low ^ (bytes[i] ?? 0)) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (CRC64_LOW[index] ?? 0);
    high = (high >>> 8) ^ (CRC64_HIGH[index] ?? 0);
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}
