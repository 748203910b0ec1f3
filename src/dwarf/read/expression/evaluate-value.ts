/** Values on the stack of an expression: of the generic type, or of a base type [DWARF5 2.5.1]. */
import { readU16, readU32 } from "../../../bytes/endian.ts";
import { DW_AT } from "../../constants/attribute.ts";
import { DW_ATE } from "../../constants/base-type.ts";
import { DW_TAG } from "../../constants/tag.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import { EntryCursor } from "../entry/cursor.ts";

/** A base type, as far as arithmetic depends on it. */
export interface BaseType {
  /** A `DW_ATE_`. */
  readonly encoding: number;
  /** Bytes. */
  readonly size: number;
}

/** A value. Bits are those that a variable of the type holds, as an unsigned number. */
export interface StackValue {
  /** `undefined`: the generic type, an integer of the size of an address. */
  readonly type: BaseType | undefined;
  readonly bits: bigint;
}

/** Largest base type that there is. */
const LARGEST = 64;

/**
 * The base type that an entry of a unit is.
 * @throws DwarfError DWARF_BAD_REFERENCE when it is none
 */
export function baseType(unit: DwarfUnit, offset: number): BaseType {
  const { header, reader } = unit;
  const fail = (what: string): never => {
    throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", offset, `base type: ${what}`);
  };
  if (offset < header.entries || offset >= header.end) fail("no entry of the unit begins here");
  const at = new EntryCursor(reader, header, unit.abbrevs, offset);
  if (!at.next() || at.offset !== offset || at.tag !== DW_TAG.DW_TAG_base_type) fail("found another entry");
  let encoding = -1;
  let size = 0;
  while (at.nextAttribute()) {
    if (at.attribute === DW_AT.DW_AT_encoding) encoding = at.low;
    else if (at.attribute === DW_AT.DW_AT_byte_size) size = at.low;
  }
  if (encoding < 0 || size < 1 || size > LARGEST) fail("no encoding or no size");
  return { encoding, size };
}

/** Bytes in memory as an unsigned number. */
export function bytesToBits(bytes: Uint8Array, little: boolean): bigint {
  let bits = 0n;
  const { length } = bytes;
  for (let i = 0; i < length; i++) bits = (bits << 8n) | BigInt(bytes[little ? length - 1 - i : i] ?? 0);
  return bits;
}

/** An unsigned number as bytes in memory. */
export function bitsToBytes(bits: bigint, size: number, little: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = bits;
  for (let i = 0; i < size; i++, rest >>= 8n) bytes[little ? i : size - 1 - i] = Number(rest & 0xffn);
  return bytes;
}

/** How the bits of a type are read. */
export type NumberKind = "signed" | "unsigned" | "float" | "other";

export function numberKind({ encoding, size }: BaseType): NumberKind {
  switch (encoding) {
    case DW_ATE.DW_ATE_signed:
    case DW_ATE.DW_ATE_signed_char:
      return "signed";
    case DW_ATE.DW_ATE_address:
    case DW_ATE.DW_ATE_boolean:
    case DW_ATE.DW_ATE_unsigned:
    case DW_ATE.DW_ATE_unsigned_char:
    case DW_ATE.DW_ATE_UTF:
    case DW_ATE.DW_ATE_UCS:
    case DW_ATE.DW_ATE_ASCII:
      return "unsigned";
    case DW_ATE.DW_ATE_float:
      return size === 4 || size === 8 ? "float" : "other";
    default:
      return "other";
  }
}

/** The number that IEEE 754 bits of 4 or 8 bytes mean. */
export function floatOfBits(bits: bigint, size: number): number {
  const bytes = bitsToBytes(bits, size, true);
  const view = new DataView(bytes.buffer);
  return size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
}

export function floatToBits(value: number, size: number): bigint {
  const view = new DataView(new ArrayBuffer(size));
  if (size === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  return bytesToBits(new Uint8Array(view.buffer), true);
}

const EXPONENT_BIAS_64 = 1023;
const EXPONENT_BIAS_80 = 16383;

/**
 * The bits of a number in the 80-bit format of x87, which is what `long double` is on x86; each number has them exactly.
 * [Intel SDM 1, 4.2.2]
 */
export function extendedBits(value: number): bigint {
  const bytes = bitsToBytes(floatToBits(value, 8), 8, true);
  const top = readU16(bytes, 6, true);
  const exponent = (top >> 4) & 0x7ff;
  const fraction = (BigInt(readU32(bytes, 4, true) & 0xf_ffff) << 32n) | BigInt(readU32(bytes, 0, true));
  const sign = BigInt(top >> 15) << 79n;
  if (exponent === 0x7ff) return sign | (0x7fffn << 64n) | (1n << 63n) | (fraction << 11n);
  if (exponent === 0 && fraction === 0n) return sign;
  if (exponent !== 0) {
    const wide = BigInt(exponent - EXPONENT_BIAS_64 + EXPONENT_BIAS_80);
    return sign | (wide << 64n) | (1n << 63n) | (fraction << 11n);
  }
  // A denormal number of 64 bits is a normal one here.
  const width = fraction.toString(2).length;
  const wide = BigInt(1 - EXPONENT_BIAS_64 + EXPONENT_BIAS_80 - (53 - width));
  return sign | (wide << 64n) | (fraction << BigInt(64 - width));
}
