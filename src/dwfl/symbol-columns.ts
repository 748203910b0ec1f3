/**
 * The defined symbols of a module's files as columns, sorted by section and value: none of them is an object before it
 * is asked for, and none depends on where the module is.
 */
import { encodeUtf8 } from "../bytes/text.ts";
import { ET } from "../elf/constants/header.ts";
import { EM } from "../elf/constants/machine.ts";
import { SHN } from "../elf/constants/section.ts";
import { STB, STT } from "../elf/constants/symbol.ts";
import type { ElfFile } from "../elf/file.ts";
import type { SymbolTable } from "../elf/symbol.ts";

/** A symbol table to take symbols from. */
export interface SymbolSource {
  readonly elf: ElfFile;
  readonly table: SymbolTable;
  /** Section of the main file for one of this file; `undefined` where it has none. */
  readonly mainSection: (index: number) => number | undefined;
}

/** Section of symbols that no section holds (`SHN_ABS`) in a relocatable file. */
const NOWHERE = 0xffff_ffff;
/** Types that are no addresses of code or data. */
const NO_ADDRESS: ReadonlySet<number> = new Set([STT.STT_SECTION, STT.STT_FILE, STT.STT_TLS]);
/** Machines whose assemblers mark code and data by symbols `$a`, `$d`, `$x` … [AAELF, "Mapping symbols"; RISC-V ELF]. */
const MARKED: ReadonlySet<number> = new Set([EM.EM_ARM, EM.EM_AARCH64, EM.EM_RISCV]);

/** Columns of symbols, in order of section and value; of equal ones the best last. */
export class SymbolColumns {
  readonly length: number;
  readonly sources: readonly SymbolSource[];
  /** By position: which of the sources, and which of its symbols. */
  readonly sourceOf: Uint8Array;
  readonly indexOf: Uint32Array;
  /** By position: section of the main file in a relocatable file, else 0; and the value, in halves. */
  readonly sectionOf: Uint32Array;
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
  /** By position: largest end of a symbol of the section, up to and with this one; in halves. */
  readonly #reachLows: Uint32Array;
  readonly #reachHighs: Uint32Array;
  /** Positions of symbols that are not local, and of those that are. */
  readonly #shared: Uint32Array;
  readonly #local: Uint32Array;
  #names: NameTable | undefined;

  constructor(sources: readonly SymbolSource[]) {
    this.sources = sources;
    const raw = gather(sources);
    const order = sorted(raw);
    this.length = order.length;
    this.sourceOf = Uint8Array.from(order, (at) => raw.sourceOf[at] ?? 0);
    const take = (column: Uint32Array) => Uint32Array.from(order, (at) => column[at] ?? 0);
    this.indexOf = take(raw.indexOf);
    this.sectionOf = take(raw.sectionOf);
    this.lows = take(raw.lows);
    this.highs = take(raw.highs);
    this.#reachLows = new Uint32Array(this.length);
    this.#reachHighs = new Uint32Array(this.length);
    const isLocal = (at: number) => this.binding(at) === STB.STB_LOCAL;
    const positions = Uint32Array.from({ length: this.length }, (_, at) => at);
    this.#shared = positions.filter((at) => !isLocal(at));
    this.#local = positions.filter(isLocal);
    this.#fillReach(this.#shared);
    this.#fillReach(this.#local);
  }

  /** Value of the symbol at a position: an address of its file, or an offset in its section. */
  value(at: number): bigint {
    return (BigInt(this.highs[at] ?? 0) << 32n) | BigInt(this.lows[at] ?? 0);
  }

  /** Bytes of the symbol at a position; 0 if it does not say. */
  size(at: number): bigint {
    return this.table(at).size(this.indexOf[at] ?? 0);
  }

  /** `STB_` binding of the symbol at a position. */
  binding(at: number): number {
    return this.table(at).binding(this.indexOf[at] ?? 0);
  }

  /** Name of the symbol at a position. */
  name(at: number): string {
    return this.table(at).name(this.indexOf[at] ?? 0);
  }

  /** The section that holds the symbol at a position; `undefined` in linked files, and for those that none holds. */
  section(at: number): number | undefined {
    const section = this.sectionOf[at] ?? NOWHERE;
    return this.isRelocatable(at) && section !== NOWHERE ? section : undefined;
  }

  /** Whether the file that has the symbol at a position is relocatable. */
  isRelocatable(at: number): boolean {
    return this.#source(at).elf.header.type === ET.ET_REL;
  }

  /** The table of the symbol at a position. */
  table(at: number): SymbolTable {
    return this.#source(at).table;
  }

  #source(at: number): SymbolSource {
    const source = this.sources[this.sourceOf[at] ?? 0];
    if (source === undefined) throw new RangeError(`symbols: position ${at} of ${this.length}`);
    return source;
  }

  /**
   * Position of the symbol that an address belongs to, or -1 [elfutils, libdwfl/dwfl_module_addrsym.c]: of those whose
   * size covers it one that is not local before a local one; then the one that begins closest; then by binding and the
   * smaller size. Else the closest one below without a size, if no other symbol's end lies between and it is of the same
   * section.
   */
  find(section: number, address: bigint): number {
    const low = Number(BigInt.asUintN(32, address));
    const high = Number(BigInt.asUintN(32, address >> 32n));
    const shared = this.#lastAt(this.#shared, section, low, high);
    const local = this.#lastAt(this.#local, section, low, high);
    const sized = this.#covering(this.#shared, shared, section, low, high);
    if (sized >= 0) return sized;
    const sizedLocal = this.#covering(this.#local, local, section, low, high);
    if (sizedLocal >= 0) return sizedLocal;
    return this.#sizeless(this.#shared[shared] ?? -1, this.#local[local] ?? -1, section, address);
  }

  /** Positions of the symbols of that name, best first: global, weak, local; of equal ones in order of place. */
  named(name: string): number[] {
    this.#names ??= new NameTable(this);
    return this.#names
      .find(encodeUtf8(name))
      .sort((a, b) => bindingRank(this.binding(b)) - bindingRank(this.binding(a)) || a - b);
  }

  /** Last of `positions` whose symbol begins at or before an address; -1 if none does. */
  #lastAt(positions: Uint32Array, section: number, low: number, high: number): number {
    let first = 0;
    let end = positions.length;
    while (first < end) {
      const middle = (first + end) >>> 1;
      const at = positions[middle] ?? 0;
      if (this.#isAtOrBefore(at, section, low, high)) first = middle + 1;
      else end = middle;
    }
    return first - 1;
  }

  #isAtOrBefore(at: number, section: number, low: number, high: number): boolean {
    const own = this.sectionOf[at] ?? 0;
    if (own !== section) return own < section;
    const ownHigh = this.highs[at] ?? 0;
    return ownHigh === high ? (this.lows[at] ?? 0) <= low : ownHigh < high;
  }

  #covering(positions: Uint32Array, last: number, section: number, low: number, high: number): number {
    for (let i = last; i >= 0; i--) {
      const at = positions[i] ?? 0;
      if (this.sectionOf[at] !== section) break;
      const reachHigh = this.#reachHighs[at] ?? 0;
      if (reachHigh < high || (reachHigh === high && (this.#reachLows[at] ?? 0) <= low)) break;
      const end = this.value(at) + this.size(at);
      if (end > (BigInt(high) << 32n) + BigInt(low)) return at;
    }
    return -1;
  }

  #sizeless(shared: number, local: number, section: number, address: bigint): number {
    let best = -1;
    let reach = 0n;
    for (const at of [shared, local]) {
      if (at < 0 || this.sectionOf[at] !== section) continue;
      const own = (BigInt(this.#reachHighs[at] ?? 0) << 32n) | BigInt(this.#reachLows[at] ?? 0);
      if (own > reach) reach = own;
      if (this.size(at) !== 0n || (best >= 0 && this.value(best) >= this.value(at))) continue;
      best = at;
    }
    return best >= 0 && this.value(best) >= reach && this.#isInSection(best, address) ? best : -1;
  }

  /** Whether an address is in the section of the symbol at a position; one of no section is only where it is. */
  #isInSection(at: number, address: bigint): boolean {
    const { elf, table } = this.#source(at);
    if (elf.header.type === ET.ET_REL || this.value(at) === address) return true;
    const index = this.indexOf[at] ?? 0;
    if (table.isSpecial(index)) return false;
    if (elf.sections.length === 0) return elf.segmentAt(address) === elf.segmentAt(this.value(at));
    return elf.sectionAt(address)?.index === table.sectionIndex(index);
  }

  #fillReach(positions: Uint32Array): void {
    let section = -1;
    let reach = 0n;
    for (const at of positions) {
      const own = this.sectionOf[at] ?? 0;
      if (own !== section) reach = 0n;
      section = own;
      const end = this.value(at) + this.size(at);
      if (end > reach) reach = end;
      const held = reach > MAX ? MAX : reach;
      this.#reachLows[at] = Number(BigInt.asUintN(32, held));
      this.#reachHighs[at] = Number(held >> 32n);
    }
  }
}

const MAX = 2n ** 64n - 1n;

/** Columns in the order of the tables. */
interface RawColumns {
  readonly length: number;
  readonly sources: readonly SymbolSource[];
  readonly sourceOf: Uint8Array;
  readonly indexOf: Uint32Array;
  readonly sectionOf: Uint32Array;
  readonly lows: Uint32Array;
  readonly highs: Uint32Array;
}

function gather(sources: readonly SymbolSource[]): RawColumns {
  const most = sources.reduce((sum, { table }) => sum + table.length, 0);
  const columns = {
    sources,
    sourceOf: new Uint8Array(most),
    indexOf: new Uint32Array(most),
    sectionOf: new Uint32Array(most),
    lows: new Uint32Array(most),
    highs: new Uint32Array(most),
  };
  let length = 0;
  // A dynamic symbol is in the full table too, unless that was taken away in part.
  const seen = sources.length > 1 ? new Set<string>() : undefined;
  for (const [which, source] of sources.entries()) {
    const { elf, table } = source;
    const relocatable = elf.header.type === ET.ET_REL;
    const { machine } = elf.header;
    const mainOf = new Map<number, number>();
    for (let i = 1; i < table.length; i++) {
      if (!isDefinition(table, i, MARKED.has(machine))) continue;
      let section = 0;
      if (relocatable) section = sectionKey(source, i, mainOf);
      const value = thumbless(machine, table.type(i), table.value(i));
      if (seen !== undefined) {
        const key = `${value}:${table.name(i)}`;
        if (which > 0 && seen.has(key)) continue;
        seen.add(key);
      }
      columns.sourceOf[length] = which;
      columns.indexOf[length] = i;
      columns.sectionOf[length] = section;
      columns.lows[length] = Number(BigInt.asUintN(32, value));
      columns.highs[length] = Number(BigInt.asUintN(32, value >> 32n));
      length++;
    }
  }
  return { ...columns, length };
}

/** The low bit of a function's value says in which instruction set it is [AAELF, "Symbol values"]. */
function thumbless(machine: number, type: number, value: bigint): bigint {
  const isFunction = type === STT.STT_FUNC || type === STT.STT_GNU_IFUNC;
  return machine === EM.EM_ARM && isFunction ? value & ~1n : value;
}

function sectionKey({ table, mainSection }: SymbolSource, index: number, known: Map<number, number>): number {
  if (table.isSpecial(index)) return NOWHERE;
  const own = table.sectionIndex(index);
  let section = known.get(own);
  if (section === undefined) {
    section = mainSection(own) ?? NOWHERE;
    known.set(own, section);
  }
  return section;
}

/** Whether a symbol names an address in the module. */
function isDefinition(table: SymbolTable, index: number, marked: boolean): boolean {
  const section = table.storedSectionIndex(index);
  if (section === SHN.SHN_UNDEF || section === SHN.SHN_COMMON || NO_ADDRESS.has(table.type(index)))
    return false;
  const name = table.nameOffset(index);
  const { bytes } = table.strings;
  if ((bytes[name] ?? 0) === 0) return false;
  return !(marked && bytes[name] === 0x24 && isMark(bytes[name + 1], bytes[name + 2]));
}

/** `$a`, `$d`, `$t`, `$x`, alone or with a dot or an architecture behind it. */
function isMark(kind: number | undefined, next: number | undefined): boolean {
  const isKind = kind === 0x61 || kind === 0x64 || kind === 0x74 || kind === 0x78;
  return isKind && (next === 0 || next === 0x2e || kind === 0x78);
}

function sorted(raw: RawColumns): Uint32Array {
  const { sectionOf, lows, highs } = raw;
  const order = Uint32Array.from({ length: raw.length }, (_, at) => at);
  const column = (at: number) => ({
    table: raw.sources[raw.sourceOf[at] ?? 0]?.table,
    index: raw.indexOf[at] ?? 0,
  });
  const byMerit = (a: number, b: number) => {
    const [first, second] = [column(a), column(b)];
    const rank =
      bindingRank(first.table?.binding(first.index)) - bindingRank(second.table?.binding(second.index));
    if (rank !== 0) return rank;
    const [size, other] = [first.table?.size(first.index) ?? 0n, second.table?.size(second.index) ?? 0n];
    return size === other ? b - a : size > other ? -1 : 1;
  };
  return order.sort(
    (a, b) =>
      (sectionOf[a] ?? 0) - (sectionOf[b] ?? 0) ||
      (highs[a] ?? 0) - (highs[b] ?? 0) ||
      (lows[a] ?? 0) - (lows[b] ?? 0) ||
      byMerit(a, b),
  );
}

/** Higher is better. */
function bindingRank(binding: number | undefined): number {
  switch (binding) {
    case STB.STB_GLOBAL:
    case STB.STB_GNU_UNIQUE:
      return 2;
    case STB.STB_WEAK:
      return 1;
    default:
      return 0;
  }
}

/** Positions by name: chains by a hash of the name's bytes. */
class NameTable {
  readonly #columns: SymbolColumns;
  readonly #heads: Int32Array;
  readonly #next: Int32Array;

  constructor(columns: SymbolColumns) {
    this.#columns = columns;
    const size = 2 ** Math.ceil(Math.log2(columns.length + 1));
    this.#heads = new Int32Array(size).fill(-1);
    this.#next = new Int32Array(columns.length);
    for (let at = columns.length - 1; at >= 0; at--) {
      const table = columns.table(at);
      const slot = hashAt(table.strings.bytes, table.nameOffset(columns.indexOf[at] ?? 0)) & (size - 1);
      this.#next[at] = this.#heads[slot] ?? -1;
      this.#heads[slot] = at;
    }
  }

  find(name: Uint8Array): number[] {
    const found: number[] = [];
    const slot = hashAt(name, 0) & (this.#heads.length - 1);
    for (let at = this.#heads[slot] ?? -1; at >= 0; at = this.#next[at] ?? -1) {
      const table = this.#columns.table(at);
      const offset = table.nameOffset(this.#columns.indexOf[at] ?? 0);
      if (table.strings.equals(offset, name)) found.push(at);
    }
    return found;
  }
}

/** Hash of the bytes up to a NUL or the end [FNV-1a]. */
function hashAt(bytes: Uint8Array, start: number): number {
  let hash = 0x811c9dc5;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0) break;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
