/**
 * What the run-time linker works with: dynamic section, symbols, versions, hash tables, relocations. Each is found
 * through its section; in files without section headers through `PT_DYNAMIC` [gABI, "Dynamic Linking"].
 */
import { DT } from "./constants/dynamic.ts";
import { SHT } from "./constants/section.ts";
import { PT } from "./constants/segment.ts";
import { DynamicTable } from "./dynamic.ts";
import { GnuHashTable, SysvHashTable } from "./hash-table.ts";
import { layoutOf } from "./header.ts";
import type { ElfImage } from "./image.ts";
import { type RelocationKind, RelocationTable } from "./relocation.ts";
import type { ElfSection } from "./section.ts";
import type { ElfSegment } from "./segment.ts";
import { StringTable } from "./strings.ts";
import { SymbolTable } from "./symbol.ts";
import { type VersionSource, VersionTable } from "./version.ts";

/** The hash tables of a file. */
export interface HashTables {
  readonly sysv: SysvHashTable | undefined;
  readonly gnu: GnuHashTable | undefined;
}

/** What this needs of a file. */
export interface LinkageFile {
  readonly image: ElfImage;
  readonly sections: readonly ElfSection[];
  readonly segments: readonly ElfSegment[];
  section(index: number): ElfSection;
  symbols(section: ElfSection): SymbolTable;
  strings(section: ElfSection): StringTable;
  segmentAt(address: bigint): ElfSegment | undefined;
  bytesAt(address: bigint, length: number, part: string): Uint8Array;
}

/** Reads each table at first need and keeps it. */
export class Linkage {
  readonly #file: LinkageFile;
  #dynamic: { readonly table: DynamicTable | undefined } | undefined;
  #symbols: { readonly table: SymbolTable | undefined } | undefined;
  #versions: VersionTable | undefined;
  #hashes: HashTables | undefined;
  #relocations: readonly RelocationTable[] | undefined;

  constructor(file: LinkageFile) {
    this.#file = file;
  }

  dynamic(): DynamicTable | undefined {
    this.#dynamic ??= { table: this.#readDynamic() };
    return this.#dynamic.table;
  }

  symbols(): SymbolTable | undefined {
    this.#symbols ??= { table: this.#readSymbols() };
    return this.#symbols.table;
  }

  versions(): VersionTable {
    this.#versions ??= this.#readVersions();
    return this.#versions;
  }

  hashTables(): HashTables {
    this.#hashes ??= this.#readHashes();
    return this.#hashes;
  }

  relocations(): readonly RelocationTable[] {
    this.#relocations ??= this.#readRelocations();
    return this.#relocations;
  }

  /** The first section of `type`; a `SHT_NOBITS` in its place (a debug file) is not one. */
  #sectionOf(type: number): ElfSection | undefined {
    return this.#file.sections.find((one) => one.type === type);
  }

  /** Separate debug files keep the headers of what they were made from, without contents. */
  get #bySections(): boolean {
    return this.#file.sections.length > 0;
  }

  #readDynamic(): DynamicTable | undefined {
    const { image } = this.#file;
    const section = this.#sectionOf(SHT.SHT_DYNAMIC);
    if (section !== undefined) {
      const strings = () => this.#file.strings(this.#file.section(section.link));
      return new DynamicTable(image, section.bytes(), section.label, strings);
    }
    if (this.#bySections) return undefined;
    const segment = this.#file.segments.find((one) => one.type === PT.PT_DYNAMIC);
    if (segment === undefined) return undefined;
    return new DynamicTable(image, segment.bytes(), segment.label, (table) => {
      const at = table.get(DT.DT_STRTAB);
      const size = table.get(DT.DT_STRSZ);
      if (at === undefined || size === undefined) {
        throw image.error(
          "ELF_BAD_VALUE",
          table.part,
          undefined,
          "found no DT_STRTAB with DT_STRSZ, expected both",
        );
      }
      return new StringTable(image, this.#file.bytesAt(at, Number(size), "DT_STRTAB"), "DT_STRTAB");
    });
  }

  #readSymbols(): SymbolTable | undefined {
    const section = this.#sectionOf(SHT.SHT_DYNSYM);
    if (section !== undefined) return this.#file.symbols(section);
    const dynamic = this.#bySections ? undefined : this.dynamic();
    const at = dynamic?.get(DT.DT_SYMTAB);
    if (dynamic === undefined || at === undefined) return undefined;
    const { image } = this.#file;
    const count = this.#symbolCount(dynamic);
    if (count === undefined) {
      throw image.error(
        "ELF_BAD_VALUE",
        dynamic.part,
        undefined,
        "number of dynamic symbols: found no DT_HASH, DT_GNU_HASH or DT_MIPS_SYMTABNO, expected one",
      );
    }
    const bytes = this.#file.bytesAt(at, count * layoutOf(image.is64).symsize, "DT_SYMTAB");
    const versionOf = (index: number) => this.versions().of(index);
    return new SymbolTable(image, { bytes, strings: dynamic.strings, part: "DT_SYMTAB", versionOf });
  }

  /** The symbol table's length is nowhere but in the tables that index it. */
  #symbolCount(dynamic: DynamicTable): number | undefined {
    const { sysv, gnu } = this.hashTables();
    const mips = dynamic.entries.find((one) => dynamic.tagName(one.tag) === "DT_MIPS_SYMTABNO");
    return sysv?.symbolCount ?? gnu?.symbolCount() ?? (mips === undefined ? undefined : Number(mips.value));
  }

  #readHashes(): HashTables {
    const { image } = this.#file;
    const symbols = () => this.#expectSymbols();
    const sysv = this.#tableBytes(SHT.SHT_HASH, DT.DT_HASH, "DT_HASH");
    const gnu = this.#tableBytes(SHT.SHT_GNU_HASH, DT.DT_GNU_HASH, "DT_GNU_HASH");
    return {
      sysv: sysv === undefined ? undefined : new SysvHashTable(image, sysv.bytes, sysv.part, symbols),
      gnu: gnu === undefined ? undefined : new GnuHashTable(image, gnu.bytes, gnu.part, symbols),
    };
  }

  #expectSymbols(): SymbolTable {
    const table = this.symbols();
    if (table !== undefined) return table;
    throw this.#file.image.error(
      "ELF_BAD_REFERENCE",
      undefined,
      undefined,
      "found a hash table without dynamic symbols, expected SHT_DYNSYM or DT_SYMTAB",
    );
  }

  /** A table by its section, or by the address in a dynamic entry, up to the end of the segment that holds it. */
  #tableBytes(type: number, tag: number, part: string): { bytes: Uint8Array; part: string } | undefined {
    const section = this.#sectionOf(type);
    if (section !== undefined) return { bytes: section.bytes(), part: section.label };
    const at = this.#bySections ? undefined : this.dynamic()?.get(tag);
    if (at === undefined) return undefined;
    const segment = this.#file.segmentAt(at);
    const length = segment === undefined ? 0 : segment.filesz - Number(at - segment.vaddr);
    return { bytes: this.#file.bytesAt(at, length, part), part };
  }

  #readVersions(): VersionTable {
    const { image } = this.#file;
    const versym = this.#tableBytes(SHT.SHT_GNU_versym, DT.DT_VERSYM, "DT_VERSYM");
    const definitions = this.#versionSource(SHT.SHT_GNU_verdef, DT.DT_VERDEF, DT.DT_VERDEFNUM, "DT_VERDEF");
    const needs = this.#versionSource(SHT.SHT_GNU_verneed, DT.DT_VERNEED, DT.DT_VERNEEDNUM, "DT_VERNEED");
    return new VersionTable(image, versym?.bytes, definitions, needs);
  }

  #versionSource(type: number, tag: number, countTag: number, part: string): VersionSource | undefined {
    const table = this.#tableBytes(type, tag, part);
    if (table === undefined) return undefined;
    const section = this.#sectionOf(type);
    if (section !== undefined) {
      return { ...table, count: section.info, strings: this.#file.strings(this.#file.section(section.link)) };
    }
    const dynamic = this.dynamic();
    if (dynamic === undefined) return undefined;
    return { ...table, count: Number(dynamic.get(countTag) ?? 0n), strings: dynamic.strings };
  }

  #readRelocations(): RelocationTable[] {
    const { image } = this.#file;
    const dynamic = this.dynamic();
    if (dynamic === undefined) return [];
    const tables: RelocationTable[] = [];
    const add = (kind: RelocationKind, tag: number, sizeTag: number, part: string) => {
      const at = dynamic.get(tag);
      const size = dynamic.get(sizeTag);
      if (at === undefined || size === undefined || size === 0n) return;
      tables.push(new RelocationTable(image, kind, this.#file.bytesAt(at, Number(size), part), part));
    };
    add("RELR", DT.DT_RELR, DT.DT_RELRSZ, "DT_RELR");
    add("RELA", DT.DT_RELA, DT.DT_RELASZ, "DT_RELA");
    add("REL", DT.DT_REL, DT.DT_RELSZ, "DT_REL");
    const plt = dynamic.get(DT.DT_PLTREL) === BigInt(DT.DT_RELA) ? "RELA" : "REL";
    add(plt, DT.DT_JMPREL, DT.DT_PLTRELSZ, "DT_JMPREL");
    return tables;
  }
}
