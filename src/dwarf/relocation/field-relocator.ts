/** Values of fields that relocations apply to, however many and of whatever kind they are. */
import { HOST_LITTLE, readU16, readU32 } from "../../bytes/endian.ts";
import { leb128Length, readUleb128 } from "../../bytes/leb128.ts";
import type { ET } from "../../elf/constants/header.ts";
import { EM } from "../../elf/constants/machine.ts";
import { SHN } from "../../elf/constants/section.ts";
import { STT } from "../../elf/constants/symbol.ts";
import { relocationTypeName } from "../../elf/machine/registry.ts";
import type { RelocationTable } from "../../elf/relocation.ts";
import type { SymbolTable } from "../../elf/symbol.ts";
import type { DwarfError } from "../../errors.ts";
import { dwarfError, relocationRequired } from "../place.ts";
import type { DebugSection } from "../section.ts";
import { ComposedValue } from "./composed.ts";
import type { RelocationInfo, RelocationTarget } from "./relocatable.ts";
import { targetName } from "./relocatable.ts";
import { sectionStart, symbolValue } from "./resolver.ts";
import type { RelocationRow } from "./row.ts";
import { relocationRows } from "./rows.ts";
import type { SectionRelocations } from "./table.ts";

/** `r_ssym` of 64-bit MIPS: no symbol, and the address of the place. [64-bit ELF Object File Specification, 2.9.2] */
const RSS_UNDEF = 0;
const RSS_LOC = 3;

export class FieldRelocator {
  /** Halves of the value that {@link resolve} found. */
  low = 0;
  high = 0;
  /** The relocation type, where the value was a single `S + A` of a record with an addend; else -1. */
  plainType = -1;
  readonly #section: DebugSection;
  readonly #relocations: SectionRelocations;
  readonly #value = new ComposedValue();
  #symbols: SymbolTable | undefined;
  /** Bits that the relocations of the place set, and the field as it stands. */
  #bits = 0;
  #rawLow = 0;
  #rawHigh = 0;
  readonly #rows: readonly (RelocationRow | undefined)[];
  /** Values of the symbols in halves, in the order of the host. */
  #values: Uint32Array = new Uint32Array(0);

  constructor(section: DebugSection, relocations: SectionRelocations) {
    this.#section = section;
    this.#relocations = relocations;
    this.#rows = relocationRows(section.elf.image.machine);
  }

  /**
   * Sets {@link low} and {@link high} to the final value of a field, by the resolver in force.
   * @param size bytes of the field, 0 for a ULEB128 number
   */
  resolve(at: number, size: number): void {
    const value = this.#compose(at, size);
    const { placement, elf } = this.#section;
    for (let i = 0; i < value.count; i++) {
      const symbol = value.symbols[i] ?? 0;
      const sign = value.signs[i] ?? 0;
      if (value.threadLocal) this.#addThreadOffset(at, symbol, sign);
      else if (placement.find(symbol))
        value.add(placement.lows[symbol] ?? 0, placement.highs[symbol] ?? 0, sign);
      else throw this.#required(at, symbol);
    }
    if (value.places !== 0) {
      const start = sectionStart(elf, this.#section.elfSection.index, placement);
      if (start === undefined) throw relocationRequired(this.#section, at, this.#section.section);
      this.#addWide((start + BigInt(at)) * BigInt(value.places));
    }
    this.#finish(size);
  }

  /** What a field counts from. */
  info(at: number, size: number): RelocationInfo {
    const value = this.#compose(at, size);
    if (value.count === 0 && value.places === 0) {
      this.#finish(size);
      return { target: undefined, addend: (BigInt(this.high) << 32n) | BigInt(this.low) };
    }
    const width = size === 0 ? 64 : 8 * size;
    let target: RelocationTarget | undefined;
    let minus: RelocationTarget | "place" | undefined = value.places === -1 ? "place" : undefined;
    let terms = value.count;
    for (let i = 0; i < value.count; i++) {
      const sign = value.signs[i] ?? 0;
      if (sign > 0 && target === undefined) target = this.#target(value.symbols[i] ?? 0, value.threadLocal);
      else if (sign < 0 && minus === undefined)
        minus = this.#target(value.symbols[i] ?? 0, value.threadLocal);
      else continue;
      terms--;
    }
    if (terms > 0 || value.places < -1 || value.places > 0 || this.#bits !== width) {
      throw this.#bad(
        at,
        "relocations: the value counts from more than a symbol and what is subtracted from it",
      );
    }
    const addend = (BigInt(value.high | 0) << 32n) | BigInt(value.low);
    return minus === undefined ? { target, addend } : { target, addend, minus };
  }

  /** Applies all records of the place, and takes out what cancels. */
  #compose(at: number, size: number): ComposedValue {
    const relocations = this.#relocations;
    const value = this.#value;
    this.#readRaw(at, size);
    value.set(this.#rawLow, this.#rawHigh);
    this.#bits = 0;
    this.plainType = -1;
    let position = relocations.find(at);
    const first = position;
    for (; relocations.offsetAt(position) === at; position++) {
      const table = relocations.tableAt(position);
      const index = relocations.indexAt(position);
      this.#apply(table, index, at, size);
    }
    for (let i = 0; i < value.count; i++) this.#checkSymbol(at, value.symbols[i] ?? 0);
    if (position === first + 1) this.#notePlain(first);
    if (value.count > 1) this.#cancel();
    return value;
  }

  #apply(table: RelocationTable, index: number, at: number, size: number): void {
    const type = table.type(index);
    const packed = table.machine === EM.EM_MIPS && type > 0xff;
    const row = this.#rowOf(table, packed ? type & 0xff : type, at, type);
    const last = packed ? this.#applyPacked(table, index, at, row) : row;
    if (last.formula === "none") return;
    const widened = last.widens === true && size === 8 && this.#rawHigh === 0;
    const bits = widened ? 64 : last.bits;
    if ((last.size !== size && !widened) || (this.#bits !== 0 && this.#bits !== bits)) {
      const found = last.size === 0 ? "a ULEB128 number" : `${last.bits} bits`;
      const expected = size === 0 ? "a ULEB128 number" : `a field of ${size} bytes`;
      throw this.#bad(at, `${relocationTypeName(table.machine, type)}: found ${found}, expected ${expected}`);
    }
    this.#bits = bits;
    if (!packed) this.#applyRow(table, index, at, row);
  }

  /** The first type of a record, with its symbol and addend. */
  #applyRow(table: RelocationTable, index: number, at: number, row: RelocationRow): void {
    let low = table.addendLow(index);
    let high = table.addendHigh(index);
    if (table.kind === "REL") {
      // The addend is what the place holds, signed.
      const unused = 32 - Math.min(32, row.bits);
      low = (this.#rawLow << unused) >> unused;
      high = row.bits === 64 ? this.#rawHigh : low >> 31;
    }
    if (this.#value.apply(row, table.symbol(index), low, high)) return;
    throw this.#bad(at, "relocations: the value counts from too many symbols");
  }

  /** Three types in one record. @returns the row of the last, whose field it is */
  #applyPacked(table: RelocationTable, index: number, at: number, first: RelocationRow): RelocationRow {
    const type = table.type(index);
    this.#applyRow(table, index, at, first);
    let last = first;
    for (let i = 1; i <= 2; i++) {
      const one = (type >>> (8 * i)) & 0xff;
      if (one === 0) break;
      const special = i === 1 ? table.specialSymbol(index) : RSS_UNDEF;
      last = this.#rowOf(table, one, at, type);
      const known = special === RSS_UNDEF || special === RSS_LOC;
      if (!known || !this.#value.applyNext(last, special === RSS_LOC)) {
        throw this.#bad(at, `${table.typeName(index)}: has no meaning in a debug section`);
      }
    }
    return last;
  }

  #rowOf(table: RelocationTable, type: number, at: number, whole: number): RelocationRow {
    const row = this.#rows[type];
    if (row === undefined) {
      throw this.#bad(at, `${relocationTypeName(table.machine, whole)}: has no meaning in a debug section`);
    }
    if (!row.types.includes(this.#section.elf.header.type as ET)) {
      throw this.#bad(at, `${relocationTypeName(table.machine, whole)}: is of linked files only`);
    }
    return row;
  }

  /** A symbol that the table does not have, or whose section the file does not have, is an error of this place. */
  #checkSymbol(at: number, symbol: number): void {
    const table = this.#symbolTable();
    if (symbol >= table.length) {
      throw this.#bad(at, `relocation: found symbol ${symbol}, expected less than ${table.length}`);
    }
    const { length } = this.#section.elf.sections;
    const section = table.isSpecial(symbol) ? 0 : table.sectionIndex(symbol);
    if (section < length) return;
    throw this.#bad(at, `relocation: found a symbol in section ${section}, expected less than ${length}`);
  }

  #notePlain(position: number): void {
    const table = this.#relocations.tableAt(position);
    const type = table.type(this.#relocations.indexAt(position));
    const isPlain = table.kind === "RELA" && this.#rows[type]?.formula === "S + A";
    if (isPlain && this.#bits >= 32) this.plainType = type;
  }

  /** Takes out pairs of symbols in one section, whose distance is known without knowing where it is. */
  #cancel(): void {
    const value = this.#value;
    const table = this.#symbolTable();
    for (let i = 0; i < value.count; i++) {
      for (let j = i + 1; j < value.count; j++) {
        const one = value.symbols[i] ?? 0;
        const other = value.symbols[j] ?? 0;
        const sign = value.signs[i] ?? 0;
        if (sign === value.signs[j] || !isSamePlace(table, one, other)) continue;
        if (one !== other) {
          this.#addSymbolValue(one, sign);
          this.#addSymbolValue(other, -sign);
        }
        // The later first: what is last takes the place of what goes.
        value.remove(j);
        value.remove(i);
        i--;
        break;
      }
    }
  }

  #addSymbolValue(symbol: number, sign: number): void {
    if (this.#values.length === 0) this.#values = new Uint32Array(this.#symbolTable().values.buffer);
    const low = 2 * symbol + (HOST_LITTLE ? 0 : 1);
    this.#value.add(this.#values[low] ?? 0, this.#values[low ^ 1] ?? 0, sign);
  }

  #addWide(number: bigint): void {
    this.#value.add(Number(BigInt.asUintN(32, number)), Number(BigInt.asUintN(32, number >> 32n)), 1);
  }

  #addThreadOffset(at: number, symbol: number, sign: number): void {
    const { elf, placement } = this.#section;
    const offset = symbolValue(elf, this.#symbolTable().at(symbol), true, placement);
    if (offset === undefined) throw this.#required(at, symbol);
    this.#addWide(offset * BigInt(sign));
  }

  /** Cuts the value to its field, and keeps the bits of the field that it does not take. */
  #finish(size: number): void {
    const { low, high } = this.#value;
    const bits = this.#bits;
    if (bits === 0) {
      this.low = this.#rawLow;
      this.high = this.#rawHigh;
      return;
    }
    const mask = bits >= 32 ? 0xffff_ffff : 2 ** bits - 1;
    this.low = ((low & mask) | (size === 0 ? 0 : this.#rawLow & ~mask)) >>> 0;
    this.high = bits === 64 ? high : 0;
  }

  #readRaw(at: number, size: number): void {
    const { bytes, little } = this.#section;
    this.#rawHigh = 0;
    if (size === 8) {
      this.#rawLow = readU32(bytes, little ? at : at + 4, little);
      this.#rawHigh = readU32(bytes, little ? at + 4 : at, little);
    } else if (size === 0) {
      const value = leb128Length(bytes, at) === 0 ? 0n : readUleb128(bytes, at);
      this.#rawLow = Number(BigInt.asUintN(32, value));
      this.#rawHigh = Number(BigInt.asUintN(32, value >> 32n));
    } else if (size === 4) this.#rawLow = readU32(bytes, at, little);
    else this.#rawLow = size === 2 ? readU16(bytes, at, little) : (bytes[at] ?? 0);
  }

  #target(index: number, threadLocal: boolean): RelocationTarget {
    const symbol = this.#symbolTable().at(index);
    const inSection = !symbol.special && symbol.sectionIndex !== SHN.SHN_UNDEF;
    const sectionName = inSection ? this.#section.elf.section(symbol.sectionIndex).name : undefined;
    const target = { symbol, sectionName, origin: this.#section };
    return threadLocal || symbol.type === STT.STT_TLS ? { ...target, threadLocal: true } : target;
  }

  #symbolTable(): SymbolTable {
    this.#symbols ??= this.#section.symbols();
    return this.#symbols;
  }

  #required(at: number, symbol: number): DwarfError {
    const { symbol: found, sectionName } = this.#target(symbol, false);
    return relocationRequired(this.#section, at, targetName(found, sectionName));
  }

  #bad(at: number, what: string): DwarfError {
    return dwarfError(this.#section, "DWARF_BAD_RELOCATION", at, what);
  }
}

function isSamePlace(table: SymbolTable, one: number, other: number): boolean {
  if (one === other) return true;
  if (table.isSpecial(one) || table.isSpecial(other)) return false;
  const section = table.sectionIndex(one);
  return section !== SHN.SHN_UNDEF && section === table.sectionIndex(other);
}
