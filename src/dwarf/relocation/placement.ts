/**
 * Where one file's sections and symbols are, by the resolver in force: asked at the first need, once each, and kept in
 * columns by symbol, for readers of millions of addresses.
 */
import { SHN } from "../../elf/constants/section.ts";
import { STT } from "../../elf/constants/symbol.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSymbol, SymbolTable } from "../../elf/symbol.ts";
import { type Resolver, sectionStart, symbolValue } from "./resolver.ts";

const UNASKED = 0;
const KNOWN = 1;
const UNKNOWN = 2;

export class Placement implements Resolver {
  /** Final values by symbol, in halves, where {@link isKnown} said so. */
  lows = new Uint32Array(0);
  highs = new Uint32Array(0);
  /** Counts the resolvers that were in force. */
  generation = 0;
  readonly #elf: ElfFile;
  #resolver: Resolver | undefined;
  #states = new Uint8Array(0);
  readonly #sections = new Map<number, bigint | undefined>();
  readonly #symbols = new Map<number, bigint | undefined>();

  constructor(elf: ElfFile) {
    this.#elf = elf;
  }

  /** Puts another resolver in force; what the one before said is forgotten, and nothing is read again. */
  place(resolver: Resolver | undefined): void {
    this.#resolver = resolver;
    this.generation++;
    this.#states.fill(UNASKED);
    this.#sections.clear();
    this.#symbols.clear();
  }

  sectionAddress(elf: ElfFile, index: number): bigint | undefined {
    const resolver = this.#resolver;
    if (resolver === undefined || this.#sections.has(index)) return this.#sections.get(index);
    const address = resolver.sectionAddress(elf, index);
    this.#sections.set(index, address);
    return address;
  }

  symbolAddress(elf: ElfFile, symbol: ElfSymbol): bigint | undefined {
    const resolver = this.#resolver;
    if (resolver === undefined || this.#symbols.has(symbol.index)) return this.#symbols.get(symbol.index);
    const address = resolver.symbolAddress(elf, symbol);
    this.#symbols.set(symbol.index, address);
    return address;
  }

  threadOffset(elf: ElfFile, symbol: ElfSymbol): bigint | undefined {
    return this.#resolver?.threadOffset?.(elf, symbol);
  }

  /** Whether the final address of a symbol was found already; it is in the columns then. */
  isKnown(symbol: number): boolean {
    return this.#states[symbol] === KNOWN;
  }

  /** Finds the final address of a symbol and puts it into the columns. False: the resolver does not know it. */
  find(symbol: number): boolean {
    const state = this.#states[symbol];
    if (state === KNOWN) return true;
    if (state === UNKNOWN) return false;
    const table = this.#elf.symtab();
    if (table === undefined) return false;
    if (this.#states.length === 0) {
      this.#states = new Uint8Array(table.length);
      this.lows = new Uint32Array(table.length);
      this.highs = new Uint32Array(table.length);
    }
    const value = this.#value(table, symbol);
    this.#states[symbol] = value === undefined ? UNKNOWN : KNOWN;
    if (value === undefined) return false;
    this.lows[symbol] = Number(BigInt.asUintN(32, value));
    this.highs[symbol] = Number(BigInt.asUintN(32, value >> 32n));
    return true;
  }

  /** What {@link symbolValue} says, without a name where none is needed. */
  #value(table: SymbolTable, symbol: number): bigint | undefined {
    const section = table.sectionIndex(symbol);
    const isPlain =
      section !== SHN.SHN_UNDEF && !table.isSpecial(symbol) && table.type(symbol) !== STT.STT_TLS;
    if (!isPlain) return symbolValue(this.#elf, table.at(symbol), false, this);
    const start = sectionStart(this.#elf, section, this);
    return start === undefined ? undefined : start + table.value(symbol);
  }
}
