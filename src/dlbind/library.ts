/**
 * Live ELF objects: shared objects that grow while they run. [seed: libdlbind]
 *
 * The object is a sparse ELF image in a file that the C library's loader has opened the usual way, so that dlsym(3),
 * dladdr(3), dl_iterate_phdr(3), unwinders and the kernel see it as they see any library; this class changes the
 * image's tables through a second mapping of the same file.
 */
import { STT } from "../elf/constants/symbol.ts";
import { DlbindError, HostError } from "../errors.ts";
import { type Callable, callableAt } from "../host/call.ts";
import {
  dlclose,
  dlopen,
  dlsym,
  isLoaded,
  linkMapOf,
  RTLD_DEFAULT,
  RTLD_GLOBAL,
  RTLD_LOCAL,
  RTLD_NOW,
} from "../host/dl.ts";
import { viewOf } from "../host/memory.ts";
import { NativeRegion } from "../host/region.ts";
import type { Allocation } from "./allocation.ts";
import { type OpenBacking, openBacking } from "./backing.ts";
import type { SymbolBatch } from "./batch.ts";
import { Binder, type BoundSymbol } from "./binder.ts";
import { verdefSize } from "./image.ts";
import { layOut, THREAD_WORDS } from "./layout.ts";
import { LiveMemory } from "./memory.ts";
import { type DebugFile, Publisher } from "./notify/publisher.ts";
import {
  type BindOptions,
  type CreateOptions,
  checkAddress,
  checkCapacities,
  checkObjectName,
  checkVersions,
} from "./options.ts";
import { NameBuffer } from "./strings.ts";
import { LiveTables } from "./tables.ts";

/** What a live object holds at present. */
export interface Usage {
  readonly symbols: number;
  /** Bytes allocated, with their padding. */
  readonly text: number;
  readonly rodata: number;
  readonly data: number;
}

/** What the loader made of an object's thread-local block. */
export interface LiveThreads {
  /** Number of the blocks, as `__tls_get_addr` wants it. */
  readonly module: bigint;
  /** From a thread's pointer to its block, where that is the same in all threads. */
  readonly distance: bigint | undefined;
  /** Where the bytes are that a block of a new thread begins as, and how many. */
  readonly address: bigint;
  readonly size: number;
}

/**
 * A live object: an ELF shared object of this process that grows and shrinks while it runs. Belongs to the thread that
 * made it, until {@link LiveObject.delete}; native threads may look up, call and unwind through it at any time.
 */
export class LiveObject {
  readonly name: string;
  readonly #backing: OpenBacking<LiveTables>;
  readonly #memory: LiveMemory;
  readonly #binder: Binder;
  readonly #publisher: Publisher;
  readonly #callables = new Map<string, Callable>();
  readonly #options: CreateOptions;
  #threadImage: NativeRegion | undefined;

  private constructor(name: string, backing: OpenBacking<LiveTables>, options: CreateOptions) {
    const tables = backing.contents;
    const base = BigInt.asUintN(64, linkMapOf(backing.handle).address + tables.layout.origin);
    this.name = name;
    this.#options = options;
    this.#backing = backing;
    this.#memory = new LiveMemory(name, tables, base, {
      beforeFree: (segment, offset) => this.#binder.unbindBlock(segment, offset),
      mustRest: (segment) => this.#publisher.mustRest(segment),
      isDebugged: () => this.#publisher.isListenedTo,
      coveredEnd: (segment, offset) => this.#binder.coveredEnd(segment, offset),
    });
    this.#publisher = new Publisher(tables, this.#memory, options.perf ?? []);
    this.#binder = new Binder(name, tables, this.#memory, options.versions ?? [], this.#publisher);
  }

  /**
   * Makes an object that the running process has open.
   * @param name how it is called in link maps, `/proc/self/maps` and messages
   * @throws DlbindError DLBIND_BAD_ARGUMENT, or DLBIND_NO_BACKING naming each way tried
   */
  static create(name: string, options: CreateOptions = {}): LiveObject {
    if (process.platform !== "linux" || process.arch !== "x64") {
      throw new HostError(
        "HOST_UNSUPPORTED",
        "create",
        `${process.platform} ${process.arch}: expected linux x64`,
      );
    }
    checkObjectName(name);
    const versions = options.versions ?? [];
    checkVersions(name, versions);
    const origin = checkAddress(name, options.address ?? 0n);
    const layout = layOut(
      checkCapacities(name, options),
      verdefSize(versions.length),
      origin,
      options.threads,
    );
    const ways = options.backing ?? "memfd";
    const backing = openBacking(
      name,
      layout.size,
      Array.isArray(ways) ? ways : [ways as Exclude<typeof ways, readonly unknown[]>],
      RTLD_NOW | (options.global === false ? RTLD_LOCAL : RTLD_GLOBAL),
      (fd, onDisk) =>
        new LiveTables(fd, layout, new NameBuffer(), {
          soname: name,
          versions,
          fixed: false,
          onDisk,
          quiesce,
          block: options.threads,
        }),
    );
    const live = new LiveObject(name, backing, options);
    if (backing.inMemory && options.perf?.includes("map") === true) live.#memory.takeTextOffFile();
    return live;
  }

  /** Path under which the loader opened it, as link maps show it. */
  get path(): string {
    return this.#backing.path;
  }

  /** Address of the image in memory: `l_addr`, unless it was made for an address. */
  get base(): bigint {
    return this.#memory.base;
  }

  /** The loader's handle, for dlsym(3) in native code. @throws DlbindError once deleted */
  get handle(): bigint {
    this.#memory.checkLive();
    return this.#backing.handle;
  }

  /** The block of variables that each thread has, if the object was made with one. @throws DlbindError once deleted */
  get threads(): LiveThreads | undefined {
    this.#memory.checkLive();
    const { threads, dynamic } = this.#backing.contents.layout;
    if (this.#options.threads === undefined) return undefined;
    const words = new BigInt64Array(viewOf(this.base + BigInt(dynamic.offset + THREAD_WORDS), 16)).slice();
    return {
      module: words[0] ?? 0n,
      distance: this.#options.threads.isStatic ? words[1] : undefined,
      address: this.base + BigInt(threads.offset),
      size: threads.size,
    };
  }

  /**
   * The bytes that a block of a new thread begins as; empty without. What is changed shows in blocks that are made from then
   * on: where the block is not static, those of threads that have not used one. Becomes empty when the object is deleted.
   */
  threadBytes(): Uint8Array {
    const { threads } = this;
    if (threads === undefined) return new Uint8Array(0);
    this.#threadImage ??= new NativeRegion(threads.address, threads.size);
    this.#threadImage.ensure(threads.size);
    return this.#threadImage.u8;
  }

  get isDeleted(): boolean {
    return this.#memory.isDeleted;
  }

  get usage(): Usage {
    const { text, rodata, data } = this.#memory;
    return {
      symbols: this.#binder.count,
      text: text.usedBytes,
      rodata: rodata.usedBytes,
      data: data.usedBytes,
    };
  }

  /**
   * Takes `size` bytes: text with `SHF_EXECINSTR`, data with `SHF_WRITE`, read-only data with neither.
   * What the bytes hold is undefined where others had them before, else zero.
   * @param options.align a power of two up to 65,536; 16 at least is given
   * @throws DlbindError DLBIND_BAD_ARGUMENT; DLBIND_UNSUPPORTED for both flags together; DLBIND_NO_SPACE
   */
  alloc(size: number, flags: number, options: { readonly align?: number } = {}): Allocation {
    return this.#memory.alloc(size, flags, options.align ?? 1);
  }

  /** A handle on the allocation that begins at an address, its size rounded up to whole granules of 16 bytes. */
  allocationAt(address: bigint): Allocation {
    return this.#memory.allocationAt(address);
  }

  /**
   * Binds a name to an address in the object: from the next instruction on, every thread's dlsym(3) finds it.
   * A strong name takes the place of a weak one.
   * @param target an allocation, or an address inside one
   * @returns the address
   * @throws DlbindError DLBIND_DUPLICATE, DLBIND_OUTSIDE, DLBIND_NOT_ALLOCATED, DLBIND_TABLE_FULL,
   *   DLBIND_UNKNOWN_VERSION, DLBIND_UNSUPPORTED, DLBIND_BAD_ARGUMENT; the object is then as before
   */
  bind(name: string, target: Allocation | bigint, options: BindOptions = {}): bigint {
    return this.#binder.bind(name, target, options, false);
  }

  /**
   * Binds all names of a program at once, for an object that has none yet and whose code is in place: faster by far than
   * one by one.
   * @throws DlbindError as {@link bind} does, and DLBIND_UNSUPPORTED for an object with names or versions; it is then as
   *   before
   */
  bindAll(batch: SymbolBatch): void {
    this.#binder.bindAll(batch);
  }

  /** As {@link bind} for a name that may be bound already: it moves in one step, without a moment in which it is gone. */
  rebind(name: string, target: Allocation | bigint, options: BindOptions = {}): bigint {
    return this.#binder.bind(name, target, options, true);
  }

  /** Takes a name away: dlsym(3) no longer finds it, dladdr(3) no longer names it. @throws DlbindError DLBIND_NOT_BOUND */
  unbind(name: string, options: { readonly version?: string } = {}): void {
    this.#binder.unbind(name, options.version);
  }

  /** The symbol of that name, by the object's own tables; `undefined` when it is not bound. */
  symbol(name: string, options: { readonly version?: string } = {}): BoundSymbol | undefined {
    const slot = this.#binder.find(name, options.version);
    return slot === 0 ? undefined : this.#binder.describe(slot);
  }

  /**
   * Offset of a symbol's first byte in the file at {@link path}, as the kernel's uprobes want it. [kernel
   * Documentation/trace/uprobetracer.rst] @throws DlbindError DLBIND_NOT_BOUND
   */
  fileOffset(name: string, options: { readonly version?: string } = {}): number {
    const symbol = this.symbol(name, options);
    if (symbol === undefined) throw new DlbindError("DLBIND_NOT_BOUND", this.name, `${name}: not bound`);
    return Number(symbol.address - this.base);
  }

  /** All symbols, in the order of the table. */
  *symbols(): IterableIterator<BoundSymbol> {
    for (const slot of this.#binder.slots()) yield this.#binder.describe(slot);
  }

  /**
   * Call frames of all functions at once, for an object whose code came whole, with records of its own: `.eh_frame` in
   * read-only data. Nothing may be bound with `unwind` then. Unwinders find them from now on.
   * @param starts addresses of functions, ascending, as distances from {@link base}
   * @param records addresses of their frame description entries, as distances from {@link base}
   * @throws DlbindError DLBIND_TABLE_FULL when the `frames` capacity is smaller, or frames are there already
   */
  setFrames(starts: ArrayLike<number>, records: ArrayLike<number>): void {
    this.#memory.checkLive();
    if (this.#backing.contents.frames.fill(starts, records)) return;
    throw new DlbindError(
      "DLBIND_TABLE_FULL",
      this.name,
      `call frames: found ${starts.length}; capacity is set at creation, and they are set once`,
    );
  }

  /**
   * Has {@link publish} tell debuggers by object files of the caller's, which say where everything lies, and by nothing
   * else: for an object that does not change any more. To be called before the first publish.
   * @param files ELF files with absolute section addresses, written now
   */
  describe(files: readonly DebugFile[]): void {
    this.#memory.checkLive();
    this.#publisher.describe(files);
  }

  /**
   * Tells debuggers and profilers what was bound and unbound since the last time, in one go. [seed: dlreload]
   * dlsym(3) and dladdr(3) need no telling.
   */
  publish(): void {
    this.#memory.checkLive();
    this.#memory.tell();
    this.#memory.settleLent();
    this.#publisher.publish();
    this.#memory.releaseResting();
  }

  /**
   * A callable for a bound function, by C prototype: `lib.function("int add(int, int)")`. It follows the name when it is
   * bound anew. @throws DlbindError DLBIND_NOT_BOUND, also from a call after the name is gone
   */
  function(prototype: string): Callable {
    const name = /([A-Za-z_$][\w$.@]*)\s*\(/.exec(prototype)?.[1];
    if (name === undefined) {
      throw new DlbindError(
        "DLBIND_BAD_ARGUMENT",
        this.name,
        `prototype "${prototype}": no name before a parenthesis`,
      );
    }
    let generation = this.#binder.generation;
    let target = callableAt(this.#functionAddress(name), prototype);
    return (...args) => {
      this.#memory.checkLive();
      if (generation !== this.#binder.generation) {
        target = callableAt(this.#functionAddress(name), prototype);
        generation = this.#binder.generation;
      }
      return target(...args);
    };
  }

  /** Calls a bound function: `lib.call("int add(int, int)", 1, 2)`. */
  call(prototype: string, ...args: unknown[]): unknown {
    let callable = this.#callables.get(prototype);
    if (callable === undefined) {
      callable = this.function(prototype);
      this.#callables.set(prototype, callable);
    }
    return callable(...args);
  }

  /**
   * Unloads the object and gives everything back: mappings, descriptor, link-map entry, debug objects. Views on its
   * memory become empty. Deleting twice is harmless.
   * @throws DlbindError DLBIND_STILL_REFERENCED when others have it open too; it stays whole and usable then
   */
  delete(): void {
    if (this.#memory.isDeleted) return;
    const { path, handle, contents } = this.#backing;
    // Before the memory goes: a debugger must never be led to what is not mapped any more.
    this.#publisher.withdraw();
    if (!unload(path, handle)) {
      this.#publisher.publish();
      throw new DlbindError(
        "DLBIND_STILL_REFERENCED",
        this.name,
        "delete: the loader keeps the object: it was opened elsewhere, or a name in it was found through RTLD_DEFAULT or " +
          "by another library's relocation, which ties it to who asked",
      );
    }
    this.#publisher.close();
    this.#memory.close();
    this.#threadImage?.close();
    contents.close();
    this.#backing.close();
  }

  /** As {@link delete}, for `using`. */
  [Symbol.dispose](): void {
    this.delete();
  }

  #functionAddress(name: string): bigint {
    const symbol = this.symbol(name);
    if (symbol === undefined) throw new DlbindError("DLBIND_NOT_BOUND", this.name, `call ${name}: not bound`);
    if (symbol.type !== STT.STT_GNU_IFUNC) return symbol.address;
    // The loader runs the resolver.
    return dlsym(this.handle, name) ?? symbol.address;
  }
}

/** Waits out every look-up that is under way: the loader lets one thread in at a time. */
function quiesce(): void {
  dlsym(RTLD_DEFAULT, "");
}

/** Gives our reference back. False when the loader keeps the object, and then our reference is taken again. */
function unload(path: string, handle: bigint): boolean {
  dlclose(handle);
  if (!isLoaded(path)) return true;
  dlopen(path, RTLD_NOW);
  return false;
}
