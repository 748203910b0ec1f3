/** Relocation records [gABI, "Relocation"]: `SHT_REL`, `SHT_RELA` and `SHT_RELR`, as columns over the raw bytes. */
import { HOST_LITTLE, readI32, readI64, readSize64, readU32, readU64 } from "../bytes/endian.ts";
import { EM } from "./constants/machine.ts";
import { layoutOf } from "./header.ts";
import type { ElfImage } from "./image.ts";
import { machineFor, relocationTypeName } from "./machine/registry.ts";
import { expandRelr } from "./relr.ts";

/** How records are stored: with the addend in the section that they apply to, in the record, or packed. */
export type RelocationKind = "REL" | "RELA" | "RELR";

/** One relocation, made when asked for. */
export interface ElfRelocation {
  /** Position in its table. */
  readonly index: number;
  /** `r_offset`: where to apply it; in `ET_REL` files an offset in the target section, otherwise an address. */
  readonly offset: bigint;
  /** An `R_` value of the machine; on 64-bit MIPS three types, one a byte from the lowest. */
  readonly type: number;
  /** Index into the symbol table; 0 for none. */
  readonly symbol: number;
  /** The addend in the record; `undefined` for `REL` and `RELR`, whose addend is in the place itself. */
  readonly addend: bigint | undefined;
}

/**
 * A relocation table. Fields are read from the raw bytes when asked for; nothing is decoded ahead and no object is
 * made save by {@link at} and iteration. (A `RELR` table is unpacked to its addresses when first asked.)
 */
export class RelocationTable {
  readonly kind: RelocationKind;
  /** Number of relocations; of `RELR`, once unpacked. */
  readonly length: number;
  /** The records as the file holds them; of `RELR`, unpacked. */
  readonly bytes: Uint8Array;
  /** Bytes of a record in {@link bytes}. */
  readonly entsize: number;
  /** `e_machine`, which says what a type means. */
  readonly machine: number;

  readonly #image: ElfImage;
  readonly #part: string;
  readonly #is64: boolean;
  readonly #little: boolean;
  readonly #mips64: boolean;
  /** The records of a 64-bit file as words, where they lie as the host's own words do: the fast way to read them. */
  readonly #words: Uint32Array | undefined;
  /** Words of a record. */
  readonly #stride: number;
  #sorted: boolean | undefined;

  /** @param part what messages call the table, e.g. `.rela.text` */
  constructor(image: ElfImage, kind: RelocationKind, bytes: Uint8Array, part: string) {
    const layout = layoutOf(image.is64);
    this.#image = image;
    this.#part = part;
    this.#is64 = image.is64;
    this.kind = kind;
    this.machine = image.machine;
    this.#mips64 = image.is64 && image.machine === EM.EM_MIPS;
    this.entsize = kind === "RELA" ? layout.relasize : kind === "REL" ? layout.relsize : layout.word;
    if (bytes.length % this.entsize !== 0) {
      throw image.error(
        "ELF_BAD_VALUE",
        part,
        undefined,
        `size: found ${bytes.length} bytes, expected a multiple of ${this.entsize}`,
      );
    }
    this.bytes = kind === "RELR" ? expandRelr(image, bytes, part) : bytes;
    this.#little = image.little;
    this.length = this.bytes.length / this.entsize;
    this.#stride = this.entsize / 4;
    const { buffer, byteOffset, byteLength } = this.bytes;
    const native = image.is64 && HOST_LITTLE && image.little && byteOffset % 4 === 0 && !this.#mips64;
    this.#words = native && kind !== "RELR" ? new Uint32Array(buffer, byteOffset, byteLength / 4) : undefined;
  }

  /**
   * The records of a 64-bit `RELA` table whose byte order is the host's, as 6 words each: offset, type and symbol, addend,
   * low words first. `undefined` of any other: for walks of a million records, beside the way that takes all.
   */
  get words(): Uint32Array | undefined {
    return this.kind === "RELA" ? this.#words : undefined;
  }

  /**
   * `r_offset` of record `index` as a number, exact below 2^53: what walks of `ET_REL` files use, where it is an
   * offset in the target section. An address may need {@link address}.
   */
  offset(index: number): number {
    if (this.#words !== undefined && index >= 0 && index < this.length) {
      const word = index * this.#stride;
      return (this.#words[word] ?? 0) + (this.#words[word + 1] ?? 0) * 0x1_0000_0000;
    }
    const at = this.#at(index);
    return this.#is64 ? readSize64(this.bytes, at, this.#little) : readU32(this.bytes, at, this.#little);
  }

  /** `r_offset` of record `index`, all 64 bits. */
  address(index: number): bigint {
    const at = this.#at(index);
    return this.#is64 ? readU64(this.bytes, at, this.#little) : BigInt(readU32(this.bytes, at, this.#little));
  }

  /** Relocation type of record `index`; see {@link ElfRelocation.type}. */
  type(index: number): number {
    if (this.#words !== undefined && index >= 0 && index < this.length) {
      return this.#words[index * this.#stride + 2] ?? 0;
    }
    if (this.kind === "RELR") return machineFor(this.machine)?.relativeRelocation ?? 0;
    const at = this.#at(index);
    const { bytes } = this;
    if (!this.#is64) return bytes[at + (this.#little ? 4 : 7)] ?? 0;
    // 64-bit MIPS: r_sym, then the bytes r_ssym, r_type3, r_type2, r_type, in both byte orders
    // [64-bit ELF Object File Specification, 2.9].
    if (this.#mips64)
      return (bytes[at + 15] ?? 0) | ((bytes[at + 14] ?? 0) << 8) | ((bytes[at + 13] ?? 0) << 16);
    return readU32(bytes, this.#little ? at + 8 : at + 12, this.#little);
  }

  /** Symbol index of record `index`; 0 for none. */
  symbol(index: number): number {
    if (this.#words !== undefined && index >= 0 && index < this.length) {
      return this.#words[index * this.#stride + 3] ?? 0;
    }
    if (this.kind === "RELR") return 0;
    const at = this.#at(index);
    if (!this.#is64) return readU32(this.bytes, at + 4, this.#little) >>> 8;
    if (this.#mips64) return readU32(this.bytes, at + 8, this.#little);
    return readU32(this.bytes, this.#little ? at + 12 : at + 8, this.#little);
  }

  /** `r_ssym` of record `index`: on 64-bit MIPS, the special symbol of the second type (an `RSS_` value); else 0. */
  specialSymbol(index: number): number {
    return this.#mips64 && this.kind !== "RELR" ? (this.bytes[this.#at(index) + 12] ?? 0) : 0;
  }

  /** Addend of record `index`; `undefined` where the record has none. */
  addend(index: number): bigint | undefined {
    if (this.kind !== "RELA") return undefined;
    const at = this.#at(index);
    return this.#is64
      ? readI64(this.bytes, at + 16, this.#little)
      : BigInt(readI32(this.bytes, at + 8, this.#little));
  }

  /** Low 32 bits of the addend of record `index`, signed; 0 where the record has none. Allocates nothing. */
  addendLow(index: number): number {
    if (this.#words !== undefined && this.kind === "RELA" && index >= 0 && index < this.length) {
      return (this.#words[index * this.#stride + 4] ?? 0) | 0;
    }
    if (this.kind !== "RELA") return 0;
    const at = this.#at(index);
    const low = this.#is64 ? (this.#little ? at + 16 : at + 20) : at + 8;
    return readI32(this.bytes, low, this.#little);
  }

  /** High 32 bits of the addend of record `index`, signed; 0 where the record has none. Allocates nothing. */
  addendHigh(index: number): number {
    if (this.#words !== undefined && this.kind === "RELA" && index >= 0 && index < this.length) {
      return (this.#words[index * this.#stride + 5] ?? 0) | 0;
    }
    if (this.kind !== "RELA") return 0;
    const at = this.#at(index);
    if (!this.#is64) return this.addendLow(index) >> 31;
    return readI32(this.bytes, this.#little ? at + 20 : at + 16, this.#little);
  }

  /** `R_X86_64_PC32` and so on: the printable type of record `index`. */
  typeName(index: number): string {
    return relocationTypeName(this.machine, this.type(index));
  }

  /** Whether the records are in order of offset (equal offsets may repeat). Walks the table at the first question. */
  get sorted(): boolean {
    this.#sorted ??= this.#isSorted();
    return this.#sorted;
  }

  /**
   * Index of the first record at or after `offset`, {@link length} if there is none. A walk that asks for rising
   * offsets gives the last answer as `hint` and finds the next one in a step or two. Only for {@link sorted} tables.
   */
  lowerBound(offset: number, hint = 0): number {
    const start = Math.max(0, Math.min(hint, this.length));
    let low = 0;
    let high = this.length;
    if (start > 0 && this.offset(start - 1) >= offset) high = start - 1;
    else {
      low = start;
      let step = 1;
      while (low < high && this.offset(low) < offset) {
        const next = low + step;
        low += 1;
        if (next >= high || this.offset(next) >= offset) {
          high = Math.min(high, next);
          break;
        }
        low = next;
        step *= 2;
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Record `index` as an object. */
  at(index: number): ElfRelocation {
    return {
      index,
      offset: this.address(index),
      type: this.type(index),
      symbol: this.symbol(index),
      addend: this.addend(index),
    };
  }

  /** Every record as an object, in order. */
  *[Symbol.iterator](): IterableIterator<ElfRelocation> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #isSorted(): boolean {
    if (this.#words !== undefined) return areSorted(this.#words, this.#stride);
    for (let i = 1, last = this.length > 0 ? this.offset(0) : 0; i < this.length; i++) {
      const next = this.offset(i);
      if (next < last) return false;
      last = next;
    }
    return true;
  }

  #at(index: number): number {
    if (index >= 0 && index < this.length) return index * this.entsize;
    throw this.#image.error(
      "ELF_BAD_REFERENCE",
      this.#part,
      undefined,
      `relocation: found index ${index}, expected less than ${this.length}`,
    );
  }
}

/** Whether 64-bit numbers, low half first, at every `stride` words do not fall. */
function areSorted(words: Uint32Array, stride: number): boolean {
  let lastLow = 0;
  let lastHigh = 0;
  for (let i = 0; i < words.length; i += stride) {
    const low = words[i] ?? 0;
    const high = words[i + 1] ?? 0;
    if (high < lastHigh || (low < lastLow && high === lastHigh)) return false;
    lastLow = low;
    lastHigh = high;
  }
  return true;
}
