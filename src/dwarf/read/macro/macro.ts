/** `.debug_macro`: what the preprocessor saw, of version 5 and of GNU's version 4 [DWARF5 6.3]. */
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { decodeUtf8, findNul } from "../../../bytes/text.ts";
import { DW_FORM } from "../../constants/form.ts";
import { DW_MACRO, DW_MACRO_FLAG, macroEntryName } from "../../constants/macro.ts";
import { DW_UT } from "../../constants/unit.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { FormReader } from "../entry/form.ts";
import { referredSection } from "../names/reference.ts";

/** Where a macro's text is: nowhere, in place, by offset, by index, in a supplementary file. */
const TEXT = { NONE: 0, INLINE: 1, OFFSET: 2, INDEX: 3, SUPPLEMENT: 4 } as const;

/** A place in a macro unit. Walking allocates nothing. */
export class MacroCursor {
  readonly dwarf: Dwarf;
  readonly reader: FieldReader;
  /** Of the macro unit's header, in the section. */
  unit = -1;
  version = 0;
  /** Bytes of an offset: 4 or 8. */
  offsetSize: 4 | 8 = 4;
  /** Of the line table whose files {@link file} counts; -1 when the header does not say. */
  lineOffset = -1;
  /** Of the current entry, in the section. */
  offset = -1;
  /** `DW_MACRO_` value of the current entry. */
  entry = 0;
  /** Source line of a definition, or of the directive that includes a file; 0 of others. */
  line = 0;
  /** The file that begins, by its number in the line table. */
  file = 0;
  readonly #owner: DwarfUnit | undefined;
  /** Operands' forms of entries that the header describes. */
  #operands: Map<number, Uint8Array> | undefined;
  #forms: FormReader | undefined;
  #text: number = TEXT.NONE;
  /** Where the text, or the offset of what is imported, is; or its offset or index. */
  #value = 0;
  #next: number;
  #open = false;

  /**
   * Before the macro unit at an offset; see {@link nextUnit}.
   * @param owner the compilation unit, whose strings entries of some forms are
   */
  constructor(dwarf: Dwarf, reader: FieldReader, offset = 0, owner?: DwarfUnit) {
    this.dwarf = dwarf;
    this.reader = reader;
    this.#next = offset;
    this.#owner = owner;
  }

  /**
   * What is defined or undefined: `SUM(x,y) ((x) + (y))`. `undefined` of other entries, of a string by index without the
   * compilation unit, and of one in a supplementary file that is not attached.
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  get text(): string | undefined {
    const { dwarf } = this;
    switch (this.#text) {
      case TEXT.INLINE:
        return decodeUtf8(this.reader.bytes, this.#value, findNul(this.reader.bytes, this.#value));
      case TEXT.OFFSET:
        return dwarf.stringOf(DW_FORM.DW_FORM_strp, this.#value, this.#owner);
      case TEXT.INDEX:
        return dwarf.stringOf(DW_FORM.DW_FORM_strx, this.#value, this.#owner);
      case TEXT.SUPPLEMENT:
        return dwarf.stringOf(DW_FORM.DW_FORM_strp_sup, this.#value);
      default:
        return undefined;
    }
  }

  /** Where the text is in a supplementary file; `undefined` when it is not in one. */
  get supplementOffset(): number | undefined {
    return this.#text === TEXT.SUPPLEMENT ? this.#value : undefined;
  }

  /**
   * Where the macro unit that the current entry imports is in its section, of a supplementary file for
   * `DW_MACRO_import_sup`; in a package, from where the unit's macros begin. `undefined` when it imports none.
   * @throws DwarfError DWARF_BAD_RELOCATION
   */
  get importOffset(): number | undefined {
    const { entry } = this;
    return entry === DW_MACRO.DW_MACRO_import || entry === DW_MACRO.DW_MACRO_import_sup
      ? this.reader.offset(this.#value, this.offsetSize)
      : undefined;
  }

  /**
   * The macro unit that the current entry imports, before it. Compilers give each of them a section of its own in
   * relocatable files.
   * @returns `undefined` when it imports none, or none that is known: one of a supplementary file that is not attached,
   *   and in a split file with several sections, which have no relocations to say which
   * @throws DwarfError DWARF_BAD_RELOCATION
   */
  imported(): MacroCursor | undefined {
    const { dwarf, reader, offsetSize, importOffset } = this;
    if (importOffset === undefined) return undefined;
    if (this.entry === DW_MACRO.DW_MACRO_import_sup) return this.#supplement(importOffset);
    const at = this.#value;
    if (dwarf.sections.named("debug_macro").length > 1 && !reader.isRelocated(at)) return undefined;
    const section = referredSection(dwarf, reader, at, offsetSize, "debug_macro") ?? reader;
    const start = this.#owner?.contribution("debug_macro").offset ?? 0;
    return new MacroCursor(dwarf, section, start + importOffset, this.#owner);
  }

  #supplement(offset: number): MacroCursor | undefined {
    const { supplementary } = this.dwarf;
    const section = supplementary?.sections.first("debug_macro");
    return supplementary && section && new MacroCursor(supplementary, supplementary.reader(section), offset);
  }

  /**
   * Moves into the macro unit that begins here, before its first entry; what is left of the current one is passed over.
   * @returns false at the end of the section
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED
   */
  nextUnit(): boolean {
    while (this.#open) this.next();
    const { reader } = this;
    const start = this.#next;
    if (start >= reader.bytes.length) return false;
    this.unit = start;
    this.version = reader.raw(this.#take(2), 2);
    if (this.version !== 4 && this.version !== 5) {
      const what = `macro unit of version ${this.version}: expected 4 or 5`;
      throw dwarfError(reader.section, "DWARF_UNSUPPORTED", start, what);
    }
    const flags = reader.bytes[this.#take(1)] ?? 0;
    this.offsetSize = (flags & DW_MACRO_FLAG.DW_MACRO_FLAG_offset_size) === 0 ? 4 : 8;
    const hasLines = (flags & DW_MACRO_FLAG.DW_MACRO_FLAG_debug_line_offset) !== 0;
    this.lineOffset = hasLines ? reader.offset(this.#take(this.offsetSize), this.offsetSize) : -1;
    const hasTable = (flags & DW_MACRO_FLAG.DW_MACRO_FLAG_opcode_operands_table) !== 0;
    this.#operands = hasTable ? this.#readOperands() : undefined;
    this.#forms = undefined;
    this.#open = true;
    return true;
  }

  /**
   * Moves to the next entry of the macro unit.
   * @returns false at its end
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED of an entry that nobody describes
   */
  next(): boolean {
    if (!this.#open) return false;
    const at = this.#take(1);
    const entry = this.reader.bytes[at] ?? 0;
    this.#text = TEXT.NONE;
    this.line = 0;
    this.file = 0;
    if (entry === 0) {
      this.#open = false;
      return false;
    }
    this.offset = at;
    this.entry = entry;
    switch (entry) {
      case DW_MACRO.DW_MACRO_define:
      case DW_MACRO.DW_MACRO_undef:
        this.line = this.#uleb();
        this.#takeString();
        break;
      case DW_MACRO.DW_MACRO_start_file:
        this.line = this.#uleb();
        this.file = this.#uleb();
        break;
      case DW_MACRO.DW_MACRO_end_file:
        break;
      case DW_MACRO.DW_MACRO_define_strp:
      case DW_MACRO.DW_MACRO_undef_strp:
        this.line = this.#uleb();
        if (this.#isIndexed) this.#takeText(TEXT.INDEX, this.#uleb());
        else this.#takeText(TEXT.OFFSET, this.reader.offset(this.#take(this.offsetSize), this.offsetSize));
        break;
      case DW_MACRO.DW_MACRO_define_sup:
      case DW_MACRO.DW_MACRO_undef_sup:
        this.line = this.#uleb();
        this.#takeText(TEXT.SUPPLEMENT, this.reader.raw(this.#take(this.offsetSize), this.offsetSize));
        break;
      case DW_MACRO.DW_MACRO_define_strx:
      case DW_MACRO.DW_MACRO_undef_strx:
        this.line = this.#uleb();
        this.#takeText(TEXT.INDEX, this.#uleb());
        break;
      case DW_MACRO.DW_MACRO_import:
      case DW_MACRO.DW_MACRO_import_sup:
        this.#value = this.#take(this.offsetSize);
        break;
      default:
        this.#passOver(entry, at);
    }
    return true;
  }

  /** gcc writes indices under the code for offsets in split files before DWARF 5, which has a code for them. */
  get #isIndexed(): boolean {
    return this.version < 5 && this.reader.section.section.endsWith(".dwo");
  }

  #takeText(text: number, value: number): void {
    this.#text = text;
    this.#value = value;
  }

  #takeString(): void {
    const start = this.#next;
    const end = findNul(this.reader.bytes, start);
    if (end < 0) this.#fail("DWARF_TRUNCATED", start, "macro: its text has no end within the section");
    this.#next = end + 1;
    this.#takeText(TEXT.INLINE, start);
  }

  /** An entry of a vendor, whose operands the header describes. */
  #passOver(entry: number, at: number): void {
    const forms = this.#operands?.get(entry);
    if (forms === undefined) {
      this.#fail("DWARF_UNSUPPORTED", at, `${macroEntryName(entry)}: the header does not describe it`);
    }
    const { reader } = this;
    this.#forms ??= new FormReader(reader, {
      offset: 0,
      end: reader.bytes.length,
      version: 5,
      addressSize: 8,
      offsetSize: this.offsetSize,
      unitType: DW_UT.DW_UT_compile,
      abbrevField: 0,
      entries: 0,
      signature: 0n,
      typeOffset: 0,
    });
    for (const form of forms) {
      this.#next = this.#forms.read(form, this.#next);
      if (this.#next > reader.bytes.length) this.#fail("DWARF_TRUNCATED", at, "macro: runs past the section");
    }
  }

  /** [DWARF5 6.3.1.1] */
  #readOperands(): Map<number, Uint8Array> {
    const { bytes } = this.reader;
    const operands = new Map<number, Uint8Array>();
    for (let count = bytes[this.#take(1)] ?? 0; count > 0; count--) {
      const entry = bytes[this.#take(1)] ?? 0;
      const length = this.#uleb();
      const start = this.#take(length);
      operands.set(entry, bytes.subarray(start, start + length));
    }
    return operands;
  }

  #uleb(): number {
    const { bytes } = this.reader;
    const at = this.#next;
    const length = leb128Length(bytes, at);
    if (length === 0) this.#fail("DWARF_TRUNCATED", at, "macro: found a LEB128 without an end");
    this.#next = at + length;
    return readUleb128Number(bytes, at);
  }

  #take(size: number): number {
    const at = this.#next;
    const found = this.reader.bytes.length - at;
    if (size > found) this.#fail("DWARF_TRUNCATED", at, `macro: found ${found} bytes, expected ${size}`);
    this.#next = at + size;
    return at;
  }

  #fail(code: "DWARF_TRUNCATED" | "DWARF_UNSUPPORTED", at: number, what: string): never {
    this.#open = false;
    throw dwarfError(this.reader.section, code, at, what);
  }
}
