/** `.debug_macinfo`: what the preprocessor saw, before DWARF 5 [DWARF4 6.3, 7.22]. */
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { decodeUtf8, findNul } from "../../../bytes/text.ts";
import { DW_MACINFO, macinfoEntryName } from "../../constants/macro.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";

/** A place among the entries of one unit. Walking allocates nothing. */
export class MacinfoCursor {
  readonly reader: FieldReader;
  /** Of the current entry, in the section. */
  offset = -1;
  /** `DW_MACINFO_` value of the current entry. */
  entry = 0;
  /** Source line of a definition, or of the directive that includes a file; a vendor's constant; 0 of others. */
  line = 0;
  /** The file that begins, by its number in the unit's line table. */
  file = 0;
  #textStart = -1;
  #textEnd = -1;
  #next: number;

  /** Before the first entry of the list at an offset. */
  constructor(reader: FieldReader, offset = 0) {
    this.reader = reader;
    this.#next = offset;
  }

  /** What is defined or undefined: `SUM(x,y) ((x) + (y))`, or a vendor's text; `undefined` of other entries. */
  get text(): string | undefined {
    return this.#textStart < 0 ? undefined : decodeUtf8(this.reader.bytes, this.#textStart, this.#textEnd);
  }

  /** Where the next entry is; behind the list once {@link next} gave false. */
  get position(): number {
    return this.#next;
  }

  /**
   * Moves to the next entry.
   * @returns false at the end of the list
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED
   */
  next(): boolean {
    const { bytes, section } = this.reader;
    const at = this.#next;
    if (at >= bytes.length) this.#fail(at, "macros: no end within the section");
    const entry = bytes[at] ?? 0;
    this.#next = at + 1;
    this.#textStart = -1;
    this.line = 0;
    this.file = 0;
    if (entry === 0) return false;
    this.offset = at;
    this.entry = entry;
    switch (entry) {
      case DW_MACINFO.DW_MACINFO_define:
      case DW_MACINFO.DW_MACINFO_undef:
      case DW_MACINFO.DW_MACINFO_vendor_ext:
        this.line = this.#uleb();
        this.#textStart = this.#next;
        this.#textEnd = findNul(bytes, this.#next);
        if (this.#textEnd < 0) this.#fail(at, "macro: its text has no end within the section");
        this.#next = this.#textEnd + 1;
        return true;
      case DW_MACINFO.DW_MACINFO_start_file:
        this.line = this.#uleb();
        this.file = this.#uleb();
        return true;
      case DW_MACINFO.DW_MACINFO_end_file:
        return true;
      default:
        throw dwarfError(section, "DWARF_UNSUPPORTED", at, `${macinfoEntryName(entry)}: unknown`);
    }
  }

  #uleb(): number {
    const { bytes } = this.reader;
    const at = this.#next;
    const length = leb128Length(bytes, at);
    if (length === 0) this.#fail(at, "macro: found a LEB128 without an end");
    this.#next = at + length;
    return readUleb128Number(bytes, at);
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.reader.section, "DWARF_TRUNCATED", at, what);
  }
}
