/** Fields at a place in an image that is being made: the writing side of `bytes/endian.ts`, with range checks. */
import { ElfError, type Place } from "../../errors.ts";

/** What decides how structures are laid out: class, byte order and machine. */
export interface Format {
  /** `ELFCLASS64`. */
  readonly is64: boolean;
  /** `ELFDATA2LSB`. */
  readonly little: boolean;
  /** `e_machine`, an `EM_` value. */
  readonly machine: number;
}

/** An address, size or offset to be written: a whole number below 2^53, or a `bigint` of up to 64 bits. */
export type Integer = bigint | number;

const TWO32 = 0x1_0000_0000;

/** Writes a word of the file's class at `at`: 8 bytes or 4. A negative number is stored in two's complement. */
export function putWord(
  view: DataView,
  at: number,
  format: Format,
  value: Integer,
  place: () => Place,
): void {
  const { is64, little } = format;
  if (typeof value === "bigint") {
    if (is64) {
      if (BigInt.asUintN(64, value) !== value && BigInt.asIntN(64, value) !== value)
        throw tooWide(value, 64, place);
      view.setBigUint64(at, BigInt.asUintN(64, value), little);
      return;
    }
    if (value < -0x8000_0000n || value > 0xffff_ffffn) throw tooWide(value, 32, place);
    view.setUint32(at, Number(value) >>> 0, little);
    return;
  }
  if (!Number.isSafeInteger(value)) throw notWhole(value, place);
  if (is64) {
    const high = Math.floor(value / TWO32);
    view.setUint32(little ? at : at + 4, value >>> 0, little);
    view.setUint32(little ? at + 4 : at, high >>> 0, little);
    return;
  }
  if (value < -0x8000_0000 || value >= TWO32) throw tooWide(value, 32, place);
  view.setUint32(at, value >>> 0, little);
}

/** `value` rounded up to a multiple of `alignment`; 0 and 1 both mean none. */
export function alignUp(value: number, alignment: number): number {
  if (alignment <= 1) return value;
  const over = value % alignment;
  return over === 0 ? value : value + alignment - over;
}

/** Throws `ELF_BAD_VALUE` unless `alignment` is 0 or a power of two. */
export function checkAlignment(alignment: number, place: () => Place): void {
  // Up to 2^53, where bit operations on 32 bits do not reach.
  if (alignment === 0 || (Number.isSafeInteger(alignment) && Number.isInteger(Math.log2(alignment)))) return;
  throw new ElfError("ELF_BAD_VALUE", place(), `alignment: found ${alignment}, expected 0 or a power of two`);
}

function tooWide(value: Integer, bits: number, place: () => Place): ElfError {
  return new ElfError("ELF_BAD_VALUE", place(), `found ${value}, expected a value of ${bits} bits`);
}

function notWhole(value: number, place: () => Place): ElfError {
  return new ElfError("ELF_BAD_VALUE", place(), `found ${value}, expected a whole number below 2^53`);
}
