/** Which symbols need an entry in the global offset table, and which a stub that jumps through one. */
import { SHT } from "../../elf/constants/section.ts";
import { STT } from "../../elf/constants/symbol.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import type { CodeRelocation } from "../../elf/machine/relocate/row.ts";
import type { RelocationTable } from "../../elf/relocation.ts";
import type { ElfSection } from "../../elf/section.ts";
import { linkError } from "./fault.ts";
import type { ImportSource } from "./imports.ts";
import { KIND, relocationKinds } from "./kinds.ts";
import type { LinkMachine } from "./machine.ts";
import { checkRecord, type PieceRecords, tablesOf } from "./records.ts";
import { type LinkSymbols, ORIGIN } from "./symbols.ts";

/** What relocations want of a symbol, as bits. */
const NEED = { used: 1, entry: 2, near: 4, pair: 8, distance: 16, call: 32 } as const;

/** By `KIND` of an address or a distance: what it needs. */
const needOf = Uint8Array.from({ length: 32 }, (_, kind) => {
  if ((kind & KIND.distance) === 0) return NEED.used;
  return NEED.used | ((kind & KIND.call) !== 0 ? NEED.call : NEED.near);
});
/** Bytes of code that are read at once, and of an instruction before the field that is relocated. */
const CODE_WINDOW = 0x1_0000;
const LONGEST_OPCODE = 16;
/** Words of an `Elf64_Rela`. */
const RELA_WORDS = 6;

/** No entry, no stub. */
export const NO_SLOT = -1;

/** By symbol: what relocations want. Every record is checked on the way. */
export class Needs {
  readonly #bits: Uint8Array;
  readonly #symbols: LinkSymbols;
  readonly #source: ImportSource;
  #isLow = false;
  #usesBlock = false;
  #isStatic = false;

  /** @throws DynldError as {@link checkRecord} does */
  constructor(
    symbols: LinkSymbols,
    all: readonly PieceRecords[],
    machine: LinkMachine,
    source: ImportSource,
  ) {
    this.#symbols = symbols;
    this.#source = source;
    this.#bits = new Uint8Array(symbols.length);
    for (const records of all) {
      const { section, input } = records.piece;
      const code = new CodeWindow(section, input.elf.image.source.readInto === undefined);
      for (const table of tablesOf(records)) this.#scan(records, table, code, machine);
    }
  }

  isUsed(id: number): boolean {
    return this.#bits[id] !== 0;
  }

  /** Code or data holds addresses of the module in 32 bits: it was compiled for the lowest 2 GiB. */
  get isLow(): boolean {
    return this.#isLow;
  }

  /** Something wants the number of the module's thread blocks. */
  get usesBlock(): boolean {
    return this.#usesBlock;
  }

  /** Thread-local variables are reached from the thread pointer. */
  get isStatic(): boolean {
    return this.#isStatic;
  }

  /** An entry with the module and the distance in the block is wanted. */
  wantsPair(id: number): boolean {
    return ((this.#bits[id] ?? 0) & NEED.pair) !== 0;
  }

  /** An entry with the distance from the thread pointer is wanted. */
  wantsDistance(id: number): boolean {
    return ((this.#bits[id] ?? 0) & NEED.distance) !== 0;
  }

  /** Its address is wanted from the table. */
  wantsEntry(id: number): boolean {
    return ((this.#bits[id] ?? 0) & NEED.entry) !== 0;
  }

  /** It is called, or jumped to. */
  isCalled(id: number): boolean {
    return ((this.#bits[id] ?? 0) & NEED.call) !== 0;
  }

  /** A field that holds no whole address refers to it, and does not call it. */
  isWantedNear(id: number): boolean {
    return ((this.#bits[id] ?? 0) & NEED.near) !== 0;
  }

  /**
   * Variables of threads are the module's own, or found by number and offset: where from the thread pointer those of others
   * are, only the loader knows.
   */
  #checkThread(
    { piece }: PieceRecords,
    table: RelocationTable,
    index: number,
    id: number,
    row: CodeRelocation,
  ): void {
    const symbols = this.#symbols;
    const isMade = symbols.origin[id] === ORIGIN.made && symbols.type[id] === STT.STT_TLS;
    const own = symbols.origin[id] === ORIGIN.piece && symbols.isThreadLocal(id);
    if (own || isMade || row.formula === "LD + A - P") return;
    const name = symbols.nameOf(id);
    const isImport = symbols.origin[id] === ORIGIN.undefined && symbols.type[id] === STT.STT_TLS;
    const isThere = isImport && this.#source.find(name)?.thread !== undefined;
    if (isThere && row.formula === "GD + A - P") return;
    const more = isThere ? "; -fPIC -mtls-dialect=gnu reaches the program's" : "";
    const what = `${table.typeName(index)}: found ${name}, expected a thread-local variable of the module itself${more}`;
    throw linkError("DYNLD_UNSUPPORTED", piece.input.name, piece.section.label, table.offset(index), what, {
      symbol: name,
    });
  }

  #scan(records: PieceRecords, table: RelocationTable, code: CodeWindow, machine: LinkMachine): void {
    const { ids, piece } = records;
    const kinds = relocationKinds(table.machine);
    const rows = codeRelocations(table.machine);
    const { words } = table;
    const room = piece.section.type === SHT.SHT_NOBITS ? 0 : piece.size;
    for (let i = 0, word = 0; i < table.length; i++, word += RELA_WORDS) {
      if (words !== undefined && machine.word === 8) {
        // What nearly all are, and nothing is wrong with.
        const kind = kinds[words[word + 2] ?? 0] ?? 0;
        const size = (kind & KIND.address) !== 0 ? 8 : (kind & KIND.distance) !== 0 ? 4 : Number.NaN;
        const id = ids[words[word + 3] ?? 0];
        if ((words[word] ?? 0) + size <= room && words[word + 1] === 0 && id !== undefined) {
          this.#bits[id] = (this.#bits[id] ?? 0) | (needOf[kind] ?? NEED.used);
          continue;
        }
      }
      const row = checkRecord(records, table, rows, i);
      const kind = kinds[table.type(i)] ?? 0;
      const id = ids[table.symbol(i)] ?? 0;
      let bits: number = NEED.used;
      if ((kind & KIND.entry) !== 0) {
        const inside = isInside(this.#symbols, id);
        const offset = table.offset(i);
        const relaxed = inside && machine.canRelax(table.type(i), code.bytesBefore(offset), code.at(offset));
        if (!relaxed) bits |= NEED.entry;
      } else if ((kind & KIND.thread) !== 0) {
        this.#checkThread(records, table, i, id, row);
        if (row.formula === "GD + A - P") bits |= NEED.pair;
        if (row.formula === "IE + A - P") bits |= NEED.distance;
        if (row.formula === "LD + A - P") this.#usesBlock = true;
        if (row.formula === "IE + A - P" || row.formula === "D + T + A") this.#isStatic = true;
      } else if (row.size < machine.word || row.formula === "L + A - P" || machine.word === 4) {
        bits |= (kind & KIND.call) !== 0 ? NEED.call : NEED.near;
      }
      if (row.formula === "S + A" && row.size === 4 && this.#symbols.origin[id] === ORIGIN.piece)
        this.#isLow = true;
      this.#bits[id] = (this.#bits[id] ?? 0) | bits;
    }
  }
}

/** Defined in the module, with an address that is known when it is placed. */
export function isInside(symbols: LinkSymbols, id: number): boolean {
  const origin = symbols.origin[id];
  if (origin !== ORIGIN.piece && origin !== ORIGIN.common) return false;
  return symbols.type[id] !== STT.STT_GNU_IFUNC;
}

/** Bytes of code that are looked at once, window by window where the file is not in memory. */
class CodeWindow {
  readonly #section: ElfSection;
  readonly #whole: Uint8Array | undefined;
  #bytes = new Uint8Array(0);
  #start = 0;

  constructor(section: ElfSection, isInMemory: boolean) {
    this.#section = section;
    this.#whole = isInMemory || section.compressed ? section.bytes() : undefined;
  }

  /** Bytes among which those before `offset` are, which is {@link at} there. */
  bytesBefore(offset: number): Uint8Array {
    if (this.#whole !== undefined) return this.#whole;
    const first = Math.max(0, offset - LONGEST_OPCODE);
    if (first < this.#start || offset > this.#start + this.#bytes.length) {
      const size = this.#section.rawSize;
      const length = Math.min(CODE_WINDOW, size - first);
      if (this.#bytes.length !== length) this.#bytes = new Uint8Array(length);
      this.#section.copyRaw(this.#bytes, first);
      this.#start = first;
    }
    return this.#bytes;
  }

  at(offset: number): number {
    return this.#whole === undefined ? offset - this.#start : offset;
  }
}

/** Entries and stubs, numbered. */
export interface Slots {
  /** By symbol: its entry, and its stub; {@link NO_SLOT}. */
  readonly entry: Int32Array;
  readonly stub: Int32Array;
  /** By symbol: 1 where the stub's address may stand for its own, as that of a function may. */
  readonly standsFor: Uint8Array;
  /** By symbol: its entry with module and distance, two words, and that with the distance from the thread pointer. */
  readonly pair: Int32Array;
  readonly distance: Int32Array;
  /** The entry with the module, two words; {@link NO_SLOT}. */
  readonly block: number;
  /** By stub: its symbol, and the entry that it jumps through. */
  readonly stubSymbol: readonly number[];
  readonly stubEntry: readonly number[];
  /** Number of entries. */
  readonly entries: number;
}

/** @param isFunction whether an imported symbol is known to be one: what is not may be called through a stub, and no more */
export function assignSlots(
  symbols: LinkSymbols,
  needs: Needs,
  machine: LinkMachine,
  isFunction: (id: number) => boolean,
): Slots {
  const entry = new Int32Array(symbols.length).fill(NO_SLOT);
  const stub = new Int32Array(symbols.length).fill(NO_SLOT);
  const pair = new Int32Array(symbols.length).fill(NO_SLOT);
  const distance = new Int32Array(symbols.length).fill(NO_SLOT);
  const standsFor = new Uint8Array(symbols.length);
  const stubSymbol: number[] = [];
  const stubEntry: number[] = [];
  let entries = 0;
  for (let id = 0; id < symbols.length; id++) {
    if (!needs.isUsed(id)) continue;
    if (needs.wantsEntry(id)) entry[id] = entries++;
    if (needs.wantsDistance(id)) distance[id] = entries++;
    if (needs.wantsPair(id)) {
      pair[id] = entries;
      entries += 2;
    }
    if (machine.stub === undefined) continue;
    const origin = symbols.origin[id];
    // A symbol whose address its resolver tells is its stub, whoever asks.
    const indirect = origin === ORIGIN.piece && symbols.type[id] === STT.STT_GNU_IFUNC;
    // A weak symbol that is not there has the address 0, which no stub may stand for; its calls lead to 0.
    const isOutside = origin === ORIGIN.imported || origin === ORIGIN.undefined;
    const known = origin === ORIGIN.imported && isFunction(id);
    const isReached = isOutside && (needs.isCalled(id) || (known && needs.isWantedNear(id)));
    if (known) standsFor[id] = 1;
    if (!indirect && !isReached) continue;
    stub[id] = stubSymbol.length;
    stubSymbol.push(id);
    if (indirect) stubEntry.push(entries++);
    else {
      if (entry[id] === NO_SLOT) entry[id] = entries++;
      stubEntry.push(entry[id] ?? 0);
    }
  }
  const block = needs.usesBlock ? entries : NO_SLOT;
  if (needs.usesBlock) entries += 2;
  return { entry, stub, standsFor, pair, distance, block, stubSymbol, stubEntry, entries };
}
