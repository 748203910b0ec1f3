/** Strings and constants that several sections hold, each once [System V gABI, section attributes, `SHF_MERGE`]. */
import { alignUp } from "../link/sections.ts";

/** What one section holds: where its entries begin in it, ascending from 0, and their numbers in the pool. */
export interface PooledEntries {
  readonly pool: Pool;
  readonly starts: readonly number[];
  readonly entries: readonly number[];
}

interface Entry {
  readonly bytes: Uint8Array;
  /** The most that one of the sections gave it. */
  align: number;
  /** Where it is in what the pool is part of, known when that is sealed. */
  offset: number;
}

/** Text of any bytes, another one for others. */
const decoder = new TextDecoder("latin1");

/** Entries of sections that may be merged with one another. */
export class Pool {
  readonly #entsize: number;
  readonly #isStrings: boolean;
  readonly #numbers = new Map<string, number>();
  readonly #entries: Entry[] = [];

  /** @param entsize bytes of a constant, or of a character */
  constructor(entsize: number, isStrings: boolean) {
    this.#entsize = entsize;
    this.#isStrings = isStrings;
  }

  /** @returns `undefined` of contents that are not whole entries: they stay as they are */
  add(bytes: Uint8Array, align: number): PooledEntries | undefined {
    const starts = this.#split(bytes);
    if (starts === undefined) return undefined;
    const entries = starts.map((start, i) => {
      const contents = bytes.subarray(start, starts[i + 1] ?? bytes.length);
      // What lies behind the first of them is aligned as much as its offset is.
      return this.#number(contents, start === 0 ? align : Math.min(align, start & -start));
    });
    return { pool: this, starts, entries };
  }

  /** Gives each entry its place, from an offset on that {@link align} divides. @returns where the last one ends */
  seal(from: number): number {
    let end = from;
    for (const entry of this.#entries) {
      entry.offset = alignUp(end, entry.align);
      end = entry.offset + entry.bytes.length;
    }
    return end;
  }

  /** The most that an entry must be aligned to. */
  get align(): number {
    return this.#entries.reduce((most, { align }) => Math.max(most, align), 1);
  }

  /** Puts all entries where they belong. */
  write(into: Uint8Array): void {
    for (const { bytes, offset } of this.#entries) into.set(bytes, offset);
  }

  /** Where an offset of a section went: into the entry that it lies in, behind the last one from there on. */
  place({ starts, entries }: PooledEntries, offset: number): number {
    let low = 0;
    for (let high = starts.length; high - low > 1; ) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return (this.#entries[entries[low] ?? 0]?.offset ?? 0) + offset - (starts[low] ?? 0);
  }

  #number(bytes: Uint8Array, align: number): number {
    const key = decoder.decode(bytes);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#entries.push({ bytes, align, offset: 0 }) - 1;
      this.#numbers.set(key, number);
    }
    const entry = this.#entries[number];
    if (entry !== undefined) entry.align = Math.max(entry.align, align);
    return number;
  }

  #split(bytes: Uint8Array): number[] | undefined {
    const starts: number[] = [];
    const size = this.#entsize;
    if (bytes.length % size !== 0) return undefined;
    let at = 0;
    while (at < bytes.length) {
      starts.push(at);
      if (this.#isStrings) at = this.#terminator(bytes, at);
      if (at < 0) return undefined;
      at += size;
    }
    return starts;
  }

  /** Where the character of zeros is that ends a string; -1 if none does. */
  #terminator(bytes: Uint8Array, from: number): number {
    const size = this.#entsize;
    if (size === 1) return bytes.indexOf(0, from);
    for (let at = from; at < bytes.length; at += size)
      if (bytes.subarray(at, at + size).every((byte) => byte === 0)) return at;
    return -1;
  }
}
