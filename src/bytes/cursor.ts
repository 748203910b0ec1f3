/** Bounded sequential reading. Every read either is inside the bytes or throws the owner's error with the place. */
import { readI32, readI64, readSize64, readU16, readU32, readU64 } from "./endian.ts";
import { leb128Length, readSleb128, readUleb128, readUleb128Number } from "./leb128.ts";
import { decodeUtf8, findNul } from "./text.ts";

/** Makes the error for malformed bytes at `offset` (from the start of the cursor's bytes); `what` is the message. */
export type Fault = (offset: number, what: string) => Error;

/** A place in some bytes that moves as fields are read. */
export class Cursor {
  readonly bytes: Uint8Array;
  /** Byte order of multi-byte fields: low byte first. */
  readonly little: boolean;
  /** Where the next read starts, from the start of `bytes`. */
  position: number;
  readonly #fault: Fault;

  /** Reads `bytes` from `position` on; what `fault` makes is thrown for a read past the end. */
  constructor(bytes: Uint8Array, little: boolean, fault: Fault, position = 0) {
    this.bytes = bytes;
    this.little = little;
    this.position = position;
    this.#fault = fault;
  }

  /** Bytes from here to the end. */
  get remaining(): number {
    return Math.max(0, this.bytes.length - this.position);
  }

  u8(): number {
    return this.bytes[this.#take(1)] ?? 0;
  }

  u16(): number {
    return readU16(this.bytes, this.#take(2), this.little);
  }

  u32(): number {
    return readU32(this.bytes, this.#take(4), this.little);
  }

  i32(): number {
    return readI32(this.bytes, this.#take(4), this.little);
  }

  u64(): bigint {
    return readU64(this.bytes, this.#take(8), this.little);
  }

  i64(): bigint {
    return readI64(this.bytes, this.#take(8), this.little);
  }

  /** Unsigned 64 bits as a number; see {@link readSize64} for values past 2^53. */
  size64(): number {
    return readSize64(this.bytes, this.#take(8), this.little);
  }

  /** Unsigned LEB128, all 64 bits. */
  uleb128(): bigint {
    return readUleb128(this.bytes, this.#takeLeb());
  }

  /** Unsigned LEB128 as a number; see {@link readUleb128Number} for values past 2^53. */
  uleb128Number(): number {
    return readUleb128Number(this.bytes, this.#takeLeb());
  }

  /** Signed LEB128, all 64 bits. */
  sleb128(): bigint {
    return readSleb128(this.bytes, this.#takeLeb());
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Text up to the next NUL, which is passed over. */
  string(): string {
    const end = findNul(this.bytes, this.position);
    if (end < 0) throw this.#fault(this.position, "found a string without an end, expected a NUL");
    const text = decodeUtf8(this.bytes, this.position, end);
    this.position = end + 1;
    return text;
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    this.#take(length);
  }

  /** Moves to the next multiple of `alignment` (a power of two), counted from the start of `bytes`, or to the end. */
  align(alignment: number): void {
    const next = Math.ceil(this.position / alignment) * alignment;
    this.position = Math.min(next, this.bytes.length);
  }

  #take(length: number): number {
    const at = this.position;
    if (!(length >= 0 && at >= 0 && at + length <= this.bytes.length)) {
      throw this.#fault(at, `found ${this.remaining} bytes before the end, expected ${length}`);
    }
    this.position = at + length;
    return at;
  }

  #takeLeb(): number {
    const at = this.position;
    const length = leb128Length(this.bytes, at);
    if (length === 0) throw this.#fault(at, "found a LEB128 without an end, expected at most 16 bytes");
    this.position = at + length;
    return at;
  }
}
