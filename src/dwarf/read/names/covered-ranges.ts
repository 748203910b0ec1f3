/** Ranges of addresses in one file, of which each leads somewhere: found by place in a section, or by final address. */
import { SHN } from "../../../elf/constants/section.ts";
import type { ElfFile } from "../../../elf/file.ts";
import type { RelocationInfo } from "../../relocation/relocatable.ts";
import { type Resolver, sectionStart } from "../../relocation/resolver.ts";

/** Section number of what has a final address. */
export const ABSOLUTE = -1;
const TWO_32 = 0x1_0000_0000;
/** Numbers of a range while it is not sorted: start in halves, size, what it leads to. */
const FIELDS = 4;

/** Ranges of one section, sorted by start. Starts are halves, so that all 64 bits are exact. */
interface Sorted {
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  readonly size: Float64Array;
  readonly value: Float64Array;
  /** Position of the nearest one before that reaches further than this one; -1 if none does. */
  readonly outer: Int32Array;
}

export class CoveredRanges {
  readonly #rows = new Map<number, number[]>();
  readonly #sorted = new Map<number, Sorted>();

  /** Adds a range whose start is known. @param value what it leads to: from 0 on */
  add(section: number, high: number, low: number, size: number, value: number): void {
    let flat = this.#rows.get(section);
    if (flat === undefined) {
      flat = [];
      this.#rows.set(section, flat);
    }
    flat.push(high, low, size, value);
  }

  /** Adds a range by what its start counts from. Code that is not in this file is left out: nobody asks for it here. */
  addAt({ target, addend, minus }: RelocationInfo, size: number, value: number): void {
    const symbol = target?.symbol;
    const isSpecial = symbol?.special === true;
    const offset = addend + (symbol?.value ?? 0n);
    const isForeign =
      symbol?.sectionIndex === SHN.SHN_UNDEF || (isSpecial && symbol.sectionIndex !== SHN.SHN_ABS);
    if (isForeign || minus !== undefined || offset < 0n) return;
    const section = symbol === undefined || isSpecial ? ABSOLUTE : symbol.sectionIndex;
    this.add(section, highHalf(offset), lowHalf(offset), size, value);
  }

  /** What the range that covers an offset in a section leads to; of several, that which begins last; -1 if there is none. */
  findIn(section: number, offset: bigint): number {
    const flat = this.#rows.get(section);
    if (flat === undefined || offset < 0n) return -1;
    let ranges = this.#sorted.get(section);
    if (ranges === undefined) {
      ranges = sorted(flat);
      this.#sorted.set(section, ranges);
    }
    return search(ranges, highHalf(offset), lowHalf(offset));
  }

  /** The same by a final address. A section that the resolver does not know is passed over. */
  find(elf: ElfFile, address: bigint, resolver: Resolver): number {
    for (const section of this.#rows.keys()) {
      const start = section === ABSOLUTE ? 0n : sectionStart(elf, section, resolver);
      const found = start === undefined ? -1 : this.findIn(section, address - start);
      if (found >= 0) return found;
    }
    return -1;
  }
}

function highHalf(offset: bigint): number {
  return Number(BigInt.asUintN(32, offset >> 32n));
}

function lowHalf(offset: bigint): number {
  return Number(BigInt.asUintN(32, offset));
}

function sorted(flat: readonly number[]): Sorted {
  const count = flat.length / FIELDS;
  const field = (row: number, which: number): number => flat[FIELDS * row + which] ?? 0;
  const order = Uint32Array.from({ length: count }, (_, row) => row).sort(
    (a, b) => field(a, 0) - field(b, 0) || field(a, 1) - field(b, 1) || a - b,
  );
  const high = new Uint32Array(count);
  const low = new Uint32Array(count);
  const size = new Float64Array(count);
  const value = new Float64Array(count);
  const outer = new Int32Array(count);
  const ranges = { high, low, size, value, outer };
  order.forEach((row, position) => {
    high[position] = field(row, 0);
    low[position] = field(row, 1);
    size[position] = field(row, 2);
    value[position] = field(row, 3);
    let before = position - 1;
    while (
      before >= 0 &&
      field(row, 2) + distance(ranges, before, field(row, 0), field(row, 1)) >= (size[before] ?? 0)
    ) {
      before = outer[before] ?? -1;
    }
    outer[position] = before;
  });
  return ranges;
}

/** From the start at a position on; exact below 2^53, and what is more is past the end anyway. */
function distance({ high: highs, low: lows }: Sorted, at: number, high: number, low: number): number {
  return (high - (highs[at] ?? 0)) * TWO_32 + low - (lows[at] ?? 0);
}

function search(ranges: Sorted, high: number, low: number): number {
  const { high: highs, low: lows, size, value, outer } = ranges;
  let from = 0;
  let to = highs.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    const its = highs[middle] ?? 0;
    if (its < high || (its === high && (lows[middle] ?? 0) <= low)) from = middle + 1;
    else to = middle;
  }
  // Ranges may lie in one another; the latest start is the innermost.
  for (let at = from - 1; at >= 0; at = outer[at] ?? -1) {
    if (distance(ranges, at, high, low) < (size[at] ?? 0)) return value[at] ?? -1;
  }
  return -1;
}
