/** Relocates by relocation records, of whatever machine. */

import { STT } from "../../elf/constants/symbol.ts";
import type { DynldError } from "../../errors.ts";
import { linkError, throwAll } from "./fault.ts";
import { frameRecords } from "./frames.ts";
import { type FoundImport, type ImportSource, resolveImports } from "./imports.ts";
import { type LinkMachine, linkMachine } from "./machine.ts";
import { type PieceRecords, relocationsOf, tablesOf } from "./records.ts";
import { applyRecords, type Placed, stubAddress, targetOf, targetsOf } from "./relocate.ts";
import type { FrameColumns, Placement, Relocator, SegmentBytes } from "./relocator.ts";
import type { SectionPlan } from "./sections.ts";
import { assignSlots, Needs, NO_SLOT, type Slots } from "./slots.ts";
import { type LinkSymbols, ORIGIN } from "./symbols.ts";

export class RecordRelocator implements Relocator {
  readonly imports: readonly FoundImport[];
  readonly isLow: boolean;
  readonly isStatic: boolean;
  readonly near: readonly bigint[];
  readonly records: readonly PieceRecords[];
  readonly slots: Slots;
  readonly machine: LinkMachine;
  readonly #symbols: LinkSymbols;
  readonly #sections: SectionPlan;

  /** Checks every relocation and finds every import. @throws DynldError of any kind save DYNLD_OVERFLOW */
  constructor(sections: SectionPlan, symbols: LinkSymbols, source: ImportSource) {
    const { inputs } = symbols;
    this.#symbols = symbols;
    this.#sections = sections;
    this.machine = linkMachine(inputs[0]?.elf.header.machine ?? 0);
    this.records = relocationsOf(inputs, sections, symbols.ids);
    const needs = new Needs(symbols, this.records, this.machine, source);
    this.imports = resolveImports(symbols, source, (id) => needs.isUsed(id));
    const functions = new Set(
      this.imports.filter(({ symbol }) => symbol.isData === false).map(({ id }) => id),
    );
    this.isStatic = needs.isStatic;
    if (needs.isStatic) this.#checkStaticBlock();
    this.isLow = this.machine.word === 8 && needs.isLow;
    this.near = this.imports
      .filter(({ id, symbol }) => symbol.isData !== false && needs.isWantedNear(id))
      .map(({ symbol }) => symbol.address);
    this.slots = assignSlots(symbols, needs, this.machine, (id) => functions.has(id));
  }

  get entries(): number {
    return this.slots.entries;
  }

  get stubSize(): number {
    return this.slots.stubSymbol.length * (this.machine.stub?.size ?? 0);
  }

  fits(): boolean {
    return true;
  }

  relocate(placement: Placement): void {
    const { bytes, at } = placement;
    const placed = this.#placed(placement);
    this.#fillSlots(placed, placement);
    const views = {
      text: viewOf(bytes.text),
      rodata: viewOf(bytes.rodata),
      data: viewOf(bytes.data),
      threads: viewOf(bytes.threads),
    };
    const problems: DynldError[] = [];
    for (const records of this.records) {
      const { segment, offset } = records.piece;
      const address = at[segment] + offset;
      const place = { bytes: bytes[segment], view: views[segment], start: offset, address };
      for (const table of tablesOf(records)) {
        const problem = applyRecords(records, table, placed, place);
        if (problem !== undefined) {
          problems.push(problem);
          break;
        }
      }
    }
    throwAll(problems);
  }

  storeIndirect(bytes: SegmentBytes, resolve: (address: number) => bigint): void {
    const view = viewOf(bytes.rodata);
    const { stubSymbol, stubEntry } = this.slots;
    stubSymbol.forEach((id, stub) => {
      if (!this.#isIndirect(id)) return;
      const target = resolve(this.#symbols.address[id] ?? 0);
      view.setBigUint64((stubEntry[stub] ?? 0) * this.machine.word, target, true);
    });
  }

  get hasIndirect(): boolean {
    return this.slots.stubSymbol.some((id) => this.#isIndirect(id));
  }

  frames({ bytes, at }: Pick<Placement, "bytes" | "at">): FrameColumns {
    const { frames, size } = this.#sections;
    const covers = (start: number): boolean => start >= at.text && start < at.text + size.text;
    const found = frameRecords(bytes.rodata.subarray(frames), at.rodata + frames, covers);
    return {
      starts: Int32Array.from(found, ({ start }) => start - at.text),
      records: Int32Array.from(found, ({ record }) => frames + record),
    };
  }

  #isIndirect(id: number): boolean {
    const { origin, type } = this.#symbols;
    return origin[id] === ORIGIN.piece && type[id] === STT.STT_GNU_IFUNC;
  }

  #placed({ at, stubs, threads }: Placement): Placed {
    const placed = {
      symbols: this.#symbols,
      slots: this.slots,
      machine: this.machine,
      threads: at.threads,
      threadDistance: threads.distance,
      got: at.rodata,
      stubs: at.text + stubs,
    };
    return { ...placed, targets: targetsOf(placed) };
  }

  /** Blocks at one distance are filled when the object is opened, in all threads: no address is known then. */
  #checkStaticBlock(): void {
    const records = this.records.find(({ piece }) => piece.segment === "threads");
    if (records === undefined) return;
    const { input, section } = records.piece;
    const what =
      "thread-local data with addresses in it, reached from the thread pointer; -fPIC -mtls-dialect=gnu does it another way";
    throw linkError("DYNLD_UNSUPPORTED", input.name, section.label, undefined, what);
  }

  #fillSlots(placed: Placed, { bytes, stubs, threads }: Placement): void {
    const { entry, pair, distance, block, stubSymbol, stubEntry } = this.slots;
    const { word, stub: code } = this.machine;
    const table = viewOf(bytes.rodata);
    const store = (index: number, address: number): void => storeAddress(table, index * word, address, word);
    entry.forEach((index, id) => {
      if (index !== NO_SLOT) store(index, targetOf(placed, id));
    });
    const inBlock = (id: number): number => (this.#symbols.address[id] ?? 0) - placed.threads;
    const outside = new Map(this.imports.map(({ id, symbol }) => [id, symbol.thread] as const));
    pair.forEach((index, id) => {
      if (index === NO_SLOT) return;
      const { module, offset } = outside.get(id) ?? { module: threads.module, offset: inBlock(id) };
      store(index, Number(module));
      store(index + 1, offset);
    });
    distance.forEach((index, id) => {
      if (index !== NO_SLOT) store(index, inBlock(id) + placed.threadDistance);
    });
    if (block !== NO_SLOT) store(block, Number(threads.module));
    const text = viewOf(bytes.text);
    stubSymbol.forEach((_, stub) => {
      const at = stubAddress(placed, stub);
      const slot = placed.got + (stubEntry[stub] ?? 0) * word;
      code?.write(text, stubs + stub * code.size, at, slot);
    });
  }
}

/** Stores an address in as many bytes as the machine has them. */
export function storeAddress(view: DataView, at: number, address: number, word: 4 | 8): void {
  if (word === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(address)), true);
  else view.setUint32(at, address, true);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
