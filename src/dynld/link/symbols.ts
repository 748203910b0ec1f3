/**
 * The symbols of all inputs under one numbering, as columns: a local symbol has a number of its own, and all that
 * several inputs say of one global name is under one number.
 */
import { readSize64, readU32 } from "../../bytes/endian.ts";
import { SHN } from "../../elf/constants/section.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import { X86_64 } from "../../elf/machine/x86_64.ts";
import type { SymbolTable } from "../../elf/symbol.ts";
import type { DynldError } from "../../errors.ts";
import { linkError, throwAll } from "./fault.ts";
import type { LinkInput } from "./input.ts";
import { DISCARDED, NOT_LOADED, type SectionPlan } from "./sections.ts";

/** Where a symbol's value comes from. */
export const ORIGIN = {
  /** No input defines it: it is to be imported. */
  undefined: 0,
  /** An offset in a piece. */
  piece: 1,
  /** A number that stays as it is. */
  absolute: 2,
  /** Zeros that the link takes room for. */
  common: 3,
  /** In a section that is not loaded: debug information. */
  elsewhere: 4,
  /** In a section that another input's takes the place of. */
  discarded: 5,
  /** A place that the link itself makes. */
  made: 6,
  /** From outside. */
  imported: 7,
} as const;

/** Largest number that stands for itself. */
const EXACT = 2 ** 53;

export class LinkSymbols {
  readonly plan: SectionPlan;
  /** By input: the number of each of its symbols. */
  readonly ids = new Map<LinkInput, Int32Array>();
  /** Numbers by global name. */
  readonly globals = new Map<string, number>();
  /** `ORIGIN` */
  readonly origin: number[] = [];
  /** Of `piece`: which. */
  readonly piece: number[] = [];
  /** Of `piece` an offset, of `common` the alignment, of `absolute` the number. */
  readonly value: number[] = [];
  readonly size: number[] = [];
  /** `STT_`, `STB_` and `STV_` values. */
  readonly type: number[] = [];
  readonly binding: number[] = [];
  readonly visibility: number[] = [];
  /** The input that defines it, or the first that needs it. */
  readonly input: (LinkInput | undefined)[] = [];
  /** Names of globals; those of local symbols are asked of the input. */
  readonly name: (string | undefined)[] = [];
  /** Number in its input, for local names. */
  readonly index: number[] = [];
  /** Address, once all is placed. */
  address = new Float64Array(0);

  constructor(plan: SectionPlan) {
    this.plan = plan;
  }

  get length(): number {
    return this.origin.length;
  }

  nameOf(id: number): string {
    return this.name[id] ?? this.input[id]?.symtab?.name(this.index[id] ?? 0) ?? "";
  }

  /** Each thread has one of its own. */
  isThreadLocal(id: number): boolean {
    return this.plan.pieces[this.piece[id] ?? NOT_LOADED]?.segment === "threads";
  }

  /** Gives a global name that nobody defines a place of the link's own. @returns its number, if somebody needs it */
  make(name: string, type: number = STT.STT_NOTYPE): number | undefined {
    const id = this.globals.get(name);
    if (id === undefined || this.origin[id] !== ORIGIN.undefined) return undefined;
    this.origin[id] = ORIGIN.made;
    this.type[id] = type;
    this.visibility[id] = STV.STV_HIDDEN;
    return id;
  }

  push(input: LinkInput, index: number, name: string | undefined): number {
    const id = this.origin.length;
    this.origin.push(ORIGIN.undefined);
    this.piece.push(NOT_LOADED);
    this.value.push(0);
    this.size.push(0);
    this.type.push(STT.STT_NOTYPE);
    this.binding.push(STB.STB_LOCAL);
    this.visibility.push(STV.STV_DEFAULT);
    this.input.push(input);
    this.name.push(name);
    this.index.push(index);
    return id;
  }
}

/** Reads the symbols of all inputs and brings the global ones together. @throws DynldError DYNLD_DUPLICATE, DYNLD_BAD_VALUE */
export function readSymbols(inputs: readonly LinkInput[], plan: SectionPlan): LinkSymbols {
  const symbols = new LinkSymbols(plan);
  const problems: DynldError[] = [];
  for (const input of inputs) {
    const { symtab } = input;
    const ids = new Int32Array(symtab?.length ?? 0);
    symbols.ids.set(input, ids);
    if (symtab === undefined) continue;
    const reader = new SymbolReader(symbols, input, symtab, plan);
    // Number 0 is no symbol: its value is 0, and nothing is added to.
    for (let i = 0; i < symtab.length; i++) {
      if (i < input.firstGlobal) {
        ids[i] = symbols.push(input, i, undefined);
        reader.define(ids[i] ?? 0, i);
        if (i === 0) symbols.origin[ids[i] ?? 0] = ORIGIN.absolute;
      } else {
        const problem = reader.global(ids, i);
        if (problem !== undefined) problems.push(problem);
      }
    }
  }
  throwAll(problems);
  return symbols;
}

/** Reads one input's symbols. */
class SymbolReader {
  readonly #symbols: LinkSymbols;
  readonly #input: LinkInput;
  readonly #table: SymbolTable;
  readonly #plan: SectionPlan;
  readonly #pieces: Int32Array;

  constructor(symbols: LinkSymbols, input: LinkInput, table: SymbolTable, plan: SectionPlan) {
    this.#symbols = symbols;
    this.#input = input;
    this.#table = table;
    this.#plan = plan;
    this.#pieces = plan.pieceOf.get(input) ?? new Int32Array(0);
  }

  /** Symbol `index`, a global one. @returns what is wrong with it */
  global(ids: Int32Array, index: number): DynldError | undefined {
    const symbols = this.#symbols;
    const name = this.#table.name(index);
    let id = symbols.globals.get(name);
    const first = id === undefined;
    if (id === undefined) {
      id = symbols.push(this.#input, index, name);
      symbols.globals.set(name, id);
      symbols.binding[id] = this.#table.binding(index);
    }
    ids[index] = id;
    const visibility = this.#table.visibility(index);
    symbols.visibility[id] = stricter(symbols.visibility[id] ?? 0, visibility);
    const origin = this.#originOf(index);
    if (origin === ORIGIN.undefined || origin === ORIGIN.discarded) {
      // Who needs it for sure makes it needed for all.
      if (!first && symbols.origin[id] === ORIGIN.undefined && this.#table.binding(index) !== STB.STB_WEAK) {
        symbols.binding[id] = STB.STB_GLOBAL;
      }
      return undefined;
    }
    return this.#merge(id, index, origin);
  }

  #merge(id: number, index: number, origin: number): DynldError | undefined {
    const symbols = this.#symbols;
    const known = symbols.origin[id] ?? ORIGIN.undefined;
    const weak = this.#table.binding(index) === STB.STB_WEAK;
    const knownWeak = symbols.binding[id] === STB.STB_WEAK;
    if (known === ORIGIN.undefined || (known === ORIGIN.common && origin !== ORIGIN.common)) {
      this.define(id, index);
    } else if (origin === ORIGIN.common) {
      if (known === ORIGIN.common) this.#mergeCommon(id, index);
      else if (knownWeak) this.define(id, index);
    } else if (knownWeak && !weak) {
      this.define(id, index);
    } else if (!weak && !knownWeak) {
      const name = this.#table.name(index);
      const other = symbols.input[id]?.name ?? "";
      return linkError(
        "DYNLD_DUPLICATE",
        this.#input.name,
        ".symtab",
        index * this.#table.entsize,
        `${name}: defined in ${other} too, expected one definition`,
        { symbol: name },
      );
    }
    return undefined;
  }

  /** Of several commons, the largest, at the strictest alignment. */
  #mergeCommon(id: number, index: number): void {
    const { value, size } = this.#symbols;
    value[id] = Math.max(value[id] ?? 0, this.#value(index));
    size[id] = Math.max(size[id] ?? 0, this.#size(index));
  }

  /** Lets a number stand for symbol `index`. */
  define(id: number, index: number): void {
    const symbols = this.#symbols;
    const table = this.#table;
    const origin = this.#originOf(index);
    symbols.origin[id] = origin;
    symbols.value[id] = this.#value(index);
    symbols.size[id] = this.#size(index);
    symbols.type[id] = table.type(index);
    symbols.binding[id] = table.binding(index);
    symbols.input[id] = this.#input;
    symbols.index[id] = index;
    if (origin === ORIGIN.piece) {
      symbols.piece[id] = this.#pieces[table.sectionIndex(index)] ?? NOT_LOADED;
      this.#checkInside(index);
    } else if (origin === ORIGIN.absolute) {
      symbols.value[id] = this.#absolute(index);
    }
  }

  #originOf(index: number): number {
    const table = this.#table;
    const section = table.sectionIndex(index);
    if (table.isSpecial(index)) {
      if (section === SHN.SHN_ABS) return ORIGIN.absolute;
      const isCommon = section === SHN.SHN_COMMON || section === X86_64.sectionIndexes?.SHN_X86_64_LCOMMON;
      if (isCommon) return ORIGIN.common;
      throw this.#fail(
        index,
        `section: found 0x${section.toString(16)}, expected one or SHN_ABS, SHN_COMMON`,
      );
    }
    if (section === SHN.SHN_UNDEF) return ORIGIN.undefined;
    const piece = this.#pieces[section];
    if (piece === undefined) {
      throw this.#fail(index, `section: found ${section}, expected less than ${this.#pieces.length}`);
    }
    if (piece === DISCARDED) return ORIGIN.discarded;
    return piece === NOT_LOADED ? ORIGIN.elsewhere : ORIGIN.piece;
  }

  #checkInside(index: number): void {
    const piece = this.#plan.pieces[this.#pieces[this.#table.sectionIndex(index)] ?? NOT_LOADED];
    const value = this.#value(index);
    const size = this.#size(index);
    const room = piece?.size ?? 0;
    if (value + size <= room) return;
    throw this.#fail(
      index,
      `value 0x${value.toString(16)} with size ${size}: outside the ${room} bytes of ${piece?.section.label}`,
    );
  }

  #value(index: number): number {
    const { bytes, entsize } = this.#table;
    const at = index * entsize;
    const { is64, little } = this.#input.elf.image;
    return is64 ? readSize64(bytes, at + 8, little) : readU32(bytes, at + 4, little);
  }

  #size(index: number): number {
    const { bytes, entsize } = this.#table;
    const at = index * entsize;
    const { is64, little } = this.#input.elf.image;
    return is64 ? readSize64(bytes, at + 16, little) : readU32(bytes, at + 8, little);
  }

  /** An absolute value; one of the upper half of the addresses is negative. */
  #absolute(index: number): number {
    const value = this.#value(index);
    if (value < EXACT) return value;
    const signed = Number(BigInt.asIntN(64, this.#table.value(index)));
    if (-signed < EXACT) return signed;
    throw this.#fail(index, `absolute value 0x${this.#table.value(index).toString(16)}: no address`);
  }

  #fail(index: number, what: string): DynldError {
    const at = index * this.#table.entsize;
    return linkError("DYNLD_BAD_VALUE", this.#input.name, ".symtab", at, `symbol ${index}: ${what}`);
  }
}

/** The more constraining of two visibilities [gABI, "Symbol Visibility"]: default gives way, then protected, hidden, internal. */
function stricter(a: number, b: number): number {
  if (a === STV.STV_DEFAULT) return b;
  return b === STV.STV_DEFAULT ? a : Math.min(a, b);
}
