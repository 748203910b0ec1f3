/** Backtraces with the source lines of what they refer to. */
import { existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ET } from "../../elf/constants/header.ts";
import { PT } from "../../elf/constants/segment.ts";
import { KERNEL } from "../kernel/files.ts";
import type { Module } from "../module/module.ts";
import type { FilePlace } from "../module/placement.ts";
import type { ModuleSymbol } from "../module/symbols.ts";
import type { Dwfl } from "../session.ts";
import { noted, type SymbolizedFrame } from "./place.ts";
import { Symbolizer } from "./symbolizer.ts";
import { type TraceReference, traceReferences } from "./trace.ts";

/** A place that a line names, and what is there. */
export interface DecodedReference {
  readonly reference: TraceReference;
  /** The innermost function first; empty where nothing is known. */
  readonly frames: readonly SymbolizedFrame[];
  /** Why something is missing, or may be wrong. */
  readonly notes: readonly string[];
}

/** How to decode. */
export interface DecodeOptions {
  /**
   * Look up the very addresses of stack entries. By default what is before them, for they are where calls return to, which
   * may be another line; so do `decode_stacktrace.sh` of Linux and debuggers.
   */
  readonly exact?: boolean;
  /** Directory in which the files of programs are looked for; the root by default. */
  readonly sysroot?: string;
}

/** Where libraries are that a backtrace names without their directory. */
const LIBRARIES = ["lib", "usr/lib", "lib64", "usr/lib64", "usr/local/lib"];
const MULTIARCH = ["x86_64", "aarch64", "i386", "arm", "riscv64", "powerpc64le", "s390x"].flatMap(
  (machine) => (machine === "arm" ? ["arm-linux-gnueabihf", "arm-linux-gnueabi"] : [`${machine}-linux-gnu`]),
);
/** Programs are mapped at multiples of this. */
const PAGE = 4096n;

/** What a place is in its module, or why that is not known. */
type Located =
  | { readonly module: Module; readonly place: FilePlace; readonly notes: string[] }
  | { readonly notes: string[] };

/** Decodes lines one by one. Files are opened when the first line needs them. */
export class TraceDecoder {
  readonly #dwfl: Dwfl;
  readonly #symbolizer: Symbolizer;
  readonly #options: DecodeOptions;
  readonly #programs = new Map<string, Module | undefined>();

  /** @param dwfl a session with the kernel and modules, if any; files that lines name are reported to it */
  constructor(dwfl: Dwfl, options: DecodeOptions = {}) {
    this.#dwfl = dwfl;
    this.#symbolizer = new Symbolizer(dwfl);
    this.#options = options;
  }

  /** What a line refers to; empty for a line that refers to nothing. */
  decode(line: string): DecodedReference[] {
    return traceReferences(line).map((reference) => {
      const notes: string[] = [];
      const located = noted(notes, () => this.#locate(reference)) ?? { notes: [] };
      notes.push(...located.notes);
      if (!("module" in located)) return { reference, frames: [], notes };
      const back = reference.isReturn && this.#options.exact !== true ? 1n : 0n;
      const { section, offset } = located.place;
      const answer = this.#symbolizer.atPlace(located.module, { section, offset: offset - back });
      return { reference, frames: answer.frames, notes: [...notes, ...answer.notes] };
    });
  }

  #locate(reference: TraceReference): Located {
    switch (reference.kind) {
      case "kernel":
        return this.#inKernel(reference);
      case "address": {
        const module = this.#dwfl.moduleAt(reference.address);
        const place = module?.placeOf(reference.address);
        return module === undefined || place === undefined ? { notes: [] } : { module, place, notes: [] };
      }
      case "program":
        return this.#inProgram(reference);
      case "mapped":
        return this.#inFile(reference.file, (module) => {
          return { section: undefined, offset: firstMapped(module) + reference.offset };
        });
      default:
        return this.#inFunction(reference);
    }
  }

  #inKernel({ symbol, offset, size, module: name = KERNEL }: TraceReference & { kind: "kernel" }): Located {
    const module = this.#dwfl.moduleNamed(name);
    if (module === undefined) {
      return { notes: [name === KERNEL ? "no vmlinux was given or found" : `found no module ${name}`] };
    }
    const all = module.symbols.named(symbol);
    const fitting = all.filter((one) => hasSize(module, one, size));
    const [best = all[0]] = fitting;
    const shown = module.path ?? module.name;
    if (best === undefined) return { notes: [`${shown}: found no symbol ${symbol}`] };
    const notes: string[] = [];
    if (fitting.length === 0) {
      const [found, expected] = [best.size, size].map((one) => `0x${one.toString(16)}`);
      notes.push(`${shown}: ${symbol}: found ${found} bytes, expected ${expected}: this is another build`);
    } else if (placesOf(fitting) > 1) {
      notes.push(`${shown}: ${symbol}: found ${fitting.length} of that name and size; this is the first`);
    }
    return { module, place: { section: best.section, offset: best.offset + offset }, notes };
  }

  #inProgram({ file, symbol, offset, address }: TraceReference & { kind: "program" }): Located {
    return this.#inFile(file, (module) => {
      if (symbol === undefined) {
        // Without an offset it is a program that is where it says.
        const value = offset === undefined ? address : firstMapped(module) + offset;
        return { section: undefined, offset: module.elf.header.type === ET.ET_EXEC ? address : value };
      }
      const found = module.symbols.named(symbol)[0];
      return found && { section: undefined, offset: found.offset + (offset ?? 0n) };
    });
  }

  /** The offset is known but for whole pages, for programs are mapped in such; mostly the size leaves one. */
  #inFunction({ file, symbol, address }: TraceReference & { kind: "function" }): Located {
    return this.#inFile(file, (module) => {
      const found = module.symbols.named(symbol)[0];
      if (found === undefined) return undefined;
      const inPage = (((address - found.offset) % PAGE) + PAGE) % PAGE;
      return inPage < found.size && inPage + PAGE >= found.size
        ? { section: undefined, offset: found.offset + inPage }
        : undefined;
    });
  }

  #inFile(file: string, find: (module: Module) => FilePlace | undefined): Located {
    const module = this.#program(file);
    if (module === undefined) return { notes: [`found no file ${file}`] };
    const place = find(module);
    return place === undefined ? { notes: [] } : { module, place, notes: [] };
  }

  #program(file: string): Module | undefined {
    if (!this.#programs.has(file)) {
      const path = this.#pathOf(file);
      this.#programs.set(
        file,
        path === undefined ? undefined : this.#dwfl.report({ name: file, file: path }),
      );
    }
    return this.#programs.get(file);
  }

  #pathOf(file: string): string | undefined {
    const { sysroot = "/" } = this.#options;
    const direct = file.startsWith("/") ? join(sysroot, file) : file;
    if (isFile(direct)) return direct;
    if (file !== basename(file)) return undefined;
    const directories = LIBRARIES.flatMap((one) => [one, ...MULTIARCH.map((machine) => join(one, machine))]);
    return directories.map((one) => join(sysroot, one, file)).find(isFile);
  }
}

/**
 * Whether a function may have the size that a trace has: the kernel does not know sizes, and counts up to the next symbol,
 * so that what fills the room before that is counted, too.
 */
function hasSize(module: Module, symbol: ModuleSymbol, size: bigint): boolean {
  if (symbol.size === size) return true;
  const room = module.symbols.bytesToNext(symbol);
  return size > symbol.size && (room === undefined || size <= room);
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

/** Different places of symbols: one may be in two tables. */
function placesOf(symbols: readonly ModuleSymbol[]): number {
  return new Set(symbols.map(({ section, offset }) => `${section}:${offset}`)).size;
}

/** The address that the first mapped byte of a linked file has. */
function firstMapped({ elf }: Module): bigint {
  const first = elf.segments.find(({ type }) => type === PT.PT_LOAD);
  return first === undefined ? 0n : first.vaddr - (first.vaddr % PAGE);
}
