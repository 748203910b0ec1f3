/** Where a decompressor writes: a buffer that grows as needed, never past a limit. */

/** Decompressed bytes so far. What was written is also the window that matches refer back to. */
export class Output {
  /** The buffer; valid up to {@link length}. Replaced when it grows. */
  bytes: Uint8Array;
  length = 0;
  readonly #limit: number;

  /**
   * @param limit bytes that may be written at most
   * @param expected bytes that will be written if all is well; taken at once, where that is not too much
   */
  constructor(limit: number, expected: number) {
    this.#limit = limit;
    this.bytes = new Uint8Array(Math.max(0, Math.min(limit, expected)));
  }

  /** Makes room for `extra` bytes more. Throws if that is past the limit. */
  reserve(extra: number): void {
    const needed = this.length + extra;
    if (needed <= this.bytes.length) return;
    if (!(needed <= this.#limit)) {
      throw new Error(`found more than ${this.#limit} decompressed bytes, expected at most that many`);
    }
    const grown = new Uint8Array(Math.min(this.#limit, Math.max(needed, this.bytes.length * 2, 4096)));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  /** Appends `chunk`. */
  write(chunk: Uint8Array): void {
    this.reserve(chunk.length);
    this.bytes.set(chunk, this.length);
    this.length += chunk.length;
  }

  /** Appends bytes `start` to `end` of `from`; quick for the few bytes at a time that literals are. */
  writeRange(from: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    const { bytes, length } = this;
    if (end - start > 64) bytes.set(from.subarray(start, end), length);
    else for (let i = start, at = length; i < end; i++, at++) bytes[at] = from[i] ?? 0;
    this.length += end - start;
  }

  /** Appends `count` times `byte`. */
  fill(byte: number, count: number): void {
    this.reserve(count);
    this.bytes.fill(byte, this.length, this.length + count);
    this.length += count;
  }

  /** Appends `count` bytes from `distance` back, which may overlap what is appended. The caller checks `distance`. */
  copy(distance: number, count: number): void {
    this.reserve(count);
    const { bytes, length } = this;
    if (distance >= count && count > 64)
      bytes.copyWithin(length, length - distance, length - distance + count);
    else for (let i = length; i < length + count; i++) bytes[i] = bytes[i - distance] ?? 0;
    this.length += count;
  }

  /** What was written. A view. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
