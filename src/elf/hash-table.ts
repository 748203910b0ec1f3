/** Looking names up in a file's own hash tables, as the run-time linker does. */
import { readU32 } from "../bytes/endian.ts";
import { encodeUtf8 } from "../bytes/text.ts";
import { EM } from "./constants/machine.ts";
import { gnuHash, sysvHash } from "./hash.ts";
import type { ElfImage } from "./image.ts";
import type { SymbolTable } from "./symbol.ts";

/** A `SHT_HASH` table [gABI, "Hash Table"]. */
export class SysvHashTable {
  readonly buckets: number;
  /** `nchain`: equals the number of dynamic symbols. */
  readonly symbolCount: number;
  readonly #image: ElfImage;
  readonly #bytes: Uint8Array;
  readonly #part: string;
  readonly #wordSize: number;
  readonly #symbols: () => SymbolTable;

  constructor(image: ElfImage, bytes: Uint8Array, part: string, symbols: () => SymbolTable) {
    this.#image = image;
    this.#bytes = bytes;
    this.#part = part;
    this.#wordSize = sysvHashWordSize(image);
    this.#symbols = symbols;
    this.buckets = this.#word(0);
    this.symbolCount = this.#word(1);
  }

  /** Index of the first symbol called `name`, or `undefined`. */
  lookup(name: string): number | undefined {
    return this.lookupAll(name, 1)[0];
  }

  /** Indexes of the symbols called `name` (several versions may be), in the order that the table finds them. */
  lookupAll(name: string, most = Number.POSITIVE_INFINITY): number[] {
    const wanted = encodeUtf8(name);
    const symbols = this.#symbols();
    const found: number[] = [];
    if (this.buckets === 0) return found;
    let index = this.#word(2 + (sysvHash(wanted) % this.buckets));
    for (let budget = this.#words; index !== 0; budget--) {
      if (budget < 0) throw looped(this.#image, this.#part);
      if (symbols.strings.equals(symbols.nameOffset(index), wanted) && found.push(index) >= most) break;
      if (index >= this.symbolCount) throw outside(this.#image, this.#part, index, this.symbolCount);
      index = this.#word(2 + this.buckets + index);
    }
    return found;
  }

  /** Lengths of the chains, by bucket. */
  chainLengths(): number[] {
    let budget = this.#words;
    return Array.from({ length: Math.min(this.buckets, this.#words) }, (_, bucket) => {
      let length = 0;
      for (let index = this.#word(2 + bucket); index !== 0; length++) {
        if (--budget < 0) throw looped(this.#image, this.#part);
        index = this.#word(2 + this.buckets + index);
      }
      return length;
    });
  }

  /** Words that the table has in fact, whatever its counts say: no walk is longer. */
  get #words(): number {
    return this.#bytes.length / this.#wordSize;
  }

  #word(index: number): number {
    const { little } = this.#image;
    const at = index * this.#wordSize;
    if (at + this.#wordSize > this.#bytes.length) {
      throw this.#image.error(
        "ELF_TRUNCATED",
        this.#part,
        at,
        `found ${this.#bytes.length} bytes, expected word ${index}`,
      );
    }
    return readU32(this.#bytes, this.#wordSize === 8 && !little ? at + 4 : at, little);
  }
}

/** A `SHT_GNU_HASH` table. */
export class GnuHashTable {
  readonly buckets: number;
  /** Index of the first symbol that can be found. */
  readonly symbolOffset: number;
  /** Words of the Bloom filter. */
  readonly bloomWords: number;
  readonly bloomShift: number;
  readonly #image: ElfImage;
  readonly #bytes: Uint8Array;
  readonly #part: string;
  readonly #symbols: () => SymbolTable;
  readonly #tables: number;

  constructor(image: ElfImage, bytes: Uint8Array, part: string, symbols: () => SymbolTable) {
    this.#image = image;
    this.#bytes = bytes;
    this.#part = part;
    this.#symbols = symbols;
    this.buckets = this.#word(0);
    this.symbolOffset = this.#word(4);
    this.bloomWords = this.#word(8);
    this.bloomShift = this.#word(12);
    this.#tables = 16 + this.bloomWords * (image.is64 ? 8 : 4);
  }

  /** Index of the first symbol called `name`, or `undefined`. */
  lookup(name: string): number | undefined {
    return this.lookupAll(name, 1)[0];
  }

  /** Indexes of the symbols called `name` (several versions may be), in the order that the table finds them. */
  lookupAll(name: string, most = Number.POSITIVE_INFINITY): number[] {
    const wanted = encodeUtf8(name);
    const hash = gnuHash(wanted);
    const found: number[] = [];
    if (this.buckets === 0 || !this.#mayHold(hash)) return found;
    const symbols = this.#symbols();
    const first = this.#word(this.#tables + (hash % this.buckets) * 4);
    if (first === 0) return found;
    if (first < this.symbolOffset) throw outside(this.#image, this.#part, first, symbols.length);
    for (let index = first; ; index++) {
      const stored = this.#chain(index);
      const same = (stored | 1) === (hash | 1);
      if (same && symbols.strings.equals(symbols.nameOffset(index), wanted) && found.push(index) >= most)
        break;
      if ((stored & 1) !== 0) break;
    }
    return found;
  }

  /** Number of dynamic symbols, as far as this table tells: one past the last symbol of the highest chain. */
  symbolCount(): number {
    let last = 0;
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      last = Math.max(last, this.#word(this.#tables + bucket * 4));
    }
    if (last < this.symbolOffset) return this.symbolOffset;
    while ((this.#chain(last) & 1) === 0) last++;
    return last + 1;
  }

  /** Lengths of the chains, by bucket. */
  chainLengths(): number[] {
    const lengths: number[] = [];
    let budget = this.#bytes.length / 4;
    for (let bucket = 0; bucket < this.buckets; bucket++) {
      const first = this.#word(this.#tables + bucket * 4);
      let length = 0;
      if (first !== 0) {
        do {
          if (--budget < 0) throw looped(this.#image, this.#part);
          length++;
        } while ((this.#chain(first + length - 1) & 1) === 0);
      }
      lengths.push(length);
    }
    return lengths;
  }

  #mayHold(hash: number): boolean {
    if (this.bloomWords === 0) return true;
    const bits = this.#image.is64 ? 64 : 32;
    const word = Math.floor(hash / bits) % this.bloomWords;
    const has = (bit: number) => {
      const half = this.#image.is64 && !this.#image.little ? 1 - (bit >>> 5) : bit >>> 5;
      const at = 16 + word * (bits / 8) + half * 4;
      return ((this.#word(at) >>> (bit & 31)) & 1) === 1;
    };
    return has(hash % bits) && has((hash >>> this.bloomShift) % bits);
  }

  #chain(index: number): number {
    return this.#word(this.#tables + (this.buckets + index - this.symbolOffset) * 4);
  }

  #word(at: number): number {
    if (at < 0 || at + 4 > this.#bytes.length) {
      throw this.#image.error(
        "ELF_TRUNCATED",
        this.#part,
        at,
        `found ${this.#bytes.length} bytes, expected 4 more from here`,
      );
    }
    return readU32(this.#bytes, at, this.#image.little);
  }
}

/** Bytes of a word in `SHT_HASH`: 4 everywhere save on 64-bit s390 and Alpha. */
export function sysvHashWordSize(image: Pick<ElfImage, "is64" | "machine">): 4 | 8 {
  return image.is64 && (image.machine === EM.EM_S390 || image.machine === EM.EM_ALPHA) ? 8 : 4;
}

function looped(image: ElfImage, part: string): Error {
  return image.error("ELF_LOOP", part, undefined, "found a chain longer than the table, expected it to end");
}

function outside(image: ElfImage, part: string, index: number, count: number): Error {
  return image.error(
    "ELF_BAD_REFERENCE",
    part,
    undefined,
    `chain: found symbol ${index}, expected less than ${count}`,
  );
}
