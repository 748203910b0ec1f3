/** `SHT_RELR`: relative relocations packed as an address and bitmaps [gABI, "Relative Relocation Table"]. */
import { readU32, readU64 } from "../bytes/endian.ts";
import type { ElfImage } from "./image.ts";

/**
 * Unpacks a RELR table to the addresses that it stands for, in the file's own word size and byte order. An even word
 * is an address; an odd one is a bitmap of the words that follow the last address, one bit each.
 */
export function expandRelr(image: ElfImage, bytes: Uint8Array, part: string): Uint8Array {
  const { is64, little } = image;
  const word = is64 ? 8 : 4;
  const read = (at: number): bigint =>
    is64 ? readU64(bytes, at, little) : BigInt(readU32(bytes, at, little));
  const unpacked = new Uint8Array(countRelr(bytes, word, little) * word);
  const view = new DataView(unpacked.buffer);
  let to = 0;
  const put = (address: bigint): void => {
    if (is64) view.setBigUint64(to, address, little);
    else view.setUint32(to, Number(BigInt.asUintN(32, address)), little);
    to += word;
  };
  let next: bigint | undefined;
  for (let at = 0; at < bytes.length; at += word) {
    const entry = read(at);
    if ((entry & 1n) === 0n) {
      put(entry);
      next = entry + BigInt(word);
      continue;
    }
    if (next === undefined) {
      throw image.error("ELF_BAD_VALUE", part, at, "found a bitmap first, expected an address");
    }
    let place = next;
    for (let map = entry >> 1n; map !== 0n; map >>= 1n, place += BigInt(word))
      if ((map & 1n) !== 0n) put(place);
    next += BigInt((word * 8 - 1) * word);
  }
  return unpacked;
}

/** Addresses that a table stands for: one an address, one a bit of a bitmap but its lowest. */
function countRelr(bytes: Uint8Array, word: number, little: boolean): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += word) {
    if (((bytes[little ? at : at + word - 1] ?? 0) & 1) === 0) {
      count += 1;
      continue;
    }
    let bits = -1;
    for (let i = 0; i < word; i++) for (let byte = bytes[at + i] ?? 0; byte !== 0; byte &= byte - 1) bits++;
    count += bits;
  }
  return count;
}
