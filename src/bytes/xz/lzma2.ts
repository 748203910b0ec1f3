/**
 * LZMA2, the compression in `.xz` files [the .xz file format 1.2.1, 5.3.1; LZMA as in XZ Embedded's description].
 * Written for whole buffers: the output so far is the dictionary.
 */
import type { Output } from "../output.ts";

const PROB_BITS = 11;
const PROB_HALF = 1 << (PROB_BITS - 1);
const MOVE_BITS = 5;
const STATES = 12;
/** States below this one follow a literal. */
const LITERAL_STATES = 7;
const MIN_MATCH = 2;

/** Probabilities for the length of a match: a choice of 8, 8 or 256 symbols. */
class LengthCoder {
  readonly choice = new Uint16Array(2);
  readonly low = new Uint16Array(16 << 3);
  readonly mid = new Uint16Array(16 << 3);
  readonly high = new Uint16Array(256);

  reset(): void {
    for (const table of [this.choice, this.low, this.mid, this.high]) table.fill(PROB_HALF);
  }
}

/** One LZMA2 stream. */
export class Lzma2Decoder {
  readonly #input: Uint8Array;
  readonly #output: Output;
  #at: number;
  #end = 0;
  #range = 0;
  #code = 0;
  #state = 0;
  #reps: [number, number, number, number] = [0, 0, 0, 0];
  /** Literal context and position bits, and masks from them. */
  #lc = 0;
  #lpMask = 0;
  #pbMask = 0;
  /** Where the dictionary starts in the output. */
  #dictionary: number;
  readonly #dictionarySize: number;
  readonly #isMatch = new Uint16Array(STATES << 4);
  readonly #isRep = new Uint16Array(STATES);
  readonly #isRep0 = new Uint16Array(STATES);
  readonly #isRep1 = new Uint16Array(STATES);
  readonly #isRep2 = new Uint16Array(STATES);
  readonly #isRep0Long = new Uint16Array(STATES << 4);
  readonly #slot = new Uint16Array(4 << 6);
  readonly #special = new Uint16Array(128);
  readonly #align = new Uint16Array(16);
  readonly #literal = new Uint16Array(0x300 << 4);
  readonly #matchLength = new LengthCoder();
  readonly #repLength = new LengthCoder();

  constructor(input: Uint8Array, at: number, output: Output, dictionarySize: number) {
    this.#input = input;
    this.#at = at;
    this.#output = output;
    this.#dictionary = output.length;
    this.#dictionarySize = dictionarySize;
  }

  /** Decodes all chunks; gives where the stream ends in the input. */
  decode(): number {
    let needDictionary = true;
    let needProperties = true;
    for (;;) {
      const control = this.#byte();
      if (control === 0) return this.#at;
      if (control >= 0xe0 || control === 1) {
        this.#dictionary = this.#output.length;
        needDictionary = false;
      } else if (needDictionary) throw new Error("xz: found a chunk before the first dictionary reset");
      if (control < 0x80) {
        if (control > 2) throw new Error(`xz: found chunk type ${control}, expected 0 to 2 or 128 to 255`);
        const size = this.#u16() + 1;
        this.#need(size);
        this.#output.write(this.#input.subarray(this.#at, this.#at + size));
        this.#at += size;
        continue;
      }
      const size = ((control & 0x1f) << 16) + this.#u16() + 1;
      const packed = this.#u16() + 1;
      if (control >= 0xc0) {
        this.#setProperties(this.#byte());
        needProperties = false;
      } else if (needProperties) throw new Error("xz: found a chunk before the first properties");
      if (control >= 0xa0) this.#reset();
      this.#need(packed);
      this.#end = this.#at + packed;
      this.#run(size);
    }
  }

  #setProperties(byte: number): void {
    const lc = byte % 9;
    const lp = Math.floor(byte / 9) % 5;
    const pb = Math.floor(byte / 45);
    if (pb > 4 || lc + lp > 4)
      throw new Error(`xz: found properties ${byte}, expected lc + lp <= 4 and pb <= 4`);
    this.#lc = lc;
    this.#lpMask = (1 << lp) - 1;
    this.#pbMask = (1 << pb) - 1;
  }

  #reset(): void {
    this.#state = 0;
    this.#reps = [0, 0, 0, 0];
    const tables = [
      this.#isMatch,
      this.#isRep,
      this.#isRep0,
      this.#isRep1,
      this.#isRep2,
      this.#isRep0Long,
      this.#slot,
      this.#special,
      this.#align,
      this.#literal,
    ];
    for (const table of tables) table.fill(PROB_HALF);
    this.#matchLength.reset();
    this.#repLength.reset();
  }

  /** Decodes one chunk of `size` bytes. */
  #run(size: number): void {
    const output = this.#output;
    output.reserve(size);
    if (this.#byte() !== 0) throw new Error("xz: found a range coder that does not start with 0");
    this.#range = 0xffffffff;
    this.#code = ((this.#u16() << 16) | this.#u16()) >>> 0;
    const end = output.length + size;
    while (output.length < end) {
      const position = (output.length - this.#dictionary) & this.#pbMask;
      const state = this.#state;
      if (this.#bit(this.#isMatch, (state << 4) + position) === 0) this.#decodeLiteral();
      else this.#decodeMatch(state, position, end);
    }
    this.#normalize();
    if (this.#at !== this.#end || this.#code !== 0)
      throw new Error("xz: found a chunk that does not end where it says");
  }

  #decodeLiteral(): void {
    const output = this.#output;
    const done = output.length - this.#dictionary;
    const previous = done === 0 ? 0 : (output.bytes[output.length - 1] ?? 0);
    const base = 0x300 * (((done & this.#lpMask) << this.#lc) + (previous >> (8 - this.#lc)));
    let symbol = 1;
    if (this.#state >= LITERAL_STATES) {
      let match = this.#back(this.#reps[0]);
      while (symbol < 0x100) {
        match <<= 1;
        const matchBit = match & 0x100;
        const bit = this.#bit(this.#literal, base + 0x100 + matchBit + symbol);
        symbol = (symbol << 1) | bit;
        if (matchBit >> 8 !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(this.#literal, base + symbol);
    output.bytes[output.length++] = symbol & 0xff;
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6;
  }

  #decodeMatch(state: number, position: number, end: number): void {
    const output = this.#output;
    const afterLiteral = state < LITERAL_STATES;
    const reps = this.#reps;
    let length: number;
    if (this.#bit(this.#isRep, state) === 0) {
      length = this.#length(this.#matchLength, position);
      reps[3] = reps[2];
      reps[2] = reps[1];
      reps[1] = reps[0];
      reps[0] = this.#distance(length);
      this.#state = afterLiteral ? 7 : 10;
    } else {
      if (this.#bit(this.#isRep0, state) === 0) {
        if (this.#bit(this.#isRep0Long, (state << 4) + position) === 0) {
          output.bytes[output.length] = this.#back(reps[0]);
          output.length += 1;
          this.#state = afterLiteral ? 9 : 11;
          return;
        }
      } else if (this.#bit(this.#isRep1, state) === 0) {
        [reps[0], reps[1]] = [reps[1], reps[0]];
      } else if (this.#bit(this.#isRep2, state) === 0) {
        [reps[0], reps[1], reps[2]] = [reps[2], reps[0], reps[1]];
      } else {
        [reps[0], reps[1], reps[2], reps[3]] = [reps[3], reps[0], reps[1], reps[2]];
      }
      length = this.#length(this.#repLength, position);
      this.#state = afterLiteral ? 8 : 11;
    }
    this.#back(reps[0]);
    if (output.length + length > end) throw new Error("xz: found a match that runs past its chunk");
    output.copy(reps[0] + 1, length);
  }

  /** The byte `distance + 1` back, or an error if that is before the dictionary. */
  #back(distance: number): number {
    const output = this.#output;
    if (distance >= output.length - this.#dictionary || distance >= this.#dictionarySize) {
      throw new Error(`xz: found a match ${distance + 1} bytes back, expected it inside the dictionary`);
    }
    return output.bytes[output.length - 1 - distance] ?? 0;
  }

  #length(coder: LengthCoder, position: number): number {
    if (this.#bit(coder.choice, 0) === 0) return MIN_MATCH + this.#tree(coder.low, position << 3, 8) - 8;
    if (this.#bit(coder.choice, 1) === 0) return MIN_MATCH + 8 + this.#tree(coder.mid, position << 3, 8) - 8;
    return MIN_MATCH + 16 + this.#tree(coder.high, 0, 256) - 256;
  }

  #distance(length: number): number {
    const context = Math.min(length - MIN_MATCH, 3);
    const slot = this.#tree(this.#slot, context << 6, 64) - 64;
    if (slot < 4) return slot;
    const direct = (slot >> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** direct;
    if (slot < 14) return base + this.#reverseTree(this.#special, base - slot - 1, direct);
    let high = 0;
    for (let i = direct - 4; i > 0; i--) high = high * 2 + this.#directBit();
    return base + high * 16 + this.#reverseTree(this.#align, 0, 4);
  }

  #tree(table: Uint16Array, base: number, limit: number): number {
    let symbol = 1;
    while (symbol < limit) symbol = (symbol << 1) | this.#bit(table, base + symbol);
    return symbol;
  }

  #reverseTree(table: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(table, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #normalize(): void {
    if (this.#range < 0x1000000) {
      if (this.#at >= this.#end) throw new Error("xz: found a chunk that ends too early");
      this.#range = (this.#range << 8) >>> 0;
      this.#code = ((this.#code << 8) | (this.#input[this.#at++] ?? 0)) >>> 0;
    }
  }

  #bit(table: Uint16Array, index: number): number {
    this.#normalize();
    const prob = table[index] ?? PROB_HALF;
    const bound = (this.#range >>> PROB_BITS) * prob;
    if (this.#code < bound) {
      this.#range = bound;
      table[index] = prob + (((1 << PROB_BITS) - prob) >> MOVE_BITS);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    table[index] = prob - (prob >> MOVE_BITS);
    return 1;
  }

  #directBit(): number {
    this.#normalize();
    this.#range >>>= 1;
    if (this.#code < this.#range) return 0;
    this.#code -= this.#range;
    return 1;
  }

  #byte(): number {
    this.#need(1);
    return this.#input[this.#at++] ?? 0;
  }

  /** Big-endian, as LZMA2 stores sizes. */
  #u16(): number {
    return (this.#byte() << 8) | this.#byte();
  }

  #need(count: number): void {
    if (this.#at + count > this.#input.length) throw new Error("xz: found the end inside a chunk");
  }
}
