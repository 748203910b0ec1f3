/** From addresses of a session to modules, symbols, functions, inlined calls and lines; and from names and lines back. */
import { BinderyError } from "../../errors.ts";
import type { Module } from "../module/module.ts";
import type { FilePlace } from "../module/placement.ts";
import type { Dwfl } from "../session.ts";
import { noted, PlaceSymbolizer, type SymbolizedPlace } from "./place.ts";

/** What is known of an address. */
export interface SymbolizedAddress extends SymbolizedPlace {
  readonly address: bigint;
  /** The module that has it; `undefined` where none does. */
  readonly module: Module | undefined;
}

/** How to look an address up. */
export interface SymbolizeOptions {
  /**
   * The address is one that a call returns to: the call is before it, and may be the last of its line, or of its function.
   * Then what is before the address is looked up. (`address` and `symbol.offset` of the answer stay.)
   */
  readonly isReturn?: boolean;
}

/** Where the code of a function or a line begins. */
export interface CodeAddress {
  /** Final; `undefined` where its module or section has no place. */
  readonly address: bigint | undefined;
  readonly module: Module;
  /** Of a relocatable file: the section, by the numbers of the file with the debug information. */
  readonly section: number | undefined;
  /** From the start of the section, or the address as that file has it. */
  readonly offset: bigint;
  /** The function's name, or `undefined` of a line. */
  readonly function: string | undefined;
  /** A copy of the function that was inlined. */
  readonly inlined: boolean;
  /** Path of the source file, of a line. */
  readonly file: string | undefined;
  /** 0 of functions. */
  readonly line: number;
}

/** Answers for the addresses of a session, whose modules it does not own. */
export class Symbolizer {
  readonly #dwfl: Dwfl;
  readonly #places = new WeakMap<Module, PlaceSymbolizer>();

  constructor(dwfl: Dwfl) {
    this.#dwfl = dwfl;
  }

  /**
   * What is at an address. A module without debug information gives the symbol; what can't be read is a note on the answer.
   */
  at(address: bigint, options: SymbolizeOptions = {}): SymbolizedAddress {
    const module = this.#dwfl.moduleAt(address);
    if (module === undefined) return { address, module, symbol: undefined, frames: [], notes: [] };
    const shift = options.isReturn === true && address > 0n ? 1n : 0n;
    const notes: string[] = [];
    const answer = noted(notes, () => {
      const place = module.placeOf(address - shift);
      if (place === undefined) return undefined;
      const code = noted(notes, () => module.dwarfPlaceOf(address - shift)) ?? place;
      return this.of(module).at(place, code);
    });
    const found = answer?.symbol;
    const symbol = found && { ...found, offset: found.offset + shift };
    return {
      address,
      module,
      symbol,
      frames: answer?.frames ?? [],
      notes: [...notes, ...(answer?.notes ?? [])],
    };
  }

  /** What is at a place of a module's main file, wherever the module is. Needs no addresses. */
  atPlace(module: Module, place: FilePlace): SymbolizedPlace {
    try {
      return this.of(module).framesAt(place, codePlace(module, place));
    } catch (error) {
      if (!(error instanceof BinderyError)) throw error;
      // The debug file can't be opened: symbols may be there.
      const answer = this.of(module).framesAt(place);
      return { symbol: answer.symbol, frames: answer.frames, notes: [error.message, ...answer.notes] };
    }
  }

  /** Answers for places of one module's file. */
  of(module: Module): PlaceSymbolizer {
    let places = this.#places.get(module);
    if (places === undefined) {
      places = new PlaceSymbolizer(module);
      this.#places.set(module, places);
    }
    return places;
  }

  /**
   * Code of the functions of a name, over all modules; of a module whose debug information does not have it, its symbols.
   * Modules that can't be read are passed over.
   * @param name as the source has it, without namespaces, or as linkers have it
   * @param options.inlined also copies that were inlined
   * @param options.module only of this one
   */
  functions(
    name: string,
    options: { readonly inlined?: boolean; readonly module?: Module } = {},
  ): CodeAddress[] {
    return this.#modules(options.module).flatMap((module) => {
      const found = noted([], () => this.of(module).lookup?.functions(name, options)) ?? [];
      if (found.length === 0) return noted([], () => symbolsNamed(module, name)) ?? [];
      return found.map(({ section, offset, linkageName, name: plain, inlined }) => ({
        address: module.dwarfAddressOf(section, offset),
        module,
        section,
        offset,
        function: linkageName ?? plain,
        inlined,
        file: undefined,
        line: 0,
      }));
    });
  }

  /**
   * Where code of a line begins, over all modules. Modules that can't be read are passed over.
   * @param file a path, or its end: whole names, as `fs/inode.c` is of `/usr/src/fs/inode.c`
   * @param options.module only of this one
   */
  lines(file: string, line: number, options: { readonly module?: Module } = {}): CodeAddress[] {
    return this.#modules(options.module).flatMap((module) => {
      const found = noted([], () => this.of(module).lookup?.lines(file, line)) ?? [];
      return found.map(({ section, offset, file: path }) => ({
        address: module.dwarfAddressOf(section, offset),
        module,
        section,
        offset,
        function: undefined,
        inlined: false,
        file: path,
        line,
      }));
    });
  }

  #modules(only: Module | undefined): readonly Module[] {
    return only === undefined ? this.#dwfl.modules : [only];
  }
}

/** The same place in the file with the debug information, which may number the sections of a relocatable file otherwise. */
function codePlace(module: Module, { section, offset }: FilePlace): FilePlace | undefined {
  if (section === undefined || module.debug === undefined) return undefined;
  const address = module.addressOf(section, offset);
  return address === undefined ? undefined : module.dwarfPlaceOf(address);
}

function symbolsNamed(module: Module, wanted: string): CodeAddress[] {
  return module.symbols.named(wanted).map(({ name, address, section, offset }) => ({
    address,
    module,
    section,
    offset,
    function: name,
    inlined: false,
    file: undefined,
    line: 0,
  }));
}
