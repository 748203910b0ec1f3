/**
 * One module in memory: a live object of its own, made from relocatable files in steps of which each can be undone.
 *
 * Nothing of a module runs before all of it is in place: the table that unwinders search, its names, and what debuggers
 * are told.
 */
import { readFileSync } from "node:fs";
import { type Backing, LiveObject, type PerfOutput, type ThreadBlock } from "../dlbind/index.ts";
import { EM, machineName } from "../elf/constants/machine.ts";
import { SHF } from "../elf/constants/section.ts";
import { DlbindError, DynldError, type DynldErrorCode, HostError } from "../errors.ts";
import { callableAt } from "../host/call.ts";
import { dlsym, RTLD_DEFAULT } from "../host/dl.ts";
import { freeRange } from "../host/free-range.ts";
import { callbackErrors } from "./call/callback-errors.ts";
import type { Dynsym } from "./dynsym.ts";
import type { ExportTable, OfferedSymbol, SignedThreadVariable, UniqueSymbol } from "./export-table.ts";
import { isInText, type ModuleFunctions, moduleFunctions } from "./link/arrays.ts";
import { debugObject } from "./link/debug-object.ts";
import { readingModule } from "./link/fault.ts";
import type { LinkFile } from "./link/input.ts";
import { ModuleLink } from "./link/link.ts";
import type { SegmentAddresses, SegmentBytes } from "./link/relocator.ts";
import { alignUp } from "./link/sections.ts";
import { loaderSymbols, ModuleExports } from "./loader-symbols.ts";
import { ModuleTypes } from "./module-types.ts";
import { checkTypes, Offers, type Use, useOf } from "./offers.ts";
import type { SignatureRules } from "./policy.ts";
import { threadVariablesOf, uniquesOf } from "./shared-symbols.ts";
import { THREAD_END_FUNCTIONS, ThreadEnds } from "./thread-ends.ts";

/** What a module is made of, and against what. */
export interface InstanceRequest extends SignatureRules {
  readonly name: string;
  /** How messages call it. */
  readonly file: string;
  readonly files: readonly LinkFile[];
  /** Ends the use of the files; called once the module is loaded and nothing more is read of them, or when it goes. */
  readonly close?: (() => void) | undefined;
  readonly table: ExportTable;
  readonly maxsize: number;
  /** Whether initialisers run now and finalisers at the end. */
  readonly run: boolean;
  readonly global: boolean;
  /** How the live object is made that it lies in. */
  readonly perf?: readonly PerfOutput[];
  readonly backing?: Backing;
  /** Called when all is in place and nothing of it has run; what it throws refuses the module. */
  readonly accept?: (instance: Instance) => void;
}

/** What live objects allocate in. */
const GRANULE = 16;
/** Bytes of names' terminators and padding in a live object, at most. */
const NAME_ROOM = 64;
/** The smallest frame description entry. */
const SMALLEST_FRAME = 16;
/** Bytes of a live object beyond what it is asked for: by symbol, and in all. */
const SYMBOL_ROOM = 64;
const ROOM = 2 << 20;
/** What live objects are aligned to. */
const OBJECT_ALIGN = 0x1_0000;
/** How far a signed 32-bit displacement reaches, less the largest module. */
const REACH = 0x7fff_0000;
/** Where user memory begins and ends. */
const LOWEST = 0x10_0000n;
const HIGHEST = 0x7fff_0000_0000n;
const FUNCTION = "void f(int argc, uintptr_t argv, uintptr_t envp)";

/** What is no lack of memory, where the live object can't be made. */
const CODES: Readonly<Partial<Record<string, DynldErrorCode>>> = {
  DLBIND_DUPLICATE: "DYNLD_DUPLICATE",
  DLBIND_BAD_ARGUMENT: "DYNLD_BAD_ARGUMENT",
};

export class Instance {
  readonly name: string;
  readonly file: string;
  readonly object: LiveObject;
  readonly types: ModuleTypes;
  readonly imports: readonly OfferedSymbol[];
  readonly uniques: ReadonlyMap<string, UniqueSymbol>;
  readonly threadVariables: ReadonlyMap<string, SignedThreadVariable>;
  /** Bytes: code and what is only read, data, and zeros. */
  readonly text: number;
  readonly data: number;
  readonly bss: number;
  readonly #exports: ModuleExports;
  readonly #uses: readonly Use[];
  readonly #handle: bigint;
  readonly #finalisers: readonly number[];
  readonly #closeFiles: (() => void) | undefined;
  /** Destructors of its thread-local objects. */
  readonly #threadEnds: ThreadEnds | undefined;
  #finished = false;

  /**
   * Loads. @throws DynldError; nothing is left of the module then
   */
  static load(request: InstanceRequest): Instance {
    return readingModule(() => Instance.#load(request));
  }

  static #load(request: InstanceRequest): Instance {
    const offers = new Offers(request.table);
    const link = ModuleLink.plan(request.files, {
      imports: offers,
      maxsize: request.maxsize,
      isLive: true,
    });
    const { machine = 0, is64 = true } = link.inputs[0]?.elf.image ?? {};
    if (machine !== EM.EM_X86_64 || !is64) {
      const found = `${machineName(machine)}${is64 ? "" : " in ELF32"}`;
      const what = `found code for ${found}, expected ${machineName(EM.EM_X86_64)} in ELF64`;
      throw new DynldError("DYNLD_BAD_MAGIC", { file: request.file }, what);
    }
    const types = new ModuleTypes(
      link.inputs.map(({ elf }) => elf),
      () => link.imports.map(({ name }) => name),
    );
    try {
      checkTypes(request, link, types, offers);
      return Instance.#make(request, link, types, offers);
    } catch (error) {
      types.close();
      throw error;
    }
  }

  static #make(request: InstanceRequest, link: ModuleLink, types: ModuleTypes, offers: Offers): Instance {
    const uses: Use[] = [];
    let object: LiveObject | undefined;
    let ends: ThreadEnds | undefined;
    try {
      object = createObject(request, link);
      if (link.imports.some(({ name }) => THREAD_END_FUNCTIONS.has(name))) ends = ThreadEnds.create();
      for (const { name } of link.imports) uses.push(useOf(offers, name, ends));
      return new Instance(request, link, object, uses, types, ends);
    } catch (error) {
      // What the loader keeps may run yet, and call what it uses.
      if (object === undefined || isDiscarded(object)) {
        for (const use of uses) use.release();
        ends?.end();
      }
      if (!(error instanceof DlbindError || error instanceof HostError)) throw error;
      throw new DynldError(CODES[error.code] ?? "DYNLD_NO_MEMORY", { file: request.file }, error.message, {
        cause: error,
      });
    }
  }

  private constructor(
    request: InstanceRequest,
    link: ModuleLink,
    object: LiveObject,
    uses: readonly Use[],
    types: ModuleTypes,
    threadEnds: ThreadEnds | undefined,
  ) {
    this.#threadEnds = threadEnds;
    this.types = types;
    this.name = request.name;
    this.file = request.file;
    this.object = object;
    this.#uses = uses;
    this.imports = uses.map(({ symbol }) => symbol);
    const { text, rodata, data } = link.size;
    this.bss = link.zeros;
    this.data = data - this.bss;
    this.text = text + rodata + link.size.threads;
    const blocks = {
      text: object.alloc(Math.max(1, text), SHF.SHF_EXECINSTR, { align: link.align.text }),
      rodata: object.alloc(Math.max(1, rodata), 0, { align: link.align.rodata }),
      data: object.alloc(Math.max(1, data), SHF.SHF_WRITE, { align: link.align.data }),
    };
    const { threads } = object;
    const bytes = {
      text: blocks.text.bytes,
      rodata: blocks.rodata.bytes,
      data: blocks.data.bytes,
      threads: object.threadBytes(),
    };
    const at = {
      threads: Number(threads?.address ?? 0n),
      text: Number(blocks.text.address),
      rodata: Number(blocks.rodata.address),
      data: Number(blocks.data.address),
    };
    const addresses = new Map(uses.map(({ symbol, address }) => [symbol.name, address] as const));
    link.place(bytes, at, ({ name, symbol }) => addresses.get(name) ?? symbol.address, {
      module: threads?.module ?? 0n,
      distance: Number(threads?.distance ?? 0n),
    });
    const base = Number(object.base);
    const { starts, records } = link.frames(bytes);
    object.setFrames(
      starts.map((start) => at.text - base + start),
      records.map((record) => at.rodata - base + record),
    );
    const functions = moduleFunctions(link.sections, bytes, isCode(link, at));
    const symbols = loaderSymbols(link, at, base);
    this.uniques = uniquesOf(link, uses, types);
    this.threadVariables = threadVariablesOf(link, threads?.module ?? 0n, at.threads, types);
    const isCodeAt = (address: number): boolean => address >= at.text && address < at.text + text;
    this.#exports = new ModuleExports(symbols, base, {
      signature: (name) => types.signature(name),
      isCodeAt,
    });
    // First, lest the names are noted for debuggers, too.
    object.describe(link.inputs.map((input) => debugObject(link, input, bytes, at)));
    object.bindAll(symbols);
    object.publish();
    this.#handle = BigInt(link.handle);
    this.#finalisers = request.run ? functions.finalisers : [];
    this.#finished = !request.run;
    request.accept?.(this);
    if (request.run) this.#start(link, bytes, functions);
    if (types.areFromFiles) this.#closeFiles = request.close;
    else request.close?.();
  }

  get exports(): readonly Dynsym[] {
    return this.#exports.table;
  }

  /** Those of the exports that are functions. */
  get functions(): ReadonlySet<string> {
    return this.#exports.functions;
  }

  /** Destructors of thread-local objects that other threads are to call yet. */
  get endsElsewhere(): number {
    return this.#threadEnds?.elsewhere ?? 0;
  }

  /**
   * Destroys this thread's thread-local objects, and runs finalisers, once: its own array, then what C++ and atexit
   * registered for it, as in a shared object.
   */
  finish(): void {
    this.#threadEnds?.run();
    if (this.#finished) return;
    this.#finished = true;
    callbackErrors.during(() => {
      for (const address of this.#finalisers) callableAt(BigInt(address), "void f(void)")();
      const finalize = dlsym(RTLD_DEFAULT, "__cxa_finalize");
      if (finalize !== undefined) callableAt(finalize, "void f(uintptr_t handle)")(this.#handle);
    });
  }

  /**
   * Gives everything back. {@link finish} comes before.
   * @throws DlbindError DLBIND_STILL_REFERENCED when the loader keeps the object; DynldError DYNLD_IN_USE when it is
   *   mapped for all that
   */
  close(): void {
    if (this.object.isDeleted) return;
    const base = this.object.base;
    this.#threadEnds?.leave();
    this.object.delete();
    for (const use of this.#uses) use.release();
    this.#threadEnds?.end();
    this.types.close();
    this.#closeFiles?.();
    if (isMapped(base, this.name)) {
      throw new DynldError("DYNLD_IN_USE", { file: this.file }, "unloaded, and its memory is mapped still");
    }
  }

  #start(link: ModuleLink, bytes: SegmentBytes, functions: ModuleFunctions): void {
    try {
      if (link.relocator.hasIndirect) {
        const resolve = (address: number): bigint =>
          BigInt(callableAt(BigInt(address), "uintptr_t f(void)")() as number | bigint);
        link.relocator.storeIndirect(bytes, resolve);
      }
      for (const address of functions.initialisers) {
        callbackErrors.during(() => callableAt(BigInt(address), FUNCTION)(0, 0n, 0n));
      }
    } catch (error) {
      this.finish();
      throw error;
    }
  }
}

/** Where an initialiser may be: in the module's text, or in what it imports. */
function isCode(link: ModuleLink, at: SegmentAddresses): (address: number) => boolean {
  const inText = isInText(link.sections, at);
  const imported = new Set(link.imports.map(({ id }) => link.symbols.address[id] ?? 0));
  return (address) => inText(address) || imported.has(address);
}

/** Deletes the object of a module that could not be loaded. False when the loader keeps it: the reason is told elsewhere. */
function isDiscarded(object: LiveObject): boolean {
  try {
    object.delete();
    return true;
  } catch (error) {
    if (error instanceof DlbindError) return false;
    throw error;
  }
}

function createObject(request: InstanceRequest, link: ModuleLink): LiveObject {
  const { size, symbols, sections } = link;
  const count = symbols.length + 1;
  // Three bytes of UTF-8 for a unit of UTF-16, at most.
  const names = link.inputs.reduce(
    (sum, { symtab }) => sum + (symtab?.strings.bytes.length ?? 0) + 1,
    request.name.length * 3 + NAME_ROOM,
  );
  const { text, rodata, data } = size;
  const address = addressFor(link, text + rodata + data + names + count * SYMBOL_ROOM + ROOM);
  const { perf, backing } = request;
  return LiveObject.create(request.name, {
    ...(perf === undefined ? {} : { perf }),
    ...(backing === undefined ? {} : { backing }),
    ...(address === undefined ? {} : { address }),
    ...(size.threads === 0 ? {} : { threads: threadBlock(link) }),
    text: alignUp(Math.max(1, size.text), GRANULE),
    rodata: alignUp(Math.max(1, size.rodata), GRANULE),
    data: alignUp(Math.max(1, size.data), GRANULE),
    symbols: count,
    names,
    frames: 1 + Math.ceil((size.rodata - sections.frames) / SMALLEST_FRAME),
    global: request.global,
  });
}

function threadBlock(link: ModuleLink): ThreadBlock {
  return { image: link.threadImage(), align: link.align.threads, isStatic: link.relocator.isStatic };
}

/** Where a module has to lie that does not run anywhere; `undefined` when it does, or when there is no room. */
function addressFor(link: ModuleLink, size: number): bigint | undefined {
  const { isLow, near } = link.relocator;
  if (!isLow && near.length === 0) return undefined;
  const reach = BigInt(REACH);
  let low = LOWEST;
  let high = isLow ? reach : HIGHEST;
  for (const address of near) {
    if (address - reach > low) low = address - reach;
    if (address + reach < high) high = address + reach;
  }
  return freeRange(size, low, high, OBJECT_ALIGN);
}

/** Whether the kernel has a mapping of a module's file that begins at an address. */
function isMapped(base: bigint, name: string): boolean {
  const start = `${base.toString(16)}-`;
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .some((line) => line.startsWith(start) && line.includes(`bindery:${name}`));
}
