/**
 * The dynamic symbol table of a live object and its `DT_HASH` chains, changed under the eyes of the loader.
 *
 * Readers are other threads inside dlsym(3) and dladdr(3); they take no lock of ours. So an entry is complete before
 * one aligned store makes it reachable, and it is unreachable before anything of it changes:
 *
 * - *bind*: name, value, size, version, chain link, then the word with the type and section, then the bucket;
 * - *rebind*: the entry's value changes with one store, since a reader that has reached an entry goes on to use it and
 *   must not find it emptied;
 * - *unbind*: the entry leaves its chain, loses its type and section, and rests.
 *
 * A resting entry and its name are used again only after a look-up of our own has gone through the loader's lock:
 * whoever was reading the entry when it left the chain has finished by then. [glibc elf/dl-sym.c, elf/dl-addr.c]
 */
import { STT } from "../elf/constants/symbol.ts";
import type { NativeRegion } from "../host/region.ts";
import type { Layout } from "./layout.ts";
import type { NameBuffer, StringSpace } from "./strings.ts";

/** Words of an `Elf64_Sym`; the upper halves of value and size stay 0, since an image is smaller than 2 GiB. */
const SYM_WORDS = 6;
const NAME = 0;
/** `st_info`, `st_other` and `st_shndx` in one word, so that one store gives an entry its meaning. */
const KIND = 1;
const VALUE = 2;
const SIZE = 4;

/** Entries that may rest before the loader's lock is asked; more rest only when the table is full. */
const RESTING = 256;

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
  readonly #capacity: number;
  readonly #quiesce: () => void;
  #end = 1;
  #free: number[] = [];
  #resting: number[] = [];

  /**
   * @param quiesce returns once no thread is inside a look-up that began before the call
   */
  constructor(layout: Layout, regions: SymbolRegions, names: StringSpace, quiesce: () => void) {
    this.#regions = regions;
    this.#names = names;
    this.#buckets = layout.buckets;
    this.#capacity = layout.capacities.symbols + 1;
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
    return this.#end - 1 - this.#free.length - this.#resting.length;
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

  /** Adds a symbol. {@link NONE} when the table or the name space is full; then nothing changed. */
  add(name: NameBuffer, fields: SymbolFields): number {
    const slot = this.#take(name.length);
    if (slot === NONE) return NONE;
    this.#fill(slot, name, fields);
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

  /** True when {@link replace} will find what it needs. */
  canReplace(old: number, name: NameBuffer, fields: SymbolFields): boolean {
    return isIndirect(this.infoOf(old)) === isIndirect(fields.info) || this.#hasRoomFor(name);
  }

  /**
   * Gives a symbol that is reachable other fields in one step.
   * @returns its entry, which may be another one now; {@link NONE} when there is no room, and then nothing changed
   */
  replace(old: number, name: NameBuffer, fields: SymbolFields): number {
    if (isIndirect(this.infoOf(old)) === isIndirect(fields.info)) {
      this.#change(old, fields);
      return old;
    }
    // Value and type have to change together: a reader with one of each would take a resolver for what it resolves to.
    const slot = this.#take(name.length);
    if (slot === NONE) return NONE;
    this.#fill(slot, name, fields);
    const hash = this.#regions.hash.i32;
    hash[2 + this.#buckets + slot] = hash[2 + this.#buckets + old] ?? NONE;
    this.#expose(slot, fields);
    Atomics.store(hash, this.#linkTo(old, name.hash), slot);
    this.#quiesce();
    this.#rest(old);
    return slot;
  }

  /** Removes a symbol; `hash` is the SysV hash of its name. */
  remove(slot: number, hash: number): void {
    if (this.isReachable(slot)) {
      const words = this.#regions.hash.i32;
      Atomics.store(words, this.#linkTo(slot, hash), words[2 + this.#buckets + slot] ?? NONE);
      // Who has reached a resolver must still find the type that makes the loader call it.
      if (isIndirect(this.infoOf(slot))) this.#quiesce();
    }
    this.#rest(slot);
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
    return this.#word(slot, VALUE);
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

  #word(slot: number, word: number): number {
    return this.#regions.dynsym.i32[slot * SYM_WORDS + word] ?? 0;
  }

  /** Index in the hash table of the word that leads to `slot`. */
  #linkTo(slot: number, nameHash: number): number {
    const hash = this.#regions.hash.i32;
    let link = 2 + (nameHash % this.#buckets);
    while (hash[link] !== slot && hash[link] !== NONE) link = 2 + this.#buckets + (hash[link] ?? NONE);
    return link;
  }

  #hasRoomFor(name: NameBuffer): boolean {
    const slot = this.#take(name.length);
    if (slot === NONE) return false;
    this.#names.giveBack(this.#word(slot, NAME), name.length);
    this.#free.push(slot);
    return true;
  }

  /** Without a size an entry answers for its first byte only, so no address is taken for part of it meanwhile. */
  #change(slot: number, fields: SymbolFields): void {
    const words = this.#regions.dynsym.i32;
    const at = slot * SYM_WORDS;
    Atomics.store(words, at + SIZE, 0);
    Atomics.store(words, at + VALUE, fields.value);
    const { versym } = this.#regions;
    if (versym !== undefined) versym.u16[slot] = fields.version;
    this.#expose(slot, fields);
    Atomics.store(words, at + SIZE, fields.size);
  }

  #fill(slot: number, name: NameBuffer, fields: SymbolFields): void {
    const words = this.#regions.dynsym.i32;
    const at = slot * SYM_WORDS;
    this.#names.put(this.#word(slot, NAME), name);
    words[at + VALUE] = fields.value;
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

  /** A free entry with room for its name, both taken. */
  #take(nameLength: number): number {
    if (this.#free.length === 0 && (this.#resting.length >= RESTING || this.#end >= this.#capacity))
      this.#wake();
    let name = this.#names.take(nameLength);
    if (name < 0 && this.#resting.length > 0) {
      this.#wake();
      name = this.#names.take(nameLength);
    }
    if (name < 0) return NONE;
    let slot = this.#free.pop() ?? NONE;
    if (slot === NONE) {
      if (this.#end >= this.#capacity) {
        this.#names.giveBack(name, nameLength);
        return NONE;
      }
      slot = this.#end++;
      this.#ensure(this.#end);
    }
    this.#regions.dynsym.i32[slot * SYM_WORDS + NAME] = name;
    return slot;
  }

  #rest(slot: number): void {
    Atomics.store(this.#regions.dynsym.i32, slot * SYM_WORDS + KIND, 0);
    this.#resting.push(slot);
  }

  #wake(): void {
    if (this.#resting.length === 0) return;
    this.#quiesce();
    for (const slot of this.#resting) {
      this.#names.give(this.#word(slot, NAME));
      this.#regions.dynsym.i32.fill(0, slot * SYM_WORDS, (slot + 1) * SYM_WORDS);
      this.#free.push(slot);
    }
    this.#resting = [];
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
