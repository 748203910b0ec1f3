/** Symbol tables [gABI, "Symbol Table"], as columns. */
import { HOST_LITTLE, readU16, readU32, readU64 } from "../bytes/endian.ts";
import { encodeUtf8 } from "../bytes/text.ts";
import { SHN, SHN_LORESERVE } from "./constants/section.ts";
import { layoutOf } from "./header.ts";
import type { ElfImage } from "./image.ts";
import type { StringTable } from "./strings.ts";
import type { SymbolVersion } from "./version.ts";

/** One symbol, made when asked for. */
export interface ElfSymbol {
  /** Position in the symbol table. */
  readonly index: number;
  readonly name: string;
  /** `st_value`: an address; in `ET_REL` files an offset in the section; of a common symbol its alignment. */
  readonly value: bigint;
  /** `st_size`, in bytes. */
  readonly size: bigint;
  /** An `STT_` value. */
  readonly type: number;
  /** An `STB_` value. */
  readonly binding: number;
  /** An `STV_` value. */
  readonly visibility: number;
  /** `st_other`, with the machine's bits beside the visibility. */
  readonly other: number;
  /** The section that holds the symbol (`SHN_XINDEX` resolved), or, where `special`, an `SHN_` value. */
  readonly sectionIndex: number;
  /** `sectionIndex` is a reserved value, `SHN_ABS` and the like, and names no section. */
  readonly special: boolean;
  /** The symbol's version; of dynamic symbols in files that have versions. */
  readonly version?: SymbolVersion;
}

/** Where a symbol table's parts come from. */
export interface SymbolTableParts {
  readonly bytes: Uint8Array;
  /** Asked for when a name is. */
  readonly strings: StringTable;
  /** What messages call the table. */
  readonly part: string;
  /** Contents of the `SHT_SYMTAB_SHNDX` section that belongs to the table. */
  readonly extendedIndexes?: Uint8Array | undefined;
  /** The version of a symbol, by index. */
  readonly versionOf?: ((index: number) => SymbolVersion | undefined) | undefined;
}

/**
 * A symbol table. A field of a symbol is read from the file's bytes when asked for; a whole column is decoded once,
 * when first asked for, and kept. No object is made per symbol save by {@link at} and iteration.
 */
export class SymbolTable {
  /** Number of symbols, with the null symbol at index 0. */
  readonly length: number;
  /** The table as the file holds it. */
  readonly bytes: Uint8Array;
  /** Bytes of an entry. */
  readonly entsize: number;
  readonly #image: ElfImage;
  readonly #parts: SymbolTableParts;
  readonly #is64: boolean;
  readonly #little: boolean;
  #strings: StringTable | undefined;
  #nameOffsets: Uint32Array | undefined;
  #values: BigUint64Array | undefined;
  #sizes: BigUint64Array | undefined;
  #sectionIndexes: Uint32Array | undefined;

  constructor(image: ElfImage, parts: SymbolTableParts) {
    const { bytes, part } = parts;
    this.#image = image;
    this.#parts = parts;
    this.#is64 = image.is64;
    this.#little = image.little;
    this.bytes = bytes;
    this.entsize = layoutOf(image.is64).symsize;
    this.length = bytes.length / this.entsize;
    if (!Number.isInteger(this.length)) {
      throw image.error(
        "ELF_BAD_VALUE",
        part,
        undefined,
        `size: found ${bytes.length} bytes, expected a multiple of ${this.entsize}`,
      );
    }
  }

  /** Where the names are; read when first asked for. */
  get strings(): StringTable {
    this.#strings ??= this.#parts.strings;
    return this.#strings;
  }

  /** `st_name` of symbol `index`: where its name is in {@link strings}. */
  nameOffset(index: number): number {
    return readU32(this.bytes, this.#at(index), this.#little);
  }

  /** Name of symbol `index`. */
  name(index: number): string {
    return this.strings.at(this.nameOffset(index));
  }

  /** `st_value` of symbol `index`; see {@link ElfSymbol.value}. */
  value(index: number): bigint {
    const at = this.#at(index);
    return this.#is64
      ? readU64(this.bytes, at + 8, this.#little)
      : BigInt(readU32(this.bytes, at + 4, this.#little));
  }

  /** `st_size` of symbol `index`, in bytes. */
  size(index: number): bigint {
    const at = this.#at(index);
    return this.#is64
      ? readU64(this.bytes, at + 16, this.#little)
      : BigInt(readU32(this.bytes, at + 8, this.#little));
  }

  /** `st_info` of symbol `index`: binding and type. */
  info(index: number): number {
    return this.bytes[this.#at(index) + (this.#is64 ? 4 : 12)] ?? 0;
  }

  /** `st_other` of symbol `index`: visibility, and bits of the machine. */
  other(index: number): number {
    return this.bytes[this.#at(index) + (this.#is64 ? 5 : 13)] ?? 0;
  }

  /** `STT_` type of symbol `index`. */
  type(index: number): number {
    return this.info(index) & 0xf;
  }

  /** `STB_` binding of symbol `index`. */
  binding(index: number): number {
    return this.info(index) >>> 4;
  }

  /** `STV_` visibility of symbol `index`. */
  visibility(index: number): number {
    return this.other(index) & 0x3;
  }

  /** `st_shndx` of symbol `index` as the table holds it, `SHN_XINDEX` unresolved. */
  storedSectionIndex(index: number): number {
    return readU16(this.bytes, this.#at(index) + (this.#is64 ? 6 : 14), this.#little);
  }

  /** Whether {@link sectionIndex} of symbol `index` is a reserved value (`SHN_ABS`, …) and names no section. */
  isSpecial(index: number): boolean {
    const stored = this.storedSectionIndex(index);
    return stored >= SHN_LORESERVE && stored !== SHN.SHN_XINDEX;
  }

  /**
   * The section of symbol `index`, `SHN_XINDEX` resolved; see {@link isSpecial} for the reserved values.
   *
   * @throws ElfError `ELF_BAD_REFERENCE` if the index overflowed and the file has no table for it
   */
  sectionIndex(index: number): number {
    const stored = this.storedSectionIndex(index);
    if (stored !== SHN.SHN_XINDEX) return stored;
    const { extendedIndexes, part } = this.#parts;
    if (extendedIndexes === undefined || (index + 1) * 4 > extendedIndexes.length) {
      throw this.#image.error(
        "ELF_BAD_REFERENCE",
        part,
        index * this.entsize,
        `section of symbol ${index}: found SHN_XINDEX, expected an SHT_SYMTAB_SHNDX section with an entry for it`,
      );
    }
    return readU32(extendedIndexes, index * 4, this.#little);
  }

  /** Version of symbol `index`, where the table has versions. */
  version(index: number): SymbolVersion | undefined {
    return this.#parts.versionOf?.(index);
  }

  /** All `st_name`, by symbol index. */
  get nameOffsets(): Uint32Array {
    this.#nameOffsets ??= this.#column32((i) => this.nameOffset(i));
    return this.#nameOffsets;
  }

  /** All `st_value`, by symbol index. `new Uint32Array(values.buffer)` gives halves, in the host's byte order. */
  get values(): BigUint64Array {
    this.#values ??= this.#column64(8, 4);
    return this.#values;
  }

  /** All `st_size`, by symbol index. */
  get sizes(): BigUint64Array {
    this.#sizes ??= this.#column64(16, 8);
    return this.#sizes;
  }

  /** All section indexes, by symbol index, `SHN_XINDEX` resolved. Throws as {@link sectionIndex} does. */
  get sectionIndexes(): Uint32Array {
    this.#sectionIndexes ??= this.#column32((i) => this.sectionIndex(i));
    return this.#sectionIndexes;
  }

  /** Symbol `index` as an object. */
  at(index: number): ElfSymbol {
    const version = this.version(index);
    return {
      index,
      name: this.name(index),
      value: this.value(index),
      size: this.size(index),
      type: this.type(index),
      binding: this.binding(index),
      visibility: this.visibility(index),
      other: this.other(index),
      sectionIndex: this.sectionIndex(index),
      special: this.isSpecial(index),
      ...(version === undefined ? {} : { version }),
    };
  }

  /** Indexes of all symbols called `name`, in order: a walk over the table that decodes no name. */
  indexesOf(name: string): number[] {
    const wanted = encodeUtf8(name);
    const found: number[] = [];
    for (let i = 0; i < this.length; i++) if (this.strings.equals(this.nameOffset(i), wanted)) found.push(i);
    return found;
  }

  /** Every symbol as an object, in order. */
  *[Symbol.iterator](): IterableIterator<ElfSymbol> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  #at(index: number): number {
    if (index >= 0 && index < this.length) return index * this.entsize;
    throw this.#image.error(
      "ELF_BAD_REFERENCE",
      this.#parts.part,
      undefined,
      `symbol: found index ${index}, expected less than ${this.length}`,
    );
  }

  #column32(get: (index: number) => number): Uint32Array {
    const column = new Uint32Array(this.length);
    for (let i = 0; i < column.length; i++) column[i] = get(i);
    return column;
  }

  /** A 64-bit column, filled by halves so that no bigint is made. */
  #column64(offset64: number, offset32: number): BigUint64Array {
    const column = new BigUint64Array(this.length);
    const halves = new Uint32Array(column.buffer);
    const { bytes, entsize } = this;
    const little = this.#little;
    const low = HOST_LITTLE ? 0 : 1;
    for (let i = 0; i < this.length; i++) {
      const at = i * entsize + (this.#is64 ? offset64 : offset32);
      halves[2 * i + low] = readU32(bytes, this.#is64 && !little ? at + 4 : at, little);
      if (this.#is64) halves[2 * i + 1 - low] = readU32(bytes, little ? at + 4 : at, little);
    }
    return column;
  }
}
