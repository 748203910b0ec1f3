/**
 * The names of a live object: its `.dynstr`, with space given back.
 *
 * A name lies in a slot of a multiple of {@link SLOT} bytes. Freed slots wait in one list a size and are used again
 * for names of that size; names of one program have few sizes, so nothing more is needed.
 */

const SLOT = 8;

/** The longest name that can be bound, in bytes of UTF-8 with its terminator. */
export const MAX_NAME = 1 << 17;
/** Bytes of most names, and more. */
const USUAL = 4096;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A name as bytes with its NUL, and its SysV hash (gABI, "Hash Table"). Valid until the next {@link NameBuffer.set}. */
export class NameBuffer {
  bytes = new Uint8Array(USUAL);
  /** Bytes with the terminator. */
  length = 0;
  hash = 0;

  /** Takes a name. False when it is empty, has a NUL in it or is too long. */
  set(name: string): boolean {
    let length = name.length;
    if (length === 0 || length >= MAX_NAME) return false;
    // Three bytes of UTF-8 for a unit of UTF-16, at most.
    if (3 * length >= this.bytes.length) this.bytes = new Uint8Array(3 * length + 1);
    const { bytes } = this;
    let hash = 0;
    for (let i = 0; i < length; i++) {
      const unit = name.charCodeAt(i);
      if (unit === 0) return false;
      if (unit >= 0x80) return this.#setUtf8(name);
      bytes[i] = unit;
      hash = sysvStep(hash, unit);
    }
    bytes[length++] = 0;
    this.length = length;
    this.hash = hash >>> 0;
    return true;
  }

  #setUtf8(name: string): boolean {
    const { read, written } = encoder.encodeInto(name, this.bytes);
    if (read < name.length || written >= MAX_NAME) return false;
    let hash = 0;
    for (let i = 0; i < written; i++) {
      const byte = this.bytes[i] ?? 0;
      if (byte === 0) return false;
      hash = sysvStep(hash, byte);
    }
    this.bytes[written] = 0;
    this.length = written + 1;
    this.hash = hash >>> 0;
    return true;
  }
}

/** The name that begins there and ends with the next NUL. */
export function nameIn(bytes: Uint8Array, offset: number): string {
  return decoder.decode(bytes.subarray(offset, bytes.indexOf(0, offset)));
}

/** SysV hash of the name that ends with the next NUL. */
export function hashOfName(bytes: Uint8Array, offset: number): number {
  let hash = 0;
  for (let at = offset, byte = bytes[at] ?? 0; byte !== 0; byte = bytes[++at] ?? 0) {
    hash = (hash << 4) + byte;
    // Four bits at the top come in again below: no step passes 32 bits.
    hash = (hash ^ ((hash >>> 24) & 0xf0)) & 0x0fff_ffff;
  }
  return hash;
}

function sysvStep(hash: number, byte: number): number {
  const shifted = (((hash << 4) >>> 0) + byte) >>> 0;
  const high = shifted & 0xf000_0000;
  return (shifted ^ (high >>> 24)) & ~high;
}

/** Memory that grows towards a capacity: {@link StringSpace} asks before it writes. */
export interface Bytes {
  readonly u8: Uint8Array;
  /** Makes at least `end` bytes accessible through {@link u8}. */
  ensure(end: number): void;
}

export class StringSpace {
  readonly #memory: Bytes;
  readonly #capacity: number;
  #end = SLOT;
  readonly #free: (number[] | undefined)[] = [];
  /** Names below are of a table that came whole: they may share their ends, so their places are not used again. */
  #whole = 0;

  /** The first bytes are the empty name at offset 0. */
  constructor(memory: Bytes, capacity: number) {
    this.#memory = memory;
    this.#capacity = capacity;
  }

  /** Bytes below which names lie. */
  get end(): number {
    return this.#end;
  }

  /** Offset of a free place for a name of `length` bytes with its terminator, taken; -1 when there is none. */
  take(length: number): number {
    const slots = (length + SLOT - 1) >> 3;
    const reused = this.#free[slots]?.pop();
    if (reused !== undefined) return reused;
    const offset = this.#end;
    if (offset + slots * SLOT > this.#capacity) return -1;
    this.#memory.ensure(offset + slots * SLOT);
    this.#end = offset + slots * SLOT;
    return offset;
  }

  /** Stores a name at an offset that {@link take} gave. */
  put(offset: number, name: NameBuffer): void {
    const { u8 } = this.#memory;
    const { bytes, length } = name;
    for (let i = 0; i < length; i++) u8[offset + i] = bytes[i] ?? 0;
  }

  /** Takes a string table as it is. @returns where it begins; -1 when there is no room */
  putWhole(table: Uint8Array): number {
    const offset = this.#end;
    const end = offset + ((table.length + SLOT - 1) & -SLOT);
    if (end > this.#capacity) return -1;
    this.#memory.ensure(end);
    this.#memory.u8.set(table, offset);
    this.#end = end;
    this.#whole = end;
    return offset;
  }

  /** SysV hash of the name at an offset. */
  hashAt(offset: number): number {
    return hashOfName(this.#memory.u8, offset);
  }

  /** Gives the place of a stored name back. */
  give(offset: number): void {
    if (offset < this.#whole) return;
    this.giveBack(offset, this.lengthAt(offset) + 1);
  }

  /** Gives a place back that {@link take} gave for `length` bytes. */
  giveBack(offset: number, length: number): void {
    const slots = (length + SLOT - 1) >> 3;
    let list = this.#free[slots];
    if (list === undefined) {
      list = [];
      this.#free[slots] = list;
    }
    list.push(offset);
  }

  /** True when the name at `offset` is the given one. */
  is(offset: number, name: NameBuffer): boolean {
    const { u8 } = this.#memory;
    const { bytes, length } = name;
    for (let i = 0; i < length; i++) if (u8[offset + i] !== bytes[i]) return false;
    return true;
  }

  /** Bytes of the name at `offset`, its terminator not counted. */
  lengthAt(offset: number): number {
    return this.#memory.u8.indexOf(0, offset) - offset;
  }

  /** The name at `offset`. */
  at(offset: number): string {
    return decoder.decode(this.bytesAt(offset));
  }

  /** The bytes of the name at `offset`, its terminator left out. */
  bytesAt(offset: number): Uint8Array {
    return this.#memory.u8.subarray(offset, offset + this.lengthAt(offset));
  }
}
