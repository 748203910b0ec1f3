/** `.eh_frame_hdr`: the search table that a linker makes of `.eh_frame` [LSB 5.0, 10.6.2]. */
import type { ElfFile } from "../../../elf/file.ts";
import { DW_EH_PE } from "../../constants/frame.ts";
import { dwarfError } from "../../place.ts";
import { FieldReader } from "../../relocation/field.ts";
import { DebugSection } from "../../section.ts";
import { EncodedPointers } from "./pointer.ts";

const VERSION = 1;
/** Bytes of the version and the three encodings. */
const ENCODINGS = 4;
/** Pointers whose size does not depend on their value, so that the table can be searched. */
const LEB128 = 0x01;

/** The search table of a linked file. */
export class FrameHeaderTable {
  readonly section: DebugSection;
  /** Address of `.eh_frame`; `undefined` if the header does not say. */
  readonly ehFrame: bigint | undefined;
  /** Entries of the table, sorted by address; 0 if there is none. */
  readonly count: number;
  readonly #pointers: EncodedPointers;
  readonly #table: number;
  /** Bytes of a pointer; an entry has two. */
  readonly #size: number;

  private constructor(elf: ElfFile, section: DebugSection) {
    const { bytes } = section;
    const fail = (code: "DWARF_TRUNCATED" | "DWARF_UNSUPPORTED", at: number, what: string): never => {
      throw dwarfError(section, code, at, what);
    };
    this.section = section;
    if (bytes.length < ENCODINGS) {
      fail("DWARF_TRUNCATED", 0, `header: found ${bytes.length} bytes, expected at least ${ENCODINGS}`);
    }
    const [version = 0, frameEncoding = 0, countEncoding = 0, tableEncoding = 0] = bytes;
    if (version !== VERSION) fail("DWARF_UNSUPPORTED", 0, `version ${version}: expected ${VERSION}`);
    const reader = new FieldReader(section);
    const bases = { text: undefined, data: section.elfSection.addr };
    const addressSize = elf.image.is64 ? 8 : 4;
    const pointers = (encoding: number): EncodedPointers =>
      new EncodedPointers(reader, bases, encoding, addressSize);
    let at = ENCODINGS;
    const read = (encoding: number): bigint | undefined => {
      if (encoding === DW_EH_PE.DW_EH_PE_omit) return undefined;
      const made = pointers(encoding);
      const value = made.at(at).info().addend;
      at += made.length(at, bytes.length);
      return value;
    };
    this.ehFrame = read(frameEncoding);
    const count = read(countEncoding);
    this.#table = at;
    this.#pointers = pointers(tableEncoding);
    const isTable = count !== undefined && count > 0n && tableEncoding !== DW_EH_PE.DW_EH_PE_omit;
    if (isTable && (tableEncoding & 7) === LEB128) {
      fail("DWARF_UNSUPPORTED", 3, "table: its pointers differ in size, so that it can't be searched");
    }
    this.#size = isTable ? this.#pointers.length(at, bytes.length) : 0;
    this.count = isTable ? Number(count) : 0;
    if (this.count * 2 * this.#size > bytes.length - at) {
      const found = `table: found ${bytes.length - at} bytes, expected ${this.count} entries`;
      fail("DWARF_TRUNCATED", at, found);
    }
  }

  /**
   * The search table of a file.
   * @returns `undefined` if the file has none
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED
   */
  static read(elf: ElfFile): FrameHeaderTable | undefined {
    const section = elf.sectionsNamed(".eh_frame_hdr")[0];
    return section === undefined ? undefined : new FrameHeaderTable(elf, new DebugSection(elf, section, []));
  }

  /** Where an entry's code begins. Addresses as the file has them. */
  start(index: number): bigint {
    return this.#pointer(2 * index);
  }

  /** Where an entry's FDE is. */
  fde(index: number): bigint {
    return this.#pointer(2 * index + 1);
  }

  /**
   * Address of the FDE that covers an address if any does: whether its range reaches so far, it says itself.
   * @returns `undefined` below the first entry
   */
  find(address: bigint): bigint | undefined {
    const high = Number((address >> 32n) & 0xffff_ffffn);
    const low = Number(address & 0xffff_ffffn);
    const pointers = this.#pointers;
    let from = 0;
    let to = this.count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      pointers.locate(this.#table + 2 * middle * this.#size);
      if (pointers.high < high || (pointers.high === high && pointers.low <= low)) from = middle + 1;
      else to = middle;
    }
    return from === 0 ? undefined : this.fde(from - 1);
  }

  #pointer(index: number): bigint {
    return this.#pointers.at(this.#table + index * this.#size).info().addend;
  }
}
