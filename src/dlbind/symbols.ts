/**
 * The dynamic symbol table of a live object and its `DT_HASH` chains, changed under the eyes of the loader.
 *
 * Readers are other threads inside dlsym(3) and dladdr(3); they take no lock of ours. So an entry is complete before
 * one aligned store makes it reachable, and it is unreachable before anything of it changes:
 *
 * - *bind*: name, value, size, version, chain link, then the word with the type and section, then the bucket;
 * - *rebind*: a new entry with the same name's bytes takes the old one's place in its chain with one store; the old one
 *   keeps its meaning until whoever had reached it is done, so that nobody finds the name nowhere;
 * - *unbind*: the entry leaves its chain, loses its type and section, and rests.
 *
 * A resting entry and its name are used again only after a look-up of our own has gone through the loader's lock:
 * whoever was reading the entry when it left the chain has finished by then. [glibc elf/dl-sym.c, elf/dl-addr.c]
 */
import { STT } from "../elf/constants/symbol.ts";
import type { NativeRegion } from "../host/region.ts";
import type { SymbolBatch } from "./batch.ts";
import { FIRST_VERSION } from "./image.ts";
import type { Layout } from "./layout.ts";
import { hashOfName, type NameBuffer, nameIn, type StringSpace } from "./strings.ts";

/** Words of an `Elf64_Sym`; the upper half of the size stays 0, since an image is smaller than 2 GiB. */
const SYM_WORDS = 6;
const NAME = 0;
/** `st_info`, `st_other` and `st_shndx` in one word, so that one store gives an entry its meaning. */
const KIND = 1;
const VALUE = 2;
const SIZE = 4;

/** Entries that may rest before the loader's lock is asked; more rest only when the table is full. */
const RESTING = 4096;

/** Bit of a `.gnu.version` entry: only who asks for the version finds the symbol. */
export const HIDDEN_VERSION = 0x8000;

/** `STN_UNDEF`: no symbol. */
export const NONE = 0;

/** What an entry says, apart from its name. */
export interface SymbolFields {
  /** Offset in the image. */
  readonly value: number;
  readonly size: number;
  /** `ELF64_ST_INFO(bind, type)`. */
  readonly info: number;
  /** `st_other`: the visibility. */
  readonly other: number;
  /** Section the value lies in. */
  readonly section: number;
  /** `.gnu.version` entry. */
  readonly version: number;
  /** False for `STB_LOCAL`: in the table for debuggers, in no chain. */
  readonly reachable: boolean;
}

export interface SymbolRegions {
  readonly hash: NativeRegion;
  readonly versym: NativeRegion | undefined;
  readonly dynsym: NativeRegion;
}

export class LiveSymbols {
  readonly #regions: SymbolRegions;
  readonly #names: StringSpace;
  readonly #buckets: number;
  /** Halves of the address that values count from in the file. */
  readonly #originLow: number;
  readonly #originHigh: number;
  /** Symbols that may be bound at one time. */
  readonly #limit: number;
  readonly #quiesce: () => void;
  #end = 1;
  #free: number[] = [];
  #resting: number[] = [];
  /** Resting entries whose name another entry took over. */
  #replaced: number[] = [];

  /**
   * @param quiesce returns once no thread is inside a look-up that began before the call
   */
  constructor(layout: Layout, regions: SymbolRegions, names: StringSpace, quiesce: () => void) {
    this.#regions = regions;
    this.#names = names;
    this.#buckets = layout.buckets;
    this.#originLow = Number(layout.origin & 0xffff_ffffn);
    this.#originHigh = Number(layout.origin >> 32n);
    this.#limit = layout.capacities.symbols;
    this.#quiesce = quiesce;
    this.#ensure(1);
    regions.hash.i32[0] = layout.buckets;
    regions.hash.i32[1] = 1;
  }

  /** Entries below which symbols lie, the reserved first one counted. */
  get end(): number {
    return this.#end;
  }

  /** Number of symbols. */
  get count(): number {
    return this.#end - 1 - this.#free.length - this.#resting.length - this.#replaced.length;
  }

  /** The reachable symbol of that name and `.gnu.version` index (the hidden bit set aside); {@link NONE} if none. */
  find(name: NameBuffer, version: number): number {
    const hash = this.#regions.hash.i32;
    let slot = hash[2 + (name.hash % this.#buckets)] ?? NONE;
    while (
      slot !== NONE &&
      !(this.#names.is(this.#word(slot, NAME), name) && this.versionOf(slot) === version)
    ) {
      slot = hash[2 + this.#buckets + slot] ?? NONE;
    }
    return slot;
  }

  /** The symbol that is the default version of a name (`name@@VERSION`); {@link NONE} if none. */
  findDefault(name: NameBuffer): number {
    const words = this.#regions.hash.i32;
    let slot = words[2 + (name.hash % this.#buckets)] ?? NONE;
    while (slot !== NONE && !(this.#isDefault(slot) && this.isNamed(slot, name))) {
      slot = words[2 + this.#buckets + slot] ?? NONE;
    }
    return slot;
  }

  /** Adds a symbol. {@link NONE} when the table or the name space is full; then nothing changed. */
  add(name: NameBuffer, fields: SymbolFields): number {
    if (this.count >= this.#limit) return NONE;
    this.makeRoom();
    const place = this.#takeName(name.length);
    if (place < 0) return NONE;
    const slot = this.#takeEntry();
    this.#names.put(place, name);
    this.#regions.dynsym.i32[slot * SYM_WORDS + NAME] = place;
    this.#fill(slot, fields);
    if (fields.reachable) {
      const hash = this.#regions.hash.i32;
      const bucket = 2 + (name.hash % this.#buckets);
      hash[2 + this.#buckets + slot] = hash[bucket] ?? NONE;
      this.#expose(slot, fields);
      Atomics.store(hash, bucket, slot);
    } else {
      this.#expose(slot, fields);
    }
    return slot;
  }

  /**
   * Fills a table that is empty, its hash table coming last.
   * @param sections section index of each symbol
   * @returns what is wrong, with nothing changed: two symbols that may be found have one name, or there is no room
   */
  fill(batch: SymbolBatch, sections: Uint8Array): { readonly duplicate: string } | "full" | undefined {
    const { length, strings, names, values, sizes, infos, others } = batch;
    if (length > this.#limit) return "full";
    const words = this.#chains(batch);
    if ("duplicate" in words) return words;
    const place = this.#names.putWhole(strings);
    if (place < 0) return "full";
    this.#ensure(length + 1);
    const rows = this.#regions.dynsym.i32;
    for (let i = 0, at = SYM_WORDS; i < length; i++, at += SYM_WORDS) {
      const low = this.#originLow + (values[i] ?? 0);
      rows[at + NAME] = place + (names[i] ?? 0);
      rows[at + KIND] = (infos[i] ?? 0) | ((others[i] ?? 0) << 8) | ((sections[i] ?? 0) << 16);
      rows[at + VALUE] = low;
      rows[at + VALUE + 1] = this.#originHigh + (low >= 0x1_0000_0000 ? 1 : 0);
      rows[at + SIZE] = sizes[i] ?? 0;
    }
    this.#end = length + 1;
    this.#regions.hash.i32.set(words, 1);
    return undefined;
  }

  /** The words of the hash table behind its first, which says how many buckets there are. */
  #chains({ length, strings, names, infos }: SymbolBatch): Int32Array | { readonly duplicate: string } {
    const buckets = this.#buckets;
    const words = new Int32Array(1 + buckets + length + 1);
    const hashes = new Int32Array(length);
    words[0] = length + 1;
    for (let i = 0; i < length; i++) {
      if ((infos[i] ?? 0) >> 4 === 0) continue;
      const name = names[i] ?? 0;
      const hash = hashOfName(strings, name);
      hashes[i] = hash;
      const bucket = 1 + (hash % buckets);
      const first = words[bucket] ?? NONE;
      for (let slot = first; slot !== NONE; slot = words[1 + buckets + slot] ?? NONE) {
        const isSame = hashes[slot - 1] === hash && sameName(strings, name, names[slot - 1] ?? 0);
        if (isSame) return { duplicate: nameIn(strings, name) };
      }
      words[1 + buckets + i + 1] = first;
      words[bucket] = i + 1;
    }
    return words;
  }

  /**
   * Puts a new entry in the place of `old`, which is reachable, in one step; it takes the name over. There is room always.
   */
  replace(old: number, fields: SymbolFields): number {
    const slot = this.#takeEntry();
    const entries = this.#regions.dynsym.i32;
    entries[slot * SYM_WORDS + NAME] = this.#word(old, NAME);
    this.#fill(slot, fields);
    const words = this.#regions.hash.i32;
    words[2 + this.#buckets + slot] = words[2 + this.#buckets + old] ?? NONE;
    this.#expose(slot, fields);
    Atomics.store(words, this.#linkTo(old), slot);
    this.#quiesce();
    this.#clear(old);
    this.#replaced.push(old);
    return slot;
  }

  /** Removes a symbol. */
  remove(slot: number): void {
    if (this.isReachable(slot)) {
      const words = this.#regions.hash.i32;
      Atomics.store(words, this.#linkTo(slot), words[2 + this.#buckets + slot] ?? NONE);
      // Who has reached a resolver must still find the type that makes the loader call it.
      if (isIndirect(this.infoOf(slot))) this.#quiesce();
    }
    this.#clear(slot);
    this.#resting.push(slot);
  }

  /** Empties the entries of symbols that are gone, so that readers of the file don't see their names. */
  empty(): void {
    if (this.#resting.length + this.#replaced.length > 0) this.#wake();
  }

  isNamed(slot: number, name: NameBuffer): boolean {
    return this.#names.is(this.#word(slot, NAME), name);
  }

  isBound(slot: number): boolean {
    return this.#word(slot, KIND) !== 0;
  }

  isReachable(slot: number): boolean {
    return this.infoOf(slot) >> 4 !== 0;
  }

  nameOf(slot: number): string {
    return this.#names.at(this.#word(slot, NAME));
  }

  /** The name in UTF-8, its terminator left out; valid until the next change. */
  nameBytesOf(slot: number): Uint8Array {
    return this.#names.bytesAt(this.#word(slot, NAME));
  }

  /** Offset in the image. */
  valueOf(slot: number): number {
    return (this.#word(slot, VALUE) - this.#originLow) | 0;
  }

  sizeOf(slot: number): number {
    return this.#word(slot, SIZE);
  }

  /** `st_info`. */
  infoOf(slot: number): number {
    return this.#word(slot, KIND) & 0xff;
  }

  /** `st_other`. */
  otherOf(slot: number): number {
    return (this.#word(slot, KIND) >> 8) & 0xff;
  }

  /** `.gnu.version` index without the hidden bit; 0 where no versions are declared. */
  versionOf(slot: number): number {
    return (this.#regions.versym?.u16[slot] ?? 0) & 0x7fff;
  }

  #isDefault(slot: number): boolean {
    const entry = this.#regions.versym?.u16[slot] ?? 0;
    return entry >= FIRST_VERSION && entry < HIDDEN_VERSION;
  }

  #word(slot: number, word: number): number {
    return this.#regions.dynsym.i32[slot * SYM_WORDS + word] ?? 0;
  }

  /** Index in the hash table of the word that leads to `slot`. */
  #linkTo(slot: number): number {
    const hash = this.#regions.hash.i32;
    let link = 2 + (this.#names.hashAt(this.#word(slot, NAME)) % this.#buckets);
    while (hash[link] !== slot && hash[link] !== NONE) link = 2 + this.#buckets + (hash[link] ?? NONE);
    return link;
  }

  #fill(slot: number, fields: SymbolFields): void {
    const words = this.#regions.dynsym.i32;
    const at = slot * SYM_WORDS;
    const low = this.#originLow + fields.value;
    words[at + VALUE] = low;
    words[at + VALUE + 1] = this.#originHigh + (low >= 0x1_0000_0000 ? 1 : 0);
    words[at + SIZE] = fields.size;
    const { versym } = this.#regions;
    if (versym !== undefined) versym.u16[slot] = fields.version;
  }

  #expose(slot: number, fields: SymbolFields): void {
    const kind = fields.info | (fields.other << 8) | (fields.section << 16);
    Atomics.store(this.#regions.dynsym.i32, slot * SYM_WORDS + KIND, kind);
    // dladdr walks as many entries as the table has chain links.
    if (slot === this.#end - 1) Atomics.store(this.#regions.hash.i32, 1, this.#end);
  }

  /** Room for a name, taken; -1 when there is none. @throws HostError when there is, but its memory is refused */
  #takeName(length: number): number {
    try {
      const place = this.#names.take(length);
      if (place >= 0 || this.#resting.length === 0) return place;
    } catch (error) {
      if (this.#resting.length === 0) throw error;
    }
    this.#wake();
    return this.#names.take(length);
  }

  /**
   * Sees to it that there is a free entry. The table has one more than symbols may be bound, so there is one; but its
   * memory may be refused.
   */
  makeRoom(): void {
    if (this.#free.length > 0) return;
    const resting = this.#resting.length + this.#replaced.length;
    if (resting >= RESTING || this.#end > this.#limit + 1) {
      this.#wake();
    } else {
      this.#ensure(this.#end + 1);
      this.#free.push(this.#end++);
    }
  }

  /** A free entry, taken. */
  #takeEntry(): number {
    this.makeRoom();
    return this.#free.pop() ?? NONE;
  }

  /** Takes an entry's meaning; its name and value stay, for who is reading them. */
  #clear(slot: number): void {
    Atomics.store(this.#regions.dynsym.i32, slot * SYM_WORDS + KIND, 0);
  }

  #wake(): void {
    const { versym } = this.#regions;
    this.#quiesce();
    for (const slot of this.#resting) this.#names.give(this.#word(slot, NAME));
    for (const slot of this.#resting.concat(this.#replaced)) {
      this.#regions.dynsym.i32.fill(0, slot * SYM_WORDS, (slot + 1) * SYM_WORDS);
      if (versym !== undefined) versym.u16[slot] = 0;
      this.#free.push(slot);
    }
    this.#resting = [];
    this.#replaced = [];
  }

  #ensure(slots: number): void {
    this.#regions.hash.ensure(4 * (2 + this.#buckets + slots));
    this.#regions.dynsym.ensure(4 * SYM_WORDS * slots);
    this.#regions.versym?.ensure(2 * slots);
  }
}

/** True for a symbol whose value is not its address but a function that finds it. */
function isIndirect(info: number): boolean {
  return (info & 0xf) === STT.STT_GNU_IFUNC;
}

function sameName(strings: Uint8Array, a: number, b: number): boolean {
  let i = 0;
  while (strings[a + i] === strings[b + i] && strings[a + i] !== 0) i++;
  return strings[a + i] === strings[b + i];
}
