/** One file of code in a process: its names, lines and call frames. */
import { Dwarf } from "../../dwarf/dwarf.ts";
import type { Fde } from "../../dwarf/read/frame/entry.ts";
import { FrameHeaderTable } from "../../dwarf/read/frame/header.ts";
import { type FrameRow, frameRowAt } from "../../dwarf/read/frame/row.ts";
import { FrameSection } from "../../dwarf/read/frame/section.ts";
import type { AddressSpan } from "../../dwfl/module/layout.ts";
import { Module } from "../../dwfl/module/module.ts";
import type { ModuleReport } from "../../dwfl/module/report.ts";
import type { ModuleSymbol } from "../../dwfl/module/symbols.ts";
import { PlaceSymbolizer, type SymbolizedFrame } from "../../dwfl/symbolize/place.ts";
import { SHT } from "../../elf/constants/section.ts";
import { BinderyError } from "../../errors.ts";
import { type PltName, PltNames } from "./plt-names.ts";

/** How the frame of a function is undone at a place in it. */
export interface FrameRules {
  readonly fde: Fde;
  readonly row: FrameRow;
}

/** Call frame information that counts from the file's own addresses, and how to find what covers one. */
interface FrameSource {
  readonly section: FrameSection;
  readonly header: FrameHeaderTable | undefined;
}

/** What is executed at a place. */
export interface FoundPlace {
  readonly symbol: PltName | undefined;
  readonly frames: readonly SymbolizedFrame[];
}

/** A symbol's name without its version, which the tables of libraries have in them. */
function plainName(name: string): string {
  return name.replace(/@.*$/, "");
}

/** The module of a report: one that knows of no others, and asks no servers, which would keep a debugger waiting. */
export function moduleOf(report: ModuleReport): Module {
  const host = {
    find: {},
    debuginfod: () => undefined,
    sectionAddress: undefined,
    symbolAddress: () => undefined,
    located: () => {},
    moved: () => {},
  };
  return new Module(host, report);
}

/** What a debugger asks of one module. What is damaged in it is as if it were not there. */
export class CodeFile {
  readonly module: Module;
  readonly #covered: readonly AddressSpan[] | undefined;
  #places: PlaceSymbolizer;
  #frames: readonly FrameSource[] | undefined;
  #plt: PltNames | undefined;

  /** @param covered the ranges that it speaks of, where others have what lies between them */
  constructor(module: Module, covered?: readonly AddressSpan[]) {
    this.module = module;
    this.#covered = covered;
    this.#places = new PlaceSymbolizer(module);
  }

  /** Forgets what was read: the file may have changed. */
  forget(): void {
    this.module.release();
    this.#places = new PlaceSymbolizer(this.module);
    this.#frames = undefined;
    this.#plt = undefined;
  }

  /** Whether an address is in it. */
  has(address: bigint): boolean {
    const covered = this.#covered;
    if (covered?.some(({ start, end }) => address >= start && address < end) === false) return false;
    return attempt(() => this.module.placeOf(address)) !== undefined;
  }

  /** A symbol that it defines. */
  symbolNamed(name: string): ModuleSymbol | undefined {
    return attempt(() => this.module.symbolNamed(name));
  }

  /** Address of a symbol that it shows to others, which is found without reading all of them; of a program, of any. */
  exported(name: string): bigint | undefined {
    if (this.module.isProgram) return this.symbolNamed(name)?.address;
    return attempt(() => {
      const { elf } = this.module;
      const { gnu, sysv } = elf.hashTables();
      const index = gnu?.lookup(name) ?? sysv?.lookup(name);
      const value = index === undefined ? undefined : elf.dynsym()?.value(index);
      return value === undefined ? undefined : this.#final(value);
    });
  }

  /** Addresses of the words that hold what the code at an address chose. */
  slotsOf(resolver: bigint): bigint[] {
    return (
      attempt(() =>
        this.#linkage()
          .slotsOf(resolver - this.module.bias)
          .map((one) => this.#final(one)),
      ) ?? []
    );
  }

  /** Addresses of the words by which it reaches a function of another file. */
  slotsNamed(name: string): bigint[] {
    return (
      attempt(() =>
        this.#linkage()
          .slotsNamed(name)
          .map((one) => this.#final(one)),
      ) ?? []
    );
  }

  /** Names of its symbols that begin so, without those of versions, at most `most`. */
  namesBeginning(prefix: string, most: number): string[] {
    const found = new Set<string>();
    attempt(() => {
      for (const { name } of this.module.symbols) {
        if (!name.startsWith(prefix) || name.includes("@")) continue;
        found.add(name);
        if (found.size === most) break;
      }
    });
    return [...found];
  }

  /** What is executed at an address. */
  at(address: bigint): FoundPlace | undefined {
    return attempt(() => {
      const place = this.module.placeOf(address);
      if (place === undefined) return undefined;
      const isLinked = place.section === undefined;
      const entry = isLinked ? attempt(() => this.#linkage().at(place.offset)) : undefined;
      if (entry !== undefined) return { symbol: entry, frames: [] };
      const code = attempt(() => this.module.dwarfPlaceOf(address)) ?? place;
      const { symbol, frames } = this.#places.at(place, code);
      return { symbol: symbol && { ...symbol, name: plainName(symbol.name) }, frames };
    });
  }

  /** Addresses where code of a source line begins. */
  linesAt(file: string, line: number): bigint[] {
    const found = attempt(() => this.#places.lookup?.lines(file, line)) ?? [];
    return found.flatMap(
      ({ section, offset }) => attempt(() => this.module.dwarfAddressOf(section, offset)) ?? [],
    );
  }

  /** How the frame at an address is undone; `undefined` if the file does not say. */
  frameAt(address: bigint): FrameRules | undefined {
    return attempt(() => {
      this.#frames ??= this.#frameSources();
      const own = BigInt.asUintN(64, address - this.module.bias);
      for (const source of this.#frames) {
        const fde = attempt(() => fdeAt(source, own));
        const offset = fde === undefined ? 0n : own - startOf(fde);
        const row = fde === undefined ? undefined : attempt(() => frameRowAt(fde, Number(offset)));
        if (fde !== undefined && row !== undefined) return { fde, row };
      }
      return undefined;
    });
  }

  #linkage(): PltNames {
    this.#plt ??= new PltNames(this.module.elf);
    return this.#plt;
  }

  #final(address: bigint): bigint {
    return BigInt.asUintN(64, address + this.module.bias);
  }

  /** `.eh_frame` of the file, which is there for unwinding; then `.debug_frame`, of its debug file too. */
  #frameSources(): FrameSource[] {
    const { elf } = this.module;
    const own = sectionsOf(Dwarf.open(elf));
    const header = attempt(() => FrameHeaderTable.read(elf));
    const frames = own.filter(({ isEh }) => isEh).map((section) => ({ section, header }));
    const debug = attempt(() => this.module.dwarf);
    const others = [...own, ...sectionsOf(debug)].filter(({ isEh }) => !isEh);
    return [...frames, ...others.map((section) => ({ section, header: undefined }))];
  }
}

function sectionsOf(dwarf: Dwarf | undefined): FrameSection[] {
  const all = dwarf === undefined ? [] : (attempt(() => FrameSection.all(dwarf)) ?? []);
  return all.filter(({ reader }) => reader.section.elfSection.type !== SHT.SHT_NOBITS);
}

/** Where the code begins, which is final: what processes tell of in memory has no relocations left for its frames. */
function startOf({ cie: { pointers }, startAt }: Fde): bigint {
  pointers.locate(startAt);
  return (BigInt(pointers.high) << 32n) | BigInt(pointers.low);
}

/** By the linker's search table where there is one, which saves reading all entries. */
function fdeAt({ section, header }: FrameSource, address: bigint): Fde | undefined {
  const place = header === undefined || header.count === 0 ? undefined : header.find(address);
  if (place === undefined) return section.find(address);
  const fde = section.fdeAt(Number(place - section.reader.section.elfSection.addr));
  const start = startOf(fde);
  return address >= start && address < start + BigInt(fde.size) ? fde : undefined;
}

/** What can't be read is as if it were not there. */
function attempt<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}
