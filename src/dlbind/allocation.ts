/**
 * A handle on allocated bytes of a live object.
 */
import type { LiveSegment } from "./segment.ts";

/** What an allocation asks of the object it belongs to. */
export interface AllocationOwner {
  /** Address of the image in memory. */
  readonly base: bigint;
  readonly isDeleted: boolean;
  /** @throws DlbindError unless the block at `offset` is the one with that serial number */
  check(segment: LiveSegment, offset: number, serial: number): void;
  /** Notes that the caller may write to these bytes behind our back. */
  lend(allocation: Allocation): void;
  store(allocation: Allocation, bytes: Uint8Array, at: number): void;
  settle(segment: LiveSegment, offset: number, size: number): void;
  resize(allocation: Allocation, size: number): number;
  free(segment: LiveSegment, offset: number): void;
}

/**
 * Bytes that belong to the caller until {@link free}. The address is where code runs and data is read, in every thread;
 * it stays the same for the life of the allocation unless {@link resize} says otherwise.
 */
export class Allocation {
  readonly segment: LiveSegment;
  readonly #owner: AllocationOwner;
  #offset: number;
  #size: number;
  #serial: number;

  /** Made by `LiveObject.alloc`. */
  constructor(owner: AllocationOwner, segment: LiveSegment, offset: number, size: number) {
    this.#owner = owner;
    this.segment = segment;
    this.#offset = offset;
    this.#size = size;
    this.#serial = segment.serialAt(offset);
  }

  /** Offset of the first byte in its segment. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes asked for. */
  get size(): number {
    return this.#size;
  }

  /** Address of the first byte. @throws DlbindError once freed */
  get address(): bigint {
    this.check();
    return this.#owner.base + BigInt(this.segment.span.offset + this.#offset);
  }

  /** True until freed. */
  get isLive(): boolean {
    return !this.#owner.isDeleted && this.segment.serialAt(this.#offset) === this.#serial;
  }

  /**
   * The bytes themselves: what is stored here is what runs and what native code reads. Becomes empty when the object is
   * deleted. Text that is changed through it takes effect for sure with the next bind, {@link flush} or publish, since
   * a debugger may have made a copy of the page. Stores after a publish need it taken anew, or {@link flush}.
   * @throws DlbindError once freed
   */
  get bytes(): Uint8Array {
    this.check();
    this.#owner.lend(this);
    return this.segment.memory.u8.subarray(this.#offset, this.#offset + this.#size);
  }

  /** A `DataView` on {@link bytes}, for numbers of any width and byte order. */
  get view(): DataView {
    const { buffer, byteOffset, byteLength } = this.bytes;
    return new DataView(buffer, byteOffset, byteLength);
  }

  /** Stores `bytes` from `at` on; text runs as stored when this returns. @throws DlbindError when they don't fit */
  write(bytes: Uint8Array, at = 0): void {
    this.check();
    this.#owner.store(this, bytes, at);
  }

  /** Makes text that was changed through {@link bytes} run as it stands there. */
  flush(): void {
    this.check();
    this.#owner.settle(this.segment, this.#offset, this.#size);
  }

  /**
   * Changes the size: where it stands if the neighbours allow it, else by moving. Bytes that both sizes share stay.
   * @returns true when the address stayed
   * @throws DlbindError when there is no room, or when it would have to move, or lose bytes that a name covers, while
   *   names are bound in it
   */
  resize(size: number): boolean {
    this.check();
    const before = this.#offset;
    this.#offset = this.#owner.resize(this, size);
    this.#size = size;
    this.#serial = this.segment.serialAt(this.#offset);
    return this.#offset === before;
  }

  /** Gives the bytes back; names bound in them are unbound. @throws DlbindError when freed already */
  free(): void {
    this.check();
    this.#owner.free(this.segment, this.#offset);
  }

  /** Frees what is not freed yet. */
  [Symbol.dispose](): void {
    if (this.isLive) this.free();
  }

  /** @throws DlbindError once freed, or once the object is deleted */
  check(): void {
    this.#owner.check(this.segment, this.#offset, this.#serial);
  }
}
