/**
 * One allocatable segment of a live object: text, rodata or data, with who has what in it.
 */
import type { NativeRegion } from "../host/region.ts";
import { Arena, GRANULE } from "./arena.ts";
import { Column } from "./column.ts";
import type { Span } from "./layout.ts";

/** What kind of place something lies in. */
export type SegmentKind = "text" | "rodata" | "data";

export class LiveSegment {
  readonly kind: SegmentKind;
  /** Section index of symbols that lie here. */
  readonly section: number;
  /** Where in the image. */
  readonly span: Span;
  readonly memory: NativeRegion;
  readonly #arena: Arena;
  /** By start granule: the serial number of the block, which a handle must match to be still good. */
  readonly #serials = new Column();
  /** By start granule: the newest symbol bound in the block. */
  readonly #names = new Column();
  #serial = 0;

  constructor(kind: SegmentKind, section: number, span: Span, memory: NativeRegion) {
    this.kind = kind;
    this.section = section;
    this.span = span;
    this.memory = memory;
    this.#arena = new Arena(span.size);
  }

  /** Bytes in blocks, their padding counted. */
  get usedBytes(): number {
    return this.#arena.usedBytes;
  }

  /** Bytes below which anything was handed out. */
  get end(): number {
    return this.#arena.top * GRANULE;
  }

  get blocks(): number {
    return this.#arena.blocks;
  }

  /** Takes `size` bytes; offset in the segment, or -1 when they don't fit. */
  take(size: number, align: number): number {
    const start = this.#arena.take(granules(size), Math.max(1, align / GRANULE));
    if (start < 0) return -1;
    const offset = start * GRANULE;
    try {
      this.memory.ensure(offset + size);
    } catch (error) {
      this.#arena.give(start);
      throw error;
    }
    this.#serial = (this.#serial + 1) | 0;
    this.#serials.set(start, this.#serial);
    this.#names.set(start, 0);
    return offset;
  }

  /** Ends a block for its owner, while nobody else may have its bytes yet; {@link give} follows later. */
  retire(offset: number): void {
    this.#serials.set(offset / GRANULE, 0);
  }

  /** Gives a block back; its serial number is never valid again. */
  give(offset: number): void {
    this.#serials.set(offset / GRANULE, 0);
    this.#arena.give(offset / GRANULE);
  }

  /** Changes a block's size where it stands; false when its neighbour is in the way. */
  resize(offset: number, size: number): boolean {
    const start = offset / GRANULE;
    const before = this.#arena.sizeOf(start);
    if (!this.#arena.resize(start, granules(size))) return false;
    try {
      this.memory.ensure(offset + size);
    } catch (error) {
      this.#arena.resize(start, before);
      throw error;
    }
    return true;
  }

  /** Bytes that the block at `offset` holds, its padding counted; 0 when no block starts there. */
  roomAt(offset: number): number {
    return offset % GRANULE === 0 ? this.#arena.sizeOf(offset / GRANULE) * GRANULE : 0;
  }

  /** Offset of the block that holds `offset`; -1 when nobody has it. */
  blockHolding(offset: number): number {
    const start = this.#arena.blockHolding(Math.floor(offset / GRANULE));
    return start < 0 ? -1 : start * GRANULE;
  }

  /** Serial number of the block that starts at `offset`. */
  serialAt(offset: number): number {
    return this.#serials.at(offset / GRANULE);
  }

  /** The newest symbol bound in the block at `offset`; 0 when there is none. */
  nameAt(offset: number): number {
    return this.#names.at(offset / GRANULE);
  }

  setNameAt(offset: number, slot: number): void {
    this.#names.set(offset / GRANULE, slot);
  }
}

function granules(size: number): number {
  return Math.ceil(size / GRANULE);
}
