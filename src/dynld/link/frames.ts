/** The call frames of a placed module: where each function's record is, for the table that unwinders search. */
import { readI32, readU32, readU64 } from "../../bytes/endian.ts";
import { leb128Length } from "../../bytes/leb128.ts";
import { DW_EH_PE } from "../../dwarf/constants/frame.ts";

/** One function's record. */
export interface FrameRecord {
  /** Address of the function. */
  readonly start: number;
  /** Offset of the record in the frames. */
  readonly record: number;
}

const FORMAT_64 = 0xffff_ffff;
const SIZE_MASK = 0x07;

/**
 * The records of `.eh_frame` bytes that lie at `address`, sorted by function. What is malformed is left out, with all
 * behind it: nobody is led there. [LSB 5.0, 10.6]
 * @param covers whether a function may be there
 */
export function frameRecords(
  bytes: Uint8Array,
  address: number,
  covers: (start: number) => boolean,
): FrameRecord[] {
  const records: FrameRecord[] = [];
  const encodings = new Map<number, number>();
  for (let at = 0; at + 8 <= bytes.length; ) {
    const length = readU32(bytes, at, true);
    if (length === 0) {
      at += 4;
      continue;
    }
    const end = at + 4 + length;
    if (length === FORMAT_64 || length < 4 || end > bytes.length) break;
    const id = readU32(bytes, at + 4, true);
    if (id === 0) {
      encodings.set(at, pointerEncoding(bytes, at + 8, end));
    } else {
      const encoding = encodings.get(at + 4 - id) ?? DW_EH_PE.DW_EH_PE_omit;
      const start = readPointer(bytes, at + 8, end, address, encoding);
      if (start !== undefined && covers(start)) records.push({ start, record: at });
    }
    at = end;
  }
  return records.sort((a, b) => a.start - b.start);
}

/** The `R` of a CIE's augmentation. */
function pointerEncoding(bytes: Uint8Array, fields: number, end: number): number {
  let at = fields + 1;
  let augmentation = "";
  for (; at < end && bytes[at] !== 0; at++) augmentation += String.fromCharCode(bytes[at] ?? 0);
  at++;
  if (!augmentation.startsWith("z")) return DW_EH_PE.DW_EH_PE_absptr;
  // Two alignment factors, the return address register (a byte in version 1), the length of what follows.
  at += leb128Length(bytes, at);
  at += leb128Length(bytes, at);
  at += bytes[fields] === 1 ? 1 : leb128Length(bytes, at);
  at += leb128Length(bytes, at);
  for (const letter of augmentation.slice(1)) {
    const value = bytes[at] ?? 0;
    if (at >= end) break;
    if (letter === "R") return value;
    if (letter === "L") at++;
    else if (letter === "P") at += 1 + sizeOf(value);
  }
  return DW_EH_PE.DW_EH_PE_absptr;
}

/** Bytes of an encoded pointer; 0 of one without a fixed size. */
function sizeOf(encoding: number): number {
  switch (encoding & SIZE_MASK) {
    case DW_EH_PE.DW_EH_PE_absptr:
    case DW_EH_PE.DW_EH_PE_udata8:
      return 8;
    case DW_EH_PE.DW_EH_PE_udata4:
      return 4;
    case DW_EH_PE.DW_EH_PE_udata2:
      return 2;
    default:
      return 0;
  }
}

/** An address that is stored whole or relative to its place, in 4 or 8 bytes; `undefined` for other encodings. */
function readPointer(
  bytes: Uint8Array,
  at: number,
  end: number,
  address: number,
  encoding: number,
): number | undefined {
  const size = sizeOf(encoding);
  const base = encoding & 0x70;
  if (encoding === DW_EH_PE.DW_EH_PE_omit || at + size > end || size < 4) return undefined;
  if (base !== 0 && base !== DW_EH_PE.DW_EH_PE_pcrel) return undefined;
  const signed = (encoding & DW_EH_PE.DW_EH_PE_sdata4) === DW_EH_PE.DW_EH_PE_sdata4;
  const value =
    size === 8
      ? Number(BigInt.asIntN(64, readU64(bytes, at, true)))
      : signed
        ? readI32(bytes, at, true)
        : readU32(bytes, at, true);
  return base === 0 ? value : address + at + value;
}
