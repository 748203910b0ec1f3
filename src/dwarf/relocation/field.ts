/**
 * Fields of one debug section, each read together with the relocations that apply to it. The bytes are never patched.
 * [architecture: relocation is a view]
 *
 * What fields mostly hold, one `S + A` in a table that serves as it lies, is read here; all else by {@link FieldRelocator}.
 */
import { readU16, readU32 } from "../../bytes/endian.ts";
import { readUleb128Number } from "../../bytes/leb128.ts";
import type { DebugSection } from "../section.ts";
import { FieldRelocator } from "./field-relocator.ts";
import type { Placement } from "./placement.ts";
import { Relocatable, type RelocationInfo } from "./relocatable.ts";
import { RELA64_WORDS, type SectionRelocations } from "./table.ts";

const TWO_32 = 0x1_0000_0000;
/** Records stepped over one by one before a search. */
const NEAR = 8;

/** Reads fields of one section. Belongs to the section; one serves all readers of it. */
export class FieldReader {
  readonly section: DebugSection;
  readonly bytes: Uint8Array;
  /** The same bytes. */
  readonly view: DataView;
  readonly little: boolean;
  /** Halves of the address that {@link finalAddress} found. */
  low = 0;
  high = 0;
  readonly #relocations: SectionRelocations | undefined;
  readonly #placement: Placement;
  readonly #relocator: FieldRelocator | undefined;
  readonly #words: Uint32Array | undefined;
  /** Word of the first record that is not below the last question. */
  #next = 0;
  /** Types known to be a plain `S + A` of the size beside them: of offsets, and of addresses. */
  #offsetType = -1;
  #offsetSize = 0;
  #addressType = -1;
  #addressSize = 0;

  /** Looks at the section's relocations, if it has any. @throws DwarfError DWARF_BAD_RELOCATION */
  constructor(section: DebugSection) {
    const { bytes, relocations } = section;
    this.section = section;
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.little = section.little;
    this.#relocations = relocations;
    this.#placement = section.placement;
    this.#relocator = relocations === undefined ? undefined : new FieldRelocator(section, relocations);
    this.#words = relocations?.words;
  }

  /** The relocation type that was found to be a plain `S + A` of 4 bytes where offsets are; -1 while none was met. */
  get plainOffsetType(): number {
    return this.#offsetSize === 4 ? this.#offsetType : -1;
  }

  /** An unsigned field of 1, 2, 4 or 8 bytes as it stands, exact below 2^53. */
  raw(at: number, size: number): number {
    const { bytes, little } = this;
    if (size === 4) return readU32(bytes, at, little);
    if (size === 8) {
      const low = readU32(bytes, little ? at : at + 4, little);
      const high = readU32(bytes, little ? at + 4 : at, little);
      return high * TWO_32 + low;
    }
    return size === 2 ? readU16(bytes, at, little) : (bytes[at] ?? 0);
  }

  /**
   * A field that holds an offset in a debug section, a length, or another number that is known without a resolver: what
   * its relocations count from is not loaded, or they are a distance within one section. Exact below 2^53.
   * @throws DwarfError DWARF_BAD_RELOCATION
   * @throws RelocationRequiredError where it counts from a loaded section after all, and no resolver knows that
   */
  offset(at: number, size: number): number {
    const raw = size === 4 ? readU32(this.bytes, at, this.little) : this.raw(at, size);
    const relocations = this.#relocations;
    if (relocations === undefined) return raw;
    const words = this.#words;
    if (words === undefined) return relocations.find(at) < 0 ? raw : this.#composedOffset(at, size);
    const next = this.#seek(words, relocations, at);
    if (words[next] !== at) return raw;
    const symbol = words[next + 3] ?? 0;
    if (
      words[next + 2] !== this.#offsetType ||
      size !== this.#offsetSize ||
      words[next + RELA64_WORDS] === at ||
      !this.#placement.isKnown(symbol)
    ) {
      return this.#composedOffset(at, size);
    }
    const { lows, highs } = this.#placement;
    const sum = (lows[symbol] ?? 0) + (words[next + 4] ?? 0);
    if (size === 4) return sum >>> 0;
    return sum + (((highs[symbol] ?? 0) + (words[next + 5] ?? 0)) >>> 0) * TWO_32;
  }

  /**
   * The final value of a field that holds an address, in {@link low} and {@link high}, by the resolver in force.
   * Allocates nothing.
   * @throws RelocationRequiredError when it does not know a place
   * @throws DwarfError DWARF_BAD_RELOCATION
   */
  finalAddress(at: number, size: number): void {
    const words = this.#words;
    const relocations = this.#relocations;
    if (relocations === undefined || (words === undefined && relocations.find(at) < 0)) {
      this.#readHalves(at, size);
      return;
    }
    if (words !== undefined) {
      const next = this.#seek(words, relocations, at);
      if (words[next] !== at) {
        this.#readHalves(at, size);
        return;
      }
      const symbol = words[next + 3] ?? 0;
      if (
        words[next + 2] === this.#addressType &&
        size === this.#addressSize &&
        words[next + RELA64_WORDS] !== at &&
        this.#placement.isKnown(symbol)
      ) {
        const { lows, highs } = this.#placement;
        const sum = (lows[symbol] ?? 0) + (words[next + 4] ?? 0);
        this.low = sum >>> 0;
        this.high =
          size === 8 ? ((highs[symbol] ?? 0) + (words[next + 5] ?? 0) + (sum < TWO_32 ? 0 : 1)) >>> 0 : 0;
        return;
      }
    }
    const relocator = this.#composed(at, size);
    if (relocator.plainType >= 0) {
      this.#addressType = relocator.plainType;
      this.#addressSize = size;
    }
    this.low = relocator.low;
    this.high = relocator.high;
  }

  /** The same, as one number. */
  final(at: number, size: number): bigint {
    this.finalAddress(at, size);
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }

  /**
   * An unsigned LEB128 number together with its relocations, which keep its length. Exact below 2^53.
   * @throws DwarfError DWARF_BAD_RELOCATION
   * @throws RelocationRequiredError as {@link offset} does
   */
  uleb128(at: number): number {
    if (this.isRelocated(at)) return this.#composedOffset(at, 0);
    return readUleb128Number(this.bytes, at);
  }

  /** Whether a relocation applies to the field at `at`. */
  isRelocated(at: number): boolean {
    return (this.#relocations?.find(at) ?? -1) >= 0;
  }

  /** A field that holds an address: nothing of its relocation is looked at yet. */
  address(at: number, size: number): Relocatable {
    return new Relocatable(this, at, size);
  }

  /** What the field at `at` counts from. @throws DwarfError DWARF_BAD_RELOCATION */
  infoAt(at: number, size: number): RelocationInfo {
    const relocator = this.#relocator;
    if (relocator !== undefined && this.isRelocated(at)) return relocator.info(at, size);
    this.#readHalves(at, size);
    return { target: undefined, addend: (BigInt(this.high) << 32n) | BigInt(this.low) };
  }

  #readHalves(at: number, size: number): void {
    const { bytes, little } = this;
    if (size === 8) {
      this.low = readU32(bytes, little ? at : at + 4, little);
      this.high = readU32(bytes, little ? at + 4 : at, little);
    } else {
      this.low = this.raw(at, size);
      this.high = 0;
    }
  }

  /** Word of the first record at or after `at`. */
  #seek(words: Uint32Array, relocations: SectionRelocations, at: number): number {
    // Fields are mostly asked for in order: step over the records between, and search only for a jump.
    let next = this.#next;
    let steps = NEAR;
    while ((words[next] ?? at) < at && steps > 0) {
      next += RELA64_WORDS;
      steps--;
    }
    if ((steps === 0 && (words[next] ?? at) < at) || (next > 0 && (words[next - RELA64_WORDS] ?? 0) >= at)) {
      next = relocations.lowerBound(at) * RELA64_WORDS;
    }
    this.#next = next;
    return next;
  }

  #composedOffset(at: number, size: number): number {
    const relocator = this.#composed(at, size);
    if (relocator.plainType >= 0) {
      this.#offsetType = relocator.plainType;
      this.#offsetSize = size;
    }
    return relocator.high * TWO_32 + relocator.low;
  }

  #composed(at: number, size: number): FieldRelocator {
    const relocator = this.#relocator;
    if (relocator === undefined) throw new RangeError("field: has no relocations");
    relocator.resolve(at, size);
    return relocator;
  }
}
