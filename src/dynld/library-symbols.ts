/** Symbols of shared libraries of the running process: what a program may offer to modules. */
import { basename } from "node:path";
import { SHN } from "../elf/constants/section.ts";
import { PT } from "../elf/constants/segment.ts";
import { STB, STT } from "../elf/constants/symbol.ts";
import { DynldError, HostError } from "../errors.ts";
import {
  dlclose,
  dlopen,
  dlsym,
  type Handle,
  linkMapOf,
  linkMaps,
  RTLD_LAZY,
  RTLD_LOCAL,
  RTLD_NOW,
  threadModule,
} from "../host/dl.ts";
import { openElf } from "../host/file.ts";
import type { CSymbol } from "./ctype.ts";
import type { ThreadVariable } from "./link/imports.ts";
import type { ExportedSymbol } from "./signature/exported.ts";
import type { SignedSymbol } from "./signature/signature.ts";
import { hasDebugInformation, TypedFile } from "./signature/typed-file.ts";

/** The program itself among libraries. */
const PROGRAM = "/proc/self/exe";

/** A symbol that a library has for others. */
export interface LibrarySymbol {
  readonly address: bigint;
  readonly isData: boolean;
  /** Of a thread-local variable, whose address is 0. */
  readonly thread: ThreadVariable | undefined;
  /** Bytes of one of `STB_GNU_UNIQUE`. */
  readonly uniqueSize: number | undefined;
  /** Signature of its type; 0 when that is not known. */
  readonly sig: bigint;
  /** Its type, where it is known. */
  readonly type: () => CSymbol | undefined;
}

/** A library that the process has open. It stays open until {@link close}. */
export class LibrarySymbols {
  /** Its file. */
  readonly path: string;
  readonly #handle: Handle;
  readonly #typed: boolean | undefined;
  #table: SymbolKinds | undefined;
  #file: TypedFile | undefined;
  #exports: ReadonlyMap<string, ExportedSymbol> | undefined;
  #closed = false;

  /**
   * @param name a path, a file name as in link maps (`libc.so.6`), or what the loader finds; empty for the program
   * @param typed whether types are looked for in its debug information: also in a separate file, not at all, or, if left
   *   out, in the library's own file
   * @throws DynldError DYNLD_BAD_ARGUMENT when there is none
   */
  constructor(name: string, typed?: boolean) {
    this.#typed = typed;
    const loaded = linkMaps().find((map) => map.name !== "" && isNamed(map.name, name));
    try {
      this.#handle =
        name === "" ? dlopen(null, RTLD_LAZY) : dlopen(loaded?.name ?? name, RTLD_NOW | RTLD_LOCAL);
    } catch (cause) {
      if (!(cause instanceof HostError)) throw cause;
      throw new DynldError("DYNLD_BAD_ARGUMENT", { file: name }, `no such library: ${cause.message}`, {
        cause,
      });
    }
    this.path = name === "" ? PROGRAM : linkMapOf(this.#handle).name;
  }

  /** A symbol that the library defines; `undefined` if it does not. */
  find(name: string): LibrarySymbol | undefined {
    const { types, uniques, threads } = this.#symbols();
    const type = types.get(name);
    if (type === undefined) return undefined;
    const signed = (this.#typed ?? this.#symbols().isTyped) ? this.#signed(name) : undefined;
    const common = { sig: signed?.signature ?? 0n, type: () => signed?.symbol };
    const offset = threads.get(name);
    if (offset !== undefined) {
      const thread = { module: threadModule(this.#handle), offset };
      return { ...common, address: 0n, isData: true, thread, uniqueSize: undefined };
    }
    // The loader runs the resolvers of indirect functions, and knows versions.
    const address = dlsym(this.#handle, name);
    if (address === undefined) return undefined;
    const isData = type === STT.STT_OBJECT || type === STT.STT_COMMON;
    return {
      ...common,
      address: isData ? (copiedByProgram(name) ?? address) : address,
      isData,
      thread: undefined,
      uniqueSize: uniques.get(name),
    };
  }

  /** Names of all functions and data that it defines. */
  names(): Iterable<string> {
    return this.#symbols().types.keys();
  }

  /** Lets the library go, as far as this table is concerned. */
  close(): void {
    if (!this.#closed) dlclose(this.#handle);
    this.#file?.close();
    this.#closed = true;
  }

  #signed(name: string): SignedSymbol | undefined {
    this.#file ??= TypedFile.openLocal(this.path);
    const file = this.#file;
    this.#exports ??= new Map(file.exports.map((one) => [one.name, one]));
    const exported = this.#exports.get(name);
    const type = exported === undefined ? undefined : file.typeOf(exported);
    return type === undefined ? undefined : file.signature(type);
  }

  #symbols(): SymbolKinds {
    this.#table ??= readKinds(this.path);
    return this.#table;
  }
}

/** What the file of a library tells at once. */
interface SymbolKinds {
  /** `STT_` of defined symbols by name. */
  readonly types: ReadonlyMap<string, number>;
  /** Bytes of those that there is to be one of in a process. */
  readonly uniques: ReadonlyMap<string, number>;
  /** Where thread-local variables are in their block. */
  readonly threads: ReadonlyMap<string, number>;
  /** Whether it has debug information of its own. */
  readonly isTyped: boolean;
}

function readKinds(path: string): SymbolKinds {
  using opened = openElf(path);
  const types = new Map<string, number>();
  const isTyped = hasDebugInformation(opened.elf);
  const table = opened.elf.dynsym();
  const uniques = new Map<string, number>();
  const threads = new Map<string, number>();
  if (table === undefined) return { types, uniques, threads, isTyped };
  for (let i = 1; i < table.length; i++) {
    const type = table.type(i);
    if (table.sectionIndex(i) === SHN.SHN_UNDEF || type === STT.STT_SECTION) continue;
    if (table.binding(i) === STB.STB_LOCAL) continue;
    types.set(table.name(i), type);
    if (type === STT.STT_TLS) threads.set(table.name(i), Number(table.value(i)));
    else if (table.binding(i) === STB.STB_GNU_UNIQUE) uniques.set(table.name(i), Number(table.size(i)));
  }
  return { types, uniques, threads, isTyped };
}

/**
 * Where the program has a copy of a library's variable, which the library itself uses then: programs that are linked to
 * fixed addresses do. [R_X86_64_COPY]
 */
export function copiedByProgram(name: string): bigint | undefined {
  const program = dlopen(null, RTLD_LAZY);
  try {
    const address = dlsym(program, name);
    if (address === undefined) return undefined;
    extent ??= extentOf(linkMapOf(program).address);
    return address >= extent.low && address < extent.high ? address : undefined;
  } finally {
    dlclose(program);
  }
}

/** Addresses of the program, found out once: dladdr(3) goes through all symbols of what it finds. */
let extent: { readonly low: bigint; readonly high: bigint } | undefined;

function extentOf(base: bigint): { readonly low: bigint; readonly high: bigint } {
  using opened = openElf(PROGRAM);
  let [low, high] = [-1n, 0n];
  for (const { type, vaddr, memsz } of opened.elf.segments) {
    if (type !== PT.PT_LOAD) continue;
    if (low < 0n || base + vaddr < low) low = base + vaddr;
    if (base + vaddr + memsz > high) high = base + vaddr + memsz;
  }
  return { low, high };
}

function isNamed(path: string, name: string): boolean {
  return path === name || (!name.includes("/") && basename(path) === name);
}
