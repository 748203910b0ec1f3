/**
 * Deflate [RFC 1951] in zlib's wrapping [RFC 1950], decoded in plain JavaScript. Time and memory are bounded by the
 * limit on the output, whatever the input says. Bytes after the stream are ignored, as zlib does: LLVM 14 pads there.
 */
import { adler32 } from "./checksum.ts";
import { readU32 } from "./endian.ts";
import { Output } from "./output.ts";

/** A canonical code [RFC 1951, 3.2.2], as a table indexed by the next `bits` bits: symbol shifted by 4, and length. */
interface Code {
  readonly bits: number;
  readonly table: Uint16Array;
}

const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const LENGTH_BASE = bases(LENGTH_EXTRA.slice(0, 28), 3).concat(258);
const DISTANCE_EXTRA = Array.from({ length: 30 }, (_, i) => Math.max(0, (i >> 1) - 1));
const DISTANCE_BASE = bases(DISTANCE_EXTRA, 1);
/** The order in which lengths of the code for lengths are stored [3.2.7]. */
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const FIXED_LITERALS = buildCode([
  ...new Array<number>(144).fill(8),
  ...new Array<number>(112).fill(9),
  ...new Array<number>(24).fill(7),
  ...new Array<number>(8).fill(8),
]);
const FIXED_DISTANCES = buildCode(new Array<number>(30).fill(5));

/**
 * Decompresses a zlib stream and checks its sum.
 *
 * @param limit bytes of output to accept
 * @throws Error saying what is wrong with the data
 */
export function decodeZlib(input: Uint8Array, limit: number): Uint8Array {
  const [method = 0, flags = 0] = input;
  if ((method & 0xf) !== 8 || ((method << 8) | flags) % 31 !== 0 || (flags & 0x20) !== 0) {
    throw new Error("zlib: found no header of a stream without a dictionary");
  }
  const output = new Output(limit, Math.min(limit, input.length * 4));
  const end = new Inflater(input, 2, output).run();
  if (end + 4 > input.length) throw new Error("zlib: found the end before the checksum");
  const expected = readU32(input, end, false);
  const found = adler32(output.finish());
  if (expected === found) return output.finish();
  throw new Error(`zlib: checksum: found 0x${found.toString(16)}, expected 0x${expected.toString(16)}`);
}

/** Decodes the blocks of one deflate stream. */
class Inflater {
  readonly #input: Uint8Array;
  readonly #output: Output;
  #at: number;
  /** Bits taken from the input that are not used yet, low ones first, and how many. */
  #hold = 0;
  #held = 0;

  constructor(input: Uint8Array, at: number, output: Output) {
    this.#input = input;
    this.#at = at;
    this.#output = output;
  }

  /** Gives where the stream ends, in whole bytes. */
  run(): number {
    for (let last = 0; last === 0; ) {
      last = this.#bits(1);
      const type = this.#bits(2);
      if (type === 0) this.#stored();
      else if (type === 1) this.#block(FIXED_LITERALS, FIXED_DISTANCES);
      else if (type === 2) this.#dynamic();
      else throw new Error("zlib: found a block of the reserved type");
    }
    // Whole bytes that were taken ahead are not part of the stream.
    return this.#at - (this.#held >> 3);
  }

  #stored(): void {
    this.#bits(this.#held & 7);
    const size = this.#bits(16);
    if ((this.#bits(16) ^ 0xffff) !== size) throw new Error("zlib: found a stored block with a wrong length");
    this.#at -= this.#held >> 3;
    this.#hold = 0;
    this.#held = 0;
    if (this.#at + size > this.#input.length)
      throw new Error("zlib: found a stored block that runs past the end");
    this.#output.write(this.#input.subarray(this.#at, this.#at + size));
    this.#at += size;
  }

  /** [3.2.7]. */
  #dynamic(): void {
    const literals = this.#bits(5) + 257;
    const distances = this.#bits(5) + 1;
    const count = this.#bits(4) + 4;
    const lengths = new Array<number>(19).fill(0);
    for (const place of ORDER.slice(0, count)) lengths[place] = this.#bits(3);
    const code = buildCode(lengths);
    const all: number[] = [];
    while (all.length < literals + distances) {
      const symbol = this.#symbol(code);
      if (symbol < 16) {
        all.push(symbol);
        continue;
      }
      const previous = all.at(-1);
      if (symbol === 16 && previous === undefined)
        throw new Error("zlib: found a repetition before the first length");
      const times =
        symbol === 16 ? 3 + this.#bits(2) : symbol === 17 ? 3 + this.#bits(3) : 11 + this.#bits(7);
      for (let i = 0; i < times; i++) all.push(symbol === 16 ? (previous ?? 0) : 0);
    }
    if (all.length !== literals + distances)
      throw new Error("zlib: found code lengths that run past their count");
    this.#block(buildCode(all.slice(0, literals)), buildCode(all.slice(literals)));
  }

  #block(literals: Code, distances: Code): void {
    const output = this.#output;
    for (;;) {
      const symbol = this.#symbol(literals);
      if (symbol < 256) {
        output.reserve(1);
        output.bytes[output.length++] = symbol;
        continue;
      }
      if (symbol === 256) return;
      const length = (LENGTH_BASE[symbol - 257] ?? 0) + this.#bits(LENGTH_EXTRA[symbol - 257] ?? 0);
      const slot = this.#symbol(distances);
      const distance = (DISTANCE_BASE[slot] ?? 0) + this.#bits(DISTANCE_EXTRA[slot] ?? 0);
      if (length === 0 || distance === 0 || distance > output.length) {
        throw new Error(`zlib: found a match ${distance} bytes back, expected at most ${output.length}`);
      }
      output.copy(distance, length);
    }
  }

  #symbol(code: Code): number {
    this.#fill(code.bits);
    const entry = code.table[this.#hold & ((1 << code.bits) - 1)] ?? 0;
    const length = entry & 15;
    if (length === 0) throw new Error("zlib: found bits that stand for no symbol");
    if (length > this.#held) throw new Error("zlib: found the end inside a block");
    this.#hold >>>= length;
    this.#held -= length;
    return entry >> 4;
  }

  #bits(count: number): number {
    this.#fill(count);
    if (count > this.#held) throw new Error("zlib: found the end inside a block");
    const value = this.#hold & ((1 << count) - 1);
    this.#hold >>>= count;
    this.#held -= count;
    return value;
  }

  /** Takes bytes until `count` bits (at most 16) are held, or the input ends. */
  #fill(count: number): void {
    while (this.#held < count && this.#at < this.#input.length) {
      this.#hold |= (this.#input[this.#at++] ?? 0) << this.#held;
      this.#held += 8;
    }
  }
}

/** Builds the table of a code from the lengths of its symbols; a code may be incomplete, but not over-full. */
function buildCode(lengths: readonly number[]): Code {
  const bits = Math.max(1, ...lengths);
  const table = new Uint16Array(1 << bits);
  let code = 0;
  for (let length = 1; length <= bits; length++) {
    for (const [symbol, own] of lengths.entries()) {
      if (own !== length) continue;
      if (code >= 1 << length) throw new Error("zlib: found code lengths that make no code");
      // Codes are stored high bit first, the table is indexed low bit first.
      let reversed = 0;
      for (let i = 0; i < length; i++) reversed |= ((code >> i) & 1) << (length - 1 - i);
      for (let at = reversed; at < table.length; at += 1 << length) table[at] = (symbol << 4) | length;
      code++;
    }
    code <<= 1;
  }
  return { bits, table };
}

function bases(extra: readonly number[], first: number): number[] {
  let value = first;
  return extra.map((bits) => {
    const start = value;
    value += 2 ** bits;
    return start;
  });
}
