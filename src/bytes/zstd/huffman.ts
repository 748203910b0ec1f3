/** Huffman-coded literals [RFC 8878, 4.2]. */
import { highBit, ReverseBits } from "./bits.ts";
import { readFse } from "./fse.ts";

/** A decoding table: by the next `maxBits` bits, the symbol and how many of them it takes. */
export interface HuffmanTable {
  readonly maxBits: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

/** Reads a tree's description from `at`; gives the table, and where what follows it starts. */
export function readHuffman(bytes: Uint8Array, at: number): { table: HuffmanTable; end: number } {
  const header = bytes[at] ?? 0;
  if (header >= 128) {
    const count = header - 127;
    const end = at + 1 + ((count + 1) >> 1);
    const weights: number[] = [];
    for (let i = 0; i < count; i++) {
      const pair = bytes[at + 1 + (i >> 1)] ?? 0;
      weights.push(i % 2 === 0 ? pair >> 4 : pair & 15);
    }
    return { table: buildHuffman(weights), end: within(bytes, end) };
  }
  const end = within(bytes, at + 1 + header);
  return { table: buildHuffman(readWeights(bytes.subarray(at + 1, end))), end };
}

/** Weights coded with two interleaved states, until the stream runs out [RFC 8878, 4.2.1.2]. */
function readWeights(bytes: Uint8Array): number[] {
  const { table, end } = readFse(bytes, 0, 6, 255);
  const stream = new ReverseBits(bytes.subarray(end));
  const states = [stream.read(table.log), stream.read(table.log)];
  const weights: number[] = [];
  for (let turn = 0; ; turn ^= 1) {
    const state = states[turn] ?? 0;
    weights.push(table.symbols[state] ?? 0);
    if (weights.length > 255) throw new Error("zstd: found too many Huffman weights");
    states[turn] = (table.base[state] ?? 0) + stream.read(table.bits[state] ?? 0);
    if (stream.left < 0) {
      weights.push(table.symbols[states[turn ^ 1] ?? 0] ?? 0);
      return weights;
    }
  }
}

/** The last symbol's weight is what fills the tree up [RFC 8878, 4.2.1]. */
function buildHuffman(given: readonly number[]): HuffmanTable {
  let sum = 0;
  for (const weight of given) {
    if (weight > 11) throw new Error("zstd: found a Huffman weight above 11");
    sum += weight === 0 ? 0 : 1 << (weight - 1);
  }
  const maxBits = sum === 0 ? 0 : highBit(sum) + 1;
  const rest = (1 << maxBits) - sum;
  if (sum === 0 || maxBits > 11 || (rest & (rest - 1)) !== 0 || given.length > 255) {
    throw new Error("zstd: found Huffman weights that make no tree");
  }
  const weights = [...given, highBit(rest) + 1];
  const symbols = new Uint8Array(1 << maxBits);
  const bits = new Uint8Array(1 << maxBits);
  let at = 0;
  for (let weight = 1; weight <= maxBits; weight++) {
    for (const [symbol, own] of weights.entries()) {
      if (own !== weight) continue;
      const end = at + (1 << (weight - 1));
      symbols.fill(symbol, at, end);
      bits.fill(maxBits + 1 - weight, at, end);
      at = end;
    }
  }
  return { maxBits, symbols, bits };
}

/** Decodes one stream to fill `target` exactly. */
export function decodeHuffman(bytes: Uint8Array, table: HuffmanTable, target: Uint8Array): void {
  const stream = new ReverseBits(bytes);
  const { maxBits, symbols, bits } = table;
  for (let i = 0; i < target.length; i++) {
    const code = stream.peek(maxBits);
    target[i] = symbols[code] ?? 0;
    stream.left -= bits[code] ?? 0;
  }
  if (stream.left !== 0) throw new Error("zstd: found Huffman data of the wrong length");
}

function within(bytes: Uint8Array, end: number): number {
  if (end > bytes.length) throw new Error("zstd: found a Huffman tree that runs past its block");
  return end;
}
