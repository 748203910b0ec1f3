/** Bit-fields: integers of some bits, anywhere in the bytes of a structure. */
import { bare, type CMember } from "../ctype.ts";
import type { Memory } from "./memory.ts";
import type { Access } from "./model.ts";
import { boolConvert, type Convert, integerConvert, integerForm } from "./numbers.ts";
import { unreadable } from "./unsupported.ts";

/**
 * A bit-field of a structure. Its offsets are those of the structure.
 * @param place bits from the structure's start
 */
export function bitFieldAccess({ type }: CMember, place: number, bitSize: number): Access {
  const found = bare(type);
  const isBool = found.kind === "base" && found.encoding === "bool";
  const form = integerForm(type);
  if (form === undefined && !isBool) return unreadable(type, 0);
  const first = Math.floor(place / 8);
  const end = Math.ceil((place + bitSize) / 8);
  const shift = BigInt(place % 8);
  const mask = (1n << BigInt(bitSize)) - 1n;
  const convert: Convert =
    form === undefined ? boolConvert(type) : integerConvert(type, { ...form, bits: bitSize });
  const load = (view: DataView, offset: number): bigint => {
    let value = 0n;
    for (let at = end - 1; at >= first; at--) value = (value << 8n) | BigInt(view.getUint8(offset + at));
    return value;
  };
  const read = ({ view }: Memory, offset: number): unknown => {
    const raw = (load(view, offset) >> shift) & mask;
    if (form === undefined) return raw !== 0n;
    const value = form.isSigned ? BigInt.asIntN(bitSize, raw) : raw;
    return form.isWide ? value : Number(value);
  };
  return {
    size: 0,
    read,
    plain: read,
    write: ({ view }, offset, given, where) => {
      const value = BigInt.asUintN(bitSize, BigInt(convert(given, where) as number | bigint | boolean));
      let bytes = (load(view, offset) & ~(mask << shift)) | (value << shift);
      for (let at = first; at < end; at++, bytes >>= 8n) view.setUint8(offset + at, Number(bytes & 0xffn));
    },
  };
}
