/** The run-time linker's meeting point with debuggers: `struct r_debug` [glibc, elf/link.h; musl, ldso/dynlink.c]. */
import { closeSync, openSync, readSync } from "node:fs";
import { readSize64, readU16, readU32 } from "../bytes/endian.ts";
import type { AuxVector } from "../dwfl/process/auxv.ts";
import {
  debugAddress,
  decodeProgramHeaders,
  type MachineLayout,
  type ProgramHeader,
  programHeaders,
  readString,
  readWords,
} from "../dwfl/process/link-map.ts";
import { imageAt, type MemoryImage, type MemoryReader } from "../dwfl/process/memory-image.ts";
import { AT } from "../elf/constants/note.ts";
import { PT } from "../elf/constants/segment.ts";
import { isElf, layoutOf } from "../elf/header.ts";
import { ElfError, RtldError } from "../errors.ts";
import type { rd_state_e } from "./constants.ts";
import { type LoaderProbe, loaderProbes } from "./probes.ts";
import type { ProcService } from "./proc/service.ts";
import { ReadAhead } from "./read-ahead.ts";
import { countRelocations } from "./relocation-count.ts";
import { isLoading } from "./startup.ts";

/** Most namespaces that are followed; glibc has 16. */
const MOST_NAMESPACES = 1024;

/** Bytes of a file's header and, as a rule, of the program headers behind it. */
const HEAD = 1024;
/** Most bytes up to the end of the program headers. */
const LARGEST_HEAD = 2 ** 20;

/** `r_state` values. */
const STATES: readonly rd_state_e[] = ["RD_CONSISTENT", "RD_ADD", "RD_DELETE"];

/** One namespace's `struct r_debug`. */
export interface Namespace {
  /** Its number, from 0 on: `LM_ID_BASE` is 0. */
  readonly lmid: number;
  /** Address of its first link map; 0 while it has none. */
  readonly map: bigint;
  readonly state: rd_state_e;
}

/** Finds and reads the meeting point of one program; another program that the process executes has another one. */
export class Rendezvous {
  readonly #process: ProcService;
  readonly #layout: MachineLayout;
  readonly #auxv: AuxVector;
  readonly #memory: MemoryReader;
  /** For what is read together, of a process that is stopped: {@link namespaces} and what follows it. */
  readonly #ahead: ReadAhead;
  /** Headers of the program itself. */
  readonly headers: readonly ProgramHeader[];
  #loader: { readonly image: MemoryImage | undefined } | undefined;
  #debug = 0n;

  /** @throws RtldError `RD_NOBASE`, or `RD_NODYNAM` for a program without run-time linker */
  constructor(process: ProcService) {
    this.#process = process;
    this.#layout = process.pdmodel();
    this.#auxv = process.pauxv();
    this.#memory = { name: process.name, read: (address, length) => process.pread(address, length) };
    this.#ahead = new ReadAhead(this.#memory);
    const headers = programHeaders(this.#memory, this.#auxv, this.#layout);
    if (headers === undefined) {
      throw new RtldError(
        "RD_NOBASE",
        process.name,
        "found no program headers at AT_PHDR, expected them in memory",
      );
    }
    if (!headers.some((one) => one.type === PT.PT_DYNAMIC)) {
      throw new RtldError(
        "RD_NODYNAM",
        process.name,
        "found no PT_DYNAMIC: the program is linked statically",
      );
    }
    if (!headers.some((one) => one.type === PT.PT_INTERP)) {
      const what = "found no PT_INTERP: the program is linked statically, or is a run-time linker itself";
      throw new RtldError("RD_NODYNAM", process.name, what);
    }
    this.headers = headers;
  }

  /** Address of the program's first instruction. */
  get entry(): bigint {
    return this.#auxv.get(AT.AT_ENTRY) ?? 0n;
  }

  /** Address of the first `r_debug`; 0 while there is none. */
  get #address(): bigint {
    if (this.#debug === 0n) {
      // The dynamic section of a program with many libraries is long.
      const memory = new ReadAhead(this.#memory);
      this.#debug = debugAddress(memory, this.#auxv, this.#layout) ?? 0n;
    }
    // Before the program's dynamic section says where it is, and where it has no place for that.
    return this.#debug || this.#symbol("_r_debug") || 0n;
  }

  /**
   * Where the run-time linker passes at each change of the link maps: `r_brk`, or what it will be.
   *
   * @throws RtldError `RD_NOBASE` if it does not say
   */
  get breakAddress(): bigint {
    const words = this.#address === 0n ? undefined : readWords(this.#memory, this.#address, 3, this.#layout);
    const address = words?.[2] || this.#symbol("_dl_debug_state");
    if (address !== undefined && address !== 0n) return address;
    const what =
      "found neither r_brk nor a symbol _dl_debug_state in the run-time linker, expected one of them";
    throw new RtldError("RD_NOBASE", this.#process.name, what);
  }

  /**
   * All namespaces, the program's own first; none before the run-time linker began. What was read before is forgotten.
   *
   * @throws RtldError `RD_ERR` if they lead back into themselves
   */
  namespaces(): Namespace[] {
    this.#ahead.forget();
    const found: Namespace[] = [];
    const seen = new Set<bigint>();
    for (let at = this.#address; at !== 0n; ) {
      if (seen.has(at) || seen.size === MOST_NAMESPACES) {
        const what = `namespaces: found r_debug 0x${at.toString(16)} twice`;
        throw new RtldError("RD_ERR", this.#process.name, what);
      }
      seen.add(at);
      // Of version 1 only five words are there, but never at the end of memory.
      const words = readWords(this.#memory, at, 6, this.#layout);
      if (words === undefined) {
        throw new RtldError("RD_ERR", this.#process.name, `found no memory at r_debug 0x${at.toString(16)}`);
      }
      const [version = 0n, map = 0n, , state = 0n, , next = 0n] = words;
      const number = this.#int(version);
      if (found.length === 0 && number === 0) return [];
      const name = STATES[this.#int(state)];
      if (name === undefined) {
        const what = `r_state: found ${this.#int(state)}, expected RT_CONSISTENT, RT_ADD or RT_DELETE`;
        throw new RtldError("RD_ERR", this.#process.name, what);
      }
      found.push({ lmid: found.length, map, state: name });
      if (number < 2) break;
      at = next;
    }
    return found;
  }

  /** An int at the start of a word: what is behind it in 64 bits is not its own. */
  #int(word: bigint): number {
    const { is64, little } = this.#layout;
    return Number(is64 && !little ? word >> 32n : BigInt.asUintN(32, word));
  }

  /** `l_next` of a link map. @throws RtldError `RD_ERR` if it can't be read */
  nextLinkMap(address: bigint): bigint {
    const [next] = readWords(this.#memory, address + (this.#layout.is64 ? 24n : 12n), 1, this.#layout) ?? [];
    if (next !== undefined) return next;
    const what = `link map 0x${address.toString(16)}: found no memory there any more`;
    throw new RtldError("RD_ERR", this.#process.name, what);
  }

  /** Words of memory. @throws RtldError `RD_ERR` if they can't be read */
  words(address: bigint, count: number, what: string): bigint[] {
    const words = readWords(this.#ahead, address, count, this.#layout);
    if (words !== undefined) return words;
    throw new RtldError(
      "RD_ERR",
      this.#process.name,
      `${what}: found no memory at 0x${address.toString(16)}`,
    );
  }

  /** A string in memory; empty if there is none that could be a path. */
  string(address: bigint): string {
    return address === 0n ? "" : (readString(this.#ahead, address) ?? "");
  }

  /** How many relocations the object has whose dynamic section is at an address. */
  relocationCount(dynamic: bigint, bias: bigint): number {
    return countRelocations(new ReadAhead(this.#memory), this.#layout, dynamic, bias);
  }

  /** The file in memory whose header is at an address, if one is there. */
  imageAt(address: bigint, name: string): MemoryImage | undefined {
    return imageAt(this.#memory, address, name);
  }

  /** Address of a symbol that the library whose header is at an address exports. */
  symbolIn(base: bigint, name: string, symbol: string): bigint | undefined {
    return exported(this.imageAt(base, name), symbol);
  }

  /** Program headers of the file in memory whose header is at an address; `undefined` if none is there. */
  headersAt(address: bigint): ProgramHeader[] | undefined {
    const { is64, little } = this.#layout;
    const head = this.#memory.read(address, HEAD);
    if (head === undefined || !isElf(head)) return undefined;
    const offset = is64 ? readSize64(head, 32, little) : readU32(head, 28, little);
    const size = readU16(head, is64 ? 54 : 42, little);
    const count = readU16(head, is64 ? 56 : 44, little);
    const end = offset + count * size;
    if (size !== layoutOf(is64).phentsize || end > LARGEST_HEAD) return undefined;
    const table = end <= HEAD ? head : this.#memory.read(address, end);
    return table === undefined
      ? undefined
      : decodeProgramHeaders(table.subarray(offset), count, this.#layout);
  }

  /** SDT probes of the run-time linker, by its file. */
  get probes(): readonly LoaderProbe[] {
    const base = this.#auxv.get(AT.AT_BASE) ?? 0n;
    const name = this.headers.find((one) => one.type === PT.PT_INTERP);
    const own = this.headers.find((one) => one.type === PT.PT_PHDR);
    const bias = own === undefined ? 0n : this.programHeaders - own.vaddr;
    const path = name && this.#process.pfile(readString(this.#memory, name.vaddr + bias) ?? "");
    if (path === undefined || base === 0n) return [];
    const { probes, buildId } = loaderProbes(path, base);
    // Of another file, which is there since an upgrade, they would be anywhere.
    const loaded = probes.length === 0 ? undefined : this.#loaderImage?.buildId;
    return loaded === undefined || loaded === buildId ? probes : [];
  }

  /** Where the program's headers are in memory. */
  get programHeaders(): bigint {
    return this.#auxv.get(AT.AT_PHDR) ?? 0n;
  }

  /** Address of the kernel's own library, if the process has it. */
  get vdso(): bigint | undefined {
    return this.#auxv.get(AT.AT_SYSINFO_EHDR);
  }

  /** Path that the program was started by, if it is known; of a script's, its own. */
  get programName(): string {
    const started = this.string(this.#auxv.get(AT.AT_EXECFN) ?? 0n);
    const program = this.#process.pprogram?.();
    return program !== undefined && isScript(this.#process.pfile(started)) ? program : started;
  }

  /** Whether the run-time linker still loads what the program is linked with; `false` also where that is not known. */
  get isLoading(): boolean {
    const symbol = this.#symbol("__libc_stack_end");
    const image = this.#loader?.image;
    const [end = 0n] = (symbol === undefined ? undefined : this.#read(symbol, 1)) ?? [];
    if (image === undefined || end === 0n) return false;
    // Code of 32 bits aligns the stack and hands its argument over there.
    const [width, count] = this.#layout.is64 ? [8n, 1] : [4n, 5];
    const words = this.#read(end - width * BigInt(count), count);
    return words !== undefined && isLoading({ words, entry: image.elf.header.entry + image.bias });
  }

  #read(address: bigint, count: number): bigint[] | undefined {
    return readWords(this.#memory, address, count, this.#layout);
  }

  /** A symbol that the run-time linker exports, also before it began. */
  #symbol(name: string): bigint | undefined {
    const base = this.#auxv.get(AT.AT_BASE);
    return base === undefined || base === 0n ? undefined : exported(this.#loaderImage, name);
  }

  get #loaderImage(): MemoryImage | undefined {
    this.#loader ??= { image: this.imageAt(this.#auxv.get(AT.AT_BASE) ?? 0n, "run-time linker") };
    return this.#loader.image;
  }
}

/** Whether a file begins as those that another program interprets [execve(2)]. */
function isScript(path: string | undefined): boolean {
  const bytes = new Uint8Array(2);
  try {
    const file = openSync(path ?? "", "r");
    readSync(file, bytes);
    closeSync(file);
  } catch {
    return false;
  }
  return bytes[0] === 0x23 && bytes[1] === 0x21;
}

/** Address of a symbol that a file in memory exports; `undefined` also if its tables are damaged. */
function exported(image: MemoryImage | undefined, name: string): bigint | undefined {
  try {
    const symbols = image?.elf.dynsym();
    if (image === undefined || symbols === undefined) return undefined;
    const { gnu, sysv } = image.elf.hashTables();
    const index = gnu?.lookup(name) ?? sysv?.lookup(name);
    return index === undefined ? undefined : symbols.value(index) + image.bias;
  } catch (error) {
    if (error instanceof ElfError) return undefined;
    throw error;
  }
}
