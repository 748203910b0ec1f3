/**
 * `.debug_pubnames` and `.debug_pubtypes`: names of a unit's global entries, a set a unit [DWARF4 6.1.1, 7.19], and GNU's
 * `.debug_gnu_pubnames` and `.debug_gnu_pubtypes`, whose entries have a byte of flags more (what gdb's index holds).
 */
import { decodeUtf8, findNul } from "../../../bytes/text.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { readInitialLength } from "../unit/header.ts";
import { referredUnit } from "./reference.ts";

/** What kind of thing a GNU name is. [gdb/dwarf2/gdb-index: `gdb_index_symbol_kind`] */
const GNU_KINDS = ["none", "type", "variable", "function", "other"] as const;
/** What a name of `.debug_gnu_pubnames` or `.debug_gnu_pubtypes` is. */
export type GnuNameKind = (typeof GNU_KINDS)[number];

/** A place in the section. */
export class PublicNameCursor {
  readonly reader: FieldReader;
  /** Whether entries have flags. */
  readonly gnu: boolean;
  /** Of the current set, in the section. */
  set = -1;
  /** Where the set's offset of its unit is; see {@link unitOffset}. */
  unitField = 0;
  /** Bytes of offsets in the set. */
  offsetSize = 4;
  /** Bytes of the unit, as the set says. */
  unitLength = 0;
  /** Of the current entry, in the section. */
  offset = 0;
  /** Of the entry that the name is for, from the start of its unit. */
  entry = 0;
  /** The byte of flags of GNU's; see {@link kind} and {@link isStatic}. */
  flags = 0;
  #nameStart = 0;
  #nameEnd = 0;
  #next = 0;
  #end = 0;
  #nextSet = 0;

  /** Before the first set. The section's name says whether it is one of GNU's. */
  constructor(reader: FieldReader) {
    this.reader = reader;
    this.gnu = reader.section.section.includes("debug_gnu_pub");
  }

  /** Where the current set's unit is in its section. @throws DwarfError DWARF_BAD_RELOCATION */
  get unitOffset(): number {
    return this.reader.offset(this.unitField, this.offsetSize);
  }

  /** The current entry's name. */
  get name(): string {
    return decodeUtf8(this.reader.bytes, this.#nameStart, this.#nameEnd);
  }

  /** What GNU's flags say the entry is; `undefined` of a number without a meaning, and without flags. */
  get kind(): GnuNameKind | undefined {
    return this.gnu ? GNU_KINDS[(this.flags >> 4) & 7] : undefined;
  }

  /** What GNU's flags say: the entry is not visible outside its unit. */
  get isStatic(): boolean {
    return (this.flags & 0x80) !== 0;
  }

  /** The current set's unit. @throws DwarfError DWARF_BAD_REFERENCE */
  unit(dwarf: Dwarf): DwarfUnit {
    return referredUnit(dwarf, this.reader, this.unitField, this.offsetSize);
  }

  /**
   * Moves to the next set, before its first entry.
   * @returns false at the end of the section
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED, DWARF_BAD_VALUE
   */
  nextSet(): boolean {
    const { reader } = this;
    const at = this.#nextSet;
    if (at >= reader.bytes.length) {
      this.#next = this.#end;
      return false;
    }
    const { start, end, offsetSize } = readInitialLength(reader.section, at);
    this.set = at;
    this.#nextSet = end;
    const entries = start + 2 + 2 * offsetSize;
    if (entries > end) this.#fail(at, `names: the set ends after ${end - at} bytes`);
    const version = reader.raw(start, 2);
    if (version !== 2) {
      throw dwarfError(reader.section, "DWARF_UNSUPPORTED", start, `names of version ${version}: expected 2`);
    }
    this.offsetSize = offsetSize;
    this.unitField = start + 2;
    this.unitLength = reader.offset(start + 2 + offsetSize, offsetSize);
    this.#next = entries;
    this.#end = end;
    return true;
  }

  /**
   * Moves to the next entry of the set.
   * @returns false at the end of the set
   * @throws DwarfError DWARF_TRUNCATED
   */
  next(): boolean {
    const { reader, offsetSize } = this;
    const at = this.#next;
    if (at + offsetSize > this.#end) return false;
    const entry = reader.offset(at, offsetSize);
    if (entry === 0) {
      this.#next = this.#end;
      return false;
    }
    const flags = at + offsetSize;
    this.offset = at;
    this.entry = entry;
    this.flags = this.gnu ? (reader.bytes[flags] ?? 0) : 0;
    this.#nameStart = flags + (this.gnu ? 1 : 0);
    this.#nameEnd = findNul(reader.bytes, this.#nameStart);
    if (this.#nameEnd < 0 || this.#nameEnd >= this.#end) this.#fail(at, "name: no end within the set");
    this.#next = this.#nameEnd + 1;
    return true;
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.reader.section, "DWARF_TRUNCATED", at, what);
  }
}
