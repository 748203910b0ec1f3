/** `.debug_frame` and `.eh_frame`: the entries of one section [DWARF5 6.4.1; LSB 5.0, 10.6]. */
import { readU32 } from "../../../bytes/endian.ts";
import type { ElfFile } from "../../../elf/file.ts";
import type { Dwarf } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { Relocatable, Resolver } from "../../relocation/relocatable.ts";
import type { DebugSection } from "../../section.ts";
import { Cie, Fde, type FrameContext } from "./entry.ts";
import { FrameIndex } from "./index-by-place.ts";
import { EncodedPointers, type PointerBases } from "./pointer.ts";

/** Initial lengths from here on are reserved; the last announces the 64-bit format [DWARF5 7.4]. */
const RESERVED_LENGTHS = 0xffff_fff0;
const FORMAT_64 = 0xffff_ffff;

/**
 * A place among the entries of a section. Terminators are passed over: an unwinder stops there, but linkers put the tables
 * of several files into one section.
 */
export class FrameCursor {
  /** Of the current entry: its length field, in the section. */
  offset = -1;
  /** Behind its last byte. */
  end = 0;
  /** Whether it is a CIE; else an FDE. */
  isCie = false;
  /** Of an FDE: where its CIE begins. */
  cieOffset = 0;
  /** Behind the CIE id or the CIE pointer. */
  fields = 0;
  readonly #section: DebugSection;
  readonly #reader: FieldReader;
  readonly #isEh: boolean;
  #position: number;

  constructor(reader: FieldReader, isEh: boolean, from = 0) {
    this.#section = reader.section;
    this.#reader = reader;
    this.#isEh = isEh;
    this.#position = from;
  }

  /**
   * Moves to the next entry. After an error that leaves the length known, the one behind it.
   * @returns false at the end of the section
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE, DWARF_BAD_REFERENCE
   */
  next(): boolean {
    const { bytes, little } = this.#reader;
    let offset = this.#position;
    // Terminators, one or many.
    while (offset + 4 <= bytes.length && readU32(bytes, offset, little) === 0) offset += 4;
    if (offset >= bytes.length) return false;
    this.#position = bytes.length;
    this.#need(offset, 4, bytes.length, "length");
    let length = readU32(bytes, offset, little);
    let at = offset + 4;
    const is64 = length === FORMAT_64;
    if (is64) {
      this.#need(at, 8, bytes.length, "length");
      length = this.#reader.raw(at, 8);
      at += 8;
    } else if (length >= RESERVED_LENGTHS) {
      throw dwarfError(this.#section, "DWARF_BAD_VALUE", offset, `length 0x${length.toString(16)}: reserved`);
    }
    const end = at + length;
    if (end > bytes.length) {
      const over = end - bytes.length;
      throw dwarfError(
        this.#section,
        "DWARF_TRUNCATED",
        offset,
        `length ${length}: ends ${over} bytes past the section`,
      );
    }
    this.#position = end;
    this.offset = offset;
    this.end = end;
    // In .eh_frame it has 4 bytes always, and counts back from itself [LSB 5.0, 10.6.1.1].
    const idSize = is64 && !this.#isEh ? 8 : 4;
    this.#need(at, idSize, end, "CIE id");
    this.fields = at + idSize;
    if (this.#isEh) {
      const distance = readU32(bytes, at, little);
      this.isCie = distance === 0;
      this.cieOffset = at - distance;
    } else {
      const low = readU32(bytes, at, little);
      this.isCie = low === 0xffff_ffff && (idSize === 4 || readU32(bytes, at + 4, little) === 0xffff_ffff);
      this.cieOffset = this.isCie ? 0 : this.#reader.offset(at, idSize);
    }
    return true;
  }

  #need(at: number, size: number, end: number, what: string): void {
    if (at + size <= end) return;
    const found = `${what}: found ${Math.max(0, end - at)} bytes before the end, expected ${size}`;
    throw dwarfError(this.#section, "DWARF_TRUNCATED", at, found);
  }
}

export class FrameSection implements FrameContext {
  readonly reader: FieldReader;
  /** `.eh_frame`, not `.debug_frame`. */
  readonly isEh: boolean;
  readonly machine: number;
  readonly addressSize: number;
  readonly #bases: PointerBases;
  readonly #pointers = new Map<number, EncodedPointers>();
  readonly #cies = new Map<number, Cie>();
  #index: FrameIndex | undefined;

  /**
   * @param reader the section's
   * @param bases what pointers count from that name the text section or the global offset table; by default `.text`, and
   *   `.got.plt` or else `.got` of the file
   */
  constructor(reader: FieldReader, bases: PointerBases = defaultBases(reader.section.elf)) {
    const { elf } = reader.section;
    this.reader = reader;
    this.isEh = !reader.section.section.includes("debug_frame");
    this.machine = elf.header.machine;
    this.addressSize = elf.image.is64 ? 8 : 4;
    this.#bases = bases;
  }

  /** All sections of frames that a file has, `.debug_frame` first: it knows more. */
  static all(dwarf: Dwarf): FrameSection[] {
    return ["debug_frame", "eh_frame"].flatMap((name) =>
      dwarf.sections.named(name).map((section) => new FrameSection(dwarf.reader(section))),
    );
  }

  pointers(encoding: number, addressSize: number): EncodedPointers {
    const key = encoding * 16 + addressSize;
    let pointers = this.#pointers.get(key);
    if (pointers === undefined) {
      pointers = new EncodedPointers(this.reader, this.#bases, encoding, addressSize);
      this.#pointers.set(key, pointers);
    }
    return pointers;
  }

  /** A cursor before the first entry. It makes nothing; entries are made by {@link cie} and {@link fde}. */
  entries(): FrameCursor {
    return new FrameCursor(this.reader, this.isEh);
  }

  /** The CIE that a cursor is at. @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED, DWARF_BAD_VALUE */
  cie(at: FrameCursor): Cie {
    let cie = this.#cies.get(at.offset);
    if (cie === undefined) {
      cie = new Cie(this, at.offset, at.fields, at.end);
      this.#cies.set(at.offset, cie);
    }
    return cie;
  }

  /** The FDE that a cursor is at. @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_REFERENCE, DWARF_UNSUPPORTED */
  fde(at: FrameCursor): Fde {
    const cie = this.#cies.get(at.cieOffset) ?? this.cieAt(at.cieOffset, at.offset);
    return new Fde(cie, at.offset, at.fields, at.end);
  }

  /** All FDEs, in the order of the file. @throws DwarfError at the first that is malformed */
  *fdes(): IterableIterator<Fde> {
    for (const at = this.entries(); at.next(); ) if (!at.isCie) yield this.fde(at);
  }

  /**
   * The CIE at an offset, read once.
   * @param from the entry that refers to it, for the message
   * @throws DwarfError DWARF_BAD_REFERENCE if there is none
   */
  cieAt(offset: number, from = offset): Cie {
    const at = this.#entryAt(offset);
    if (at?.isCie === true) return this.cie(at);
    const where = `0x${offset.toString(16)}`;
    throw dwarfError(
      this.reader.section,
      "DWARF_BAD_REFERENCE",
      from,
      `CIE pointer: found no CIE at ${where}`,
    );
  }

  /** The FDE at an offset. @throws DwarfError DWARF_BAD_REFERENCE if there is none */
  fdeAt(offset: number): Fde {
    const at = this.#entryAt(offset);
    if (at?.isCie === false) return this.fde(at);
    throw dwarfError(this.reader.section, "DWARF_BAD_REFERENCE", offset, "found no FDE here");
  }

  /**
   * The FDE that covers an offset of a section of a relocatable file.
   * @throws DwarfError at the first that is malformed: at the first question all are looked at
   */
  findIn(section: number, offset: number): Fde | undefined {
    return this.#found(this.#frames().findIn(section, offset));
  }

  /**
   * The FDE that covers an address.
   * @param resolver is asked for the sections that there are frames for, until one covers the address; not at all in a
   *   linked file. By default the one in force.
   * @throws DwarfError as {@link findIn}
   */
  find(address: bigint, resolver: Resolver = this.reader.section.placement): Fde | undefined {
    return this.#found(this.#frames().find(address, resolver));
  }

  /** The FDE that covers a place: by section and offset where it counts from a section. @throws DwarfError as {@link findIn} */
  findAt(place: Relocatable): Fde | undefined {
    const { target, addend, minus } = place.info();
    if (minus !== undefined) return undefined;
    if (target === undefined) return this.find(addend);
    const { special, sectionIndex, value } = target.symbol;
    return special ? undefined : this.findIn(sectionIndex, Number(value + addend));
  }

  #found(offset: number): Fde | undefined {
    return offset < 0 ? undefined : this.fdeAt(offset);
  }

  #frames(): FrameIndex {
    this.#index ??= FrameIndex.of(this.reader.section, this.fdes());
    return this.#index;
  }

  /** A cursor at the entry that begins at an offset; `undefined` if nothing can begin there. */
  #entryAt(offset: number): FrameCursor | undefined {
    if (!(Number.isInteger(offset) && offset >= 0 && offset < this.reader.bytes.length)) return undefined;
    const at = new FrameCursor(this.reader, this.isEh, offset);
    return at.next() && at.offset === offset ? at : undefined;
  }
}

function defaultBases(elf: ElfFile): PointerBases {
  return {
    text: elf.sectionsNamed(".text")[0]?.addr,
    data: (elf.sectionsNamed(".got.plt")[0] ?? elf.sectionsNamed(".got")[0])?.addr,
  };
}
