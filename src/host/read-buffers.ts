/** Buffers that go from one file to the next, for who reads many files one after the other. */

/** Reads below this many bytes get an array of their own: it costs less than to look for one. */
const SMALL = 1 << 14;
/** Buffers are this much larger than what is first asked for, so that the next file's section fits too. */
const SPARE = 1.5;

/**
 * Memory that files were read into, to read the next ones into: to let the kernel clear new pages costs more than to copy
 * a file into them. Belongs to who opens the files; views of a file are written over once it is closed.
 */
export class ReadBuffers {
  readonly #free: ArrayBuffer[] = [];

  /** Bytes to read into: what they hold is no matter. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length < SMALL) return new Uint8Array(length);
    let best = -1;
    for (const [index, { byteLength }] of this.#free.entries()) {
      if (byteLength >= length && byteLength < (this.#free[best]?.byteLength ?? Number.POSITIVE_INFINITY))
        best = index;
    }
    const [found] = best < 0 ? [] : this.#free.splice(best, 1);
    if (found !== undefined) return new Uint8Array(found, 0, length);
    // The smallest goes when a larger one comes: what is kept stays near what the largest file needs.
    this.#free.sort((a, b) => b.byteLength - a.byteLength).pop();
    return new Uint8Array(new ArrayBuffer(Math.ceil(SPARE * length)), 0, length);
  }

  /** Takes buffers back. */
  give(lent: Iterable<Uint8Array<ArrayBuffer>>): void {
    for (const { buffer, length } of lent) if (length >= SMALL) this.#free.push(buffer);
  }
}
