/** Columns of numbers, scattered into the records of a table: one pass a column, nothing allocated per row. */
import { HOST_LITTLE } from "../../bytes/endian.ts";
import { ElfError } from "../../errors.ts";
import { placeIn } from "../place.ts";
import { type Format, type Integer, putWord } from "./put.ts";

/** A column of words: 64-bit, whole numbers, or one number for all rows. */
export type WordColumn = BigUint64Array | BigInt64Array | ArrayLike<number> | number;

/** Where the records of a table are. */
export interface Rows {
  readonly view: DataView;
  /** Where the first record's field is. */
  readonly at: number;
  /** Bytes from record to record. */
  readonly stride: number;
  readonly count: number;
  /** Row of the column that goes into each record; the same by default. */
  readonly order: Uint32Array | undefined;
  /** What messages call the table. */
  readonly part: string;
}

/** Throws `ELF_BAD_VALUE` unless a column has `count` rows. */
export function checkLength(
  column: { readonly length: number } | number | undefined,
  count: number,
  what: string,
  part: string,
): void {
  if (column === undefined || typeof column === "number" || column.length === count) return;
  throw new ElfError(
    "ELF_BAD_VALUE",
    placeIn(undefined, part),
    `${what}: found ${column.length} rows, expected ${count}`,
  );
}

/** Writes a column of words of the file's class, one into each record. */
export function putWords(rows: Rows, format: Format, column: WordColumn): void {
  const { view, stride, count, order, part } = rows;
  const { is64, little } = format;
  const place = () => placeIn(undefined, part);
  let at = rows.at;
  if (typeof column === "number") {
    if (column === 0) return;
    for (let i = 0; i < count; i++, at += stride) putWord(view, at, format, column, place);
  } else if (column instanceof BigUint64Array || column instanceof BigInt64Array) {
    const halves = new Uint32Array(column.buffer, column.byteOffset, column.length * 2);
    const low = HOST_LITTLE ? 0 : 1;
    for (let i = 0; i < count; i++, at += stride) {
      const row = order === undefined ? i : (order[i] ?? 0);
      const lowHalf = halves[2 * row + low] ?? 0;
      const highHalf = halves[2 * row + 1 - low] ?? 0;
      if (is64) {
        view.setUint32(little ? at : at + 4, lowHalf, little);
        view.setUint32(little ? at + 4 : at, highHalf, little);
      } else if (highHalf === 0) view.setUint32(at, lowHalf, little);
      else putWord(view, at, format, column[row] ?? 0n, place);
    }
  } else {
    for (let i = 0; i < count; i++, at += stride) {
      const value = column[order === undefined ? i : (order[i] ?? 0)] ?? 0;
      // Small numbers are the usual ones; the rest takes the way with all the checks.
      if (value >= 0 && value <= 0xffff_ffff && Number.isInteger(value)) {
        view.setUint32(is64 && !little ? at + 4 : at, value, little);
        if (is64) view.setUint32(little ? at + 4 : at, 0, little);
      } else putWord(view, at, format, value, place);
    }
  }
}

/** Integers as a column: numbers if all are, else 64-bit. */
export function wordColumn(values: readonly Integer[]): BigUint64Array | number[] {
  const numbers: number[] = [];
  for (const value of values) {
    if (typeof value === "bigint")
      return BigUint64Array.from(values, (one) => BigInt.asUintN(64, BigInt(one)));
    numbers.push(value);
  }
  return numbers;
}

/** Row `row` of a column as a `bigint`. */
export function wordAt(column: WordColumn, row: number): bigint {
  return BigInt(typeof column === "number" ? column : (column[row] ?? 0));
}
