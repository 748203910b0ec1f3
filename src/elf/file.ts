/** An ELF file, read lazily: opening costs the header; everything else is read at first need, once. */
import { type ByteSource, bufferSource, readInto } from "../bytes/source.ts";
import { AddressMap } from "./address.ts";
import { ET } from "./constants/header.ts";
import { SHF, SHT } from "./constants/section.ts";
import { PT } from "./constants/segment.ts";
import { type Decompressors, PURE_DECOMPRESSORS } from "./decompressors.ts";
import type { DynamicTable } from "./dynamic.ts";
import { readGroup, type SectionGroup } from "./group.ts";
import { type ElfHeader, readHeader } from "./header.ts";
import { ElfImage } from "./image.ts";
import { type HashTables, Linkage } from "./linkage.ts";
import { type ElfNote, readNotes } from "./note.ts";
import { RelocationTable } from "./relocation.ts";
import { type ElfSection, readSections } from "./section.ts";
import { type ElfSegment, readSegments } from "./segment.ts";
import { StringTable } from "./strings.ts";
import { SymbolTable } from "./symbol.ts";
import type { VersionTable } from "./version.ts";

/** How to open a file. */
export interface OpenOptions {
  /** What messages call the file; by default the source's own name. */
  readonly name?: string;
  /** What decompresses sections; by default plain JavaScript. */
  readonly decompressors?: Decompressors;
}

/**
 * An ELF file of either class and byte order, of any type.
 *
 * The file does not own its source: who opened a source closes it, and views of its bytes are valid until then.
 * Every member throws an `ElfError` with a place where it meets malformed input; what can't be read does not keep
 * the rest from being read.
 */
export class ElfFile {
  /** The file header. */
  readonly header: ElfHeader;
  /** Source, layout and error places: what the readers of tables take. */
  readonly image: ElfImage;

  readonly #linkage: Linkage;
  #sections: readonly ElfSection[] | undefined;
  #segments: readonly ElfSegment[] | undefined;
  #byName: Map<string, ElfSection[]> | undefined;
  #addresses: AddressMap | undefined;
  readonly #symbols = new Map<number, SymbolTable>();
  readonly #relocations = new Map<number, RelocationTable>();
  readonly #strings = new Map<number, StringTable>();
  #notes: readonly ElfNote[] | undefined;
  #groups: readonly SectionGroup[] | undefined;

  private constructor(image: ElfImage) {
    this.image = image;
    this.header = image.header;
    this.#linkage = new Linkage(this);
  }

  /**
   * Opens a file: reads its header and nothing else (save section header 0 where a count overflows).
   *
   * @throws ElfError `ELF_BAD_MAGIC`, `ELF_BAD_IDENT`, `ELF_TRUNCATED`
   */
  static open(input: ByteSource | Uint8Array, options: OpenOptions = {}): ElfFile {
    const given = input instanceof Uint8Array ? bufferSource(input, options.name) : input;
    const source =
      options.name === undefined || given.name === options.name ? given : renamed(given, options.name);
    return new ElfFile(new ElfImage(source, readHeader(source), options.decompressors ?? PURE_DECOMPRESSORS));
  }

  /** What messages call the file. */
  get name(): string | undefined {
    return this.image.source.name;
  }

  /** All sections, by index; the null section is 0. Empty if the file has none. */
  get sections(): readonly ElfSection[] {
    this.#sections ??= readSections(this.image);
    return this.#sections;
  }

  /** Section `index`. Throws `ELF_BAD_REFERENCE` if there is no such section. */
  section(index: number): ElfSection {
    const section = this.sections[index];
    if (section !== undefined) return section;
    throw this.image.error(
      "ELF_BAD_REFERENCE",
      undefined,
      undefined,
      `section: found index ${index}, expected less than ${this.sections.length}`,
    );
  }

  /** All sections called `name`, in order; several may be. */
  sectionsNamed(name: string): readonly ElfSection[] {
    if (this.#byName === undefined) {
      const byName = new Map<string, ElfSection[]>();
      for (const section of this.sections) {
        const same = byName.get(section.name);
        if (same === undefined) byName.set(section.name, [section]);
        else same.push(section);
      }
      this.#byName = byName;
    }
    return this.#byName.get(name) ?? [];
  }

  /** All segments, by index. Empty if the file has none. */
  get segments(): readonly ElfSegment[] {
    this.#segments ??= readSegments(this.image);
    return this.#segments;
  }

  /** The string table in `section`. */
  strings(section: ElfSection): StringTable {
    return cached(this.#strings, section.index, () => {
      this.#expectType(section, [SHT.SHT_STRTAB]);
      return new StringTable(this.image, section.bytes(), section.label);
    });
  }

  /** The symbol table in `section` (`SHT_SYMTAB` or `SHT_DYNSYM`). */
  symbols(section: ElfSection): SymbolTable {
    return cached(this.#symbols, section.index, () => {
      this.#expectType(section, [SHT.SHT_SYMTAB, SHT.SHT_DYNSYM]);
      const extended = this.sections.find(
        (one) => one.type === SHT.SHT_SYMTAB_SHNDX && one.link === section.index,
      );
      // Its kind is checked now, its bytes are read when a name is asked for.
      const names = this.section(section.link);
      this.#expectType(names, [SHT.SHT_STRTAB]);
      const strings = (): StringTable => this.strings(names);
      return new SymbolTable(this.image, {
        bytes: section.bytes(),
        get strings() {
          return strings();
        },
        part: section.label,
        extendedIndexes: extended?.bytes(),
        versionOf: section.type === SHT.SHT_DYNSYM ? (index) => this.versions().of(index) : undefined,
      });
    });
  }

  /** The full symbol table, `.symtab`, or `undefined` if the file was stripped of it. */
  symtab(): SymbolTable | undefined {
    const section = this.sections.find((one) => one.type === SHT.SHT_SYMTAB);
    return section === undefined ? undefined : this.symbols(section);
  }

  /**
   * The dynamic symbol table, `.dynsym`, or `undefined` if there is none. Without section headers it is found through
   * `PT_DYNAMIC`, and its length through the hash tables.
   */
  dynsym(): SymbolTable | undefined {
    return this.#linkage.symbols();
  }

  /** The relocations in `section` (`SHT_REL`, `SHT_RELA`, `SHT_RELR`). `section.info` says what they apply to. */
  relocations(section: ElfSection): RelocationTable {
    return cached(this.#relocations, section.index, () => {
      this.#expectType(section, [SHT.SHT_REL, SHT.SHT_RELA, SHT.SHT_RELR]);
      const { type } = section;
      const kind = type === SHT.SHT_RELA ? "RELA" : type === SHT.SHT_REL ? "REL" : "RELR";
      return new RelocationTable(this.image, kind, section.bytes(), section.label);
    });
  }

  /** Sections that hold relocations for section `index` of an `ET_REL` file (or one linked with `--emit-relocs`). */
  relocationSectionsOf(index: number): ElfSection[] {
    return this.sections.filter(
      (one) => (one.type === SHT.SHT_RELA || one.type === SHT.SHT_REL) && one.info === index && index !== 0,
    );
  }

  /** The relocations that the run-time linker applies, found through the dynamic section. */
  dynamicRelocations(): readonly RelocationTable[] {
    return this.#linkage.relocations();
  }

  /** The dynamic section, or `undefined` if the file has none. */
  dynamic(): DynamicTable | undefined {
    return this.#linkage.dynamic();
  }

  /** Versions that the file's dynamic symbols define and need. Empty if it has none. */
  versions(): VersionTable {
    return this.#linkage.versions();
  }

  /** The hash tables over the dynamic symbols, as far as the file has them. */
  hashTables(): HashTables {
    return this.#linkage.hashTables();
  }

  /** All notes: of `SHT_NOTE` sections, or of `PT_NOTE` segments in core files and files without sections. */
  notes(): readonly ElfNote[] {
    this.#notes ??= this.#readNotes();
    return this.#notes;
  }

  /** The build id in hexadecimal, or `undefined` if the file has none. */
  buildId(): string | undefined {
    for (const note of this.notes()) {
      const { content } = note;
      if (content.kind === "build-id") return content.id;
    }
    return undefined;
  }

  /** All section groups. */
  groups(): readonly SectionGroup[] {
    this.#groups ??= this.sections
      .filter((one) => one.type === SHT.SHT_GROUP)
      .map((one) => readGroup(this.image, one));
    return this.#groups;
  }

  /** Path of the run-time linker (`PT_INTERP`), or `undefined`. */
  interpreter(): string | undefined {
    const segment = this.segments.find((one) => one.type === PT.PT_INTERP);
    return segment === undefined || segment.filesz === 0
      ? undefined
      : new StringTable(this.image, segment.bytes(), segment.label).at(0);
  }

  /** Where the byte at `address` is in the file, through `PT_LOAD`; `undefined` if it is not in the file. */
  addressToOffset(address: bigint): number | undefined {
    return this.#addressMap().toOffset(address);
  }

  /** Where the byte at file offset `offset` is in memory, through `PT_LOAD`; `undefined` if it is not loaded. */
  offsetToAddress(offset: number): bigint | undefined {
    return this.#addressMap().toAddress(offset);
  }

  /** The `PT_LOAD` segment that covers `address` in memory. */
  segmentAt(address: bigint): ElfSegment | undefined {
    return this.#addressMap().segmentAt(address);
  }

  /**
   * The `SHF_ALLOC` section that covers `address`; of `ET_REL` files, whose sections have no addresses, `undefined`.
   * `.tbss` takes no memory and is passed over.
   */
  sectionAt(address: bigint): ElfSection | undefined {
    if (this.header.type === ET.ET_REL) return undefined;
    return this.sections.find(
      (one) =>
        one.hasFlags(SHF.SHF_ALLOC) &&
        !(one.type === SHT.SHT_NOBITS && one.hasFlags(SHF.SHF_TLS)) &&
        address >= one.addr &&
        address < one.addr + sizeAsBigint(one.size),
    );
  }

  /** `length` bytes at `address` as the file would be loaded; throws if they are not all in the file. */
  bytesAt(address: bigint, length: number, part: string): Uint8Array {
    const segment = this.segmentAt(address);
    const inside = segment === undefined ? 0 : Number(address - segment.vaddr);
    if (segment === undefined || !(inside + length <= segment.filesz)) {
      throw this.image.error(
        "ELF_BAD_REFERENCE",
        part,
        undefined,
        `found ${length} bytes at address 0x${address.toString(16)}, expected them inside one PT_LOAD segment`,
      );
    }
    return this.image.read(segment.offset + inside, length, part);
  }

  #addressMap(): AddressMap {
    this.#addresses ??= new AddressMap(this.segments);
    return this.#addresses;
  }

  #readNotes(): ElfNote[] {
    const { image } = this;
    const fromSections = this.header.type === ET.ET_CORE ? [] : this.sections;
    const sections = fromSections.filter((one) => one.type === SHT.SHT_NOTE);
    if (sections.length > 0) {
      return sections.flatMap((one) => readNotes(image, one.bytes(), one.label, one.addralign));
    }
    return this.segments
      .filter((one) => one.type === PT.PT_NOTE)
      .flatMap((one) => readNotes(image, one.bytes(), one.label, one.align));
  }

  #expectType(section: ElfSection, types: readonly number[]): void {
    if (types.includes(section.type)) return;
    throw this.image.error(
      "ELF_BAD_REFERENCE",
      section.label,
      undefined,
      `type of the section: found ${section.typeName}, expected ${types.map((type) => nameOfType(type)).join(" or ")}`,
    );
  }
}

function nameOfType(type: number): string {
  return Object.entries(SHT).find(([, value]) => value === type)?.[0] ?? String(type);
}

/** A size that a number holds only roughly is larger than any file; its exact value does not matter. */
function sizeAsBigint(size: number): bigint {
  return BigInt(Math.floor(size));
}

function cached<T>(cache: Map<number, T>, key: number, make: () => T): T {
  const known = cache.get(key);
  if (known !== undefined) return known;
  const made = make();
  cache.set(key, made);
  return made;
}

function renamed(source: ByteSource, name: string): ByteSource {
  return {
    name,
    size: source.size,
    read: (offset, length) => source.read(offset, length),
    readInto: (offset, target) => readInto(source, offset, target),
  };
}
