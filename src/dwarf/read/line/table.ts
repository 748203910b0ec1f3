/** The rows of a line program for look-ups: decoded once, kept as columns, found by section and offset. */
import type { Relocatable, RelocatablePlace } from "../../relocation/relocatable.ts";
import { LINE_FLAG, LineColumns } from "./columns.ts";
import type { LineHeader } from "./header.ts";
import { LineIndex } from "./index-by-place.ts";
import { LineRows, lineAddress } from "./program.ts";

/** A row in handy form. The fields are those of {@link LineRows}. */
export interface LineRow {
  readonly address: Relocatable;
  readonly opIndex: number;
  readonly file: number;
  readonly line: number;
  readonly column: number;
  readonly isStmt: boolean;
  readonly basicBlock: boolean;
  readonly endSequence: boolean;
  readonly prologueEnd: boolean;
  readonly epilogueBegin: boolean;
  readonly isa: number;
  readonly discriminator: number;
}

/** Rows that count from one address. The last is their end: it says where the last but one ends, and no line. */
interface Sequence {
  readonly firstRow: number;
  readonly lastRow: number;
  readonly baseField: number;
  readonly baseSize: number;
  /** Least and greatest distance of a row. */
  readonly low: number;
  readonly high: number;
  /** Distances never fall, as the specification wants. */
  readonly ordered: boolean;
}

/** The rows of one line program, sorted for look-ups by place and by line. */
export class LineTable {
  readonly header: LineHeader;
  /** What the rows hold, by their number. */
  readonly rows: LineColumns;
  readonly #sequences: readonly Sequence[];
  #index: LineIndex | undefined;

  private constructor(header: LineHeader, rows: LineColumns, sequences: readonly Sequence[]) {
    this.header = header;
    this.rows = rows;
    this.#sequences = sequences;
  }

  /**
   * Runs a program. Relocations are looked at only where a sequence sets its address more than once.
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  static build(header: LineHeader): LineTable {
    const cursor = new LineRows(header);
    const rows = new LineColumns(header.end - header.program);
    const sequences: Sequence[] = [];
    let firstRow = 0;
    let baseField = -1;
    let baseSize = 0;
    /** The address set last, and how far it is from the sequence's. */
    let lastField = -1;
    let shift = 0;
    let low = 0;
    let high = 0;
    let previous = 0;
    let ordered = true;
    const close = (): void => {
      if (rows.count === firstRow) return;
      sequences.push({ firstRow, lastRow: rows.count - 1, baseField, baseSize, low, high, ordered });
      firstRow = rows.count;
    };
    while (cursor.next()) {
      if (cursor.baseField !== lastField && rows.count > firstRow) {
        const set = lineAddress(header, cursor.baseField, cursor.baseSize, 0);
        const moved = set.minus(lineAddress(header, baseField, baseSize, 0));
        shift = Number(moved);
        // What counts from elsewhere, or is too far away, has no place in this sequence.
        if (!Number.isSafeInteger(shift)) close();
        lastField = cursor.baseField;
      }
      let distance = cursor.distance + shift;
      if (rows.count === firstRow) {
        ({ baseField, baseSize, distance } = cursor);
        lastField = baseField;
        shift = 0;
        low = distance;
        high = distance;
        previous = distance;
        ordered = true;
      }
      if (distance < previous) ordered = false;
      if (distance < low) low = distance;
      if (distance > high) high = distance;
      previous = distance;
      rows.add(cursor, distance);
      if (cursor.endSequence) close();
    }
    close();
    rows.trim();
    return new LineTable(header, rows, sequences);
  }

  /** Number of sequences. */
  get sequenceCount(): number {
    return this.#sequences.length;
  }

  /**
   * The row that covers a place.
   * @param section index of the section; `undefined` in a linked file, where `offset` is an address
   * @returns its number, or -1 where no sequence covers the place
   * @throws DwarfError DWARF_BAD_RELOCATION
   */
  find(section: number | undefined, offset: bigint): number {
    return this.#find({ section, symbol: 0, offset });
  }

  /** The row that covers a relocatable address; -1 where none does. @throws DwarfError DWARF_BAD_RELOCATION */
  findRelocatable(address: Relocatable): number {
    return this.#find(address.place());
  }

  /** Numbers of all rows of a line: it begins at the address of each, unless the row before has the same line. */
  findLine(file: number, line: number): number[] {
    const { lines, files, flags, count } = this.rows;
    const found: number[] = [];
    for (let row = 0; row < count; row++) {
      if (lines[row] !== line || files[row] !== file) continue;
      if (((flags[row] ?? 0) & LINE_FLAG.endSequence) === 0) found.push(row);
    }
    return found;
  }

  /** The address of a row: nothing of its relocation is looked at yet. @throws RangeError when there is no such row */
  address(row: number): Relocatable {
    const { baseField, baseSize } = this.#sequenceOf(row);
    return lineAddress(this.header, baseField, baseSize, this.rows.distances[row] ?? 0);
  }

  /** A row in handy form. @throws RangeError when there is no such row */
  row(row: number): LineRow {
    const { rows } = this;
    const flags = rows.flags[row] ?? 0;
    return {
      address: this.address(row),
      opIndex: rows.opIndexes?.[row] ?? 0,
      file: rows.files[row] ?? 0,
      line: rows.lines[row] ?? 0,
      column: rows.columns[row] ?? 0,
      isStmt: (flags & LINE_FLAG.isStmt) !== 0,
      basicBlock: (flags & LINE_FLAG.basicBlock) !== 0,
      endSequence: (flags & LINE_FLAG.endSequence) !== 0,
      prologueEnd: (flags & LINE_FLAG.prologueEnd) !== 0,
      epilogueBegin: (flags & LINE_FLAG.epilogueBegin) !== 0,
      isa: rows.isas?.[row] ?? 0,
      discriminator: rows.discriminators[row] ?? 0,
    };
  }

  #find(place: RelocatablePlace): number {
    this.#index ??= this.#makeIndex();
    const extent = this.#index.find(place);
    const sequence = extent === undefined ? undefined : this.#sequences[extent.sequence];
    if (extent === undefined || sequence === undefined) return -1;
    const distance = sequence.low + Number(place.offset - extent.start);
    const { distances } = this.rows;
    const { firstRow, lastRow } = sequence;
    if (sequence.ordered) return lastNotAbove(distances, firstRow, lastRow, distance);
    for (let row = firstRow; row < lastRow; row++) {
      if ((distances[row] ?? 0) <= distance && distance < (distances[row + 1] ?? 0)) return row;
    }
    return -1;
  }

  #makeIndex(): LineIndex {
    const index = new LineIndex();
    this.#sequences.forEach(({ baseField, baseSize, low, high }, sequence) => {
      index.add(sequence, lineAddress(this.header, baseField, baseSize, low).place(), high - low);
    });
    return index;
  }

  #sequenceOf(row: number): Sequence {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle]?.lastRow ?? 0) < row) low = middle + 1;
      else high = middle;
    }
    const sequence = row >= 0 ? this.#sequences[low] : undefined;
    if (sequence === undefined) throw new RangeError(`line table: row ${row} of ${this.rows.count}`);
    return sequence;
  }
}

/** The last of some ascending distances that is not above one. */
function lastNotAbove(distances: Float64Array, first: number, end: number, distance: number): number {
  let low = first;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((distances[middle] ?? 0) <= distance) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
