/** Bit streams of Zstandard: one kind is read forwards, the other from its end [RFC 8878, 4.1, 4.2]. */

/** Position of the highest set bit of a positive number below 2^31. */
export function highBit(value: number): number {
  return 31 - Math.clz32(value);
}

/** Up to 24 bits from bit `at` on, low bits first; past the end of `bytes`, zeros. */
export function peekBits(bytes: Uint8Array, at: number, count: number): number {
  const start = at >>> 3;
  const word =
    (bytes[start] ?? 0) |
    ((bytes[start + 1] ?? 0) << 8) |
    ((bytes[start + 2] ?? 0) << 16) |
    ((bytes[start + 3] ?? 0) << 24);
  return (word >>> (at & 7)) & ((1 << count) - 1);
}

/** A stream that is read from its end, where a single set bit marks the start. */
export class ReverseBits {
  readonly bytes: Uint8Array;
  /** Bits left. Below zero after reading past the start: what was read then is zeros. */
  left: number;

  constructor(bytes: Uint8Array) {
    const last = bytes.at(-1) ?? 0;
    if (last === 0) throw new Error("zstd: found a bit stream without its end mark");
    this.bytes = bytes;
    this.left = (bytes.length - 1) * 8 + highBit(last);
  }

  /** The next `count` bits, at most 31. */
  read(count: number): number {
    if (count > 16) {
      const high = this.read(count - 16);
      return high * 0x10000 + this.read(16);
    }
    this.left -= count;
    return this.#peek(this.left, count);
  }

  /** The next `count` bits, at most 16, without passing over them. */
  peek(count: number): number {
    return this.#peek(this.left - count, count);
  }

  #peek(at: number, count: number): number {
    if (at >= 0) return peekBits(this.bytes, at, count);
    const real = count + at;
    return real <= 0 ? 0 : peekBits(this.bytes, 0, real) << -at;
  }
}
