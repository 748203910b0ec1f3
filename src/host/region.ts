/**
 * Native memory that JavaScript sees through typed arrays which grow with what is used.
 *
 * A view counts as external memory of the heap by its full length, whether its pages exist or not; a view over a
 * sparse capacity would drive the garbage collector mad. So the view covers what was asked for and doubles.
 */
import { detach, viewOf } from "./memory.ts";

const FIRST = 1 << 16;

export class NativeRegion {
  readonly address: bigint;
  readonly capacity: number;
  u8 = new Uint8Array(0);
  u16 = new Uint16Array(0);
  i32 = new Int32Array(0);
  readonly #buffers: ArrayBuffer[] = [];
  readonly #beforeGrowth: ((from: number, to: number) => void) | undefined;

  /**
   * A window on `[address, address + capacity)`, which the caller keeps mapped until {@link close}.
   * @param beforeGrowth called before bytes `[from, to)` become accessible; may throw to refuse
   */
  constructor(address: bigint, capacity: number, beforeGrowth?: (from: number, to: number) => void) {
    this.address = address;
    this.capacity = capacity;
    this.#beforeGrowth = beforeGrowth;
  }

  /** Makes the first `end` bytes accessible; `end` must not pass the capacity. */
  ensure(end: number): void {
    if (end <= this.u8.length) return;
    const wanted = Math.max(end, this.u8.length * 2, Math.min(FIRST, this.capacity));
    const length = Math.min(wanted, this.capacity);
    this.#beforeGrowth?.(this.u8.length, length);
    const buffer = viewOf(this.address, length);
    this.#buffers.push(buffer);
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer, 0, buffer.byteLength >> 1);
    this.i32 = new Int32Array(buffer, 0, buffer.byteLength >> 2);
  }

  /** Ends every view that was ever given out. The memory may be unmapped afterwards. */
  close(): void {
    for (const buffer of this.#buffers) detach(buffer);
    this.#buffers.length = 0;
  }
}
