/**
 * Links relocatable objects into one module: planned without memory, then laid into bytes at addresses that the caller
 * has. Pure: nothing is loaded or run.
 */
import { SHF, SHT } from "../../elf/constants/section.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import { linkError, readingModule } from "./fault.ts";
import { type FoundImport, type ImportSource, shareUnique } from "./imports.ts";
import { type LinkFile, type LinkInput, openInputs } from "./input.ts";
import { linkMachine } from "./machine.ts";
import { readPrelink } from "./prelink.ts";
import { PrelinkRelocator } from "./prelink-relocator.ts";
import { RecordRelocator, storeAddress, viewOf } from "./record-relocator.ts";
import type { FrameColumns, Relocator, SegmentAddresses, SegmentBytes, ThreadPlace } from "./relocator.ts";
import {
  alignUp,
  type Piece,
  placeSections,
  planSections,
  type SectionPlan,
  type SegmentName,
} from "./sections.ts";
import { staticParts } from "./static-parts.ts";
import { type LinkSymbols, ORIGIN, readSymbols } from "./symbols.ts";

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

/** What a link is asked. */
export interface LinkRequest {
  readonly imports: ImportSource;
  /** Text, data and zeros together must be below this many bytes; 0 is no limit but the one of 1 GiB. */
  readonly maxsize?: number;
  /** Whether the segments will lie as live objects have them, for which mkmod settles what it can. False by default. */
  readonly isLive?: boolean;
}

/** Larger modules are refused: all places in one must be reachable from all others. */
const LIMIT = 2 ** 30;

/** Room for `__dso_handle`, whose address stands for the module. */
const HANDLE_SIZE = 16;

export class ModuleLink {
  readonly inputs: readonly LinkInput[];
  readonly symbols: LinkSymbols;
  readonly sections: SectionPlan;
  readonly relocator: Relocator;
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
      const found = openInputs(files);
      const inputs = [...found, ...staticParts(found, request.imports)];
      const link = new ModuleLink(inputs, request);
      if (link.relocator.fits(link.sections)) return link;
      // A linker has put something beside what mkmod settled: all records are there still.
      return new ModuleLink(inputs, { ...request, isLive: false });
    });
  }

  private constructor(inputs: readonly LinkInput[], request: LinkRequest) {
    this.inputs = inputs;
    this.sections = planSections(inputs);
    this.symbols = readSymbols(inputs, this.sections);
    this.#made = this.#makeSymbols();
    const isAsMade = !shareUnique(this.symbols, request.imports) && request.isLive === true;
    this.relocator =
      (isAsMade ? this.#settled(request.imports) : undefined) ??
      new RecordRelocator(this.sections, this.symbols, request.imports);
    const { size } = this.sections;
    const { entries, stubSize } = this.relocator;
    size.rodata = entries * this.#word;
    placeSections(this.sections);
    this.#stubs = alignUp(size.text, 16);
    if (stubSize > 0) size.text = this.#stubs + stubSize;
    this.#placeCommons();
    this.#checkSize(request.maxsize ?? 0);
  }

  get imports(): readonly FoundImport[] {
    return this.relocator.imports;
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
    storeAddress(viewOf(bytes.data), this.#handle, this.handle, this.#word);
    this.relocator.relocate({ bytes, at, stubs: this.#stubs, threads });
  }

  /** Address of `__dso_handle`. Only after {@link place}. */
  get handle(): number {
    return (this.#at?.data ?? 0) + this.#handle;
  }

  /** Records of call frames. Only after {@link place}. */
  frames(bytes: SegmentBytes): FrameColumns {
    const at = this.#at ?? { text: 0, rodata: 0, data: 0, threads: 0 };
    return this.relocator.frames({ bytes, at });
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

  /** What threads' blocks begin as, before anything is relocated. */
  threadImage(): Uint8Array {
    const image = new Uint8Array(this.size.threads);
    for (const { segment, section, offset } of this.sections.pieces) {
      if (segment === "threads") image.set(section.bytes(), offset);
    }
    return image;
  }

  /** Symbols that linkers define where nobody else does. */
  #makeSymbols(): { id: number; place: (at: SegmentAddresses) => number }[] {
    const made: { id: number; place: (at: SegmentAddresses) => number }[] = [];
    const make = (name: string, place: (at: SegmentAddresses) => number, type?: number): void => {
      const id = this.symbols.make(name, type);
      if (id !== undefined) made.push({ id, place });
    };
    make("_GLOBAL_OFFSET_TABLE_", (at) => at.rodata);
    make("_TLS_MODULE_BASE_", (at) => at.threads, STT.STT_TLS);
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

  /** What relocates a module that mkmod has settled; `undefined` of another one, and where that can't be used. */
  #settled(imports: ImportSource): PrelinkRelocator | undefined {
    const [input, other] = this.inputs;
    if (input === undefined || other !== undefined) return undefined;
    const prelink = readPrelink(input.elf);
    return prelink === undefined ? undefined : PrelinkRelocator.of(prelink, this.symbols, imports);
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

  /** Bytes of an address. */
  get #word(): 4 | 8 {
    return linkMachine(this.inputs[0]?.elf.header.machine ?? 0).word;
  }
}

/** Whether others may see a symbol. */
export function isExported({ binding, visibility }: Pick<PlacedSymbol, "binding" | "visibility">): boolean {
  if (binding === STB.STB_LOCAL) return false;
  return visibility === STV.STV_DEFAULT || visibility === STV.STV_PROTECTED;
}
