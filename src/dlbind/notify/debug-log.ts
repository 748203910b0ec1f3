/**
 * What debuggers are told of one live object beyond its standing debug object: a set of snapshots, kept small.
 *
 * A debugger's work for each registration grows with the number of objects it knows, so a JIT compiler that registers
 * each function makes it do quadratic work. Here objects are merged as they pile up, like the runs of a log-structured
 * merge tree: with {@link FAN} of one tier together, they become one of the next tier. Each symbol is told about once a
 * tier. A symbol that goes takes the object that told of it along; what is left in that object is told anew.
 *
 * New objects are registered before the old ones that they replace are taken back, so that no symbol is ever missing.
 */
import { copyTo, free, malloc } from "../../host/memory.ts";
import { Column } from "../column.ts";
import type { LiveTables } from "../tables.ts";
import { type CodeEntry, ENTRY_SIZE, entryAt, type Registrar } from "./registrar.ts";
import { encodeSnapshot } from "./snapshot.ts";

/** Objects of one tier that become one of the next; also the ratio of their sizes. */
const FAN = 16;
/** Symbols in the largest object: what one unbind may make us tell anew. */
const LARGEST = 16_384;

interface Snapshot {
  readonly id: number;
  readonly entry: CodeEntry;
  readonly slots: Int32Array;
  readonly tier: number;
}

export class DebugLog {
  readonly #tables: LiveTables;
  readonly #base: bigint;
  readonly #snapshots = new Map<number, Snapshot>();
  /** By symbol: id of the snapshot that tells of it; 0 when none does. */
  readonly #toldBy = new Column();
  /** Snapshots with a symbol that is gone. */
  readonly #broken = new Set<number>();
  #fresh: number[] = [];
  #lastId = 0;

  constructor(tables: LiveTables, base: bigint) {
    this.#tables = tables;
    this.#base = base;
  }

  /** Notes a symbol to be told of. */
  add(slot: number): void {
    this.#fresh.push(slot);
  }

  /** Notes that a symbol is going. */
  remove(slot: number): void {
    const id = this.#toldBy.at(slot);
    if (id === 0) return;
    this.#toldBy.set(slot, 0);
    this.#broken.add(id);
  }

  /** Tells what was noted. */
  publish(registrar: Registrar): void {
    if (this.#fresh.length === 0 && this.#broken.size === 0) return;
    const replaced: Snapshot[] = [];
    let slots = this.#takeFresh();
    for (const id of this.#broken) {
      const snapshot = this.#snapshots.get(id);
      if (snapshot !== undefined) slots = slots.concat(this.#absorb(snapshot, replaced));
    }
    this.#broken.clear();
    for (;;) {
      const tier = tierOf(slots.length);
      const same = [...this.#snapshots.values()].filter((snapshot) => snapshot.tier === tier);
      if (slots.length === 0 || slots.length >= LARGEST || same.length < FAN - 1) break;
      for (const snapshot of same) slots = slots.concat(this.#absorb(snapshot, replaced));
    }
    this.#register(registrar, slots);
    for (const snapshot of replaced) withdraw(registrar, snapshot);
  }

  /** Takes everything back. */
  close(registrar: Registrar): void {
    for (const snapshot of this.#snapshots.values()) withdraw(registrar, snapshot);
    this.#snapshots.clear();
  }

  /** Takes a snapshot out of the set. @returns its symbols that are still bound */
  #absorb(snapshot: Snapshot, replaced: Snapshot[]): number[] {
    this.#snapshots.delete(snapshot.id);
    replaced.push(snapshot);
    return Array.from(snapshot.slots.filter((slot) => this.#toldBy.at(slot) === snapshot.id));
  }

  /** Noted symbols that are still there, each once. */
  #takeFresh(): number[] {
    const { symbols } = this.#tables;
    const slots: number[] = [];
    for (const slot of this.#fresh) {
      // A slot may have been noted twice, for the name it had and the one it has.
      if (!symbols.isBound(slot) || this.#toldBy.at(slot) !== 0) continue;
      this.#toldBy.set(slot, -1);
      slots.push(slot);
    }
    this.#fresh = [];
    return slots;
  }

  #register(registrar: Registrar, list: number[]): void {
    const { symbols } = this.#tables;
    const slots = Int32Array.from(list).sort((a, b) => symbols.valueOf(a) - symbols.valueOf(b));
    for (let from = 0; from < slots.length; from += LARGEST) {
      this.#registerOne(registrar, slots.subarray(from, from + LARGEST));
    }
  }

  #registerOne(registrar: Registrar, slots: Int32Array): void {
    const symfile = encodeSnapshot(this.#tables, this.#base, slots);
    const address = malloc(ENTRY_SIZE + symfile.length);
    copyTo(address + BigInt(ENTRY_SIZE), symfile);
    const entry = entryAt(address);
    const id = ++this.#lastId;
    for (const slot of slots) this.#toldBy.set(slot, id);
    this.#snapshots.set(id, { id, entry, slots, tier: tierOf(slots.length) });
    registrar.register(entry, address + BigInt(ENTRY_SIZE), symfile.length);
  }
}

function withdraw(registrar: Registrar, snapshot: Snapshot): void {
  registrar.unregister(snapshot.entry);
  free(snapshot.entry.address);
}

function tierOf(count: number): number {
  return count <= 1 ? 0 : Math.floor(Math.log(count) / Math.log(FAN));
}
