/**
 * Sequences of a line program by the place that they cover. A place is a section and an offset in it, so that sequences of
 * two sections that both begin at 0 never answer for each other.
 */
import type { RelocatablePlace } from "../../relocation/relocatable.ts";

/** Key of final addresses, which lie in no section. Symbols that lie in none have the keys below it. */
const ABSOLUTE = -1;

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
  add(sequence: number, place: RelocatablePlace, size: number): void {
    if (size <= 0) return;
    const end = place.offset + BigInt(size);
    const extent = { start: place.offset, end, sequence, reach: end };
    const key = keyOf(place);
    const same = this.#extents.get(key);
    if (same === undefined) this.#extents.set(key, [extent]);
    else same.push(extent);
    this.#sorted = false;
  }

  /**
   * The sequence that covers a place; of several, which are left where a linker dropped functions, the one that begins
   * last. `undefined` in a gap.
   */
  find(place: RelocatablePlace): Extent | undefined {
    if (!this.#sorted) this.#sort();
    const { offset } = place;
    const extents = this.#extents.get(keyOf(place)) ?? [];
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

function keyOf({ section, symbol }: RelocatablePlace): number {
  return section ?? ABSOLUTE - symbol;
}
