/** Relocates a module of mkmod by what is settled in it: pointers are moved, addresses of imports stored. */
import { STB } from "../../elf/constants/symbol.ts";
import type { FoundImport, ImportSource } from "./imports.ts";
import { FIXUP, MAP_BITS, PAIR, POINTER, type Prelink, segmentDistances } from "./prelink.ts";
import { viewOf } from "./record-relocator.ts";
import type { FrameColumns, Placement, Relocator } from "./relocator.ts";
import { SEGMENTS, type SectionPlan } from "./sections.ts";
import { type LinkSymbols, ORIGIN } from "./symbols.ts";

const HALF = 0x1_0000_0000;
const ALL = 0xffff_ffff;

export class PrelinkRelocator implements Relocator {
  readonly imports: readonly FoundImport[];
  readonly isLow = false;
  readonly isStatic = false;
  readonly near: readonly bigint[] = [];
  readonly hasIndirect = false;
  readonly #prelink: Prelink;
  readonly #symbols: LinkSymbols;
  /** By symbol number of the file: the number in {@link LinkSymbols}. */
  readonly #ids: Int32Array;

  private constructor(
    prelink: Prelink,
    symbols: LinkSymbols,
    ids: Int32Array,
    imports: readonly FoundImport[],
  ) {
    this.#prelink = prelink;
    this.#symbols = symbols;
    this.#ids = ids;
    this.imports = imports;
    for (const { id } of imports) symbols.origin[id] = ORIGIN.imported;
  }

  /**
   * What relocates the one input that there is.
   * @returns `undefined` if something that it needs is not to be had this way
   */
  static of(prelink: Prelink, symbols: LinkSymbols, source: ImportSource): PrelinkRelocator | undefined {
    const { sizes, distances } = prelink;
    const [toRodata, toData] = segmentDistances(sizes[0], sizes[1]);
    if (distances[0] !== toRodata || distances[1] !== toData) return undefined;
    const [input] = symbols.inputs;
    const ids = input === undefined ? undefined : symbols.ids.get(input);
    if (ids === undefined) return undefined;
    const imports = new Map<number, FoundImport>();
    for (let i = 0; i < prelink.fixups.length; i += FIXUP) {
      const id = ids[prelink.fixups[i + 2] ?? 0];
      if (id === undefined || symbols.origin[id] !== ORIGIN.undefined) return undefined;
      if (imports.has(id)) continue;
      const name = symbols.nameOf(id);
      const symbol = source.find(name);
      // One of each thread has no address to be stored.
      if (symbol?.thread !== undefined) return undefined;
      if (symbol !== undefined) imports.set(id, { id, name, symbol });
      else if (symbols.binding[id] !== STB.STB_WEAK) return undefined;
    }
    const sorted = [...imports.values()].sort((a, b) => a.id - b.id);
    return new PrelinkRelocator(prelink, symbols, ids, sorted);
  }

  get entries(): number {
    return this.#prelink.table.length / 2;
  }

  get stubSize(): number {
    return this.#prelink.stubs.length * 4;
  }

  fits({ size, bss }: SectionPlan): boolean {
    const { sizes } = this.#prelink;
    return [size.text, size.rodata, size.data, bss].every((bytes, index) => bytes === sizes[index]);
  }

  relocate({ bytes, at, stubs }: Placement): void {
    const { table, stubs: code, maps, odd, distances } = this.#prelink;
    if (at.rodata - at.text !== distances[0] || at.data - at.text !== distances[1]) {
      throw new TypeError(
        `segments: found text at ${at.text}, read-only data at ${at.rodata}, data at ${at.data}`,
      );
    }
    bytes.rodata.set(bytesOf(table));
    if (code.length > 0) bytes.text.set(bytesOf(code), stubs);
    movePointers(bytes.rodata, maps[0], at.text);
    movePointers(bytes.data, maps[1], at.text);
    const text = BigInt(at.text);
    const views = SEGMENTS.map((name) => viewOf(bytes[name]));
    for (let i = 0; i < odd.length; i += PAIR) {
      const offset = odd[i + 1] ?? 0;
      const view = views[odd[i] ?? 0];
      view?.setBigInt64(offset, view.getBigInt64(offset, true) + text, true);
    }
    this.#storeImports(views);
  }

  storeIndirect(): void {}

  frames(): FrameColumns {
    return this.#prelink.frames;
  }

  #storeImports(views: readonly DataView[]): void {
    const { fixups } = this.#prelink;
    const { address } = this.#symbols;
    for (let i = 0; i < fixups.length; i += FIXUP) {
      const id = this.#ids[fixups[i + 2] ?? 0] ?? 0;
      const value = (address[id] ?? 0) + ((fixups[i + 3] ?? 0) | 0);
      const view = views[fixups[i] ?? 0];
      const offset = fixups[i + 1] ?? 0;
      const high = Math.floor(value / HALF);
      view?.setUint32(offset, value - high * HALF, true);
      view?.setInt32(offset + 4, high, true);
    }
  }
}

/** Adds an address to all words that a map shows, which hold unsigned 32 bits. */
function movePointers(bytes: Uint8Array, map: Uint32Array, address: number): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const high = Math.floor(address / HALF);
  const low = address - high * HALF;
  const step = POINTER / 4;
  for (let i = 0; i < map.length; i++) {
    let bits = map[i] ?? 0;
    if (bits === 0) continue;
    const first = i * MAP_BITS * step;
    if (bits === ALL) {
      moveRow(words, first, first + MAP_BITS * step, low, high);
      continue;
    }
    while (bits !== 0) {
      const lowest = bits & -bits;
      const word = first + (31 - Math.clz32(lowest)) * step;
      moveRow(words, word, word + step, low, high);
      bits ^= lowest;
    }
  }
}

/** Adds an address, in halves, to all pointers of a range of words. */
function moveRow(words: Uint32Array, from: number, to: number, low: number, high: number): void {
  for (let word = from; word < to; word += 2) {
    const sum = ((words[word] ?? 0) + low) >>> 0;
    words[word] = sum;
    words[word + 1] = sum < low ? high + 1 : high;
  }
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
