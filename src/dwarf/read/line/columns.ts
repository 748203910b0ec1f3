/** Rows of a line program as columns. */
import type { LineRows } from "./program.ts";

/** Bits of {@link LineColumns.flags}. */
export const LINE_FLAG = {
  isStmt: 1,
  basicBlock: 2,
  endSequence: 4,
  prologueEnd: 8,
  epilogueBegin: 16,
} as const;

/** Compilers write about this many bytes a row; where it does not suffice, columns grow. */
const BYTES_PER_ROW = 5;

/** Rows of a line table as columns. */
export class LineColumns {
  /** Rows; the arrays may be longer. */
  count = 0;
  /** From the address of the sequence that the row is in. */
  distances: Float64Array;
  files: Uint32Array;
  lines: Uint32Array;
  columns: Uint32Array;
  discriminators: Uint32Array;
  /** {@link LINE_FLAG} bits. */
  flags: Uint8Array;
  /** `undefined` while all are 0. */
  isas: Uint32Array | undefined;
  opIndexes: Uint8Array | undefined;

  /** @param size bytes of the program */
  constructor(size: number) {
    const capacity = Math.ceil(size / BYTES_PER_ROW) + 16;
    this.distances = new Float64Array(capacity);
    this.files = new Uint32Array(capacity);
    this.lines = new Uint32Array(capacity);
    this.columns = new Uint32Array(capacity);
    this.discriminators = new Uint32Array(capacity);
    this.flags = new Uint8Array(capacity);
  }

  /** Adds the cursor's row. */
  add(row: LineRows, distance: number): void {
    const index = this.count;
    if (index === this.flags.length) this.#resize(2 * index);
    this.distances[index] = distance;
    this.files[index] = row.file;
    this.lines[index] = row.line;
    this.columns[index] = row.column;
    this.discriminators[index] = row.discriminator;
    this.flags[index] =
      (row.isStmt ? LINE_FLAG.isStmt : 0) |
      (row.basicBlock ? LINE_FLAG.basicBlock : 0) |
      (row.endSequence ? LINE_FLAG.endSequence : 0) |
      (row.prologueEnd ? LINE_FLAG.prologueEnd : 0) |
      (row.epilogueBegin ? LINE_FLAG.epilogueBegin : 0);
    if (row.isa !== 0) {
      this.isas ??= new Uint32Array(this.flags.length);
      this.isas[index] = row.isa;
    }
    if (row.opIndex !== 0) {
      this.opIndexes ??= new Uint8Array(this.flags.length);
      this.opIndexes[index] = row.opIndex;
    }
    this.count = index + 1;
  }

  /** Gives back the room behind the last row. */
  trim(): void {
    this.#resize(this.count);
  }

  #resize(capacity: number): void {
    this.distances = resized(this.distances, new Float64Array(capacity));
    this.files = resized(this.files, new Uint32Array(capacity));
    this.lines = resized(this.lines, new Uint32Array(capacity));
    this.columns = resized(this.columns, new Uint32Array(capacity));
    this.discriminators = resized(this.discriminators, new Uint32Array(capacity));
    this.flags = resized(this.flags, new Uint8Array(capacity));
    if (this.isas !== undefined) this.isas = resized(this.isas, new Uint32Array(capacity));
    if (this.opIndexes !== undefined) this.opIndexes = resized(this.opIndexes, new Uint8Array(capacity));
  }
}

/** Copies what has room. */
function resized<Column extends Float64Array | Uint32Array | Uint8Array>(from: Column, to: Column): Column {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}
