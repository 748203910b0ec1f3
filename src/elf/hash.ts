/**
 * The two hash functions of dynamic symbol tables, and tables made with them: SysV [gABI, "Hash Table"] and GNU
 * (`DT_GNU_HASH`, [binutils 2006, "DT_GNU_HASH" announcement]).
 */
import { encodeUtf8 } from "../bytes/text.ts";

/** SysV hash of a name; 28 bits. */
export function sysvHash(name: string | Uint8Array): number {
  const bytes = bytesOf(name);
  let hash = 0;
  for (let i = 0; i < bytes.length; i++) {
    hash = (hash << 4) + (bytes[i] ?? 0);
    const top = hash & 0xf0000000;
    hash = (hash ^ (top >>> 24)) & ~top;
  }
  return hash >>> 0;
}

/** GNU hash of a name: Bernstein's, 32 bits. */
export function gnuHash(name: string | Uint8Array): number {
  const bytes = bytesOf(name);
  let hash = 5381;
  for (let i = 0; i < bytes.length; i++) hash = (Math.imul(hash, 33) + (bytes[i] ?? 0)) | 0;
  return hash >>> 0;
}

/** Layout of the file that a hash table is for. */
export interface HashLayout {
  readonly little: boolean;
  readonly is64: boolean;
}

/** How to lay out a SysV table. */
export interface SysvHashOptions {
  readonly little: boolean;
  /** Bytes of a table entry: 4, or 8 on 64-bit s390 and Alpha. */
  readonly wordSize?: 4 | 8;
  /** Number of buckets; by default one for two symbols or so. */
  readonly buckets?: number;
}

/**
 * Makes a `SHT_HASH` table.
 *
 * @param names name of each symbol in table order, the null symbol included; an empty name is not entered
 * @returns the table's bytes: `nbucket`, `nchain`, buckets, chains
 */
export function buildSysvHash(names: readonly string[], options: SysvHashOptions): Uint8Array {
  const { little, wordSize = 4 } = options;
  const buckets = Math.max(1, options.buckets ?? bucketsFor(names.length));
  const heads = new Uint32Array(buckets);
  const chains = new Uint32Array(names.length);
  // Backwards, so that of two symbols of one name the first is found first.
  for (let i = names.length - 1; i > 0; i--) {
    const name = names[i] ?? "";
    if (name === "") continue;
    const bucket = sysvHash(name) % buckets;
    chains[i] = heads[bucket] ?? 0;
    heads[bucket] = i;
  }
  const bytes = new Uint8Array((2 + buckets + names.length) * wordSize);
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (value: number) => {
    if (wordSize === 4) view.setUint32(at, value, little);
    else view.setBigUint64(at, BigInt(value), little);
    at += wordSize;
  };
  put(buckets);
  put(names.length);
  for (const head of heads) put(head);
  for (const next of chains) put(next);
  return bytes;
}

/** How to lay out a GNU table. */
export interface GnuHashOptions extends HashLayout {
  /** Index that the first hashed symbol will have in the symbol table; those before it can't be found. */
  readonly symbolOffset: number;
  /** Number of buckets; by default one for two symbols or so. */
  readonly buckets?: number;
  /** Words of the Bloom filter, a power of two; by default about 12 bits a symbol. */
  readonly bloomWords?: number;
}

/** A GNU table, and the order that it asks the symbols to be in. */
export interface GnuHash {
  readonly bytes: Uint8Array;
  /** `order[k]` is the position in `names` of the symbol that must come at index `symbolOffset + k`. */
  readonly order: Uint32Array;
}

/** Second hash of the Bloom filter, as GNU ld and lld choose it. */
const BLOOM_SHIFT = 26;

/**
 * Makes a `SHT_GNU_HASH` table.
 *
 * @param names the symbols to be found, in any order; {@link GnuHash.order} says where each must go
 */
export function buildGnuHash(names: readonly string[], options: GnuHashOptions): GnuHash {
  const { little, is64, symbolOffset } = options;
  const buckets = Math.max(1, options.buckets ?? bucketsFor(names.length));
  const hashes = Uint32Array.from(names, (name) => gnuHash(name));
  const bucketOf = (i: number) => (hashes[i] ?? 0) % buckets;
  // Stable: symbols of one bucket keep their order.
  const order = Uint32Array.from(names.map((_, i) => i).sort((a, b) => bucketOf(a) - bucketOf(b) || a - b));
  const wordBits = is64 ? 64 : 32;
  const bloomWords =
    options.bloomWords ?? 2 ** Math.ceil(Math.log2(Math.max(1, (names.length * 12) / wordBits)));
  const bloom = new Uint32Array(bloomWords * (wordBits / 32));
  const heads = new Uint32Array(buckets);
  const chains = new Uint32Array(names.length);
  order.forEach((i, k) => {
    const hash = hashes[i] ?? 0;
    const bucket = hash % buckets;
    if (heads[bucket] === 0) heads[bucket] = symbolOffset + k;
    const following = order[k + 1];
    const last = following === undefined || bucketOf(following) !== bucket;
    chains[k] = last ? hash | 1 : hash & ~1;
    const word = Math.floor(hash / wordBits) % bloomWords;
    for (const bit of [hash % wordBits, (hash >>> BLOOM_SHIFT) % wordBits]) {
      const half = word * (wordBits / 32) + (bit >>> 5);
      bloom[half] = (bloom[half] ?? 0) | (1 << (bit & 31));
    }
  });
  const bytes = new Uint8Array(16 + bloom.length * 4 + (buckets + names.length) * 4);
  const view = new DataView(bytes.buffer);
  [buckets, symbolOffset, bloomWords, BLOOM_SHIFT].forEach((value, i) => {
    view.setUint32(i * 4, value, little);
  });
  bloom.forEach((half, i) => {
    // Halves of a big-endian 64-bit word come the other way round.
    view.setUint32(16 + (is64 && !little ? i ^ 1 : i) * 4, half, little);
  });
  const tables = 16 + bloom.length * 4;
  heads.forEach((head, i) => {
    view.setUint32(tables + i * 4, head, little);
  });
  chains.forEach((hash, i) => {
    view.setUint32(tables + (buckets + i) * 4, hash, little);
  });
  return { bytes, order };
}

function bytesOf(name: string | Uint8Array): Uint8Array {
  return typeof name === "string" ? encodeUtf8(name) : name;
}

/** An odd number of buckets, about half as many as symbols. */
function bucketsFor(symbols: number): number {
  return Math.floor(symbols / 2) | 1;
}
