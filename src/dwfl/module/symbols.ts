/** Symbols of a module by address and by name. */
import { bufferSource } from "../../bytes/source.ts";
import { ElfFile } from "../../elf/file.ts";
import { decodeXz, isXz } from "../../host/xz.ts";
import type { FilePlace } from "./placement.ts";
import type { SectionMap } from "./section-map.ts";
import { SymbolColumns, type SymbolSource } from "./symbol-columns.ts";

/** A defined symbol of a module, where the module is. */
export interface ModuleSymbol {
  readonly name: string;
  /** Final address; `undefined` where its section has no place. */
  readonly address: bigint | undefined;
  /** Bytes; 0 if it does not say. */
  readonly size: bigint;
  /** An `STT_` value. */
  readonly type: number;
  /** An `STB_` value. */
  readonly binding: number;
  /** Of a relocatable file: section of the main file; else `undefined`. */
  readonly section: number | undefined;
  /** Offset in `section`, or the address as the file has it, without bias. */
  readonly offset: bigint;
  /** The file that has the symbol: the main file, its debug file, or what `.gnu_debugdata` holds. */
  readonly elf: ElfFile;
  /** Position in that file's symbol table. */
  readonly index: number;
}

/** A symbol that an address belongs to. */
export interface SymbolMatch {
  readonly symbol: ModuleSymbol;
  /** Bytes from the symbol to the address. */
  readonly offset: bigint;
}

/** Whose symbols these are. */
export interface SymbolHolder {
  readonly elf: ElfFile;
  /** The separate debug file; looked for when it is asked for. */
  readonly debug: ElfFile | undefined;
  /** Between the sections of the two. */
  readonly map: SectionMap;
  addressOf(section: number | undefined, offset: bigint): bigint | undefined;
}

/** Largest table that `.gnu_debugdata` may be decompressed to. */
const LARGEST = 2 ** 28;

/**
 * All defined symbols of a module, in order of address; of a relocatable file by section, and in each in order of offset.
 * Sections, files, thread-local and common symbols are no part of it.
 */
export class ModuleSymbols {
  readonly #holder: SymbolHolder;
  readonly #columns: SymbolColumns;

  constructor(holder: SymbolHolder) {
    this.#holder = holder;
    this.#columns = new SymbolColumns(sourcesOf(holder));
  }

  /** How many there are. */
  get length(): number {
    return this.#columns.length;
  }

  /** The symbol at a position, from 0. @throws RangeError if there is none */
  at(position: number): ModuleSymbol {
    const columns = this.#columns;
    const table = columns.table(position);
    const index = columns.indexOf[position] ?? 0;
    const section = columns.section(position);
    const offset = columns.value(position);
    const elf = columns.sources[columns.sourceOf[position] ?? 0]?.elf ?? this.#holder.elf;
    return {
      name: table.name(index),
      address: columns.isAbsolute(position) ? offset : this.#holder.addressOf(section, offset),
      size: table.size(index),
      type: table.type(index),
      binding: table.binding(index),
      section,
      offset,
      elf,
      index,
    };
  }

  /** All of them, in order. */
  *[Symbol.iterator](): IterableIterator<ModuleSymbol> {
    for (let position = 0; position < this.length; position++) yield this.at(position);
  }

  /**
   * The symbol that a place in the main file belongs to, by the rules of libdwfl. Of symbols whose size covers the place:
   * one that is not local before a local one; then the one that begins closest; then the stronger binding, the smaller
   * size. Else the closest one below that has no size, in the same section, with no end of another between.
   */
  match({ section, offset }: FilePlace): SymbolMatch | undefined {
    const position = this.#columns.find(section ?? 0, offset);
    if (position < 0) return undefined;
    return { symbol: this.at(position), offset: offset - this.#columns.value(position) };
  }

  /** Bytes from a place to the next symbol of its section that begins behind it; `undefined` if there is none. */
  bytesToNext({ section, offset }: FilePlace): bigint | undefined {
    const columns = this.#columns;
    const wanted = section ?? 0;
    let low = 0;
    let high = columns.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const its = columns.sectionOf[middle] ?? 0;
      if (its < wanted || (its === wanted && columns.value(middle) <= offset)) low = middle + 1;
      else high = middle;
    }
    return low < columns.length && columns.sectionOf[low] === wanted
      ? columns.value(low) - offset
      : undefined;
  }

  /** All symbols of that name, best first: global, weak, local; of equal ones in order of place. */
  named(name: string): ModuleSymbol[] {
    return this.#columns.named(name).map((position) => this.at(position));
  }
}

/** The full table of the main or the debug file, else what `.gnu_debugdata` has of one; and the dynamic one. */
function sourcesOf(holder: SymbolHolder): SymbolSource[] {
  const { elf } = holder;
  const sources: SymbolSource[] = [];
  const add = (file: ElfFile | undefined, mainSection: SymbolSource["mainSection"]) => {
    const table = file?.symtab();
    if (file === undefined || table === undefined || table.length <= 1) return false;
    sources.push({ elf: file, table, mainSection });
    return true;
  };
  const same = (index: number) => index;
  if (!add(elf, same) && !add(holder.debug, (index) => holder.map.toMain(index)))
    add(miniDebugFile(elf), same);
  const dynamic = elf.dynsym();
  if (dynamic !== undefined) sources.push({ elf, table: dynamic, mainSection: same });
  return sources;
}

/** The stripped file in `.gnu_debugdata` [gdb manual, "MiniDebugInfo"], whose symbols the dynamic ones lack. */
function miniDebugFile(elf: ElfFile): ElfFile | undefined {
  const section = elf.sectionsNamed(".gnu_debugdata")[0];
  const bytes = section?.bytes();
  if (section === undefined || bytes === undefined || !isXz(bytes)) return undefined;
  let plain: Uint8Array;
  try {
    plain = decodeXz(bytes, LARGEST);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw elf.image.error("ELF_BAD_COMPRESSION", section.label, 0, why);
  }
  return ElfFile.open(bufferSource(plain, `${elf.name ?? ""}(.gnu_debugdata)`));
}
