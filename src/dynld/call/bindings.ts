/** What a library or module exports, as functions to call and variables to read and write. */
import { DynldError } from "../../errors.ts";
import { textAt } from "../../host/typed.ts";
import { declaration } from "../ctype/declaration.ts";
import { isConst } from "../ctype/value-kind.ts";
import { bare, type CType } from "../ctype.ts";
import { ArgumentError, refuse } from "./argument-error.ts";
import { CallTypes } from "./call-types.ts";
import { makeCallable, makeUntyped, type NativeCallable, type UntypedHandle, untyped } from "./callable.ts";
import { Memory } from "./memory.ts";
import { NativeType } from "./native-type.ts";
import { TypeNames } from "./type-names.ts";
import { unsupported } from "./unsupported.ts";

/** A function or variable with its type. `address` and `type` may be getters: they are asked for when it is used. */
export interface BoundSymbol {
  readonly name: string;
  readonly kind: "function" | "variable";
  readonly address: bigint;
  /** `undefined` of what no debug information tells the type of. */
  readonly type: CType | undefined;
}

/** What `bindery dts` declares of a file: its functions and variables. */
export interface ExportsShape {
  readonly fn: object;
  readonly data: object;
}

/** Exports that nobody declared. */
export interface AnyExports {
  readonly fn: Readonly<Record<string, NativeCallable>>;
  readonly data: Record<string, unknown>;
}

/**
 * Exports, typed. Nothing is read of a symbol's type before it is used; a function's conversions are made then, once.
 */
export class Bindings<E extends ExportsShape = AnyExports> {
  /** The functions. What can't be called throws why when it is called. */
  readonly fn: E["fn"];
  /** The variables: reading one reads memory, assigning writes it. Structures and arrays are views. */
  readonly data: E["data"];
  readonly #file: string;
  readonly #types: CallTypes;
  #symbols: ReadonlyMap<string, BoundSymbol>;
  readonly #functions = new Map<string, UntypedHandle>();
  readonly #byPrototype = new Map<string, NativeCallable>();
  readonly #memories = new Map<string, Memory>();
  #ended: DynldError | undefined;

  /** @param file what messages call it */
  constructor(file: string, symbols: Iterable<BoundSymbol>) {
    this.#file = file;
    this.#symbols = byName(symbols);
    this.#types = new CallTypes(new TypeNames(() => this.#roots()));
    this.fn = Object.create(null) as E["fn"];
    this.data = Object.create(this.#withoutOthers()) as E["data"];
    this.#define();
  }

  /** Calls that have not returned, as there are in callbacks. */
  get activeCalls(): number {
    return this.#types.scope.active;
  }

  /**
   * A type that something exported is made of, by its name in C: `struct point`, `point_t`, `unsigned long`, `char *`;
   * or a type that has no name, as functions that are parameters.
   * @throws ArgumentError when there is none
   */
  type(type: string | CType): NativeType {
    if (this.#ended !== undefined) throw this.#ended;
    return new NativeType(this.#types, typeof type === "string" ? this.#types.typeNamed(type) : type);
  }

  /**
   * Goes on with other symbols, as of a new version. Functions that the program has call those of the same name; one whose
   * declaration is another, or that is gone, throws from then on.
   */
  rebind(symbols: Iterable<BoundSymbol>, gone: (name: string) => DynldError): void {
    this.#symbols = byName(symbols);
    for (const [name, handle] of this.#functions) {
      const symbol = this.#symbols.get(name);
      const type = symbol?.type;
      if (symbol === undefined || textOf(type) !== textOf(handle.type)) {
        handle.end(gone(name));
        this.#functions.delete(name);
      } else handle.retarget(symbol.address);
    }
    this.#byPrototype.clear();
    this.#endMemories();
    this.#define();
  }

  /** Ends functions and views of variables: using one throws from then on. What pointers led to is the program's matter. */
  end(error: DynldError): void {
    this.#ended = error;
    this.#types.end(error);
    for (const handle of this.#functions.values()) handle.end(error);
    this.#endMemories();
  }

  /**
   * A function by a C prototype, as {@link NativeCallable.as} has it. The same prototype gives the same callable.
   * @throws DynldError DYNLD_UNDEFINED_SYMBOL, and what `as` throws
   */
  byPrototype(name: string, prototype: string): NativeCallable {
    if (this.#ended !== undefined) throw this.#ended;
    let callable = this.#byPrototype.get(prototype);
    if (callable === undefined) {
      if (this.#symbols.get(name)?.kind !== "function") {
        const what = `found no exported function ${name}`;
        throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: this.#file }, what, { symbol: name });
      }
      callable = (this.#function(name) as NativeCallable).as(prototype);
      this.#byPrototype.set(prototype, callable);
    }
    return callable;
  }

  #define(): void {
    clear(this.fn);
    clear(this.data);
    for (const [name, { kind }] of this.#symbols) {
      if (kind === "function") this.#defineFunction(name);
      else this.#defineVariable(name);
    }
  }

  /** Takes no assignments, for who mistypes a variable's name. */
  #withoutOthers(): object {
    return new Proxy(Object.create(null), {
      set: (_, name) => {
        const where = `${this.#file}: ${String(name)}`;
        throw new ArgumentError(where, "found an assignment, expected none: there is no such variable");
      },
    });
  }

  #defineFunction(name: string): void {
    Object.defineProperty(this.fn, name, {
      enumerable: true,
      configurable: true,
      get: () => {
        const value = this.#functionOrWhyNot(name);
        Object.defineProperty(this.fn, name, { enumerable: true, configurable: true, value });
        return value;
      },
    });
  }

  /** To look at a function is harmless: what is wrong with it, its call says. */
  #functionOrWhyNot(name: string): unknown {
    try {
      return this.#function(name);
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  #function(name: string): unknown {
    if (this.#ended !== undefined) throw this.#ended;
    const known = this.#functions.get(name);
    if (known !== undefined) return known.callable;
    const symbol = this.#symbols.get(name);
    if (symbol === undefined) return untyped(name);
    const type = symbol.type === undefined ? undefined : bare(symbol.type);
    const handle =
      type?.kind === "function"
        ? makeCallable(this.#types, name, type, symbol.address)
        : makeUntyped(this.#types, name, symbol.address);
    this.#functions.set(name, handle);
    return handle.callable;
  }

  #defineVariable(name: string): void {
    Object.defineProperty(this.data, name, {
      enumerable: true,
      configurable: true,
      get: () => {
        const { type, memory } = this.#variable(name);
        return this.#types.access(type, false).read(memory, 0);
      },
      set: (value: unknown) => {
        const { type, memory } = this.#variable(name);
        const where = declaration(type, name);
        if (isConst(type)) throw new ArgumentError(where, "found an assignment, expected none: it is const");
        this.#types.access(type, false).write(memory, 0, value, where);
      },
    });
  }

  #variable(name: string): { readonly type: CType; readonly memory: Memory } {
    if (this.#ended !== undefined) throw this.#ended;
    const symbol = this.#symbols.get(name);
    const type = symbol?.type;
    if (symbol === undefined || type === undefined) return untyped(name)();
    let memory = this.#memories.get(name);
    if (memory === undefined) {
      const { size } = bare(type);
      if (size === undefined) throw unsupported(`${this.#file}: ${name}`, type);
      memory = Memory.at(symbol.address, size);
      this.#memories.set(name, memory);
    }
    return { type, memory };
  }

  #endMemories(): void {
    for (const memory of this.#memories.values()) memory.end();
    this.#memories.clear();
  }

  *#roots(): IterableIterator<CType> {
    for (const { type } of this.#symbols.values()) if (type !== undefined) yield type;
  }
}

/** Callables and variables for symbols, without anything to own them. @param file what messages call it */
export function callables<E extends ExportsShape = AnyExports>(
  exports: Iterable<BoundSymbol>,
  file = "exports",
): Bindings<E> {
  return new Bindings<E>(file, exports);
}

/**
 * Text in native or JavaScript's memory, up to its NUL, from UTF-8; of `char *`, which is an address, and arrays of `char`.
 * @throws ArgumentError of what is neither
 */
export function text(from: bigint | Int8Array | Uint8Array): string {
  if (typeof from === "bigint") {
    if (from === 0n) refuse("text", from, "an address that is not 0");
    return textAt(from);
  }
  if (!(from instanceof Int8Array || from instanceof Uint8Array)) refuse("text", from, "an address or bytes");
  const end = from.indexOf(0);
  const length = end < 0 ? from.length : end;
  return new TextDecoder().decode(new Uint8Array(from.buffer, from.byteOffset, length));
}

function byName(symbols: Iterable<BoundSymbol>): Map<string, BoundSymbol> {
  const found = new Map<string, BoundSymbol>();
  for (const symbol of symbols) found.set(symbol.name, symbol);
  return found;
}

function textOf(type: CType | undefined): string {
  return type === undefined ? "" : declaration(type, "", { resolved: true });
}

function clear(object: object): void {
  for (const key of Object.keys(object)) delete (object as Record<string, unknown>)[key];
}
