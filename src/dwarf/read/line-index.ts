/**
 * Sequences of a line program by the place that they cover. A place is a section and an offset in it, so that sequences of
 * two sections that both begin at 0 never answer for each other.
 */
import { SHN } from "../../elf/constants/section.ts";
import type { RelocationInfo } from "../relocatable.ts";

/** Key of what counts from no section: final addresses. Symbols of no section have the keys below it. */
const ABSOLUTE = -1;

/** What two values must share to be compared, and the offset from it. */
export interface LinePlace {
  /** Index of a section, or a number below 0. */
  readonly from: number;
  readonly offset: bigint;
}

/** An offset of a section; of no section: a final address. */
export function placeIn(section: number | undefined, offset: bigint): LinePlace {
  return { from: section ?? ABSOLUTE, offset };
}

/** The place that a relocatable address is. */
export function placeOf({ target, addend }: RelocationInfo): LinePlace {
  if (target === undefined) return { from: ABSOLUTE, offset: addend };
  const { index, special, sectionIndex, value } = target.symbol;
  if (special && sectionIndex === SHN.SHN_ABS) return { from: ABSOLUTE, offset: value + addend };
  if (special || sectionIndex === SHN.SHN_UNDEF) return { from: ABSOLUTE - index, offset: addend };
  return { from: sectionIndex, offset: value + addend };
}

interface Extent {
  readonly start: bigint;
  readonly end: bigint;
  readonly sequence: number;
  /** The furthest end of this extent and of those that begin before it. */
  reach: bigint;
}

export class LineIndex {
  readonly #extents = new Map<number, Extent[]>();
  #sorted = true;

  /** Notes that a sequence covers the `size` bytes from a place. */
  add(sequence: number, { from, offset }: LinePlace, size: number): void {
    if (size <= 0) return;
    const end = offset + BigInt(size);
    const extent = { start: offset, end, sequence, reach: end };
    const same = this.#extents.get(from);
    if (same === undefined) this.#extents.set(from, [extent]);
    else same.push(extent);
    this.#sorted = false;
  }

  /**
   * The sequence that covers a place; of several, which are left where a linker dropped functions, the one that begins
   * last. `undefined` in a gap.
   */
  find({ from, offset }: LinePlace): Extent | undefined {
    if (!this.#sorted) this.#sort();
    const extents = this.#extents.get(from) ?? [];
    let low = 0;
    let high = extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((extents[middle]?.start ?? 0n) <= offset) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0; i--) {
      const extent = extents[i];
      if (extent === undefined || extent.reach <= offset) return undefined;
      if (extent.end > offset) return extent;
    }
    return undefined;
  }

  #sort(): void {
    for (const extents of this.#extents.values()) {
      extents.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : a.sequence - b.sequence));
      let reach: bigint | undefined;
      for (const extent of extents) {
        if (reach === undefined || extent.end > reach) reach = extent.end;
        extent.reach = reach;
      }
    }
    this.#sorted = true;
  }
}
