/**
 * The defined symbols of a module's files as columns, sorted by section and value: none of them is an object before it
 * is asked for, and none depends on where the module is.
 */
import { HOST_LITTLE } from "../../bytes/endian.ts";
import { encodeUtf8 } from "../../bytes/text.ts";
import { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { SHN } from "../../elf/constants/section.ts";
import { STB, STT } from "../../elf/constants/symbol.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { SymbolTable } from "../../elf/symbol.ts";

/** A symbol table to take symbols from. */
export interface SymbolSource {
  readonly elf: ElfFile;
  readonly table: SymbolTable;
  /** Section of the main file for one of this file; `undefined` where it has none. */
  readonly mainSection: (index: number) => number | undefined;
}

/** Section of symbols that no section holds (`SHN_ABS`), except in files that are where they say. */
const NOWHERE = 0xffff_ffff;
const TWO_32 = 0x1_0000_0000;
/** Which half of a 64-bit column is the low one. */
const LOW = HOST_LITTLE ? 0 : 1;
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
    const { length } = order;
    this.length = length;
    this.sourceOf = new Uint8Array(length);
    this.indexOf = new Uint32Array(length);
    this.sectionOf = new Uint32Array(length);
    this.lows = new Uint32Array(length);
    this.highs = new Uint32Array(length);
    this.#reachLows = new Uint32Array(length);
    this.#reachHighs = new Uint32Array(length);
    const shared = new Uint32Array(length);
    const local = new Uint32Array(length);
    let sharedCount = 0;
    let localCount = 0;
    for (let at = 0; at < length; at++) {
      const from = order[at] ?? 0;
      this.sourceOf[at] = raw.sourceOf[from] ?? 0;
      this.indexOf[at] = raw.indexOf[from] ?? 0;
      this.sectionOf[at] = raw.sectionOf[from] ?? 0;
      this.lows[at] = raw.lows[from] ?? 0;
      this.highs[at] = raw.highs[from] ?? 0;
      if (this.binding(at) === STB.STB_LOCAL) local[localCount++] = at;
      else shared[sharedCount++] = at;
    }
    this.#shared = shared.slice(0, sharedCount);
    this.#local = local.slice(0, localCount);
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
    const isRelocatable = this.#source(at).elf.header.type === ET.ET_REL;
    return isRelocatable && section !== NOWHERE ? section : undefined;
  }

  /** Whether the symbol at a position has a value that no placement changes. */
  isAbsolute(at: number): boolean {
    return this.table(at).isSpecial(this.indexOf[at] ?? 0);
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
    return this.#sizeless(shared, local, section, address);
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

  /** The best of those that begin where the last symbol ends, or do so themselves; several sections may meet there. */
  #sizeless(shared: number, local: number, section: number, address: bigint): number {
    const lists = [
      { positions: this.#shared, last: shared },
      { positions: this.#local, last: local },
    ];
    let reach = 0n;
    for (const { positions, last } of lists) {
      const at = positions[last] ?? 0;
      if (last < 0 || this.sectionOf[at] !== section) continue;
      const own = (BigInt(this.#reachHighs[at] ?? 0) << 32n) | BigInt(this.#reachLows[at] ?? 0);
      if (own > reach) reach = own;
    }
    for (const { positions, last } of lists) {
      for (let i = last; i >= 0; i--) {
        const at = positions[i] ?? 0;
        if (this.sectionOf[at] !== section || this.value(at) < reach) break;
        if (this.#isInSection(at, address)) return at;
      }
    }
    return -1;
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
    const sizes = this.sources.map(({ table }) => new Uint32Array(table.sizes.buffer));
    let section = -1;
    let reachLow = 0;
    let reachHigh = 0;
    for (const at of positions) {
      const own = this.sectionOf[at] ?? 0;
      if (own !== section) {
        section = own;
        reachLow = 0;
        reachHigh = 0;
      }
      const size = sizes[this.sourceOf[at] ?? 0] ?? EMPTY;
      const index = this.indexOf[at] ?? 0;
      const sum = (this.lows[at] ?? 0) + (size[2 * index + LOW] ?? 0);
      const high = (this.highs[at] ?? 0) + (size[2 * index + 1 - LOW] ?? 0) + (sum > MAX ? 1 : 0);
      // An end past the last address is held as the last address.
      const endLow = high > MAX ? MAX : sum >>> 0;
      const endHigh = Math.min(high, MAX);
      if (endHigh > reachHigh || (endHigh === reachHigh && endLow > reachLow)) {
        reachLow = endLow;
        reachHigh = endHigh;
      }
      this.#reachLows[at] = reachLow;
      this.#reachHighs[at] = reachHigh;
    }
  }
}

const MAX = 0xffff_ffff;
const EMPTY = new Uint32Array(0);

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
    const { machine, type } = elf.header;
    const values = new Uint32Array(table.values.buffer);
    const mainOf = new Map<number, number>();
    for (let i = 1; i < table.length; i++) {
      if (!isDefinition(table, i, MARKED.has(machine))) continue;
      const low = (values[2 * i + LOW] ?? 0) & thumbMask(machine, table.type(i));
      const high = values[2 * i + 1 - LOW] ?? 0;
      if (seen !== undefined) {
        const key = `${high}:${low}:${table.name(i)}`;
        if (which > 0 && seen.has(key)) continue;
        seen.add(key);
      }
      columns.sourceOf[length] = which;
      columns.indexOf[length] = i;
      columns.sectionOf[length] = sectionKey(source, type, i, mainOf);
      columns.lows[length] = low;
      columns.highs[length] = high;
      length++;
    }
  }
  return { ...columns, length };
}

/** The low bit of a function's value says in which instruction set it is [AAELF, "Symbol values"]. */
function thumbMask(machine: number, type: number): number {
  const isFunction = type === STT.STT_FUNC || type === STT.STT_GNU_IFUNC;
  return machine === EM.EM_ARM && isFunction ? ~1 : ~0;
}

/** Section of the main file; 0 in linked files. An absolute symbol is an address only where nothing can be moved. */
function sectionKey(
  { table, mainSection }: SymbolSource,
  type: number,
  index: number,
  known: Map<number, number>,
): number {
  if (table.isSpecial(index)) return type === ET.ET_EXEC ? 0 : NOWHERE;
  if (type !== ET.ET_REL) return 0;
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
  const { sectionOf, lows, highs, length } = raw;
  const order = new Uint32Array(length);
  const keys = placeKeys(raw);
  if (keys === undefined) {
    for (let at = 0; at < length; at++) order[at] = at;
    return order.sort(
      (a, b) =>
        (sectionOf[a] ?? 0) - (sectionOf[b] ?? 0) ||
        (highs[a] ?? 0) - (highs[b] ?? 0) ||
        (lows[a] ?? 0) - (lows[b] ?? 0) ||
        byMerit(raw, a, b),
    );
  }
  keys.sort();
  for (let first = 0; first < length; ) {
    const place = Math.floor((keys[first] ?? 0) / length);
    let last = first;
    while (last < length && Math.floor((keys[last] ?? 0) / length) === place) {
      order[last] = (keys[last] ?? 0) % length;
      last++;
    }
    if (last > first + 1) order.subarray(first, last).sort((a, b) => byMerit(raw, a, b));
    first = last;
  }
  return order;
}

/**
 * Numbers that hold section, value and position, and are sorted without asking for each two of them; `undefined` where 53
 * bits do not suffice for that.
 */
function placeKeys({ sectionOf, lows, highs, length }: RawColumns): Float64Array | undefined {
  let [mostHigh, mostSection] = [0, 0];
  for (let at = 0; at < length; at++) {
    if ((highs[at] ?? 0) > mostHigh) mostHigh = highs[at] ?? 0;
    const section = sectionOf[at] ?? 0;
    if (section !== NOWHERE && section > mostSection) mostSection = section;
  }
  // A kernel lies in the last 4 GiB, and what is counted from 0 in the first.
  const upper = mostHigh === 0xffff_ffff ? 1 : mostHigh;
  const spans = upper + 1;
  if ((mostSection + 2) * spans * TWO_32 * length >= Number.MAX_SAFE_INTEGER) return undefined;
  const keys = new Float64Array(length);
  for (let at = 0; at < length; at++) {
    const high = highs[at] ?? 0;
    const span = mostHigh !== 0xffff_ffff || high === 0 ? high : high === 0xffff_ffff ? 1 : -1;
    if (span < 0) return undefined;
    const section = sectionOf[at] === NOWHERE ? mostSection + 1 : (sectionOf[at] ?? 0);
    keys[at] = ((section * spans + span) * TWO_32 + (lows[at] ?? 0)) * length + at;
  }
  return keys;
}

/** Of two with one value the better comes last: by binding, then the smaller size, then the one that comes first. */
function byMerit({ sources, sourceOf, indexOf }: RawColumns, a: number, b: number): number {
  const [first, second] = [sources[sourceOf[a] ?? 0]?.table, sources[sourceOf[b] ?? 0]?.table];
  const [own, other] = [indexOf[a] ?? 0, indexOf[b] ?? 0];
  const rank = bindingRank(first?.binding(own)) - bindingRank(second?.binding(other));
  if (rank !== 0) return rank;
  const [size, otherSize] = [first?.size(own) ?? 0n, second?.size(other) ?? 0n];
  if (size === otherSize) return b - a;
  return size > otherSize ? -1 : 1;
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
