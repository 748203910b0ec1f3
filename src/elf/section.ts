/** Section headers and contents [gABI, "Sections"]. */
import { readSize64, readU32, readU64 } from "../bytes/endian.ts";
import { type CompressionHeader, compressionHeader, decompressSection } from "./compression.ts";
import { SHF, SHT, sectionTypeName } from "./constants/section.ts";
import { layoutOf } from "./header.ts";
import type { ElfImage } from "./image.ts";
import { StringTable } from "./strings.ts";

/** One section: its header, decoded, and its contents, read at first need and kept. */
export class ElfSection {
  /** Position in the section header table. */
  readonly index: number;
  /** `sh_name`: where the name is in the section name table. */
  readonly nameOffset: number;
  /** `sh_type`, an `SHT_` value. */
  readonly type: number;
  /** Low 32 bits of `sh_flags`, unsigned; all `SHF_` values are there. */
  readonly flags: number;
  /** `sh_offset`: where the contents are in the file. */
  readonly offset: number;
  /** `sh_size`: bytes in the file, compressed where the section is; of a `SHT_NOBITS` section, bytes in memory. */
  readonly size: number;
  /** `sh_link`: a section index whose meaning depends on the type. */
  readonly link: number;
  /** `sh_info`: a number whose meaning depends on the type. */
  readonly info: number;

  readonly #image: ElfImage;
  readonly #names: SectionNames;
  /** The header: what is seldom asked for is decoded when it is. */
  readonly #table: Uint8Array;
  readonly #at: number;
  #name: string | undefined;
  #raw: Uint8Array | undefined;
  #bytes: Uint8Array | undefined;

  constructor(image: ElfImage, names: SectionNames, table: Uint8Array, at: number, index: number) {
    const { is64, little } = image;
    this.#image = image;
    this.#names = names;
    this.#table = table;
    this.#at = at;
    this.index = index;
    this.nameOffset = readU32(table, at, little);
    this.type = readU32(table, at + 4, little);
    if (is64) {
      this.flags = readU32(table, little ? at + 8 : at + 12, little);
      this.offset = readSize64(table, at + 24, little);
      this.size = readSize64(table, at + 32, little);
      this.link = readU32(table, at + 40, little);
      this.info = readU32(table, at + 44, little);
    } else {
      this.flags = readU32(table, at + 8, little);
      this.offset = readU32(table, at + 16, little);
      this.size = readU32(table, at + 20, little);
      this.link = readU32(table, at + 24, little);
      this.info = readU32(table, at + 28, little);
    }
  }

  /** High 32 bits of `sh_flags`; no specification gives them a meaning. */
  get flagsHigh(): number {
    const { is64, little } = this.#image;
    return is64 ? readU32(this.#table, little ? this.#at + 12 : this.#at + 8, little) : 0;
  }

  /** `sh_addr`: the address in memory, 0 if the section is not loaded. */
  get addr(): bigint {
    const { is64, little } = this.#image;
    return is64
      ? readU64(this.#table, this.#at + 16, little)
      : BigInt(readU32(this.#table, this.#at + 12, little));
  }

  /** `sh_addralign`; 0 and 1 both mean none. */
  get addralign(): number {
    return this.#size(48, 32);
  }

  /** `sh_entsize`: bytes of an entry, 0 if the section is not a table. */
  get entsize(): number {
    return this.#size(56, 36);
  }

  #size(at64: number, at32: number): number {
    const { is64, little } = this.#image;
    return is64
      ? readSize64(this.#table, this.#at + at64, little)
      : readU32(this.#table, this.#at + at32, little);
  }

  /**
   * The section's name; empty if the file has no section name table.
   *
   * @throws ElfError if the name table or the offset into it is malformed
   */
  get name(): string {
    this.#name ??= this.#names.at(this.nameOffset);
    return this.#name;
  }

  /** How messages call this section: its name where that can be read, else its index. Never throws. */
  get label(): string {
    try {
      return this.name === "" ? `section ${this.index}` : this.name;
    } catch {
      return `section ${this.index}`;
    }
  }

  /** `SHT_PROGBITS` and so on, with the file's machine's own types. */
  get typeName(): string {
    return sectionTypeName(this.type, this.#image.machine);
  }

  /** Whether all bits of `mask` (`SHF_` values) are set in the flags. */
  hasFlags(mask: number): boolean {
    return ((this.flags & mask) ^ mask) === 0;
  }

  /** Whether {@link bytes} decompresses: `SHF_COMPRESSED`, or the older `.zdebug` form. */
  get compressed(): boolean {
    return this.compression() !== undefined;
  }

  /**
   * Bytes that {@link rawBytes} has, without reading them.
   * @throws ElfError `ELF_TRUNCATED` if they run past the file
   */
  get rawSize(): number {
    if (this.type === SHT.SHT_NOBITS || this.type === SHT.SHT_NULL) return 0;
    this.#image.check(this.offset, this.size, this.label);
    return this.size;
  }

  /** Fills `target` with what {@link rawBytes} has from `from` on; nothing is kept. */
  copyRaw(target: Uint8Array, from = 0): void {
    if (this.#raw !== undefined) target.set(this.#raw.subarray(from, from + target.length));
    else if (target.length > 0) this.#image.readInto(this.offset + from, target, this.label);
  }

  /** The contents as the file holds them: a view, empty for `SHT_NOBITS` and `SHT_NULL`. Valid until the source closes. */
  rawBytes(): Uint8Array {
    if (this.#raw === undefined) {
      const absent = this.type === SHT.SHT_NOBITS || this.type === SHT.SHT_NULL || this.size === 0;
      this.#raw = absent ? new Uint8Array(0) : this.#image.read(this.offset, this.size, this.label);
    }
    return this.#raw;
  }

  /**
   * The contents, decompressed where the section is compressed. A view; it must not be written to.
   *
   * @throws ElfError `ELF_TRUNCATED` if the contents run past the file, `ELF_BAD_COMPRESSION` or `ELF_UNSUPPORTED`
   */
  bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const header = this.compression();
      this.#bytes =
        header === undefined
          ? this.rawBytes()
          : decompressSection(this.#image, this.label, header, this.rawBytes());
    }
    return this.#bytes;
  }

  /** How the contents are compressed, or `undefined` if they are not. Reads the contents if they may be. */
  compression(): CompressionHeader | undefined {
    if (this.hasFlags(SHF.SHF_COMPRESSED) && this.type !== SHT.SHT_NOBITS) {
      return compressionHeader(this.#image, this.label, this.rawBytes(), "gabi");
    }
    if (this.type === SHT.SHT_PROGBITS && this.label.startsWith(".zdebug")) {
      return compressionHeader(this.#image, this.label, this.rawBytes(), "gnu");
    }
    return undefined;
  }

  /** Forgets contents that were read, so that the memory can be freed; they are read again when needed. */
  release(): void {
    this.#raw = undefined;
    this.#bytes = undefined;
  }
}

/** The section name table, found when the first name is asked for. */
export class SectionNames {
  readonly #image: ElfImage;
  readonly #table: Uint8Array;
  readonly #stride: number;
  #strings: StringTable | undefined;

  constructor(image: ElfImage, table: Uint8Array, stride: number) {
    this.#image = image;
    this.#table = table;
    this.#stride = stride;
  }

  at(offset: number): string {
    const { shstrndx, shnum } = this.#image.header;
    if (shstrndx === 0) return "";
    if (shstrndx >= shnum) {
      throw this.#image.error(
        "ELF_BAD_REFERENCE",
        "ELF header",
        undefined,
        `e_shstrndx: found ${shstrndx}, expected less than the ${shnum} sections`,
      );
    }
    if (this.#strings === undefined) {
      const { is64, little } = this.#image;
      const at = shstrndx * this.#stride;
      const type = readU32(this.#table, at + 4, little);
      const start = is64 ? readSize64(this.#table, at + 24, little) : readU32(this.#table, at + 16, little);
      const size = is64 ? readSize64(this.#table, at + 32, little) : readU32(this.#table, at + 20, little);
      const part = `section name table (section ${shstrndx})`;
      const bytes = type === SHT.SHT_NOBITS ? new Uint8Array(0) : this.#image.read(start, size, part);
      this.#strings = new StringTable(this.#image, bytes, part);
    }
    return this.#strings.common(offset);
  }
}

/** Reads the section header table: one read, all headers. */
export function readSections(image: ElfImage): readonly ElfSection[] {
  const { shoff, shnum, shentsize } = image.header;
  if (shnum === 0) return [];
  const least = layoutOf(image.is64).shentsize;
  if (shentsize < least) {
    throw image.error(
      "ELF_BAD_VALUE",
      "ELF header",
      undefined,
      `e_shentsize: found ${shentsize}, expected ${least}`,
    );
  }
  const table = image.read(shoff, shnum * shentsize, "section header table");
  const names = new SectionNames(image, table, shentsize);
  const sections: ElfSection[] = [];
  for (let i = 0; i < shnum; i++) sections.push(new ElfSection(image, names, table, i * shentsize, i));
  return sections;
}
