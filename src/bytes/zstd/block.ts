/** Compressed blocks: literals, and sequences that mix them with matches [RFC 8878, 3.1.1.3]. */
import type { Output } from "../output.ts";
import { ReverseBits } from "./bits.ts";
import { buildFse, type FseTable, readFse, singleFse } from "./fse.ts";
import { decodeHuffman, type HuffmanTable, readHuffman } from "./huffman.ts";

/** A block never makes more than this [RFC 8878, 3.1.1.2.4]. */
export const MAX_BLOCK = 128 * 1024;

/** One of the three kinds of code in a sequence: its limits, its default table, its extra bits and base values. */
interface Code {
  readonly maxLog: number;
  readonly maxSymbol: number;
  readonly standard: FseTable;
  readonly extra: Uint8Array;
  readonly base: Uint32Array;
}

function code(maxLog: number, log: number, counts: readonly number[], extra: number[], first: number): Code {
  let value = first;
  const base = extra.map((bits) => {
    const start = value;
    value += 2 ** bits;
    return start;
  });
  return {
    maxLog,
    maxSymbol: extra.length - 1,
    standard: buildFse(counts, log),
    extra: Uint8Array.from(extra),
    base: Uint32Array.from(base),
  };
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0);

/** [RFC 8878, 3.1.1.3.2.1.1 and 3.1.1.3.2.2]. */
const LITERALS: Code = code(
  9,
  6,
  [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1,
    -1, -1,
  ],
  [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  0,
);
const MATCHES: Code = code(
  9,
  6,
  [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
  ],
  [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16],
  3,
);
const OFFSETS: Code = code(
  8,
  5,
  [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  Array.from({ length: 32 }, (_, bits) => bits),
  1,
);

/** What one block leaves for the next of its frame. */
export class FrameState {
  huffman: HuffmanTable | undefined;
  literals: FseTable | undefined;
  offsets: FseTable | undefined;
  matches: FseTable | undefined;
  /** The last three offsets. */
  recent: [number, number, number] = [1, 4, 8];
  /** Where the frame starts in the output; matches may not go back further. */
  readonly start: number;

  constructor(start: number) {
    this.start = start;
  }
}

/** Decompresses one compressed block. */
export function decodeBlock(block: Uint8Array, state: FrameState, output: Output): void {
  const { literals, end } = readLiterals(block, state);
  const first = block[end] ?? 0;
  if (first === 0) {
    if (end + 1 !== block.length) throw new Error("zstd: found data after a block without sequences");
    output.write(literals);
    return;
  }
  let at = end + 1;
  let count = first;
  if (first === 255) {
    count = (block[at] ?? 0) + ((block[at + 1] ?? 0) << 8) + 0x7f00;
    at += 2;
  } else if (first >= 128) {
    count = ((first - 128) << 8) + (block[at] ?? 0);
    at += 1;
  }
  const modes = block[at++] ?? 0;
  if ((modes & 3) !== 0) throw new Error("zstd: found reserved bits in the sequence modes");
  const table = (mode: number, kind: Code, last: FseTable | undefined): FseTable => {
    if (mode === 0) return kind.standard;
    if (mode === 1) {
      const symbol = block[at++] ?? 0;
      if (symbol > kind.maxSymbol) throw new Error("zstd: found a sequence code that does not exist");
      return singleFse(symbol);
    }
    if (mode === 2) {
      const read = readFse(block, at, kind.maxLog, kind.maxSymbol);
      at = read.end;
      return read.table;
    }
    if (last === undefined) throw new Error("zstd: found a repeated table before the first");
    return last;
  };
  state.literals = table(modes >> 6, LITERALS, state.literals);
  state.offsets = table((modes >> 4) & 3, OFFSETS, state.offsets);
  state.matches = table((modes >> 2) & 3, MATCHES, state.matches);
  runSequences(new ReverseBits(block.subarray(at)), count, literals, state, output);
}

function runSequences(
  stream: ReverseBits,
  count: number,
  literals: Uint8Array,
  state: FrameState,
  output: Output,
): void {
  const { literals: literalTable, offsets: offsetTable, matches: matchTable } = state;
  if (literalTable === undefined || offsetTable === undefined || matchTable === undefined) return;
  let literalState = stream.read(literalTable.log);
  let offsetState = stream.read(offsetTable.log);
  let matchState = stream.read(matchTable.log);
  const blockStart = output.length;
  let used = 0;
  for (let i = 0; i < count; i++) {
    const offsetCode = offsetTable.symbols[offsetState] ?? 0;
    const offsetValue = 2 ** offsetCode + stream.read(offsetCode);
    const matchCode = matchTable.symbols[matchState] ?? 0;
    const matchLength = (MATCHES.base[matchCode] ?? 0) + stream.read(MATCHES.extra[matchCode] ?? 0);
    const literalCode = literalTable.symbols[literalState] ?? 0;
    const literalLength = (LITERALS.base[literalCode] ?? 0) + stream.read(LITERALS.extra[literalCode] ?? 0);
    if (i + 1 < count) {
      literalState =
        (literalTable.base[literalState] ?? 0) + stream.read(literalTable.bits[literalState] ?? 0);
      matchState = (matchTable.base[matchState] ?? 0) + stream.read(matchTable.bits[matchState] ?? 0);
      offsetState = (offsetTable.base[offsetState] ?? 0) + stream.read(offsetTable.bits[offsetState] ?? 0);
    }
    if (stream.left < 0) throw new Error("zstd: found sequences that run past their data");
    if (used + literalLength > literals.length)
      throw new Error("zstd: found sequences that need more literals");
    output.writeRange(literals, used, used + literalLength);
    used += literalLength;
    const distance = takeOffset(state.recent, offsetValue, literalLength === 0);
    if (distance <= 0 || distance > output.length - state.start) {
      throw new Error(
        `zstd: found a match ${distance} bytes back, expected at most ${output.length - state.start}`,
      );
    }
    if (output.length - blockStart + matchLength > MAX_BLOCK)
      throw new Error("zstd: found a block of more than 128 KiB");
    output.copy(distance, matchLength);
  }
  if (stream.left !== 0) throw new Error("zstd: found bits after the last sequence");
  output.write(literals.subarray(used));
  if (output.length - blockStart > MAX_BLOCK) throw new Error("zstd: found a block of more than 128 KiB");
}

/** Values 1 to 3 mean one of the last three offsets, which are kept in order of use [RFC 8878, 3.1.1.5]. */
function takeOffset(recent: [number, number, number], value: number, noLiterals: boolean): number {
  if (value > 3) {
    const offset = value - 3;
    recent[2] = recent[1];
    recent[1] = recent[0];
    recent[0] = offset;
    return offset;
  }
  const which = noLiterals ? value : value - 1;
  if (which === 0) return recent[0];
  const offset = which === 1 ? recent[1] : which === 2 ? recent[2] : recent[0] - 1;
  if (which > 1) recent[2] = recent[1];
  recent[1] = recent[0];
  recent[0] = offset;
  return offset;
}

/** [RFC 8878, 3.1.1.3.1]. */
function readLiterals(block: Uint8Array, state: FrameState): { literals: Uint8Array; end: number } {
  const byte = (i: number) => block[i] ?? 0;
  const type = byte(0) & 3;
  const format = (byte(0) >> 2) & 3;
  if (type < 2) {
    const [size, at] =
      (format & 1) === 0
        ? [byte(0) >> 3, 1]
        : format === 1
          ? [(byte(0) >> 4) | (byte(1) << 4), 2]
          : [(byte(0) >> 4) | (byte(1) << 4) | (byte(2) << 12), 3];
    if (size > MAX_BLOCK) throw new Error("zstd: found more than 128 KiB of literals");
    if (type === 1) return { literals: new Uint8Array(size).fill(byte(at)), end: at + 1 };
    if (at + size > block.length) throw new Error("zstd: found literals that run past their block");
    return { literals: block.subarray(at, at + size), end: at + size };
  }
  const [size, packed, start] =
    format < 2
      ? [(byte(0) >> 4) | ((byte(1) & 63) << 4), (byte(1) >> 6) | (byte(2) << 2), 3]
      : format === 2
        ? [(byte(0) >> 4) | (byte(1) << 4) | ((byte(2) & 3) << 12), (byte(2) >> 2) | (byte(3) << 6), 4]
        : [
            (byte(0) >> 4) | (byte(1) << 4) | ((byte(2) & 63) << 12),
            (byte(2) >> 6) | (byte(3) << 2) | (byte(4) << 10),
            5,
          ];
  const end = start + packed;
  if (size > MAX_BLOCK || end > block.length)
    throw new Error("zstd: found literals that run past their block");
  let at = start;
  if (type === 2) {
    const tree = readHuffman(block.subarray(0, end), start);
    state.huffman = tree.table;
    at = tree.end;
  }
  if (state.huffman === undefined) throw new Error("zstd: found literals before the first Huffman tree");
  const literals = new Uint8Array(size);
  decodeLiterals(block.subarray(at, end), state.huffman, literals, format !== 0);
  return { literals, end };
}

function decodeLiterals(bytes: Uint8Array, table: HuffmanTable, literals: Uint8Array, four: boolean): void {
  if (!four) {
    decodeHuffman(bytes, table, literals);
    return;
  }
  const share = (literals.length + 3) >> 2;
  let at = 6;
  for (let i = 0; i < 4; i++) {
    const length = (bytes[2 * i] ?? 0) | ((bytes[2 * i + 1] ?? 0) << 8);
    const end = i < 3 ? at + length : bytes.length;
    if (end > bytes.length || share * i > literals.length)
      throw new Error("zstd: found literal streams that do not fit");
    decodeHuffman(bytes.subarray(at, end), table, literals.subarray(share * i, share * (i + 1)));
    at = end;
  }
}
