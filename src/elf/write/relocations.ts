/** Relocation tables, written [gABI, "Relocation"]. */
import { ElfError } from "../../errors.ts";
import { EM } from "../constants/machine.ts";
import { SHT } from "../constants/section.ts";
import { layoutOf } from "../header.ts";
import { placeIn } from "../place.ts";
import { checkLength, putWords, type WordColumn, wordAt, wordColumn } from "./columns.ts";
import type { RelocationColumns, RelocationDescription } from "./description.ts";
import { type Format, type Integer, putWord } from "./put.ts";

/** Bytes of a record of a `SHT_REL` or `SHT_RELA` table. */
export function recordSize(format: Format, type: number): number {
  const { relsize, relasize } = layoutOf(format.is64);
  return type === SHT.SHT_RELA ? relasize : relsize;
}

/** Relocations as columns, ready to be written; `special` is MIPS64's `r_ssym`. */
export interface RelocationPlan {
  readonly count: number;
  readonly columns: RelocationColumns;
  readonly special: readonly number[] | undefined;
  /** What messages call the table. */
  readonly part: string;
  readonly type: number;
}

/** Checks a table and makes columns of it. @param symbol final index of a symbol */
export function planRelocations(
  relocations: readonly RelocationDescription[] | RelocationColumns,
  type: number,
  part: string,
  symbol: (ref: number | string) => number,
): RelocationPlan {
  const fail = (what: string) => new ElfError("ELF_BAD_VALUE", placeIn(undefined, part), what);
  if (type !== SHT.SHT_REL && type !== SHT.SHT_RELA)
    throw fail(`type of a section of relocations: found ${type}, expected SHT_REL or SHT_RELA`);
  let columns: RelocationColumns;
  let special: number[] | undefined;
  let addends = false;
  if ("offsets" in relocations) {
    const { symbols } = relocations;
    const count = relocations.offsets.length;
    for (const what of ["types", "symbols", "addends"] as const)
      checkLength(relocations[what], count, what, part);
    addends = relocations.addends !== undefined;
    const final = symbols === undefined || typeof symbols === "number" ? symbols : new Uint32Array(count);
    if (final instanceof Uint32Array && symbols !== undefined && typeof symbols !== "number")
      for (let i = 0; i < count; i++) final[i] = symbol(symbols[i] ?? 0);
    columns = {
      ...relocations,
      ...(final === undefined ? {} : { symbols: typeof final === "number" ? symbol(final) : final }),
    };
  } else {
    addends = relocations.some((one) => one.addend !== undefined);
    columns = {
      offsets: wordColumn(relocations.map((one) => one.offset)),
      types: relocations.map((one) => one.type),
      symbols: relocations.map((one) => symbol(one.symbol ?? 0)),
      ...(addends ? { addends: signedColumn(relocations.map((one) => one.addend ?? 0)) } : {}),
    };
    if (relocations.some((one) => one.specialSymbol !== undefined))
      special = relocations.map((one) => one.specialSymbol ?? 0);
  }
  if (addends && type === SHT.SHT_REL)
    throw fail("found an addend in a SHT_REL table, expected it in the place that the record is for");
  return { count: columns.offsets.length, columns, special, part, type };
}

/** Writes the records at `at`. @param base address that offsets count from, of relative tables */
export function putRelocations(
  view: DataView,
  at: number,
  format: Format,
  plan: RelocationPlan,
  base = 0n,
): void {
  const { count, columns, special, part, type } = plan;
  const { is64 } = format;
  const { word } = layoutOf(is64);
  const stride = recordSize(format, type);
  const { types, symbols = 0, addends = 0 } = columns;
  const rows = (offset: number) => ({ view, at: at + offset, stride, count, order: undefined, part });
  const offsets: WordColumn =
    base === 0n
      ? columns.offsets
      : BigUint64Array.from({ length: count }, (_, i) => base + wordAt(columns.offsets, i));
  putWords(rows(0), format, offsets);
  for (let i = 0, entry = at + word; i < count; i++, entry += stride) {
    const recordType = typeof types === "number" ? types : (types[i] ?? 0);
    const symbol = typeof symbols === "number" ? symbols : (symbols[i] ?? 0);
    if (!putInfo(view, entry, format, recordType, symbol, special?.[i] ?? 0)) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        placeIn(undefined, part, entry - at - word),
        `relocation ${i}: found type ${recordType} and symbol ${symbol}, expected ${is64 ? "32 bits of each" : "at most 255 and 16777215"}`,
      );
    }
  }
  if (type === SHT.SHT_RELA) putWords(rows(2 * word), format, addends);
}

/** Writes `r_info`; `false` if a part does not fit. */
function putInfo(
  view: DataView,
  at: number,
  format: Format,
  type: number,
  symbol: number,
  special: number,
): boolean {
  const { is64, little, machine } = format;
  if (!is64) {
    view.setUint32(at, symbol * 256 + type, little);
    return type >= 0 && type <= 0xff && symbol <= 0xff_ffff;
  }
  if (machine === EM.EM_MIPS) {
    // r_sym, then the bytes r_ssym, r_type3, r_type2, r_type [64-bit ELF Object File Specification, 2.9].
    view.setUint32(at, symbol, little);
    view.setUint32(at + 4, special * 0x100_0000 + type, false);
    return type >= 0 && type <= 0xff_ffff;
  }
  view.setUint32(little ? at : at + 4, type, little);
  view.setUint32(little ? at + 4 : at, symbol, little);
  return type >= 0 && type <= 0xffff_ffff;
}

/** Numbers of either sign as a column. */
function signedColumn(values: readonly Integer[]): BigInt64Array | number[] {
  const column = wordColumn(values);
  return column instanceof BigUint64Array ? new BigInt64Array(column.buffer) : column;
}

/**
 * Changes the symbol of every record of a table in place; all else stays.
 *
 * @param map new index of each symbol
 * @returns the first record whose new index does not fit, or `undefined`
 */
export function remapRelocations(
  bytes: Uint8Array,
  format: Format,
  type: number,
  map: (symbol: number) => number,
): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { is64, little, machine } = format;
  const { word } = layoutOf(is64);
  const stride = recordSize(format, type);
  for (let record = 0, at = word; at + word <= bytes.length; record++, at += stride) {
    if (!is64) {
      const info = view.getUint32(at, little);
      const symbol = map(info >>> 8);
      if (symbol > 0xff_ffff) return record;
      view.setUint32(at, symbol * 256 + (info & 0xff), little);
    } else {
      const symbolAt = machine === EM.EM_MIPS || !little ? at : at + 4;
      view.setUint32(symbolAt, map(view.getUint32(symbolAt, little)), little);
    }
  }
  return undefined;
}

/**
 * Packs addresses as `SHT_RELR` does [gABI, "Relative Relocation Table"]: an address, then bitmaps of the words after it.
 *
 * @throws ElfError `ELF_BAD_VALUE` if they are not even and ascending
 */
export function encodeRelr(addresses: readonly Integer[], format: Format, part: string): Uint8Array {
  const { word } = layoutOf(format.is64);
  const span = word * 8 - 1;
  const entries: bigint[] = [];
  let last = -1n;
  for (let i = 0; i < addresses.length; ) {
    const start = BigInt(addresses[i] ?? 0);
    if (start % 2n !== 0n || start <= last) {
      throw new ElfError(
        "ELF_BAD_VALUE",
        placeIn(undefined, part),
        `address ${i}: found 0x${start.toString(16)}, expected an even one past the one before`,
      );
    }
    entries.push(start);
    last = start;
    i++;
    for (let from = start + BigInt(word); ; from += BigInt(span * word)) {
      let bits = 0n;
      for (; i < addresses.length; i++) {
        const distance = BigInt(addresses[i] ?? 0) - from;
        if (distance < 0n || distance % BigInt(word) !== 0n || distance >= BigInt(span * word)) break;
        bits |= 1n << (distance / BigInt(word) + 1n);
        last = BigInt(addresses[i] ?? 0);
      }
      if (bits === 0n) break;
      entries.push(bits | 1n);
    }
  }
  const bytes = new Uint8Array(entries.length * word);
  const view = new DataView(bytes.buffer);
  entries.forEach((entry, i) => {
    putWord(view, i * word, format, entry, () => placeIn(undefined, part));
  });
  return bytes;
}
