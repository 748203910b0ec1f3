/**
 * Fields of one debug section, each read together with the relocation that applies to it. The bytes are never patched.
 * [architecture: relocation is a view]
 */
import { readU16, readU32, readU64 } from "../bytes/endian.ts";
import { SHN } from "../elf/constants/section.ts";
import { relocationTypeName } from "../elf/machine/registry.ts";
import type { RelocationTable } from "../elf/relocation.ts";
import type { SymbolTable } from "../elf/symbol.ts";
import { dwarfError } from "./place.ts";
import { Relocatable, type RelocationInfo, type RelocationTarget } from "./relocatable.ts";
import { type RelocationRow, relocationRow } from "./relocation-rows.ts";
import { RELA64_WORDS, type SectionRelocations } from "./relocation-table.ts";
import type { DebugSection } from "./section.ts";

const TWO_32 = 0x1_0000_0000;
/** Records stepped over one by one before a search. */
const NEAR = 8;

export class FieldReader {
  readonly section: DebugSection;
  readonly bytes: Uint8Array;
  readonly little: boolean;
  /** By symbol: value of one that lies in a section that is not loaded; NaN while not looked at. */
  #symbolValues = new Float64Array(0);
  #symbols: SymbolTable | undefined;
  /** A type that is known to be a plain `S + A` of the size asked for last. */
  #plainType = -1;
  readonly #words: Uint32Array | undefined;
  /** Word of the first record that is not below the last question. */
  #next = 0;
  /** The type looked at last, and its row. */
  #lastType = -1;
  #lastRow: RelocationRow | undefined;

  constructor(section: DebugSection) {
    this.section = section;
    this.bytes = section.bytes;
    this.little = section.little;
    this.#words = section.relocations?.words;
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
   * A field that holds an offset in a debug section. Its relocation, if it has one, is to a section that is not loaded,
   * so it resolves by itself.
   * @throws DwarfError DWARF_BAD_RELOCATION
   */
  offset(at: number, size: number): number {
    const raw = size === 4 ? readU32(this.bytes, at, this.little) : this.raw(at, size);
    const { relocations } = this.section;
    if (relocations === undefined) return raw;
    const words = this.#words;
    if (words === undefined) return this.#offsetBySearch(relocations, at, size, raw);
    // Fields are mostly asked for in order: step over the records between, and search only for a jump.
    let next = this.#next;
    let steps = NEAR;
    while ((words[next] ?? at) < at && steps > 0) {
      next += RELA64_WORDS;
      steps--;
    }
    if ((steps === 0 && (words[next] ?? at) < at) || (next > 0 && (words[next - RELA64_WORDS] ?? 0) >= at)) {
      const position = relocations.lowerBound(at);
      next = position * RELA64_WORDS;
    }
    this.#next = next;
    if (words[next] !== at) return raw;
    const type = words[next + 2] ?? 0;
    const value = this.#symbolValues[words[next + 3] ?? 0];
    if (type !== this.#plainType || value === undefined || Number.isNaN(value)) {
      return this.#relocatedOffset(next / RELA64_WORDS, raw, size, at);
    }
    return value + (words[next + 4] ?? 0) + (words[next + 5] ?? 0) * TWO_32;
  }

  #offsetBySearch(relocations: SectionRelocations, at: number, size: number, raw: number): number {
    const position = relocations.find(at);
    return position < 0 ? raw : this.#relocatedOffset(position, raw, size, at);
  }

  /** Whether a relocation applies to the field at `at`. */
  isRelocated(at: number): boolean {
    return (this.section.relocations?.find(at) ?? -1) >= 0;
  }

  /** A field that holds an address: nothing of its relocation is looked at yet. */
  address(at: number, size: number): Relocatable {
    return new Relocatable(this, at, size);
  }

  /** What the field at `at` counts from. @throws DwarfError DWARF_BAD_RELOCATION */
  infoAt(at: number, size: number): RelocationInfo {
    const { little, bytes } = this;
    const raw = size === 8 ? readU64(bytes, at, little) : BigInt(this.raw(at, size));
    const { relocations } = this.section;
    const position = relocations?.find(at) ?? -1;
    if (relocations === undefined || position < 0) return { target: undefined, addend: raw };
    const { table, index } = relocations.recordAt(position);
    const row = this.#rowOf(table, index, at, size);
    const addend = table.addend(index) ?? BigInt.asIntN(8 * size, raw);
    if (row.formula === "none") return { target: undefined, addend: raw };
    const target = this.#target(table.symbol(index));
    return target === undefined ? { target, addend: BigInt.asUintN(8 * size, addend) } : { target, addend };
  }

  #relocatedOffset(position: number, raw: number, size: number, at: number): number {
    const { relocations } = this.section;
    if (relocations === undefined) return raw;
    const { table, index } = relocations.recordAt(position);
    const row = this.#rowOf(table, index, at, size);
    if (row.formula === "none") return raw;
    if (row.formula === "S + A" && row.size === size) this.#plainType = table.type(index);
    const addend =
      table.kind === "RELA" ? table.addendHigh(index) * TWO_32 + (table.addendLow(index) >>> 0) : raw;
    return this.#symbolValue(table.symbol(index)) + addend;
  }

  #rowOf(table: RelocationTable, index: number, at: number, size: number): RelocationRow {
    const type = table.type(index);
    if (type !== this.#lastType) {
      this.#lastRow = relocationRow(table.machine, type);
      this.#lastType = type;
    }
    const row = this.#lastRow;
    if (row === undefined) {
      const name = relocationTypeName(table.machine, type);
      throw dwarfError(
        this.section,
        "DWARF_BAD_RELOCATION",
        at,
        `${name}: has no meaning in a debug section`,
      );
    }
    if (row.size > size) {
      const name = relocationTypeName(table.machine, type);
      throw dwarfError(
        this.section,
        "DWARF_BAD_RELOCATION",
        at,
        `${name}: ${row.size} bytes on a field of ${size}`,
      );
    }
    return row;
  }

  /** Value of a symbol in a section that is not loaded, or absolute. */
  #symbolValue(symbol: number): number {
    if (symbol === 0) return 0;
    if (symbol >= this.#symbolValues.length) {
      this.#symbolValues = new Float64Array(this.#symbolTable().length).fill(Number.NaN);
    }
    let value = this.#symbolValues[symbol] ?? 0;
    if (Number.isNaN(value)) {
      value = Number(this.#symbolTable().at(symbol).value);
      this.#symbolValues[symbol] = value;
    }
    return value;
  }

  #target(index: number): RelocationTarget | undefined {
    if (index === 0) return undefined;
    const symbol = this.#symbolTable().at(index);
    const { elf } = this.section;
    const inSection = !symbol.special && symbol.sectionIndex !== SHN.SHN_UNDEF;
    return { symbol, sectionName: inSection ? elf.section(symbol.sectionIndex).name : undefined };
  }

  #symbolTable(): SymbolTable {
    this.#symbols ??= this.section.symbols();
    return this.#symbols;
  }
}
