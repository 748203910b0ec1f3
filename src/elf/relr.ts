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
  const bits = BigInt(word * 8 - 1);
  const mask = (1n << BigInt(word * 8)) - 1n;
  const read = (at: number): bigint =>
    is64 ? readU64(bytes, at, little) : BigInt(readU32(bytes, at, little));
  const addresses: bigint[] = [];
  let next: bigint | undefined;
  for (let at = 0; at < bytes.length; at += word) {
    const entry = read(at);
    if ((entry & 1n) === 0n) {
      addresses.push(entry);
      next = entry + BigInt(word);
      continue;
    }
    if (next === undefined) {
      throw image.error("ELF_BAD_VALUE", part, at, "found a bitmap first, expected an address");
    }
    for (let bit = 0n, map = entry >> 1n; map !== 0n; bit++, map >>= 1n) {
      if ((map & 1n) !== 0n) addresses.push((next + bit * BigInt(word)) & mask);
    }
    next += bits * BigInt(word);
  }
  const unpacked = new Uint8Array(addresses.length * word);
  const view = new DataView(unpacked.buffer);
  for (const [i, address] of addresses.entries()) {
    if (is64) view.setBigUint64(i * 8, address, little);
    else view.setUint32(i * 4, Number(address), little);
  }
  return unpacked;
}
