/** The symbols of a linked module as a live object takes them, and the table of what it exports. */
import type { SymbolBatch } from "../dlbind/index.ts";
import { STB, STT } from "../elf/constants/symbol.ts";
import type { SymbolTable } from "../elf/symbol.ts";
import { compareNames, type Dynsym } from "./dynsym.ts";
import { isExported, type ModuleLink } from "./link/link.ts";
import type { SegmentAddresses } from "./link/relocator.ts";
import { ORIGIN } from "./link/symbols.ts";

/**
 * Names for the loader: all that lie in the module and have one, those that others must not see as local ones.
 * @param base of the live object
 */
export function loaderSymbols(link: ModuleLink, at: SegmentAddresses, base: number): SymbolBatch {
  const { symbols, size: room } = link;
  const tables = link.inputs.map(({ symtab }) => symtab);
  const { strings, start } = joinStrings(tables);
  const capacity = symbols.length;
  const names = new Int32Array(capacity);
  const values = new Int32Array(capacity);
  const sizes = new Int32Array(capacity);
  const infos = new Uint8Array(capacity);
  const others = new Uint8Array(capacity);
  const textEnd = at.text + room.text;
  const rodataEnd = at.rodata + room.rodata;
  const dataEnd = at.data + room.data;
  let length = 0;
  for (let id = 0; id < capacity; id++) {
    const origin = symbols.origin[id];
    if (origin !== ORIGIN.piece && origin !== ORIGIN.common) continue;
    const type = symbols.type[id] ?? 0;
    if (type === STT.STT_SECTION || type === STT.STT_FILE || symbols.isThreadLocal(id)) continue;
    const table = tables[symbols.from[id] ?? -1];
    if (table === undefined) continue;
    const offset = nameOffset(table, symbols.index[id] ?? 0);
    const address = symbols.address[id] ?? 0;
    // A name for the end of something lies in nothing.
    if (offset < 0 || address === textEnd || address === rodataEnd || address === dataEnd) continue;
    const binding = symbols.binding[id] ?? 0;
    const visibility = symbols.visibility[id] ?? 0;
    names[length] = (start[symbols.from[id] ?? 0] ?? 0) + offset;
    values[length] = address - base;
    sizes[length] = symbols.size[id] ?? 0;
    infos[length] = (loaderBinding(binding, visibility) << 4) | loaderType(type);
    others[length] = visibility;
    length++;
  }
  return { length, strings, names, values, sizes, infos, others };
}

/** What is asked of exports when they are looked at. */
export interface ExportsRequest {
  /** The signature of one, by its name. */
  readonly signature: (name: string) => bigint;
  /** Whether an address is in the module's code. */
  readonly isCodeAt: (address: number) => boolean;
}

/** What a module exports, taken from its symbols when it is first asked for. */
export class ModuleExports {
  readonly #batch: SymbolBatch;
  readonly #base: number;
  readonly #request: ExportsRequest;
  #table: readonly Dynsym[] | undefined;
  #functions: ReadonlySet<string> | undefined;

  constructor(batch: SymbolBatch, base: number, request: ExportsRequest) {
    this.#batch = batch;
    this.#base = base;
    this.#request = request;
  }

  /** Sorted by name. */
  get table(): readonly Dynsym[] {
    this.#table ??= this.#read();
    return this.#table;
  }

  /** Names of those that are functions: labels in code, as of assembly, too. */
  get functions(): ReadonlySet<string> {
    this.#functions ??= new Set(this.#functionNames());
    return this.#functions;
  }

  #read(): readonly Dynsym[] {
    const { values } = this.#batch;
    const { signature } = this.#request;
    const entries: Dynsym[] = [];
    this.#each((name, index) => {
      const addr = BigInt(this.#base + (values[index] ?? 0));
      entries.push({
        name,
        addr,
        get sig() {
          return signature(name);
        },
      });
    });
    return entries.sort((a, b) => compareNames(a.name, b.name));
  }

  #functionNames(): string[] {
    const { infos, values } = this.#batch;
    const names: string[] = [];
    this.#each((name, index) => {
      const type = (infos[index] ?? 0) & 0xf;
      const isLabel = type === STT.STT_NOTYPE && this.#request.isCodeAt(this.#base + (values[index] ?? 0));
      if (type === STT.STT_FUNC || type === STT.STT_GNU_IFUNC || isLabel) names.push(name);
    });
    return names;
  }

  #each(visit: (name: string, index: number) => void): void {
    const { length, strings, names, infos } = this.#batch;
    const decoder = new TextDecoder();
    for (let i = 0; i < length; i++) {
      if ((infos[i] ?? 0) >> 4 === STB.STB_LOCAL) continue;
      const name = names[i] ?? 0;
      visit(decoder.decode(strings.subarray(name, strings.indexOf(0, name))), i);
    }
  }
}

/** All string tables end to end; one that ends as it should, as it is. */
function joinStrings(tables: readonly (SymbolTable | undefined)[]): { strings: Uint8Array; start: number[] } {
  const pieces = tables.map((table) => table?.strings.bytes ?? new Uint8Array(0));
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1 && only.at(-1) === 0) return { strings: only, start: [0] };
  const start: number[] = [];
  let end = 0;
  for (const piece of pieces) {
    start.push(end);
    end += piece.length + 1;
  }
  const strings = new Uint8Array(Math.max(1, end));
  pieces.forEach((piece, index) => {
    strings.set(piece, start[index]);
  });
  return { strings, start };
}

/** Where a symbol's name is in its table; -1 when it has none. @throws ElfError for a place outside the table */
function nameOffset(table: SymbolTable, index: number): number {
  const offset = table.nameOffset(index);
  const { bytes } = table.strings;
  if (offset >= bytes.length) table.name(index);
  return bytes[offset] === 0 || bytes.length === 0 ? -1 : offset;
}

/** `STB_GNU_UNIQUE` is one of the module like any other. */
function loaderBinding(binding: number, visibility: number): number {
  if (!isExported({ binding, visibility })) return STB.STB_LOCAL;
  return binding === STB.STB_WEAK ? STB.STB_WEAK : STB.STB_GLOBAL;
}

function loaderType(type: number): number {
  if (type === STT.STT_COMMON) return STT.STT_OBJECT;
  return type === STT.STT_FUNC || type === STT.STT_OBJECT || type === STT.STT_GNU_IFUNC
    ? type
    : STT.STT_NOTYPE;
}
