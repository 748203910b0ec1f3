/** Memory that views look at: of the native program, or JavaScript's own at an address that native code can use. */
import { DynldError } from "../../errors.ts";
import { detach, viewOf } from "../../host/memory.ts";
import { addressOfBuffer } from "../../host/typed.ts";
import { refuse } from "./argument-error.ts";

/** What JavaScript's memory is aligned to already: that of its allocator. */
const ALLOCATED = 8;

/** Bytes of a pool, and of what is in one at most. */
const POOL = 8192;
const LARGEST_SMALL = 256;
let pool = new ArrayBuffer(0);
let pooled = 0;

/** By buffer and offset: what addresses that are stored there lead to. */
const held = new WeakMap<ArrayBuffer, Map<number, unknown>>();

/** Bytes at an address. What is in native memory is looked at when somebody asks for it, and is the program's. */
export class Memory {
  readonly size: number;
  /** Whether the bytes are JavaScript's own, and live as long as something refers to this. */
  readonly isOwned: boolean;
  #view: DataView<ArrayBuffer> | undefined;
  #address: bigint | undefined;
  #ended = false;

  private constructor(
    size: number,
    isOwned: boolean,
    view: DataView<ArrayBuffer> | undefined,
    address: bigint | undefined,
  ) {
    this.size = size;
    this.isOwned = isOwned;
    this.#view = view;
    this.#address = address;
  }

  /** Native memory. Nothing is looked at before somebody asks: what is not mapped ends the process then. */
  static at(address: bigint, size: number): Memory {
    return new Memory(size, false, undefined, address);
  }

  /** Memory of JavaScript, all zeros. */
  static allocate(size: number, alignment = 1): Memory {
    if (alignment <= ALLOCATED) return Memory.of(new ArrayBuffer(size), 0, size);
    const buffer = new ArrayBuffer(size + alignment);
    const past = Number(addressOfBuffer(buffer) % BigInt(alignment));
    return Memory.of(buffer, past === 0 ? 0 : alignment - past, size);
  }

  /**
   * Memory of JavaScript, all zeros, together with others of its kind: it takes a tenth of the time, and they all live as
   * long as one of them does. For small values that a call gives.
   */
  static allocateSmall(size: number): Memory {
    if (size > LARGEST_SMALL) return Memory.allocate(size);
    if (pool.byteLength - pooled < size) {
      pool = new ArrayBuffer(POOL);
      pooled = 0;
    }
    const start = pooled;
    pooled += Math.ceil(size / ALLOCATED) * ALLOCATED;
    return Memory.of(pool, start, size);
  }

  /** Memory of JavaScript that is there. */
  static of(buffer: ArrayBuffer, offset: number, size: number): Memory {
    return new Memory(size, true, new DataView(buffer, offset, size), undefined);
  }

  /** @throws DynldError DYNLD_FREED */
  get view(): DataView<ArrayBuffer> {
    if (this.#ended) throw freed();
    this.#view ??= new DataView(viewOf(this.#address ?? 0n, this.size));
    return this.#view;
  }

  /** Where the bytes are. Of JavaScript's own, only while something refers to this. */
  get address(): bigint {
    if (this.#ended) throw freed();
    this.#address ??= addressOfBuffer(this.view);
    return this.#address;
  }

  /** What to give to native code: of JavaScript's own memory what keeps it alive until the call is over. */
  get native(): bigint | DataView<ArrayBuffer> {
    return this.isOwned ? this.view : this.address;
  }

  /** The bytes. */
  get bytes(): Uint8Array<ArrayBuffer> {
    const { buffer, byteOffset } = this.view;
    return new Uint8Array(buffer, byteOffset, this.size);
  }

  /** Some of the bytes; they end with these. */
  part(offset: number, size: number): Memory {
    const { buffer, byteOffset } = this.view;
    const view = new DataView(buffer, byteOffset + offset, size);
    return new Memory(size, this.isOwned, view, undefined);
  }

  /** Keeps what an address stored at an offset leads to, as long as these bytes are kept or another is stored there. */
  hold(offset: number, target: unknown): void {
    if (!this.isOwned) return;
    const { buffer, byteOffset } = this.view;
    let kept = held.get(buffer);
    if (kept === undefined) {
      kept = new Map();
      held.set(buffer, kept);
    }
    kept.set(byteOffset + offset, target);
  }

  /** Copies the bytes of another as large as this, or smaller, to an offset, and holds what that holds. */
  copy(from: Memory, offset = 0): void {
    this.bytes.set(from.bytes, offset);
    const start = from.view.byteOffset;
    for (const [at, target] of held.get(from.view.buffer) ?? []) {
      if (at >= start && at < start + from.size) this.hold(offset + at - start, target);
    }
  }

  /** What to throw where looking at the bytes has thrown: that they are gone, if they went with those that these are of. */
  failure(error: unknown): unknown {
    const isGone = this.size > 0 && this.#view?.buffer.byteLength === 0;
    return isGone ? freed() : error;
  }

  /** Ends all views: the memory goes away. Looking at it throws then, and does not end the process. */
  end(): void {
    if (this.#view !== undefined) detach(this.#view.buffer);
    this.#ended = true;
  }
}

function freed(): DynldError {
  return new DynldError("DYNLD_FREED", {}, "the memory was given back");
}

/** Under which views have the memory that they look at; a name could be that of a member. */
export const MEMORY: unique symbol = Symbol("memory");

/** Something that lies in memory: a view of a structure, an array. */
export interface InMemory {
  readonly [MEMORY]: Memory;
}

/** Whether a value lies in memory that native code can use. */
function isInMemory(value: unknown): value is InMemory {
  return typeof value === "object" && value !== null && MEMORY in value;
}

/**
 * The address of what a view looks at, or a typed array holds. Of memory that is JavaScript's own, it is good only while
 * something refers to the view.
 * @throws ArgumentError of what is neither
 */
export function addressOf(value: object): bigint {
  if (isInMemory(value)) return value[MEMORY].address;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return addressOfBuffer(value);
  return refuse("addressOf", value, "a view, an array or a buffer");
}
