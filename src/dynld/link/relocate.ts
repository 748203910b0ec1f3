/** Applies relocations to a module's bytes. */
import { STT } from "../../elf/constants/symbol.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import {
  type CodeRelocation,
  fieldRange,
  fitsField,
  relocationValue,
  storedAddend,
  storeField,
} from "../../elf/machine/relocate/row.ts";
import type { RelocationTable } from "../../elf/relocation.ts";
import type { DynldError } from "../../errors.ts";
import { linkError } from "./fault.ts";
import { KIND, relocationKinds } from "./kinds.ts";
import type { LinkMachine } from "./machine.ts";
import type { PieceRecords } from "./records.ts";
import { NO_SLOT, type Slots } from "./slots.ts";
import { type LinkSymbols, ORIGIN } from "./symbols.ts";

/** Addresses that are known once all is placed. */
export interface Placed {
  readonly symbols: LinkSymbols;
  readonly slots: Slots;
  readonly machine: LinkMachine;
  /** Of what threads' blocks begin as, and the distance of a block from the thread pointer. */
  readonly threads: number;
  readonly threadDistance: number;
  /** Of the global offset table, and of the first stub. */
  readonly got: number;
  readonly stubs: number;
  /** See {@link targetsOf}. */
  readonly targets: Float64Array;
}

/** Words of an `Elf64_Rela`. */
const RELA_WORDS = 6;
/** How far 4 bytes reach. */
const NEAR = 2 ** 31;
/** Halves of addends beyond this make numbers that are not exact. */
const EXACT_HALF = 2 ** 20;

/** Where a piece lies. */
export interface PiecePlace {
  /** Of its segment. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Where it begins in them. */
  readonly start: number;
  /** Of its first byte. */
  readonly address: number;
}

/** Applies records of one piece to its bytes. @returns what did not fit */
export function applyRecords(
  records: PieceRecords,
  table: RelocationTable,
  placed: Placed,
  place: PiecePlace,
): DynldError | undefined {
  const { words, length } = table;
  if (words === undefined || placed.machine.word !== 8) {
    return applyRange(records, table, placed, place, 0, length);
  }
  const { view, start, address } = place;
  const kinds = relocationKinds(table.machine);
  const { ids } = records;
  const { targets } = placed;
  for (let i = 0, word = 0; i < length; i++, word += RELA_WORDS) {
    const offset = words[word] ?? 0;
    const kind = kinds[words[word + 2] ?? 0] ?? 0;
    const target = targets[ids[words[word + 3] ?? 0] ?? 0] ?? Number.NaN;
    const high = (words[word + 5] ?? 0) | 0;
    if (high < EXACT_HALF && high >= -EXACT_HALF) {
      const value = target + high * 0x1_0000_0000 + (words[word + 4] ?? 0);
      if ((kind & KIND.address) !== 0 && !Number.isNaN(value)) {
        const upper = Math.floor(value / 0x1_0000_0000);
        view.setUint32(start + offset, value - upper * 0x1_0000_0000, true);
        view.setInt32(start + offset + 4, upper, true);
        continue;
      }
      const distance = value - address - offset;
      // Not a number fits nothing.
      if ((kind & KIND.distance) !== 0 && distance >= -NEAR && distance < NEAR) {
        view.setInt32(start + offset, distance, true);
        continue;
      }
    }
    const problem = applyRange(records, table, placed, place, i, i + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Applies records `[from, to)`, of whatever kind. */
function applyRange(
  records: PieceRecords,
  table: RelocationTable,
  placed: Placed,
  { bytes, view, start, address }: PiecePlace,
  from: number,
  to: number,
): DynldError | undefined {
  const { ids, piece } = records;
  const { symbols, slots, machine, got } = placed;
  const { little } = piece.input.elf.image;
  const rows = codeRelocations(table.machine);
  const kinds = relocationKinds(table.machine);
  const explicit = table.kind === "RELA";
  const { lenient } = records;
  for (let i = from; i < to; i++) {
    const type = table.type(i);
    const row = rows[type];
    if (row === undefined || row.size === 0) continue;
    const offset = table.offset(i);
    const id = ids[table.symbol(i)] ?? 0;
    const origin = symbols.origin[id];
    if (origin === ORIGIN.discarded || origin === ORIGIN.elsewhere) {
      // Frames and exception tables of a function that is not there are not looked at.
      if (origin === ORIGIN.discarded && lenient) continue;
      return unreachable(records, table, i, symbols.nameOf(id));
    }
    const at = start + offset;
    const high = explicit ? table.addendHigh(i) : 0;
    if (high >= EXACT_HALF || high < -EXACT_HALF) {
      const failed = applyWide(records, table, i, row, view, at, symbols.address[id] ?? 0);
      if (failed !== undefined) return failed;
      continue;
    }
    const a = explicit
      ? high * 0x1_0000_0000 + (table.addendLow(i) >>> 0)
      : storedAddend(view, at, little, row);
    const kind = kinds[type] ?? 0;
    const thread = (kind & KIND.thread) !== 0;
    if (thread && !machine.loadDistance(type, bytes, at)) return otherCode(records, table, i);
    if (row.formula === "IE call") continue;
    const s = thread ? distanceOf(placed, id, row) : targetOf(placed, id);
    const entry = (thread ? threadEntry(slots, id, row) : slots.entry[id]) ?? NO_SLOT;
    const p = address + offset;
    if (entry === NO_SLOT && (kind & KIND.entry) !== 0) {
      const relaxed = machine.relax(bytes, at);
      view.setInt32(relaxed.at, s + a - p + relaxed.more, little);
      continue;
    }
    const g = got + entry * machine.word;
    const z = symbols.size[id] ?? 0;
    let value = relocationValue(row.formula, s, a, p, s, g, got, z);
    if (machine.word === 4) value = value | 0;
    if (!fitsField(row, value)) {
      const stub = slots.stub[id] ?? NO_SLOT;
      const isReached = stub !== NO_SLOT && (slots.standsFor[id] === 1 || (kind & KIND.call) !== 0);
      const near = isReached ? stubAddress(placed, stub) : s;
      value = relocationValue(row.formula, near, a, p, near, g, got, z);
      if (!fitsField(row, value)) return overflow(records, table, i, row, value, placed, id);
    }
    storeField(view, at, little, row, value);
  }
  return undefined;
}

/** By symbol: the address that stands for it; not a number where nothing may refer to it, and how that is told depends. */
export function targetsOf(placed: Omit<Placed, "targets">): Float64Array {
  const { symbols } = placed;
  const targets = Float64Array.from(symbols.address);
  for (let id = 0; id < targets.length; id++) {
    const origin = symbols.origin[id];
    if (origin === ORIGIN.discarded || origin === ORIGIN.elsewhere) targets[id] = Number.NaN;
    else if (symbols.type[id] === STT.STT_GNU_IFUNC) targets[id] = targetOf(placed, id);
  }
  return targets;
}

/** The address that stands for a symbol: its own, or of one that a resolver tells, its stub. */
export function targetOf(placed: Omit<Placed, "targets">, id: number): number {
  const { symbols, slots } = placed;
  const stub = slots.stub[id] ?? NO_SLOT;
  const isIndirect = symbols.type[id] === STT.STT_GNU_IFUNC && symbols.origin[id] === ORIGIN.piece;
  return isIndirect && stub !== NO_SLOT ? stubAddress(placed, stub) : (symbols.address[id] ?? 0);
}

/** Of a thread-local variable: how far it is from the start of the block, or from the thread pointer. */
function distanceOf({ symbols, threads, threadDistance }: Placed, id: number, row: CodeRelocation): number {
  const distance = (symbols.address[id] ?? 0) - threads;
  return row.formula === "D + T + A" ? distance + threadDistance : distance;
}

function threadEntry(
  { pair, distance, block }: Slots,
  id: number,
  { formula }: CodeRelocation,
): number | undefined {
  if (formula === "GD + A - P") return pair[id];
  return formula === "IE + A - P" ? distance[id] : block;
}

export function stubAddress({ stubs, machine }: Pick<Placed, "stubs" | "machine">, stub: number): number {
  return stubs + stub * (machine.stub?.size ?? 0);
}

/** `S + A` with an addend that a number holds only roughly. */
function applyWide(
  records: PieceRecords,
  table: RelocationTable,
  index: number,
  row: CodeRelocation,
  view: DataView,
  at: number,
  symbol: number,
): DynldError | undefined {
  const addend = table.addend(index) ?? 0n;
  if (row.formula !== "S + A" || row.size !== 8) {
    const { piece } = records;
    const what = `${table.typeName(index)}: found an addend of ${addend}, expected one within 52 bits`;
    return linkError(
      "DYNLD_BAD_RELOCATION",
      piece.input.name,
      piece.section.label,
      table.offset(index),
      what,
    );
  }
  view.setBigUint64(at, BigInt.asUintN(64, BigInt(symbol) + addend), records.piece.input.elf.image.little);
  return undefined;
}

function otherCode({ piece }: PieceRecords, table: RelocationTable, index: number): DynldError {
  const what = `${table.typeName(index)}: found other instructions than a call by a descriptor is made of`;
  return linkError("DYNLD_UNSUPPORTED", piece.input.name, piece.section.label, table.offset(index), what);
}

function unreachable(
  { piece }: PieceRecords,
  table: RelocationTable,
  index: number,
  name: string,
): DynldError {
  const what = `${table.typeName(index)}: found symbol ${name}, whose section is not loaded`;
  return linkError("DYNLD_BAD_RELOCATION", piece.input.name, piece.section.label, table.offset(index), what);
}

function overflow(
  { piece }: PieceRecords,
  table: RelocationTable,
  index: number,
  row: CodeRelocation,
  value: number,
  { symbols }: Placed,
  id: number,
): DynldError {
  const name = symbols.nameOf(id) || "a section";
  const found = `${value < 0 ? "-" : ""}0x${Math.abs(value).toString(16)}`;
  const what = `${table.typeName(index)} of ${name}: found ${found}, expected ${fieldRange(row)}${advice(row, symbols, id, table)}`;
  return linkError("DYNLD_OVERFLOW", piece.input.name, piece.section.label, table.offset(index), what, {
    symbol: symbols.nameOf(id),
  });
}

function advice(row: CodeRelocation, symbols: LinkSymbols, id: number, table: RelocationTable): string {
  if (row.size !== 4 || table.kind !== "RELA") return "";
  if (symbols.origin[id] === ORIGIN.imported) return "; data of the program needs code compiled with -fPIC";
  return row.formula === "S + A" ? "; code at any address needs -fPIC or -fPIE" : "";
}
