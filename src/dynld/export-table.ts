/** The table of symbols that a program offers to the modules that it loads. */
import type { LiveObject } from "../dlbind/index.ts";
import { STT } from "../elf/constants/symbol.ts";
import { DynldError } from "../errors.ts";
import type { NativeCallback } from "../host/callback.ts";
import { refuse } from "./call/argument-error.ts";
import type { CSymbol } from "./ctype.ts";
import { compareNames, type Dynsym, type DynsymLike } from "./dynsym.ts";
import { type HostFunction, hostFunction } from "./host-function.ts";
import { LibrarySymbols } from "./library-symbols.ts";
import type { ThreadVariable } from "./link/imports.ts";

/** A module whose exports others may use: it must stay while they do. */
export interface ExportOwner {
  readonly name: string;
  readonly export: readonly Dynsym[];
  /** The live object that it lies in. */
  readonly object: Pick<LiveObject, "symbol">;
  /** The type of an export, where it is known. */
  typeOf(name: string): CSymbol | undefined;
  /** Where its `STB_GNU_UNIQUE` symbols are, those of others that it shares among them. */
  readonly uniques: ReadonlyMap<string, UniqueSymbol>;
  /** Where its thread-local variables are that others may use; they have no address, and are not in {@link export}. */
  readonly threadVariables: ReadonlyMap<string, SignedThreadVariable>;
  /** Notes a user. @returns what ends the use */
  use(): () => void;
}

/** A symbol of which there is to be one in a process. */
export interface UniqueSymbol {
  readonly address: bigint;
  /** Signature of its type; 0 when that is not known. */
  readonly sig: bigint;
  /** Bytes. */
  readonly size: number;
}

/** A thread-local variable that a module has for others. */
export interface SignedThreadVariable extends ThreadVariable {
  /** Signature of its type; 0 when that is not known. */
  readonly sig: bigint;
}

/** A symbol in use. */
export interface SymbolUse {
  readonly address: bigint;
  /** Ends the use. */
  readonly release: () => void;
}

/** What a name of the table stands for. */
export interface OfferedSymbol {
  readonly name: string;
  readonly sig: bigint;
  /** Address; of a JavaScript function 0 until somebody uses it. */
  readonly address: bigint;
  /** Whether it is data and no function; `undefined` where that is not known. */
  readonly isData: boolean | undefined;
  /** Its type, where it is known: what a mismatch of signatures is explained by. */
  readonly type?: () => CSymbol | undefined;
  /** Bytes of one of `STB_GNU_UNIQUE`: modules that have a definition of that size use it instead. */
  readonly uniqueSize?: number | undefined;
  /** Of a thread-local variable, which has no address. */
  readonly thread?: ThreadVariable | undefined;
  /** Whether its type has structures of which only the tag is known: others of that tag fit. */
  readonly isOpen?: boolean;
  /** Takes it in use, if that means something. @returns its address, and what ends the use */
  readonly acquire?: () => SymbolUse;
}

/** A symbol with an address of the caller's. */
export interface AddressSymbol extends DynsymLike {
  /**
   * Whether it is data, which code must reach, or a function, which a stub may stand for. Without this it may be either, and
   * what is farther than 2 GiB is called through a stub, and not reached otherwise.
   */
  readonly isData?: boolean;
}

/**
 * Symbols that modules may import: explicit ones, and all or some of libraries. An explicit name stands before a
 * library's, an earlier library before a later one.
 */
export class ExportTable {
  readonly #symbols = new Map<string, OfferedSymbol>();
  readonly #libraries: {
    readonly library: LibrarySymbols;
    readonly names: ReadonlySet<string> | undefined;
  }[] = [];

  /** Adds a symbol by address. @throws DynldError DYNLD_DUPLICATE */
  add({ name, sig, addr, isData }: AddressSymbol): this {
    return this.#put({ name, sig: BigInt(sig), address: BigInt.asUintN(64, BigInt(addr)), isData });
  }

  /**
   * Adds a JavaScript function by C prototype: `void note(const char *text)`. It becomes native when a module that
   * imports it is loaded, and ends with the last such module.
   * @param type its type or signature, by which it is checked; by default what the prototype says: of a structure that is
   *   named there, the tag; nothing of `int f()` and of names that are not C's. 0 checks nothing
   * @throws DynldError DYNLD_BAD_ARGUMENT for what is no prototype, or not one of the type; DYNLD_UNSUPPORTED for types that
   *   JavaScript has no values for; DYNLD_DUPLICATE; ArgumentError of what is no function
   */
  addFunction(
    prototype: string,
    action: (...args: never[]) => unknown,
    type?: CSymbol | number | bigint,
  ): this {
    if (typeof action !== "function") refuse("addFunction", action, "a function");
    const host = hostFunction(prototype, type);
    const shared = new SharedCallback(host, action);
    const { name, sig, symbol, isOpen } = host;
    return this.#put({
      name,
      sig,
      address: 0n,
      isData: false,
      type: () => symbol,
      isOpen,
      acquire: () => shared.acquire(),
    });
  }

  /**
   * Adds symbols of a shared library, which is opened if it is not.
   * @param name a path or file name; empty for the program itself
   * @param names which symbols; all by default
   * @param options.types where their types are looked for: in debug information of the library's file, if left out; with
   *   true also in a separate debug file on this machine; with false nowhere. What a library was compiled from may say
   *   more of a type than its headers do, and another type of the same name: those of the C library do.
   * @throws DynldError DYNLD_BAD_ARGUMENT when there is no such library, DYNLD_UNDEFINED_SYMBOL when it lacks one of `names`
   */
  addLibrary(name: string, names?: Iterable<string>, options: { readonly types?: boolean } = {}): this {
    const library = new LibrarySymbols(name, options.types);
    const chosen = names === undefined ? undefined : new Set(names);
    for (const wanted of chosen ?? []) {
      if (library.find(wanted) !== undefined) continue;
      library.close();
      const what = `found no ${wanted} to export`;
      throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: library.path }, what, { symbol: wanted });
    }
    this.#libraries.push({ library, names: chosen });
    return this;
  }

  /** Adds what a loaded module exports; it can't be unloaded while a module that uses it is there. */
  addModule(module: ExportOwner, names?: Iterable<string>): this {
    const chosen = names === undefined ? undefined : new Set(names);
    for (const exported of module.export) {
      const { name, addr } = exported;
      // Not before it is asked for: it is made of debug information.
      const sig = (): bigint => exported.sig;
      if (chosen !== undefined && !chosen.has(name)) continue;
      if (this.#isShared(name, module)) continue;
      this.#put({
        name,
        get sig() {
          return sig();
        },
        address: addr,
        isData: module.object.symbol(name)?.type === STT.STT_OBJECT,
        uniqueSize: module.uniques.get(name)?.size,
        type: () => module.typeOf(name),
        acquire: () => ({ address: addr, release: module.use() }),
      });
    }
    for (const [name, thread] of module.threadVariables) {
      if (chosen?.has(name) === false) continue;
      const acquire = (): SymbolUse => ({ address: 0n, release: module.use() });
      const type = (): CSymbol | undefined => module.typeOf(name);
      this.#put({ name, sig: thread.sig, address: 0n, isData: true, thread, type, acquire });
    }
    return this.#addShared(module, chosen);
  }

  /** The symbol of that name. */
  find(name: string): OfferedSymbol | undefined {
    const known = this.#symbols.get(name);
    if (known !== undefined) return known;
    for (const { library, names } of this.#libraries) {
      if (names !== undefined && !names.has(name)) continue;
      const found = library.find(name);
      if (found !== undefined) return { name, ...found };
    }
    return undefined;
  }

  /** All names, in no order. */
  *names(): IterableIterator<string> {
    yield* this.#symbols.keys();
    for (const { library, names } of this.#libraries) yield* names ?? library.names();
  }

  /** The table as dynld(10.2) has it: sorted by name. JavaScript functions and thread-local variables have address 0. */
  entries(): Dynsym[] {
    const entries: Dynsym[] = [];
    for (const name of new Set(this.names())) {
      const found = this.find(name);
      if (found !== undefined) entries.push({ name, sig: found.sig, addr: found.address });
    }
    return entries.sort((a, b) => compareNames(a.name, b.name));
  }

  /** Lets libraries go. Modules that were loaded with the table keep what they use only if something else has it open. */
  close(): void {
    for (const { library } of this.#libraries) library.close();
    this.#libraries.length = 0;
  }

  /** As {@link close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** What a module shares with those that it uses is there for whom the module is offered to. */
  #addShared(module: ExportOwner, chosen: ReadonlySet<string> | undefined): this {
    const own = new Set(module.export.map(({ name }) => name));
    for (const [name, { address, sig, size }] of module.uniques) {
      if (own.has(name) || chosen?.has(name) === false || this.#isShared(name, module)) continue;
      const acquire = (): SymbolUse => ({ address, release: module.use() });
      const type = (): CSymbol | undefined => module.typeOf(name);
      this.#put({ name, sig, address, isData: true, uniqueSize: size, type, acquire });
    }
    return this;
  }

  /** Whether a unique symbol of a module is in the table, by way of another module. */
  #isShared(name: string, module: ExportOwner): boolean {
    const unique = module.uniques.get(name);
    return unique !== undefined && this.#symbols.get(name)?.address === unique.address;
  }

  #put(symbol: OfferedSymbol): this {
    if (this.#symbols.has(symbol.name)) {
      const what = `${symbol.name}: found in the table already, expected each name once`;
      throw new DynldError("DYNLD_DUPLICATE", {}, what, { symbol: symbol.name });
    }
    this.#symbols.set(symbol.name, symbol);
    return this;
  }
}

/** A native callback that is there while somebody uses it. */
class SharedCallback {
  readonly #host: HostFunction;
  readonly #action: (...args: never[]) => unknown;
  #callback: NativeCallback | undefined;
  #users = 0;

  constructor(host: HostFunction, action: (...args: never[]) => unknown) {
    this.#host = host;
    this.#action = action;
  }

  acquire(): SymbolUse {
    this.#callback ??= this.#host.register(this.#action);
    this.#users++;
    let held = true;
    const release = (): void => {
      if (!held) return;
      held = false;
      if (--this.#users > 0) return;
      this.#callback?.release();
      this.#callback = undefined;
    };
    return { address: this.#callback.address, release };
  }
}
