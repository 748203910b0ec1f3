/** Which entry owns which, in one unit: what the flat order of entries tells only from the start. */
import type { EntryCursor } from "./cursor.ts";

/** Owners of the entries of one unit. */
export class Parents {
  readonly #offsets: Float64Array;
  readonly #parents: Float64Array;

  /** Walks a unit. @param at before the root */
  constructor(at: EntryCursor) {
    const offsets: number[] = [];
    const parents: number[] = [];
    const open: number[] = [];
    while (at.next()) {
      offsets.push(at.offset);
      parents.push(at.depth === 0 ? -1 : (open[at.depth - 1] ?? -1));
      open[at.depth] = at.offset;
    }
    this.#offsets = Float64Array.from(offsets);
    this.#parents = Float64Array.from(parents);
  }

  /** Offset of the owner of the entry at `offset`; -1 for a root, and where no entry begins. */
  of(offset: number): number {
    const at = this.#find(offset);
    return at < 0 ? -1 : (this.#parents[at] ?? -1);
  }

  /** Whether an entry begins at `offset`. */
  has(offset: number): boolean {
    return this.#find(offset) >= 0;
  }

  #find(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return this.#offsets[low] === offset ? low : -1;
  }
}
