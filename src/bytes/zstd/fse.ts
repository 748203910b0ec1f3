/** Finite state entropy tables [RFC 8878, 4.1]. */
import { highBit, peekBits } from "./bits.ts";

/** A decoding table: by state, the symbol, and how the next state comes from the next bits. */
export interface FseTable {
  /** States are this many bits. */
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly base: Uint16Array;
}

/** A table that always gives `symbol` and takes no bits. */
export function singleFse(symbol: number): FseTable {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: Uint8Array.of(0), base: Uint16Array.of(0) };
}

/** Builds a table from normalized counts; -1 stands for "less than one" [RFC 8878, 4.1.1]. */
export function buildFse(counts: readonly number[], log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  const next = counts.map((count) => Math.abs(count));
  let high = size - 1;
  for (const [symbol, count] of counts.entries()) if (count === -1) symbols[high--] = symbol;
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let i = 0; i < count; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  }
  if (at !== 0) throw new Error("zstd: found an entropy table that does not fill up");
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state] ?? 0;
    const count = next[symbol] ?? 1;
    next[symbol] = count + 1;
    const taken = log - highBit(count);
    bits[state] = taken;
    base[state] = (count << taken) - size;
  }
  return { log, symbols, bits, base };
}

/**
 * Reads a table's description from `at`.
 *
 * @returns the table, and where what follows it starts
 */
export function readFse(
  bytes: Uint8Array,
  at: number,
  maxLog: number,
  maxSymbol: number,
): { table: FseTable; end: number } {
  let bit = at * 8;
  const take = (count: number): number => {
    const value = peekBits(bytes, bit, count);
    bit += count;
    return value;
  };
  const log = take(4) + 5;
  if (log > maxLog)
    throw new Error(`zstd: found an entropy table of 2^${log} states, expected at most 2^${maxLog}`);
  const counts: number[] = [];
  let remaining = 1 << log;
  while (remaining > 0) {
    if (counts.length > maxSymbol) throw new Error("zstd: found an entropy table with too many symbols");
    const width = highBit(remaining + 1) + 1;
    const low = (1 << (width - 1)) - 1;
    const threshold = (1 << width) - 1 - (remaining + 1);
    let value = take(width);
    if ((value & low) < threshold) {
      bit -= 1;
      value &= low;
    } else if (value > low) value -= threshold;
    const count = value - 1;
    remaining -= Math.abs(count);
    counts.push(count);
    for (let more = count === 0 ? 3 : 0; more === 3; ) {
      more = take(2);
      for (let i = 0; i < more; i++) counts.push(0);
      if (counts.length > maxSymbol + 1)
        throw new Error("zstd: found an entropy table with too many symbols");
    }
  }
  const end = (bit + 7) >>> 3;
  if (remaining < 0 || end > bytes.length) throw new Error("zstd: found a malformed entropy table");
  return { table: buildFse(counts, log), end };
}
