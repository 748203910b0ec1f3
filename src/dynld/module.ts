/** Modules of native code in the running process: loaded, called, reloaded, unloaded. [dynld(10.2)] */
import { basename, dirname, resolve } from "node:path";
import type { Backing, LiveObject, PerfOutput } from "../dlbind/index.ts";
import { STT } from "../elf/constants/symbol.ts";
import { DynldError } from "../errors.ts";
import { callableAt } from "../host/call.ts";
import { dlsym, threadAddress } from "../host/dl.ts";
import { FileSource, type Opened, openSource } from "../host/file.ts";
import { refuse } from "./call/argument-error.ts";
import { type AnyExports, Bindings, type BoundSymbol, type ExportsShape } from "./call/bindings.ts";
import type { NativeCallable } from "./call/callable.ts";
import { callbackErrors } from "./call/callback-errors.ts";
import type { NativeType } from "./call/native-type.ts";
import type { CSymbol, CType } from "./ctype.ts";
import { type Dynobj, dynimport } from "./dynobj.ts";
import { type Dynsym, type DynsymLike, dynfindsym } from "./dynsym.ts";
import { ExportTable, type SignedThreadVariable, type UniqueSymbol } from "./export-table.ts";
import { Instance, type InstanceRequest } from "./instance.ts";
import type { LinkFile, MemberReader, ModuleFile } from "./link/input.ts";
import type { SignatureRules } from "./policy.ts";
import { explainMismatch } from "./signature/explain.ts";
import { signatureText } from "./signature/signature.ts";

/** How a module is loaded. */
export interface ModuleOptions extends SignatureRules {
  /** What it is called in link maps and messages; by default the first file's name, in messages with its directory. */
  readonly name?: string;
  /** What it may import; nothing by default. */
  readonly table?: ExportTable;
  /** Its text, data and bss together must be below this many bytes; 0 is no limit but the one of 1 GiB. */
  readonly maxsize?: number;
  /** Whether its initialisers run now and its finalisers when it goes. True by default. */
  readonly run?: boolean;
  /** How perf(1) is told of its functions, as live objects have it. Not at all by default. */
  readonly perf?: readonly PerfOutput[];
  /** Where its bytes are: `"memfd"` by default, or a file of the module's name in a directory, whose symbols perf(1) reads. */
  readonly backing?: Backing;
  /** Whether `dlsym(RTLD_DEFAULT)` and later loaded libraries find what it exports. False by default. */
  readonly global?: boolean;
}

/** How a new version takes a module's place. */
export interface ReloadOptions {
  /**
   * Names of a pair of exported functions: the old version's `void *save(void)`, whose result the new version's
   * `void restore(void *state)` is called with.
   */
  readonly state?: { readonly save: string; readonly restore: string };
  /** Go on though others import what the old version exports, or a call of it has not returned. */
  readonly force?: boolean;
}

/**
 * A module in memory: relocatable objects of a compiler, linked where they lie. Belongs to the thread that loaded it.
 */
export class NativeModule<E extends ExportsShape = AnyExports> implements Dynobj {
  readonly name: string;
  /** What messages call it: its name, or without one the first file as it was given. */
  readonly file: string;
  readonly #options: ModuleOptions;
  readonly #table: ExportTable;
  #instance: Instance;
  #users = 0;
  #calls = 0;
  #unloaded = false;
  #importsFreed = false;
  #bindings: Bindings<E> | undefined;

  /**
   * Loads relocatable objects, and of archives those members that they need.
   * @throws DynldError with place and code; nothing is left of the module then
   */
  static load<E extends ExportsShape = AnyExports>(
    files: ModuleFile | readonly ModuleFile[],
    options: ModuleOptions = {},
  ): NativeModule<E> {
    return new NativeModule<E>(listOf(files), options);
  }

  /** Loads from paths. @throws DynldError; HostError for what can't be read, ElfError for what can't be decompressed */
  static open<E extends ExportsShape = AnyExports>(
    paths: string | readonly string[],
    options: ModuleOptions = {},
  ): NativeModule<E> {
    const { files, close } = openFiles(paths);
    return new NativeModule<E>(files, options, close);
  }

  /** @param close ends the files' use */
  private constructor(files: readonly LinkFile[], options: ModuleOptions, close?: () => void) {
    this.file = options.name ?? files[0]?.name ?? "module";
    this.name = options.name ?? basename(this.file);
    this.#options = options;
    this.#table = options.table ?? new ExportTable();
    try {
      this.#instance = this.#load(files, { close });
    } catch (error) {
      close?.();
      throw error;
    }
  }

  /** The live object that the module lies in: its symbols, its handle for the loader. */
  get object(): LiveObject {
    return this.#instance.object;
  }

  get isUnloaded(): boolean {
    return this.#unloaded;
  }

  get size(): number {
    return this.text + this.data + this.bss;
  }

  get text(): number {
    return this.#instance.text;
  }

  get data(): number {
    return this.#instance.data;
  }

  get bss(): number {
    return this.#instance.bss;
  }

  get base(): bigint {
    return this.#instance.object.base;
  }

  get nexport(): number {
    return this.export.length;
  }

  get export(): readonly Dynsym[] {
    return this.#instance.exports;
  }

  get nimport(): number {
    return this.import?.length ?? 0;
  }

  get import(): readonly DynsymLike[] | undefined {
    if (this.#importsFreed) return undefined;
    return this.#instance.imports.map(({ name, sig, address }) => ({ name, sig, addr: address }));
  }

  freeImport(): void {
    this.#importsFreed = true;
  }

  free(): void {
    this.unload();
  }

  /** Address of an export; `undefined` if there is none, or `sig` differs from its signature. */
  address(name: string, sig: number | bigint = 0): bigint | undefined {
    this.#checkLoaded();
    return dynimport(this, name, sig);
  }

  /**
   * The exported functions, typed by the module's debug information; after {@link reload} they call the new version. What
   * can't be called throws why when it is called; all do once unloaded. `E` is what `bindery dts` declares.
   */
  get fn(): E["fn"] {
    return this.#bound().fn;
  }

  /**
   * The exported variables, typed as {@link fn} is: reading one reads memory, assigning writes it; of thread-local ones this
   * thread's.
   */
  get variables(): E["data"] {
    return this.#bound().data;
  }

  /**
   * A type that something exported is made of, by its name in C: `struct point`, `unsigned long`, `char *`;
   * or a type that has no name, as functions that are parameters, from {@link typeOf}.
   * @throws ArgumentError when there is none
   */
  type(type: string | CType): NativeType {
    return this.#bound().type(type);
  }

  /**
   * A callable for an exported function, by C prototype: `module.function("int add(int, int)")`; of one with `...` it names
   * the types of all arguments. It calls the version that is loaded when it is called.
   * @throws DynldError DYNLD_UNDEFINED_SYMBOL; DYNLD_BAD_ARGUMENT for what is no prototype; DYNLD_SIGNATURE_MISMATCH of one
   *   that the function, as far as its type is known, can't be called by; from calls DYNLD_FREED once unloaded
   */
  function(prototype: string): NativeCallable {
    const name = /([A-Za-z_$][\w$.@]*)\s*\(/.exec(prototype)?.[1];
    if (name === undefined) {
      const what = `prototype "${prototype}": no name before a parenthesis`;
      throw new DynldError("DYNLD_BAD_ARGUMENT", { file: this.file }, what);
    }
    return this.#bound().byPrototype(name, prototype);
  }

  /** Calls an exported function: `module.call("int add(int, int)", 1, 2)`. */
  call(prototype: string, ...args: unknown[]): unknown {
    return this.function(prototype)(...args);
  }

  /** Does something that calls into the module: it is not unloaded meanwhile unless by force. */
  during<T>(action: () => T): T {
    this.#calls++;
    try {
      return action();
    } finally {
      this.#calls--;
    }
  }

  /** The type of an export, or of an import as the module expects it; `undefined` where nothing tells it. */
  typeOf(name: string): CSymbol | undefined {
    this.#checkLoaded();
    return this.#instance.types.symbol(name);
  }

  /** Where its `STB_GNU_UNIQUE` symbols are, those of others that it shares among them. */
  get uniques(): ReadonlyMap<string, UniqueSymbol> {
    this.#checkLoaded();
    return this.#instance.uniques;
  }

  /** Where its thread-local variables are that others may use. */
  get threadVariables(): ReadonlyMap<string, SignedThreadVariable> {
    this.#checkLoaded();
    return this.#instance.threadVariables;
  }

  /** Notes that another module uses what this one exports. @returns what ends the use */
  use(): () => void {
    this.#checkLoaded();
    this.#users++;
    let held = true;
    return () => {
      if (held) this.#users--;
      held = false;
    };
  }

  /**
   * Runs the module's finalisers and gives everything back: names, debug objects, memory, callbacks. Twice is harmless.
   * @throws DynldError DYNLD_IN_USE, the module being as it was, when others import what it exports, a call of it has not
   *   returned, or other threads have thread-local objects of it to destroy, unless by force; DlbindError
   *   DLBIND_STILL_REFERENCED when the loader keeps it, finalised
   */
  unload(options: { readonly force?: boolean } = {}): void {
    if (this.#unloaded) return;
    if (options.force !== true) this.#checkIdle("unload");
    this.#instance.finish();
    this.#bindings?.end(this.#freed());
    this.#instance.close();
    this.#unloaded = true;
  }

  /** As {@link unload}, for `using`. */
  [Symbol.dispose](): void {
    this.unload();
  }

  /**
   * Loads a new version, hands the state over, and unloads the old one. Callables go to the new version from then on.
   * @throws DynldError if it can't be loaded, or lacks an export of the old one or has it with another signature; nothing
   *   of it has run, and the old version goes on then
   */
  reload(files: ModuleFile | readonly ModuleFile[], options: ReloadOptions = {}): void {
    this.#checkLoaded();
    if (options.force !== true) this.#checkIdle("reload");
    const old = this.#instance;
    const next = this.#load(listOf(files), { accept: (one) => this.#checkFits(old, one) });
    try {
      if (options.state !== undefined) handOver(old, next, options.state);
    } catch (error) {
      next.finish();
      next.close();
      throw error;
    }
    this.#instance = next;
    this.#bindings?.rebind(boundSymbols(next), (name) => {
      const what = `${name}: the new version has another type`;
      return new DynldError("DYNLD_SIGNATURE_MISMATCH", { file: this.file }, what, { symbol: name });
    });
    old.finish();
    old.close();
  }

  #load(files: readonly LinkFile[], { accept, close }: Pick<InstanceRequest, "accept" | "close">): Instance {
    const { maxsize = 0, run = true, global = false } = this.#options;
    const { policy, exceptions, completions = false, perf, backing } = this.#options;
    return Instance.load({
      name: this.name,
      file: this.file,
      files,
      table: this.#table,
      maxsize,
      run,
      global,
      completions,
      ...(perf === undefined ? {} : { perf }),
      ...(backing === undefined ? {} : { backing }),
      ...(accept === undefined ? {} : { accept }),
      ...(close === undefined ? {} : { close }),
      ...(policy === undefined ? {} : { policy }),
      ...(exceptions === undefined ? {} : { exceptions }),
    });
  }

  #checkFits(old: Instance, next: Instance): void {
    for (const { name, sig } of old.exports) {
      const found = dynfindsym(name, next.exports);
      if (found === undefined) {
        const what = `reload: the new version does not export ${name}`;
        throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file: this.file }, what, { symbol: name });
      }
      if (sig === 0n || found.sig === 0n || sig === found.sig) continue;
      const [expected, has] = [old.types.symbol(name), next.types.symbol(name)];
      const { completions = false } = this.#options;
      const words = { expects: "old version has", provides: "new version has", completions };
      const areKnown = expected !== undefined && has !== undefined;
      const why = areKnown ? explainMismatch(expected, has, words) : undefined;
      if (areKnown && completions && why === undefined) continue;
      const plain = `${name}: old version has ${signatureText(sig)}, new version has ${signatureText(found.sig)}`;
      const what = `reload: ${why?.message ?? plain}`;
      throw new DynldError("DYNLD_SIGNATURE_MISMATCH", { file: this.file }, what, {
        symbol: name,
        cause: why,
      });
    }
  }

  #bound(): Bindings<E> {
    this.#checkLoaded();
    this.#bindings ??= new Bindings<E>(this.file, boundSymbols(this.#instance));
    return this.#bindings;
  }

  #checkLoaded(): void {
    if (this.#unloaded) throw this.#freed();
  }

  #freed(): DynldError {
    return new DynldError("DYNLD_FREED", { file: this.file }, "the module was unloaded");
  }

  #checkIdle(what: string): void {
    const why: string[] = [];
    if (this.#users > 0) why.push(`${this.#users} imports of other modules lead here`);
    const calls = this.#calls + (this.#bindings?.activeCalls ?? 0);
    if (calls > 0) why.push(`${calls} calls have not returned`);
    const ends = this.#instance.endsElsewhere;
    if (ends > 0) why.push(`${ends} thread-local objects of other threads are there yet`);
    if (why.length > 0)
      throw new DynldError("DYNLD_IN_USE", { file: this.file }, `${what}: ${why.join(", ")}`);
  }
}

/** Exports for typed calls, with this thread's thread-local variables; addresses and types are looked up when they are used. */
function boundSymbols(instance: Instance): BoundSymbol[] {
  const { types } = instance;
  const bound = instance.exports.map(({ name, addr }): BoundSymbol => {
    const isFunction = instance.functions.has(name);
    return {
      name,
      kind: isFunction ? "function" : "variable",
      get address() {
        return isFunction ? addressIn(instance, name) : addr;
      },
      get type() {
        return types.symbol(name)?.type;
      },
    };
  });
  for (const [name, { module, offset }] of instance.threadVariables) {
    bound.push({
      name,
      kind: "variable",
      get address() {
        return threadAddress(module, offset);
      },
      get type() {
        return types.symbol(name)?.type;
      },
    });
  }
  return bound;
}

function handOver(old: Instance, next: Instance, { save, restore }: { save: string; restore: string }): void {
  const give = callableAt(addressIn(old, save), "uintptr_t save(void)");
  const take = callableAt(addressIn(next, restore), "void restore(uintptr_t state)");
  const saved = callbackErrors.during(() => give());
  callbackErrors.during(() => take(saved));
}

/** Where an exported function is; of one that a resolver tells, what it tells. */
function addressIn(instance: Instance, name: string): bigint {
  const { object, file } = instance;
  const found = dynfindsym(name, instance.exports);
  if (found === undefined || !instance.functions.has(name)) {
    const what = `found no exported function ${name}`;
    throw new DynldError("DYNLD_UNDEFINED_SYMBOL", { file }, what, { symbol: name });
  }
  return object.symbol(name)?.type === STT.STT_GNU_IFUNC
    ? (dlsym(object.handle, name) ?? found.addr)
    : found.addr;
}

function listOf(files: ModuleFile | readonly ModuleFile[]): readonly ModuleFile[] {
  const list: readonly unknown[] = Array.isArray(files) ? files : [files];
  for (const file of list) {
    const hasBytes = typeof file === "object" && file !== null && "bytes" in file;
    if (!hasBytes || !(file.bytes instanceof Uint8Array)) refuse("module", file, "a file, { name, bytes }");
  }
  return list as readonly ModuleFile[];
}

/** Files of a module, read whole; compressed ones decompressed. @throws HostError, ElfError */
export function readFiles(paths: string | readonly string[]): ModuleFile[] {
  return [paths].flat().map((path) => ({ name: path, bytes: readWhole(path), member: memberReader(path) }));
}

function readWhole(path: string): Uint8Array {
  using opened = openSource(path);
  return opened.source.read(0, opened.source.size);
}

/** Reads what a thin archive names. */
function memberReader(archive: string): MemberReader {
  return (path) => readWhole(resolve(dirname(archive), path));
}

/** Files below this are read whole: that takes less than to read their parts. */
const SMALL = 1 << 18;

/** Files of a module: large ones are read as far as they are needed, compressed ones decompressed. */
function openFiles(paths: string | readonly string[]): { files: LinkFile[]; close: () => void } {
  const opened: Opened[] = [];
  const close = (): void => {
    for (const one of opened) one.close();
  };
  try {
    const files = [paths].flat().map((name): LinkFile => {
      const one = openSource(name);
      opened.push(one);
      const { source } = one;
      const member = memberReader(name);
      return source.size < SMALL || !(source instanceof FileSource)
        ? { name, bytes: source.read(0, source.size), member }
        : { name, source, descriptor: source.descriptor, member };
    });
    return { files, close };
  } catch (error) {
    close();
    throw error;
  }
}
