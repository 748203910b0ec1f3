/** Encoded pointers of `.eh_frame`, `.eh_frame_hdr` and language-specific data [LSB 5.0, 10.5.1]. */
import { readI32, readU16, readU32, readU64 } from "../../../bytes/endian.ts";
import { leb128Length, readSleb128, readUleb128 } from "../../../bytes/leb128.ts";
import { ET } from "../../../elf/constants/header.ts";
import type { ElfSymbol } from "../../../elf/symbol.ts";
import { DW_EH_PE, pointerEncodingName } from "../../constants/frame.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { Relocatable, type RelocatableSource, type RelocationInfo } from "../../relocation/relocatable.ts";
import type { DebugSection } from "../../section.ts";

const {
  DW_EH_PE_absptr,
  DW_EH_PE_uleb128,
  DW_EH_PE_udata2,
  DW_EH_PE_udata4,
  DW_EH_PE_udata8,
  DW_EH_PE_sleb128,
  DW_EH_PE_sdata2,
  DW_EH_PE_sdata4,
  DW_EH_PE_sdata8,
  DW_EH_PE_signed,
  DW_EH_PE_pcrel,
  DW_EH_PE_textrel,
  DW_EH_PE_datarel,
  DW_EH_PE_aligned,
} = DW_EH_PE;

/** Bits of an encoding that say how the value is stored, and what it is relative to. */
const FORMAT = 0x0f;
const APPLICATION = 0x70;

/** What pointers count from that is not their own place. Addresses as the file has them. */
export interface PointerBases {
  /** Of `DW_EH_PE_textrel`: the text section. */
  readonly text: bigint | undefined;
  /** Of `DW_EH_PE_datarel`: the global offset table; in `.eh_frame_hdr` its own start. */
  readonly data: bigint | undefined;
}

/** A pointer that may lead to its value by way of memory. */
export interface FramePointer {
  /** The value, or where `indirect` the address of the word that holds it. */
  readonly value: Relocatable;
  /** `DW_EH_PE_indirect`: the value is in the memory of the loaded file. */
  readonly indirect: boolean;
}

/** Pointers of one encoding in one section. */
export class EncodedPointers implements RelocatableSource {
  readonly section: DebugSection;
  readonly encoding: number;
  readonly addressSize: number;
  /** Halves of the value that {@link locate} found. */
  low = 0;
  high = 0;
  readonly #reader: FieldReader;
  readonly #bases: PointerBases;
  readonly #format: number;
  readonly #application: number;
  /** Address of the section as the file has it, in halves. */
  readonly #startLow: number;
  readonly #startHigh: number;
  /** A symbol in this section, for pointers that count from their own place without a relocation; false: none. */
  #own: ElfSymbol | false | undefined;

  constructor(reader: FieldReader, bases: PointerBases, encoding: number, addressSize: number) {
    this.section = reader.section;
    this.encoding = encoding;
    this.addressSize = addressSize;
    this.#reader = reader;
    this.#bases = bases;
    this.#format = encoding & FORMAT;
    this.#application = encoding & APPLICATION;
    const { addr } = reader.section.elfSection;
    this.#startLow = Number(addr & 0xffff_ffffn);
    this.#startHigh = Number(addr >> 32n);
  }

  /** The pointer at an offset, nothing of it looked at yet. */
  at(offset: number): Relocatable {
    return new Relocatable(this, offset, this.addressSize);
  }

  /**
   * Bytes of the pointer at an offset, with those that align it.
   * @param end what it must not go past
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for a format that nobody defined
   */
  length(offset: number, end: number): number {
    const value = this.#valueAt(offset);
    const size = this.#size(value);
    if (size === 0 || value + size > end) {
      throw dwarfError(
        this.section,
        "DWARF_TRUNCATED",
        offset,
        `pointer (${pointerEncodingName(this.encoding)}): found ${Math.max(0, end - value)} bytes before the end`,
      );
    }
    return value + size - offset;
  }

  /** True for a stored 0 without relocation, whatever it counts from: no pointer. [libgcc unwind-pe.h] */
  isNull(offset: number): boolean {
    const value = this.#valueAt(offset);
    return !this.#reader.isRelocated(value) && this.#stored(value) === 0n;
  }

  infoAt(offset: number): RelocationInfo {
    const reader = this.#reader;
    const at = this.#valueAt(offset);
    const application = this.#application;
    const relocated = reader.isRelocated(at) ? this.#relocated(at) : undefined;
    if (relocated !== undefined) return relocated;
    const stored = this.#stored(at);
    if (application === 0 || application === DW_EH_PE_aligned) return { target: undefined, addend: stored };
    if (application === DW_EH_PE_pcrel) return this.#fromOwnPlace(at, stored);
    const base = application === DW_EH_PE_textrel ? this.#bases.text : this.#bases.data;
    if (base === undefined || (application !== DW_EH_PE_textrel && application !== DW_EH_PE_datarel)) {
      const name = pointerEncodingName(this.encoding);
      throw dwarfError(this.section, "DWARF_UNSUPPORTED", at, `${name}: what it counts from is not known`);
    }
    return { target: undefined, addend: base + stored };
  }

  /** Sets {@link low} and {@link high} to the final value of a pointer that has no relocation. */
  locate(offset: number): void {
    const { bytes, little } = this.#reader;
    const at = this.#valueAt(offset);
    const application = this.#application;
    const format = this.#format;
    const plain = application === 0 || application === DW_EH_PE_aligned;
    const wide = format === DW_EH_PE_absptr ? this.addressSize === 8 : (format & 7) === DW_EH_PE_udata8;
    const four =
      format === DW_EH_PE_absptr
        ? this.addressSize === 4
        : format === DW_EH_PE_sdata4 || format === DW_EH_PE_udata4;
    if (!(plain || application === DW_EH_PE_pcrel) || !(wide || four)) {
      const value = this.at(offset).info().addend;
      this.low = Number(value & 0xffff_ffffn);
      this.high = Number((value >> 32n) & 0xffff_ffffn);
      return;
    }
    let low = readU32(bytes, wide && !little ? at + 4 : at, little);
    let high = 0;
    if (wide) high = readU32(bytes, little ? at + 4 : at, little);
    else if (format === DW_EH_PE_sdata4) high = readI32(bytes, at, little) >> 31;
    if (!plain) {
      // Each sum of three halves is far below 2^53.
      low += this.#startLow + at;
      high += this.#startHigh + Math.floor(low / 0x1_0000_0000);
    }
    this.low = low >>> 0;
    this.high = this.addressSize === 8 ? high >>> 0 : 0;
  }

  #valueAt(offset: number): number {
    if (this.#application !== DW_EH_PE_aligned) return offset;
    const skew = (this.#startLow + offset) % this.addressSize;
    return skew === 0 ? offset : offset + this.addressSize - skew;
  }

  /** Bytes of the stored value; 0 for a LEB128 that does not end. */
  #size(at: number): number {
    switch (this.#format) {
      case DW_EH_PE_absptr:
      case DW_EH_PE_signed:
        return this.addressSize;
      case DW_EH_PE_uleb128:
      case DW_EH_PE_sleb128:
        return leb128Length(this.#reader.bytes, at);
      case DW_EH_PE_udata2:
      case DW_EH_PE_sdata2:
        return 2;
      case DW_EH_PE_udata4:
      case DW_EH_PE_sdata4:
        return 4;
      case DW_EH_PE_udata8:
      case DW_EH_PE_sdata8:
        return 8;
      default:
        throw dwarfError(
          this.section,
          "DWARF_UNSUPPORTED",
          at,
          `pointer encoding 0x${this.encoding.toString(16)}: unknown format`,
        );
    }
  }

  #stored(at: number): bigint {
    const { bytes, little } = this.#reader;
    if (this.#format === DW_EH_PE_uleb128) return readUleb128(bytes, at);
    if (this.#format === DW_EH_PE_sleb128) return readSleb128(bytes, at);
    const size = this.#size(at);
    let value: bigint;
    if (size === 8) value = readU64(bytes, at, little);
    else value = BigInt(size === 4 ? readU32(bytes, at, little) : readU16(bytes, at, little));
    return (this.#format & DW_EH_PE_signed) === 0 ? value : BigInt.asIntN(8 * size, value);
  }

  /** What a relocation makes of it; `undefined` of one that does nothing. */
  #relocated(at: number): RelocationInfo | undefined {
    const info = this.#reader.infoAt(at, this.#size(at));
    const { target, addend, minus } = info;
    const application = this.#application;
    if (application === 0 || application === DW_EH_PE_aligned) return info;
    if (target === undefined && minus === undefined) return undefined;
    // `S + A - P` of the relocation and a pointer that counts from P make `S + A`.
    if (application === DW_EH_PE_pcrel && minus === "place") return { target, addend };
    throw dwarfError(
      this.section,
      "DWARF_BAD_RELOCATION",
      at,
      `${pointerEncodingName(this.encoding)}: its relocation does not count from what the pointer counts from`,
    );
  }

  #fromOwnPlace(at: number, stored: bigint): RelocationInfo {
    const { elf, elfSection } = this.section;
    if (elf.header.type !== ET.ET_REL)
      return { target: undefined, addend: elfSection.addr + BigInt(at) + stored };
    // What an assembler needs no relocation for is in the same section.
    this.#own ??=
      [...this.section.symbols()].find(
        ({ special, sectionIndex }) => !special && sectionIndex === elfSection.index,
      ) ?? false;
    const symbol = this.#own;
    if (symbol !== false) {
      const target = { symbol, sectionName: elfSection.name };
      return { target, addend: BigInt(at) + stored - symbol.value };
    }
    throw dwarfError(
      this.section,
      "DWARF_BAD_REFERENCE",
      at,
      "pointer: counts from its own section, for which there is no symbol",
    );
  }
}
