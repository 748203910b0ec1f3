/**
 * The symbols of all inputs under one numbering, as columns: a local symbol has a number of its own, and all that
 * several inputs say of one global name is under one number.
 */
import { SHN, SHN_LORESERVE } from "../../elf/constants/section.ts";
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
  readonly inputs: readonly LinkInput[];
  /** By input: the number of each of its symbols. */
  readonly ids = new Map<LinkInput, Int32Array>();
  /** Numbers of the global names that no input defines. */
  readonly undefined = new Map<string, number>();
  /** `ORIGIN` */
  readonly origin: Uint8Array;
  /** Of `piece`: which. */
  readonly piece: Int32Array;
  /** Of `piece` an offset, of `common` the alignment, of `absolute` the number. */
  readonly value: Float64Array;
  readonly size: Float64Array;
  /** `STT_`, `STB_` and `STV_` values. */
  readonly type: Uint8Array;
  readonly binding: Uint8Array;
  readonly visibility: Uint8Array;
  /** Position in {@link inputs} of the one that defines it, or the first that needs it; and its number there. */
  readonly from: Int32Array;
  readonly index: Int32Array;
  /** Address, once all is placed. */
  address = new Float64Array(0);
  #length = 0;

  /** @param capacity how many there may be */
  constructor(plan: SectionPlan, inputs: readonly LinkInput[], capacity: number) {
    this.plan = plan;
    this.inputs = inputs;
    this.origin = new Uint8Array(capacity);
    this.piece = new Int32Array(capacity).fill(NOT_LOADED);
    this.value = new Float64Array(capacity);
    this.size = new Float64Array(capacity);
    this.type = new Uint8Array(capacity);
    this.binding = new Uint8Array(capacity);
    this.visibility = new Uint8Array(capacity);
    this.from = new Int32Array(capacity);
    this.index = new Int32Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  inputOf(id: number): LinkInput | undefined {
    return this.inputs[this.from[id] ?? -1];
  }

  nameOf(id: number): string {
    return this.inputOf(id)?.symtab?.name(this.index[id] ?? 0) ?? "";
  }

  /** Each thread has one of its own. */
  isThreadLocal(id: number): boolean {
    return this.plan.pieces[this.piece[id] ?? NOT_LOADED]?.segment === "threads";
  }

  /** Gives a global name that nobody defines a place of the link's own. @returns its number, if somebody needs it */
  make(name: string, type: number = STT.STT_NOTYPE): number | undefined {
    const id = this.undefined.get(name);
    if (id === undefined || this.origin[id] !== ORIGIN.undefined) return undefined;
    this.origin[id] = ORIGIN.made;
    this.type[id] = type;
    this.visibility[id] = STV.STV_HIDDEN;
    return id;
  }

  /** A new number, for a symbol that nobody defines yet. */
  push(from: number, index: number): number {
    const id = this.#length++;
    this.from[id] = from;
    this.index[id] = index;
    return id;
  }
}

/** Reads the symbols of all inputs and brings the global ones together. @throws DynldError DYNLD_DUPLICATE, DYNLD_BAD_VALUE */
export function readSymbols(inputs: readonly LinkInput[], plan: SectionPlan): LinkSymbols {
  const capacity = inputs.reduce((sum, { symtab }) => sum + (symtab?.length ?? 0), 0);
  const symbols = new LinkSymbols(plan, inputs, capacity);
  const problems: DynldError[] = [];
  // What one file says needs no bringing together.
  const globals = inputs.length > 1 ? new Map<string, number>() : undefined;
  for (const [from, input] of inputs.entries()) {
    const { symtab } = input;
    const ids = new Int32Array(symtab?.length ?? 0);
    symbols.ids.set(input, ids);
    if (symtab === undefined) continue;
    const reader = new SymbolReader(symbols, from, input, symtab, plan);
    const locals = Math.min(input.firstGlobal, symtab.length);
    for (let i = 0; i < (globals === undefined ? symtab.length : locals); i++) {
      const id = symbols.push(from, i);
      ids[i] = id;
      reader.define(id, i);
      if (i < locals) continue;
      symbols.visibility[id] = reader.visibility(i);
      // A definition that another one is taken for is none.
      if (symbols.origin[id] === ORIGIN.discarded) symbols.origin[id] = ORIGIN.undefined;
    }
    // Number 0 is no symbol: its value is 0, and nothing is added to.
    if (symtab.length > 0) symbols.origin[ids[0] ?? 0] = ORIGIN.absolute;
    if (globals === undefined) continue;
    for (let i = locals; i < symtab.length; i++) {
      const problem = reader.global(globals, ids, i);
      if (problem !== undefined) problems.push(problem);
    }
  }
  throwAll(problems);
  noteUndefined(symbols);
  return symbols;
}

function noteUndefined(symbols: LinkSymbols): void {
  for (let id = 0; id < symbols.length; id++) {
    if (symbols.origin[id] !== ORIGIN.undefined || symbols.binding[id] === STB.STB_LOCAL) continue;
    symbols.undefined.set(symbols.nameOf(id), id);
  }
}

/** A common symbol of objects of gcc -flto that have no machine code. */
const LTO_MARK = "__gnu_lto_slim";
const LTO_FOUND =
  "found intermediate code of gcc, expected machine code: compile without -flto, or with -ffat-lto-objects";

/** Offsets of fields in an `Elf64_Sym` and an `Elf32_Sym`. */
const ELF64_SYM = { info: 4, other: 5, shndx: 6, value: 8, size: 16 };
const ELF32_SYM = { info: 12, other: 13, shndx: 14, value: 4, size: 8 };

/** Reads one input's symbols. */
class SymbolReader {
  readonly #symbols: LinkSymbols;
  readonly #from: number;
  readonly #input: LinkInput;
  readonly #table: SymbolTable;
  readonly #plan: SectionPlan;
  readonly #pieces: Int32Array;
  readonly #view: DataView;
  readonly #is64: boolean;
  readonly #little: boolean;
  readonly #field: typeof ELF64_SYM;

  constructor(symbols: LinkSymbols, from: number, input: LinkInput, table: SymbolTable, plan: SectionPlan) {
    const { is64, little } = input.elf.image;
    const { bytes } = table;
    this.#symbols = symbols;
    this.#from = from;
    this.#input = input;
    this.#table = table;
    this.#plan = plan;
    this.#pieces = plan.pieceOf.get(input) ?? new Int32Array(0);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#is64 = is64;
    this.#little = little;
    this.#field = is64 ? ELF64_SYM : ELF32_SYM;
  }

  /** Symbol `index`, a global one that other inputs may know too. @returns what is wrong with it */
  global(globals: Map<string, number>, ids: Int32Array, index: number): DynldError | undefined {
    const symbols = this.#symbols;
    const name = this.#table.name(index);
    let id = globals.get(name);
    const first = id === undefined;
    if (id === undefined) {
      id = symbols.push(this.#from, index);
      globals.set(name, id);
      symbols.binding[id] = this.#binding(index);
    }
    ids[index] = id;
    symbols.visibility[id] = stricter(symbols.visibility[id] ?? 0, this.visibility(index));
    const origin = this.#originOf(index);
    if (origin === ORIGIN.undefined || origin === ORIGIN.discarded) {
      if (symbols.origin[id] === ORIGIN.undefined && this.#type(index) === STT.STT_TLS) {
        symbols.type[id] = STT.STT_TLS;
      }
      // Who needs it for sure makes it needed for all.
      if (!first && symbols.origin[id] === ORIGIN.undefined && this.#binding(index) !== STB.STB_WEAK) {
        symbols.binding[id] = STB.STB_GLOBAL;
      }
      return undefined;
    }
    return this.#merge(id, index, origin);
  }

  #merge(id: number, index: number, origin: number): DynldError | undefined {
    const symbols = this.#symbols;
    const known = symbols.origin[id] ?? ORIGIN.undefined;
    const weak = this.#binding(index) === STB.STB_WEAK;
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
      const other = symbols.inputOf(id)?.name ?? "";
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
    value[id] = Math.max(value[id] ?? 0, this.#word(index, this.#field.value));
    size[id] = Math.max(size[id] ?? 0, this.#word(index, this.#field.size));
  }

  /** Lets a number stand for symbol `index`. */
  define(id: number, index: number): void {
    const symbols = this.#symbols;
    const field = this.#field;
    const origin = this.#originOf(index);
    const value = this.#word(index, field.value);
    const size = this.#word(index, field.size);
    const info = this.#view.getUint8(index * this.#table.entsize + field.info);
    symbols.origin[id] = origin;
    symbols.value[id] = origin === ORIGIN.absolute ? this.#absolute(index, value) : value;
    symbols.size[id] = size;
    symbols.type[id] = info & 0xf;
    symbols.binding[id] = info >> 4;
    symbols.from[id] = this.#from;
    symbols.index[id] = index;
    if (origin !== ORIGIN.piece) return;
    const number = this.#pieces[this.#section(index)] ?? NOT_LOADED;
    symbols.piece[id] = number;
    const piece = this.#plan.pieces[number];
    const room = piece?.size ?? 0;
    if (value + size <= room) return;
    throw this.#fail(
      index,
      `value 0x${value.toString(16)} with size ${size}: outside the ${room} bytes of ${piece?.section.label}`,
    );
  }

  /** `STV_` value. */
  visibility(index: number): number {
    return this.#view.getUint8(index * this.#table.entsize + this.#field.other) & 0x3;
  }

  #type(index: number): number {
    return this.#view.getUint8(index * this.#table.entsize + this.#field.info) & 0xf;
  }

  #binding(index: number): number {
    return this.#view.getUint8(index * this.#table.entsize + this.#field.info) >> 4;
  }

  /** `st_shndx`, or where that stands for a larger number, that. */
  #section(index: number): number {
    const section = this.#view.getUint16(index * this.#table.entsize + this.#field.shndx, this.#little);
    return section === SHN.SHN_XINDEX ? this.#table.sectionIndex(index) : section;
  }

  #originOf(index: number): number {
    const section = this.#section(index);
    if (section >= SHN_LORESERVE && this.#table.isSpecial(index)) return this.#specialOrigin(index, section);
    if (section === SHN.SHN_UNDEF) return ORIGIN.undefined;
    const piece = this.#pieces[section];
    if (piece === undefined) {
      throw this.#fail(index, `section: found ${section}, expected less than ${this.#pieces.length}`);
    }
    if (piece === DISCARDED) return ORIGIN.discarded;
    return piece === NOT_LOADED ? ORIGIN.elsewhere : ORIGIN.piece;
  }

  #specialOrigin(index: number, section: number): number {
    if (section === SHN.SHN_ABS) return ORIGIN.absolute;
    const isCommon = section === SHN.SHN_COMMON || section === X86_64.sectionIndexes?.SHN_X86_64_LCOMMON;
    if (isCommon) {
      if (this.#table.name(index) === LTO_MARK) throw this.#fail(index, LTO_FOUND);
      return ORIGIN.common;
    }
    throw this.#fail(index, `section: found 0x${section.toString(16)}, expected one or SHN_ABS, SHN_COMMON`);
  }

  /** `st_value` or `st_size`, exact below 2^53. */
  #word(index: number, field: number): number {
    const at = index * this.#table.entsize + field;
    const view = this.#view;
    const little = this.#little;
    if (!this.#is64) return view.getUint32(at, little);
    const [low, high] = little ? [at, at + 4] : [at + 4, at];
    return view.getUint32(low, little) + view.getUint32(high, little) * 0x1_0000_0000;
  }

  /** An absolute value; one of the upper half of the addresses is negative. */
  #absolute(index: number, value: number): number {
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
