/** Between addresses and file offsets: what `PT_LOAD` segments map [gABI, "Program Loading"]. */
import { PT } from "./constants/segment.ts";
import type { ElfSegment } from "./segment.ts";

/** The loadable segments, ordered for look-up in both directions. */
export class AddressMap {
  readonly #byAddress: Ranges<bigint>;
  readonly #byOffset: Ranges<number>;

  constructor(segments: readonly ElfSegment[]) {
    const loads = segments.filter((one) => one.type === PT.PT_LOAD);
    this.#byAddress = new Ranges(loads, (one) => [one.vaddr, one.vaddr + one.memsz]);
    this.#byOffset = new Ranges(loads, (one) => [one.offset, one.offset + one.filesz]);
  }

  /** The segment that covers `address` in memory. */
  segmentAt(address: bigint): ElfSegment | undefined {
    return this.#byAddress.find(address);
  }

  /** Where the byte at `address` is in the file; `undefined` if it is not mapped or only exists in memory. */
  toOffset(address: bigint): number | undefined {
    const segment = this.segmentAt(address);
    if (segment === undefined) return undefined;
    const inside = Number(address - segment.vaddr);
    return inside < segment.filesz ? segment.offset + inside : undefined;
  }

  /** Where the byte at file offset `offset` is in memory; `undefined` if no segment maps it. */
  toAddress(offset: number): bigint | undefined {
    const segment = this.#byOffset.find(offset);
    return segment === undefined ? undefined : segment.vaddr + BigInt(offset - segment.offset);
  }
}

/** Half-open ranges, looked up by a point. Of overlapping ranges the one that starts last answers. */
class Ranges<N extends bigint | number> {
  readonly #starts: N[] = [];
  readonly #ends: N[] = [];
  /** Largest end among the ranges up to and with this one: where a walk back may stop. */
  readonly #reach: N[] = [];
  readonly #segments: ElfSegment[];

  constructor(segments: readonly ElfSegment[], range: (segment: ElfSegment) => readonly [N, N]) {
    this.#segments = [...segments].sort((a, b) => {
      const [x] = range(a);
      const [y] = range(b);
      return x < y ? -1 : x > y ? 1 : 0;
    });
    for (const segment of this.#segments) {
      const [start, end] = range(segment);
      const last = this.#reach.at(-1);
      this.#starts.push(start);
      this.#ends.push(end);
      this.#reach.push(last !== undefined && last > end ? last : end);
    }
  }

  find(point: N): ElfSegment | undefined {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const start = this.#starts[middle];
      if (start !== undefined && start <= point) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= 0; i--) {
      const end = this.#ends[i];
      if (end !== undefined && point < end) return this.#segments[i];
      const reach = this.#reach[i];
      if (reach === undefined || reach <= point) return undefined;
    }
    return undefined;
  }
}
