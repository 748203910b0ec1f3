/**
 * Links relocatable objects into one module: planned without memory, then laid into bytes at addresses that the caller
 * has. Pure: nothing is loaded or run.
 */
import { SHF, SHT } from "../../elf/constants/section.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import type { DynldError } from "../../errors.ts";
import { linkError, readingModule, throwAll } from "./fault.ts";
import { type FrameRecord, frameRecords } from "./frames.ts";
import { type FoundImport, type ImportSource, resolveImports } from "./imports.ts";
import { type LinkFile, type LinkInput, openInputs } from "./input.ts";
import { type LinkMachine, linkMachine } from "./machine.ts";
import { type PieceRecords, relocationsOf, tablesOf } from "./records.ts";
import { applyRecords, type Placed, stubAddress, targetOf, targetsOf } from "./relocate.ts";
import {
  alignUp,
  type Piece,
  placeSections,
  planSections,
  type SectionPlan,
  type SegmentName,
} from "./sections.ts";
import { assignSlots, Needs, NO_SLOT, type Slots } from "./slots.ts";
import { staticParts } from "./static-parts.ts";
import { type LinkSymbols, ORIGIN, readSymbols } from "./symbols.ts";

/** Segments' addresses. */
export type SegmentAddresses = Readonly<Record<SegmentName, number>>;
/** Segments' contents; of data, without its zeros or with them. */
export type SegmentBytes = Readonly<Record<SegmentName, Uint8Array>>;

/** A symbol that a module has, placed. */
export interface PlacedSymbol {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** `STT_`, `STB_`, `STV_` values. */
  readonly type: number;
  readonly binding: number;
  readonly visibility: number;
}

/** Where threads have their blocks. */
export interface ThreadPlace {
  /** Number of the blocks for `__tls_get_addr`. */
  readonly module: bigint;
  /** From the thread pointer to the block, where that is the same in all threads. */
  readonly distance: number;
}

/** What a link is asked. */
export interface LinkRequest {
  readonly imports: ImportSource;
  /** Text, data and zeros together must be below this many bytes; 0 is no limit but the one of 1 GiB. */
  readonly maxsize?: number;
}

/** Larger modules are refused: all places in one must be reachable from all others. */
const LIMIT = 2 ** 30;

/** Room for `__dso_handle`, whose address stands for the module. */
const HANDLE_SIZE = 16;

export class ModuleLink {
  readonly inputs: readonly LinkInput[];
  readonly symbols: LinkSymbols;
  readonly sections: SectionPlan;
  readonly imports: readonly FoundImport[];
  /** The module must lie in the lowest 2 GiB. */
  readonly isLow: boolean;
  /** Its thread-local variables are reached from the thread pointer: their block must be at one distance in all threads. */
  readonly isStatic: boolean;
  /** Addresses of imported data that must be within 2 GiB of the module. */
  readonly near: readonly bigint[];
  readonly #machine: LinkMachine;
  readonly #records: readonly PieceRecords[];
  readonly #slots: Slots;
  /** Offset of the stubs in text. */
  readonly #stubs: number;
  /** Offset of the handle in data. */
  #handle = 0;
  /** Numbers of symbols that the link makes. */
  readonly #made: readonly { readonly id: number; readonly place: (at: SegmentAddresses) => number }[];
  #at: SegmentAddresses | undefined;

  /**
   * Plans a module. Every relocation is checked, and every import found.
   * @throws DynldError of any kind save DYNLD_OVERFLOW
   */
  static plan(files: readonly LinkFile[], request: LinkRequest): ModuleLink {
    return readingModule(() => {
      const inputs = openInputs(files);
      return new ModuleLink([...inputs, ...staticParts(inputs, request.imports)], request);
    });
  }

  private constructor(inputs: readonly LinkInput[], request: LinkRequest) {
    this.inputs = inputs;
    this.#machine = linkMachine(inputs[0]?.elf.header.machine ?? 0);
    this.sections = planSections(inputs);
    this.symbols = readSymbols(inputs, this.sections);
    this.#records = relocationsOf(inputs, this.sections, this.symbols.ids);
    const needs = new Needs(this.symbols, this.#records, this.#machine);
    const made = this.#makeSymbols();
    this.imports = resolveImports(this.symbols, request.imports, (id) => needs.isUsed(id));
    const functions = new Set(
      this.imports.filter(({ symbol }) => symbol.isData === false).map(({ id }) => id),
    );
    this.isStatic = needs.isStatic;
    if (needs.isStatic) this.#checkStaticBlock();
    this.isLow = this.#machine.word === 8 && needs.isLow;
    this.near = this.imports
      .filter(({ id, symbol }) => symbol.isData !== false && needs.isWantedNear(id))
      .map(({ symbol }) => symbol.address);
    this.#slots = assignSlots(this.symbols, needs, this.#machine, (id) => functions.has(id));
    const { size } = this.sections;
    size.rodata = this.#slots.entries * this.#machine.word;
    placeSections(this.sections);
    this.#stubs = alignUp(size.text, 16);
    const { stubSymbol } = this.#slots;
    size.text =
      stubSymbol.length === 0 ? size.text : this.#stubs + stubSymbol.length * (this.#machine.stub?.size ?? 0);
    this.#placeCommons();
    this.#checkSize(request.maxsize ?? 0);
    this.#made = made;
  }

  /** Bytes of each segment, and what it must be aligned to. */
  get size(): Readonly<Record<SegmentName, number>> {
    return this.sections.size;
  }

  get align(): Readonly<Record<SegmentName, number>> {
    return this.sections.align;
  }

  /** Bytes of data that are zeros from the start. */
  get zeros(): number {
    return this.size.data - this.sections.bss;
  }

  /**
   * Lays the module into bytes that are zeros.
   * @param bytes as long as {@link size} says each
   * @param at addresses that the bytes are made for
   * @param imported the address of each of {@link imports}; as they were found by default
   * @param threads what the loader made of the threads' blocks
   * @throws DynldError DYNLD_OVERFLOW, DYNLD_BAD_RELOCATION
   */
  place(
    bytes: SegmentBytes,
    at: SegmentAddresses,
    imported: (found: FoundImport) => bigint = ({ symbol }) => symbol.address,
    threads: ThreadPlace = { module: 0n, distance: 0 },
  ): void {
    this.#at = at;
    this.#address(at, imported);
    for (const piece of this.sections.pieces) {
      const { section, segment, offset, size } = piece;
      if (section.type === SHT.SHT_NOBITS) continue;
      const target = bytes[segment].subarray(offset, offset + size);
      if (section.compressed) target.set(section.bytes());
      else section.copyRaw(target);
    }
    // What it holds stands for the module as its address does [glibc include/dso_handle.h].
    this.#storeWord(bytes.data, this.#handle, this.handle);
    const placed = this.#placed(at, threads.distance);
    this.#fillSlots(placed, bytes, threads.module);
    const views = {
      text: viewOf(bytes.text),
      rodata: viewOf(bytes.rodata),
      data: viewOf(bytes.data),
      threads: viewOf(bytes.threads),
    };
    const problems: DynldError[] = [];
    for (const records of this.#records) {
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

  /** Stores what a resolver told in the entries that stubs jump through. Only after {@link place}. */
  storeIndirect(bytes: SegmentBytes, resolve: (address: number) => bigint): void {
    const view = viewOf(bytes.rodata);
    const { stubSymbol, stubEntry } = this.#slots;
    stubSymbol.forEach((id, stub) => {
      if (!this.#isIndirect(id)) return;
      const target = resolve(this.symbols.address[id] ?? 0);
      view.setBigUint64((stubEntry[stub] ?? 0) * this.#machine.word, target, true);
    });
  }

  /** Whether {@link storeIndirect} has something to do. */
  get hasIndirect(): boolean {
    return this.#slots.stubSymbol.some((id) => this.#isIndirect(id));
  }

  /** Address of `__dso_handle`. Only after {@link place}. */
  get handle(): number {
    return (this.#at?.data ?? 0) + this.#handle;
  }

  /** Records of call frames, and where they begin. Only after {@link place}. */
  frames(bytes: SegmentBytes): { readonly address: number; readonly records: FrameRecord[] } {
    const { frames, size } = this.sections;
    const text = this.#at?.text ?? 0;
    const address = (this.#at?.rodata ?? 0) + frames;
    const covers = (start: number): boolean => start >= text && start < text + size.text;
    return { address, records: frameRecords(bytes.rodata.subarray(frames), address, covers) };
  }

  /** The address of a piece. Only after {@link place}. */
  addressOf(piece: Piece): number {
    return (this.#at?.[piece.segment] ?? 0) + piece.offset;
  }

  /** All symbols of loaded sections that have a name, section symbols left out. Only after {@link place}. */
  *placedSymbols(): IterableIterator<PlacedSymbol> {
    const { symbols } = this;
    for (let id = 0; id < symbols.length; id++) {
      const origin = symbols.origin[id];
      if (origin !== ORIGIN.piece && origin !== ORIGIN.common) continue;
      const type = symbols.type[id] ?? 0;
      // A name of many places, one a thread.
      if (symbols.isThreadLocal(id)) continue;
      if (type === STT.STT_SECTION || type === STT.STT_FILE) continue;
      const name = symbols.nameOf(id);
      if (name === "") continue;
      yield {
        name,
        address: symbols.address[id] ?? 0,
        size: symbols.size[id] ?? 0,
        type,
        binding: symbols.binding[id] ?? 0,
        visibility: symbols.visibility[id] ?? 0,
      };
    }
  }

  #isIndirect(id: number): boolean {
    return this.symbols.origin[id] === ORIGIN.piece && this.symbols.type[id] === STT.STT_GNU_IFUNC;
  }

  #placed(at: SegmentAddresses, threadDistance: number): Placed {
    const placed = {
      symbols: this.symbols,
      slots: this.#slots,
      machine: this.#machine,
      threads: at.threads,
      threadDistance,
      got: at.rodata,
      stubs: at.text + this.#stubs,
    };
    return { ...placed, targets: targetsOf(placed) };
  }

  /** What threads' blocks begin as, before anything is relocated. */
  threadImage(): Uint8Array {
    const image = new Uint8Array(this.size.threads);
    for (const { segment, section, offset } of this.sections.pieces) {
      if (segment === "threads") image.set(section.bytes(), offset);
    }
    return image;
  }

  /** Blocks at one distance are filled when the object is opened, in all threads: no address is known then. */
  #checkStaticBlock(): void {
    const records = this.#records.find(({ piece }) => piece.segment === "threads");
    if (records === undefined) return;
    const { input, section } = records.piece;
    const what =
      "thread-local data with addresses in it, reached from the thread pointer; -fPIC does it another way";
    throw linkError("DYNLD_UNSUPPORTED", input.name, section.label, undefined, what);
  }

  /** Symbols that linkers define where nobody else does. */
  #makeSymbols(): { id: number; place: (at: SegmentAddresses) => number }[] {
    const made: { id: number; place: (at: SegmentAddresses) => number }[] = [];
    const make = (name: string, place: (at: SegmentAddresses) => number): void => {
      const id = this.symbols.make(name);
      if (id !== undefined) made.push({ id, place });
    };
    make("_GLOBAL_OFFSET_TABLE_", (at) => at.rodata);
    make("__dso_handle", (at) => at.data + this.#handle);
    // Sections whose names are C identifiers have their bounds as symbols [ld(1), "Orphan Sections"].
    for (const [name, pieces] of this.#namedSections()) {
      const bound = (end: boolean) => (at: SegmentAddresses) => {
        const piece = end ? pieces.at(-1) : pieces[0];
        return piece === undefined ? 0 : at[piece.segment] + piece.offset + (end ? piece.size : 0);
      };
      make(`__start_${name}`, bound(false));
      make(`__stop_${name}`, bound(true));
    }
    return made;
  }

  #namedSections(): Map<string, Piece[]> {
    const found = new Map<string, Piece[]>();
    for (const piece of this.sections.pieces) {
      const name = piece.section.label;
      if (!/^[A-Za-z_]\w*$/.test(name) || !piece.section.hasFlags(SHF.SHF_ALLOC)) continue;
      const same = found.get(name);
      if (same === undefined) found.set(name, [piece]);
      else same.push(piece);
    }
    return found;
  }

  #placeCommons(): void {
    const { symbols, sections } = this;
    const { size, align } = sections;
    for (let id = 0; id < symbols.length; id++) {
      if (symbols.origin[id] !== ORIGIN.common) continue;
      const wanted = Math.max(1, symbols.value[id] ?? 1);
      if (!Number.isInteger(Math.log2(wanted)) || wanted > 0x1_0000) {
        const what = `alignment of common symbol ${symbols.nameOf(id)}: found ${wanted}, expected a power of two up to 65536`;
        throw linkError("DYNLD_BAD_VALUE", symbols.inputOf(id)?.name, ".symtab", undefined, what);
      }
      align.data = Math.max(align.data, wanted);
      const offset = alignUp(size.data, wanted);
      symbols.value[id] = offset;
      size.data = offset + (symbols.size[id] ?? 0);
    }
    this.#handle = alignUp(size.data, 8);
    size.data = this.#handle + HANDLE_SIZE;
  }

  #checkSize(maxsize: number): void {
    const { text, rodata, data, threads } = this.size;
    const total = text + rodata + data + threads;
    const limit = maxsize === 0 ? LIMIT : Math.min(maxsize, LIMIT);
    if (total < limit) return;
    const what = `found text, data and bss of ${total} bytes, expected fewer than ${limit}`;
    throw linkError("DYNLD_TOO_BIG", this.inputs[0]?.name, undefined, undefined, what, {
      errstr: `${total}: object too big`,
    });
  }

  #address(at: SegmentAddresses, imported: (found: FoundImport) => bigint): void {
    const { symbols, sections } = this;
    const address = new Float64Array(symbols.length);
    for (let id = 0; id < address.length; id++) {
      const value = symbols.value[id] ?? 0;
      switch (symbols.origin[id]) {
        case ORIGIN.piece: {
          const piece = sections.pieces[symbols.piece[id] ?? -1];
          if (piece !== undefined) address[id] = at[piece.segment] + piece.offset + value;
          break;
        }
        case ORIGIN.common:
          address[id] = at.data + value;
          break;
        case ORIGIN.absolute:
          address[id] = value;
          break;
        default:
      }
    }
    for (const { id, place } of this.#made) address[id] = place(at);
    for (const found of this.imports) address[found.id] = Number(imported(found));
    symbols.address = address;
  }

  /** Stores an address, as wide as the machine has them. */
  #storeWord(bytes: Uint8Array, at: number, address: number): void {
    const view = viewOf(bytes);
    if (this.#machine.word === 8) view.setBigUint64(at, BigInt.asUintN(64, BigInt(address)), true);
    else view.setUint32(at, address, true);
  }

  #fillSlots(placed: Placed, bytes: SegmentBytes, module: bigint): void {
    const { entry, pair, distance, block, stubSymbol, stubEntry } = this.#slots;
    const { word, stub: code } = this.#machine;
    const store = (index: number, address: number): void =>
      this.#storeWord(bytes.rodata, index * word, address);
    entry.forEach((index, id) => {
      if (index !== NO_SLOT) store(index, targetOf(placed, id));
    });
    const inBlock = (id: number): number => (this.symbols.address[id] ?? 0) - placed.threads;
    pair.forEach((index, id) => {
      if (index === NO_SLOT) return;
      store(index, Number(module));
      store(index + 1, inBlock(id));
    });
    distance.forEach((index, id) => {
      if (index !== NO_SLOT) store(index, inBlock(id) + placed.threadDistance);
    });
    if (block !== NO_SLOT) store(block, Number(module));
    const text = viewOf(bytes.text);
    stubSymbol.forEach((_, stub) => {
      const at = stubAddress(placed, stub);
      const slot = placed.got + (stubEntry[stub] ?? 0) * word;
      code?.write(text, this.#stubs + stub * code.size, at, slot);
    });
  }
}

/** Whether others may see a symbol. */
export function isExported({ binding, visibility }: Pick<PlacedSymbol, "binding" | "visibility">): boolean {
  if (binding === STB.STB_LOCAL) return false;
  return visibility === STV.STV_DEFAULT || visibility === STV.STV_PROTECTED;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
