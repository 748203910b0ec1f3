/**
 * The WebAssembly of `wasm/entries.ts` with a memory of its own: one unit, its abbreviations and its relocations go in,
 * columns come out. Where the host has no WebAssembly, or a unit is too large for it, there is none.
 */
import type { FieldReader } from "../../relocation/field.ts";
import { RELA64_WORDS } from "../../relocation/table.ts";
import type { UnitHeader } from "../unit/header.ts";
import type { AbbrevTable } from "./abbrev.ts";
import { DECODING, isStringElsewhere } from "./decoding.ts";
import { ENTRIES_WASM } from "./kernel.wasm.ts";

interface Global {
  value: number;
}

/** Numbers that go in and out, as `wasm/entries.ts` has them. */
type Name =
  | ("unit" | "end" | "at" | "origin" | "little" | "addressSize" | "depth")
  | ("declarations" | "firsts" | "children" | "decodings" | "constants" | "numbers" | "codes")
  | (
      | "texts"
      | "textsSize"
      | "looked"
      | "firstBytes"
      | "widths"
      | "masks"
      | "summands"
      | "record"
      | "recordsEnd"
      | "plainType"
      | "symbols"
    )
  | ("offsetColumn" | "declarationColumn" | "depthColumn" | "firstColumn" | "lowColumn" | "highColumn")
  | ("mostEntries" | "mostValues" | "entries" | "values");

type Exports = Readonly<Record<Name | "SYMBOLS", Global>> & { readonly run: () => number };

/** What is used of WebAssembly, whose types only those of browsers declare. */
interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (limits: { initial: number }) => Memory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Exports };
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** The compiled module, made when the first kernel is; `null` where the host has no WebAssembly, or forbids it. */
let compiled: { readonly module: object; readonly wasm: Wasm } | null | undefined;

function compile(): typeof compiled {
  const { WebAssembly: wasm } = globalThis as { readonly WebAssembly?: Wasm };
  try {
    const bytes = Uint8Array.from(atob(ENTRIES_WASM), (character) => character.charCodeAt(0));
    return wasm === undefined ? null : { module: new wasm.Module(bytes), wasm };
  } catch {
    // A content security policy: all is read form by form then.
    return null;
  }
}

const PAGE = 0x1_0000;
/** Bytes of a memory beyond which units are read form by form: half of what it can have. */
const MOST_BYTES = 2 ** 31;
/** Bytes of the longest value that has no length. */
const WIDEST = 8;

/** Columns that the kernel writes: see {@link EntryBatch}. */
export interface EntryColumns {
  readonly offsets: Float64Array;
  readonly declarations: Uint32Array;
  readonly depths: Uint32Array;
  readonly firstValues: Uint32Array;
  readonly lows: Float64Array;
  readonly highs: Uint32Array;
}

/** Where the small tables are; the columns follow, then what is loaded for a unit. */
const WIDTHS = 0;
const MASKS = 32;
const SUMMANDS = 128;
const SYMBOL_TABLE = 512;
/** No symbol has this number. */
const NO_SYMBOL = 0xffff_ffff;
const UNKNOWN_WIDTH = 0xff;
const ALL_BITS = 0xffff_ffff;

export class EntryKernel {
  /** Valid until the next {@link load}. */
  columns: EntryColumns;
  readonly #memory: Memory;
  readonly #exports: Exports;
  /** Symbols that the table of known ones holds. */
  readonly #symbols: number;
  readonly #entries: number;
  #values: number;
  #bytes = new Uint8Array(0);
  #words = new Uint32Array(0);
  /** The next free byte of the memory. */
  #free = 0;
  /** The strings in the memory; they are put there once for all units of a file. */
  #texts: Uint8Array | undefined;
  #columnsEnd = 0;
  /** The unit in the memory, and in its section. */
  #unit = 0;
  #origin = 0;

  private constructor(module: object, wasm: Wasm, entries: number, values: number) {
    this.#memory = new wasm.Memory({ initial: 8 });
    this.#exports = new wasm.Instance(module, { env: { memory: this.#memory } }).exports;
    this.#symbols = this.#exports.SYMBOLS.value;
    this.#entries = entries;
    this.#values = values;
    this.#set("widths", WIDTHS);
    this.#set("masks", MASKS);
    this.#set("summands", SUMMANDS);
    this.#set("symbols", SYMBOL_TABLE);
    this.#set("mostEntries", entries);
    this.columns = this.#layColumns();
    this.forget();
  }

  /** A kernel with room for so many entries and values; `undefined` where the host has no WebAssembly. */
  static create(entries: number, values: number): EntryKernel | undefined {
    if (compiled === undefined) compiled = compile();
    return compiled ? new EntryKernel(compiled.module, compiled.wasm, entries, values) : undefined;
  }

  /**
   * Takes in a unit, to be read from its root on.
   * @param texts the section of strings whose first bytes are looked at, where that is wanted
   * @returns false if it is too large
   */
  load(reader: FieldReader, unit: UnitHeader, abbrevs: AbbrevTable, texts: Uint8Array = NO_TEXTS): boolean {
    const { section, bytes } = reader;
    const { offset, end } = unit;
    const records = section.relocations?.words?.subarray(...recordsOf(reader, offset, end)) ?? NO_RECORDS;
    // Values are read before the end of the unit is looked at: zeros follow.
    const padding = WIDEST * (abbrevs.all.longest + 1);
    this.#values = Math.max(this.#values, abbrevs.all.longest);
    const inputs = end - offset + padding + records.byteLength + abbrevBytes(abbrevs) + texts.length;
    if (!this.#reserve(SYMBOL_TABLE + 8 * this.#symbols + 40 * this.#entries + 12 * this.#values + inputs)) {
      return false;
    }
    if (this.#bytes.buffer !== this.#memory.buffer || this.columns.lows.length !== this.#values) {
      // What lay behind the columns may be in another place now.
      if (this.columns.lows.length !== this.#values) this.#texts = undefined;
      this.columns = this.#layColumns();
    }
    this.#putTexts(texts);
    this.#putAbbrevs(abbrevs, texts.length > 0);
    this.#putWidths(reader, unit);
    this.#origin = offset;
    this.#unit = this.#put(bytes.subarray(offset, end));
    this.#bytes.fill(0, this.#free, this.#free + padding);
    this.#set("end", this.#free);
    this.#free += padding;
    this.#set("unit", this.#unit);
    this.#set("origin", offset);
    const record = this.#put(records);
    this.#set("record", record);
    this.#set("recordsEnd", record + records.byteLength);
    this.#set("depth", 0);
    this.at = unit.entries;
    return true;
  }

  /** Forgets the values of symbols. */
  forget(): void {
    const first = SYMBOL_TABLE / 4;
    this.#words.fill(NO_SYMBOL, first, first + 2 * this.#symbols);
    this.#set("plainType", NO_SYMBOL);
  }

  /** Takes over what the reader found out about the relocations between two places. */
  learn(reader: FieldReader, from: number, to: number): void {
    const { relocations, placement } = reader.section;
    const words = relocations?.words;
    if (words === undefined || reader.plainOffsetType < 0) return;
    this.#set("plainType", reader.plainOffsetType);
    const [first, last] = recordsOf(reader, from, to);
    for (let word = first; word < last; word += RELA64_WORDS) {
      const symbol = words[word + 3] ?? 0;
      if (!placement.isKnown(symbol)) continue;
      const at = SYMBOL_TABLE / 4 + 2 * (symbol % this.#symbols);
      this.#words[at] = symbol;
      this.#words[at + 1] = placement.lows[symbol] ?? 0;
    }
  }

  /** Reads on until the unit ends or a column is full. @returns whether the entry at {@link at} is none for the kernel */
  run(): boolean {
    return this.#exports.run() !== 0;
  }

  /** Strings that were looked at since they were last counted, and the sum of their first bytes. */
  looked(): [count: number, firstBytes: number] {
    const { looked, firstBytes } = this.#exports;
    const found: [number, number] = [looked.value >>> 0, firstBytes.value >>> 0];
    this.#set("looked", 0);
    this.#set("firstBytes", 0);
    return found;
  }

  /** Offset in the section where the next entry is read. */
  get at(): number {
    return this.#exports.at.value - this.#unit + this.#origin;
  }

  set at(offset: number) {
    this.#set("at", offset - this.#origin + this.#unit);
  }

  /** Level of the next entry, below the root. */
  get depth(): number {
    return this.#exports.depth.value;
  }

  set depth(depth: number) {
    this.#set("depth", depth);
  }

  /** Entries in the columns. */
  get entries(): number {
    return this.#exports.entries.value;
  }

  set entries(count: number) {
    this.#set("entries", count);
  }

  /** Values in the columns. */
  get values(): number {
    return this.#exports.values.value;
  }

  set values(count: number) {
    this.#set("values", count);
  }

  #set(name: Name, value: number): void {
    this.#exports[name].value = value;
  }

  /** Makes the memory as large. */
  #reserve(bytes: number): boolean {
    // Each thing that is put may leave seven bytes before it.
    const pages = Math.ceil((bytes + PAGE) / PAGE) - this.#memory.buffer.byteLength / PAGE;
    if (bytes > MOST_BYTES) return false;
    if (pages > 0) this.#memory.grow(pages);
    return true;
  }

  #layColumns(): EntryColumns {
    const { buffer } = this.#memory;
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#free = SYMBOL_TABLE + 8 * this.#symbols;
    const [entries, values] = [this.#entries, this.#values];
    this.#set("mostValues", values);
    const columns = {
      offsets: new Float64Array(buffer, this.#column("offsetColumn", 8 * entries), entries),
      lows: new Float64Array(buffer, this.#column("lowColumn", 8 * values), values),
      highs: new Uint32Array(buffer, this.#column("highColumn", 4 * values), values),
      declarations: new Uint32Array(buffer, this.#column("declarationColumn", 4 * entries), entries),
      depths: new Uint32Array(buffer, this.#column("depthColumn", 4 * entries), entries),
      firstValues: new Uint32Array(buffer, this.#column("firstColumn", 4 * entries + 4), entries + 1),
    };
    this.#columnsEnd = this.#free;
    return columns;
  }

  /** Puts strings behind the columns, unless they are there. What is put for a unit follows. */
  #putTexts(texts: Uint8Array): void {
    this.#free = this.#columnsEnd;
    const at = this.#take(texts.length);
    if (texts !== this.#texts) this.#bytes.set(texts, at);
    this.#texts = texts;
    this.#set("texts", at);
    this.#set("textsSize", texts.length);
  }

  #column(name: Name, bytes: number): number {
    const at = this.#take(bytes);
    this.#set(name, at);
    return at;
  }

  #putAbbrevs(abbrevs: AbbrevTable, isLooking: boolean): void {
    const { byCode } = abbrevs;
    const { first, children, decodings, forms, constants } = abbrevs.all;
    this.#set("declarations", abbrevs.length);
    this.#set("firsts", this.#put(first));
    this.#set("children", this.#put(children));
    const at = this.#put(decodings);
    this.#set("decodings", at);
    if (isLooking) this.#leaveStrings(forms, at);
    this.#set("constants", this.#put(constants));
    const numbers = byCode === undefined ? undefined : numbersOf(byCode);
    this.#set("numbers", numbers === undefined ? 0 : this.#put(numbers));
    this.#set("codes", numbers?.length ?? 0);
  }

  /** Leaves entries to the caller that have strings which are not looked at on the way. */
  #leaveStrings(forms: Uint16Array, decodings: number): void {
    const bytes = this.#bytes;
    for (let index = 0; index < forms.length; index++) {
      if (isStringElsewhere(forms[index] ?? 0)) bytes[decodings + index] = DECODING.rare;
    }
  }

  /** How wide values are, and what counts from where. */
  #putWidths(reader: FieldReader, { addressSize, offset, offsetSize }: UnitHeader): void {
    const { data1, data2, data4, data8, strx4, ref4, present, strp } = DECODING;
    const { relocations } = reader.section;
    this.#set("little", reader.little ? 1 : 0);
    this.#set("addressSize", addressSize);
    const widths = this.#bytes.subarray(WIDTHS, MASKS);
    const masks = this.#words.subarray(MASKS / 4, SUMMANDS / 4);
    // What relocations that were digested may apply to is not for the kernel.
    const isHidden = relocations !== undefined && relocations.words === undefined;
    widths[data1] = 1;
    widths[data2] = 2;
    widths[data4] = isHidden ? UNKNOWN_WIDTH : 4;
    widths[data8] = isHidden ? UNKNOWN_WIDTH : 8;
    widths[strx4] = 4;
    widths[ref4] = 4;
    widths[DECODING.offset] = isHidden || offsetSize !== 4 ? UNKNOWN_WIDTH : 4;
    widths[strp] = isHidden || offsetSize !== 4 ? UNKNOWN_WIDTH : 4;
    widths[present] = 0;
    masks.fill(ALL_BITS);
    masks[data1] = 0xff;
    masks[data2] = 0xffff;
    masks[present] = 0;
    const summands = new Float64Array(this.#memory.buffer, SUMMANDS, 32);
    summands[ref4] = offset;
    summands[present] = 1;
  }

  #put(data: Uint8Array | Uint32Array): number {
    const at = this.#take(data.byteLength);
    if (data instanceof Uint8Array) this.#bytes.set(data, at);
    else this.#words.set(data, at / 4);
    return at;
  }

  #take(bytes: number): number {
    const at = (this.#free + 7) & ~7;
    this.#free = at + bytes;
    return at;
  }
}

const NO_RECORDS = new Uint32Array(0);
const NO_TEXTS = new Uint8Array(0);
/** Codes beyond are read form by form, where they do not count up. */
const MOST_CODES = 1 << 16;

/** Words of the first record at or after `from`, and of the first at or after `to`. */
function recordsOf(reader: FieldReader, from: number, to: number): [first: number, last: number] {
  const { relocations } = reader.section;
  if (relocations === undefined) return [0, 0];
  return [RELA64_WORDS * relocations.lowerBound(from), RELA64_WORDS * relocations.lowerBound(to)];
}

/** Declarations by code, plus one. */
function numbersOf(byCode: ReadonlyMap<number, number>): Uint32Array {
  const near = [...byCode].filter(([code]) => code < MOST_CODES);
  const numbers = new Uint32Array(near.reduce((most, [code]) => Math.max(most, code), 0) + 1);
  for (const [code, declaration] of near) numbers[code] = declaration + 1;
  return numbers;
}

/** Bytes that a table takes at most. */
function abbrevBytes({ length, forms, byCode }: AbbrevTable): number {
  return 8 * length + 16 * forms.length + (byCode === undefined ? 0 : 4 * MOST_CODES);
}
