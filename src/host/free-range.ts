/** Memory of this process that nothing is mapped in. [proc(5), /proc/pid/maps] */
import { readFileSync } from "node:fs";

/** Kept free below and above what is mapped: heaps and stacks grow. */
const MARGIN = 16 << 20;

/**
 * The start of a range of `size` bytes inside `[low, high)` where nothing is mapped now, the highest there is.
 * @param align a power of two
 * @returns `undefined` when there is none
 */
export function freeRange(size: number, low: bigint, high: bigint, align: number): bigint | undefined {
  const need = BigInt(size);
  const margin = BigInt(MARGIN);
  const mask = BigInt(align) - 1n;
  let best: bigint | undefined;
  const consider = (from: bigint, to: bigint): void => {
    const first = (max(from, low) + mask) & ~mask;
    const start = (min(to, high) - need) & ~mask;
    if (start >= first) best = start;
  };
  let end = margin;
  for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line) ?? [];
    if (from === undefined || to === undefined) continue;
    const start = BigInt(`0x${from}`);
    consider(end + margin, start - margin);
    end = max(end, BigInt(`0x${to}`));
    if (end > high) return best;
  }
  consider(end + margin, high);
  return best;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
