/**
 * Space inside one region of a live object: who has which granules.
 *
 * Boundary tags (Knuth, TAOCP 1, 2.5) kept in a column beside the memory, never in it: a block of n granules has
 * the same tag at its first and its last granule, so both neighbours of a freed block are found in one step and
 * joined. Free blocks wait in bins by size. Beyond the top of the highest block nothing has been touched yet; the
 * columns grow with that top, not with the capacity, so a generous capacity costs nothing.
 *
 * All offsets and sizes here are granules of {@link GRANULE} bytes.
 */

/** Bytes of the smallest block, and the alignment of every block: what the System V ABIs ask of functions and data. */
export const GRANULE = 16;

/** Bins 1..EXACT hold blocks of exactly that size, the rest one power of two each. */
const EXACT = 64;
const BINS = EXACT + 32;

/** Free blocks of one bin that are looked at before fresh space is taken. */
const TRIES = 32;

const USED = 1;

export class Arena {
  readonly capacity: number;
  #top = 0;
  /** `size << 1 | used` at the first and last granule of every block below the top; stale in between. */
  #tags = new Int32Array(256);
  /** One bit a granule: a used block starts here. Tells a real start from a stale tag. */
  #starts = new Uint32Array(8);
  /** One bit a word of {@link #starts}: it is not 0. Makes the way back from the middle of a large block short. */
  #startWords = new Uint32Array(1);
  /** Starts of free blocks by size. An entry may be stale: it counts only if the tag there still agrees. */
  readonly #bins: number[][] = Array.from({ length: BINS }, () => []);
  /** Entries in all bins, stale ones included: while it is 0 there is nothing to search. */
  #entries = 0;
  #usedGranules = 0;
  #blocks = 0;

  constructor(capacityInBytes: number) {
    this.capacity = Math.floor(capacityInBytes / GRANULE);
  }

  /** Granules below which anything was ever handed out. */
  get top(): number {
    return this.#top;
  }

  /** Bytes in used blocks. */
  get usedBytes(): number {
    return this.#usedGranules * GRANULE;
  }

  /** Number of used blocks. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Takes a block of `size` granules whose start is a multiple of `align` (a power of two); -1 when none fits. */
  take(size: number, align: number): number {
    // A short search first, so that taking stays cheap; a thorough one only before saying that nothing fits.
    let start = this.#takeFree(size, align, TRIES);
    if (start < 0) start = this.#takeTop(size, align);
    return start >= 0 ? start : this.#takeFree(size, align, Number.POSITIVE_INFINITY);
  }

  /** Size of the used block that starts at `start`; 0 when none does. */
  sizeOf(start: number): number {
    return this.#isStart(start) ? this.#tagAt(start) >> 1 : 0;
  }

  /** Start of the used block that holds the granule; -1 when it is free. */
  blockHolding(granule: number): number {
    if (granule < 0 || granule >= this.#top) return -1;
    let word = granule >> 5;
    let bits = upTo(this.#starts, granule);
    if (bits === 0) {
      word = this.#wordWithStart(word - 1);
      if (word < 0) return -1;
      bits = this.#starts[word] ?? 0;
    }
    const start = (word << 5) + 31 - Math.clz32(bits);
    return granule < start + this.sizeOf(start) ? start : -1;
  }

  /** The last word of {@link #starts} up to `word` that is not 0; -1 when there is none. */
  #wordWithStart(word: number): number {
    if (word < 0) return -1;
    let at = word >> 5;
    let bits = upTo(this.#startWords, word);
    while (bits === 0 && at > 0) bits = this.#startWords[--at] ?? 0;
    return bits === 0 ? -1 : (at << 5) + 31 - Math.clz32(bits);
  }

  /** Gives a used block back and joins it with its free neighbours. False when no used block starts there. */
  give(start: number): boolean {
    const size = this.sizeOf(start);
    if (size === 0) return false;
    this.#clearStart(start);
    this.#usedGranules -= size;
    this.#blocks--;
    this.#release(start, size);
    return true;
  }

  /** Changes the size of a used block where it stands. False when what follows is taken; then nothing changed. */
  resize(start: number, size: number): boolean {
    const old = this.sizeOf(start);
    if (old === 0) return false;
    if (size < old) {
      this.#setTag(start, size, USED);
      this.#release(start + size, old - size);
    } else if (size > old && !this.#growInPlace(start, old, size)) {
      return false;
    }
    this.#usedGranules += size - old;
    return true;
  }

  /** Starts of all used blocks, ascending. */
  *used(): IterableIterator<number> {
    for (let at = 0; at < this.#top; at += this.#tagAt(at) >> 1) if (this.#tagAt(at) & USED) yield at;
  }

  #growInPlace(start: number, old: number, size: number): boolean {
    const next = start + old;
    const more = size - old;
    if (next === this.#top) {
      if (next + more > this.capacity) return false;
      this.#top += more;
      this.#ensure(this.#top);
    } else {
      const tag = this.#tagAt(next);
      const room = tag >> 1;
      if (tag & USED || room < more) return false;
      if (room > more) this.#putFree(next + more, room - more);
    }
    this.#setTag(start, size, USED);
    return true;
  }

  #takeFree(size: number, align: number, triesInBin: number): number {
    for (let bin = binOf(size); bin < BINS && this.#entries > 0; bin++) {
      const starts = this.#bins[bin];
      if (starts === undefined) continue;
      // Within a bin of exact size the newest fits; in a bin of many sizes, or with an alignment, look a bit further.
      for (let i = starts.length - 1, tries = triesInBin; i >= 0 && tries > 0; i--) {
        const start = starts[i] ?? 0;
        const room = this.#freeSizeAt(start);
        if (room === 0 || binOf(room) !== bin) {
          removeAt(starts, i);
          this.#entries--;
          continue;
        }
        tries--;
        const lead = -start & (align - 1);
        if (room < lead + size) continue;
        removeAt(starts, i);
        this.#entries--;
        if (lead > 0) this.#putFree(start, lead);
        if (room > lead + size) this.#putFree(start + lead + size, room - lead - size);
        return this.#putUsed(start + lead, size);
      }
    }
    return -1;
  }

  #takeTop(size: number, align: number): number {
    const lead = -this.#top & (align - 1);
    const start = this.#top + lead;
    if (start + size > this.capacity) return -1;
    const oldTop = this.#top;
    this.#top = start + size;
    this.#ensure(this.#top);
    this.#putUsed(start, size);
    if (lead > 0) this.#release(oldTop, lead);
    return start;
  }

  #putUsed(start: number, size: number): number {
    this.#setTag(start, size, USED);
    setBit(this.#starts, start);
    setBit(this.#startWords, start >> 5);
    this.#usedGranules += size;
    this.#blocks++;
    return start;
  }

  /** Joins `[start, start + size)`, which nobody uses, with its free neighbours; at the top it just lowers the top. */
  #release(start: number, size: number): void {
    let first = start;
    let end = start + size;
    const after = end < this.#top ? this.#tagAt(end) : USED;
    if (!(after & USED)) end += after >> 1;
    const before = first > 0 ? this.#tagAt(first - 1) : USED;
    if (!(before & USED)) first -= before >> 1;
    if (end === this.#top) {
      this.#top = first;
      return;
    }
    this.#putFree(first, end - first);
  }

  #putFree(start: number, size: number): void {
    this.#setTag(start, size, 0);
    const bin = binOf(size);
    const starts = this.#bins[bin];
    if (starts === undefined) return;
    starts.push(start);
    this.#entries++;
    // Joins leave stale entries behind; a bin that has grown past all blocks there can be is mostly stale.
    if (starts.length > 1024 && starts.length > 2 * (this.#blocks + 1)) this.#sweep(starts, bin);
  }

  #sweep(starts: number[], bin: number): void {
    const live = new Set<number>();
    for (const start of starts) {
      const size = this.#freeSizeAt(start);
      if (size > 0 && binOf(size) === bin) live.add(start);
    }
    this.#entries -= starts.length - live.size;
    starts.length = 0;
    for (const start of live) starts.push(start);
  }

  /** Size of the free block that a bin entry names; 0 when the entry is stale. */
  #freeSizeAt(start: number): number {
    if (start >= this.#top) return 0;
    const tag = this.#tagAt(start);
    if (tag & USED || this.#tagAt(start + (tag >> 1) - 1) !== tag) return 0;
    // Free blocks never touch, so a real one begins where a used one ends; a stale tag lies inside some block.
    if (start > 0) {
      const before = this.#tagAt(start - 1);
      if (!(before & USED) || this.sizeOf(start - (before >> 1)) !== before >> 1) return 0;
    }
    return tag >> 1;
  }

  #setTag(start: number, size: number, used: number): void {
    const tag = (size << 1) | used;
    this.#tags[start] = tag;
    this.#tags[start + size - 1] = tag;
  }

  #tagAt(granule: number): number {
    return this.#tags[granule] ?? 0;
  }

  #isStart(granule: number): boolean {
    return (
      granule >= 0 &&
      granule < this.#top &&
      (((this.#starts[granule >> 5] ?? 0) >>> (granule & 31)) & 1) === 1
    );
  }

  #clearStart(granule: number): void {
    clearBit(this.#starts, granule);
    if (this.#starts[granule >> 5] === 0) clearBit(this.#startWords, granule >> 5);
  }

  #ensure(granules: number): void {
    if (granules <= this.#tags.length) return;
    const length = Math.min(Math.max(this.#tags.length * 2, granules), Math.max(this.capacity, granules));
    const tags = new Int32Array(length);
    tags.set(this.#tags);
    this.#tags = tags;
    const starts = new Uint32Array((length + 31) >> 5);
    starts.set(this.#starts);
    this.#starts = starts;
    const words = new Uint32Array((starts.length + 31) >> 5);
    words.set(this.#startWords);
    this.#startWords = words;
  }
}

/** Bits of the word that holds bit `index`, those above it left out. */
function upTo(bits: Uint32Array, index: number): number {
  return (bits[index >> 5] ?? 0) & (0xffff_ffff >>> (31 - (index & 31)));
}

function setBit(bits: Uint32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] ?? 0) | (1 << (index & 31));
}

function clearBit(bits: Uint32Array, index: number): void {
  bits[index >> 5] = (bits[index >> 5] ?? 0) & ~(1 << (index & 31));
}

function binOf(size: number): number {
  return size <= EXACT ? size - 1 : EXACT + 25 - Math.clz32(size);
}

/** Order within a bin does not matter, so the last entry fills the gap. */
function removeAt(list: number[], index: number): void {
  const last = list.pop();
  if (last !== undefined && index < list.length) list[index] = last;
}
