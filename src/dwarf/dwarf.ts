/** The debug information of one file: its units, and what they share. */
import { decodeUtf8 } from "../bytes/text.ts";
import type { ElfFile } from "../elf/file.ts";
import { DwarfError } from "../errors.ts";
import { DW_AT } from "./constants/attribute.ts";
import { DW_FORM } from "./constants/form.ts";
import { DW_UT } from "./constants/unit.ts";
import { dwarfError } from "./place.ts";
import { AbbrevTable } from "./read/entry/abbrev.ts";
import { EntryBatch } from "./read/entry/batch.ts";
import { EntryCursor } from "./read/entry/cursor.ts";
import { Parents } from "./read/entry/parents.ts";
import { readInitialLength, readUnitHeader, type UnitHeader } from "./read/unit/header.ts";
import { type Contribution, type Contributions, PackageIndex } from "./read/unit/package-index.ts";
import { type RootAttribute, rootAttributes } from "./read/unit/root.ts";
import { FieldReader } from "./relocation/field.ts";
import type { Resolver } from "./relocation/resolver.ts";
import { type DebugSection, DebugSections } from "./section.ts";
import { DebugStrings } from "./strings.ts";
import { UnitIndex } from "./unit-index.ts";

/** A part of a section that nobody bounds. */
const WHOLE: Contribution = { offset: 0, size: Number.MAX_SAFE_INTEGER };
const NOTHING: Contributions = new Map();

/** Which split unit a skeleton unit stands for, and where the compiler put it. [DWARF5 3.1.2] */
export interface SplitLink {
  /** `DW_AT_dwo_name`: a path, relative to {@link directory} unless it is absolute. */
  readonly name: string;
  /** `DW_AT_comp_dir`. */
  readonly directory: string | undefined;
  /** `dwo_id`, which both units have. */
  readonly id: bigint;
}

/** Opens files that may hold a split unit, `.dwo` files and packages, one after the other until one does. */
export type SplitLoader = (link: SplitLink, skeleton: DwarfUnit) => Iterable<Dwarf>;

/** Opens the supplementary file; asked at the first need, once. */
export type SupplementaryLoader = () => Dwarf | undefined;

/** A unit of `.debug_info` or `.debug_types`. Made when it is come to; its entries are read through cursors. */
export class DwarfUnit {
  readonly dwarf: Dwarf;
  readonly header: UnitHeader;
  readonly reader: FieldReader;
  #abbrevs: AbbrevTable | undefined;
  #root: ReadonlyMap<number, RootAttribute> | undefined;
  #contributions: Contributions | undefined;
  #stringOffsets: Contribution | undefined;
  #parents: Parents | undefined;
  #skeleton: DwarfUnit | undefined;
  /** The answer of {@link split}, once it was asked for. */
  #split: { readonly unit: DwarfUnit | undefined } | undefined;

  /** Made by {@link Dwarf.units}. @param skeleton the unit that stands for it in another file, where that is known */
  constructor(dwarf: Dwarf, reader: FieldReader, header: UnitHeader, skeleton?: DwarfUnit) {
    this.dwarf = dwarf;
    this.reader = reader;
    this.header = header;
    this.#skeleton = skeleton;
  }

  /** True of units of `.dwo` sections, which refer to others of those: a file may hold both kinds. */
  get isSplit(): boolean {
    return this.reader.section.section.endsWith(".dwo");
  }

  /** True of type units. */
  get isType(): boolean {
    const { unitType } = this.header;
    return unitType === DW_UT.DW_UT_type || unitType === DW_UT.DW_UT_split_type;
  }

  /** What the root entry says of the unit as a whole, by `DW_AT_`; read once. */
  get root(): ReadonlyMap<number, RootAttribute> {
    this.#root ??= rootAttributes(this.entries());
    return this.#root;
  }

  /** `dwo_id` of a skeleton or split unit: in the header, before DWARF 5 in `DW_AT_GNU_dwo_id`; `undefined` of others. */
  get id(): bigint | undefined {
    const { version, unitType, signature } = this.header;
    if (version >= 5) {
      const has = unitType === DW_UT.DW_UT_skeleton || unitType === DW_UT.DW_UT_split_compile;
      return has ? signature : undefined;
    }
    const told = this.isType ? undefined : this.root.get(DW_AT.DW_AT_GNU_dwo_id);
    return told && (BigInt(told.high) << 32n) | BigInt(told.value);
  }

  /** The split unit that this one stands for, by name; `undefined` when it is no skeleton unit. */
  get splitLink(): SplitLink | undefined {
    if (this.isSplit || this.isType) return undefined;
    const { id } = this;
    const name = this.rootString(DW_AT.DW_AT_dwo_name) ?? this.rootString(DW_AT.DW_AT_GNU_dwo_name);
    if (id === undefined || name === undefined) return undefined;
    return { name, directory: this.rootString(DW_AT.DW_AT_comp_dir), id };
  }

  /**
   * The split unit that this one stands for, which has all of its entries: from this file, or one that the loader in
   * force gives. `undefined` when it is no skeleton unit, or no file was found that has a unit with its `dwo_id`.
   */
  get split(): DwarfUnit | undefined {
    this.#split ??= { unit: this.dwarf.splitOf(this) };
    return this.#split.unit;
  }

  /** The unit that stands for this one, which is split, in the file that was linked; `undefined` when that is not known. */
  get skeleton(): DwarfUnit | undefined {
    if (this.#skeleton === undefined && this.isSplit && !this.isType)
      this.#skeleton = this.dwarf.skeletonOf(this);
    return this.#skeleton;
  }

  /** A string that the root entry holds; `undefined` where it has none. */
  rootString(attribute: number): string | undefined {
    const found = this.root.get(attribute);
    if (found === undefined) return undefined;
    return found.form === DW_FORM.DW_FORM_string
      ? decodeUtf8(this.reader.bytes, found.value, found.value + found.high)
      : this.dwarf.stringOf(found.form, found.value, this);
  }

  /**
   * The part of a section that is the unit's: in a package what its index says, and else all.
   * @param name without its dot: `debug_loclists`
   */
  contribution(name: string): Contribution {
    if (this.#contributions === undefined) {
      const { section } = this.reader;
      const kind = this.header.version < 5 && this.isType ? "debug_types" : "debug_info";
      this.#contributions = this.dwarf.contributions(section, kind, this.header.offset);
    }
    return this.#contributions.get(name) ?? WHOLE;
  }

  /** The unit's abbreviation table; units that share one get the same object. */
  get abbrevs(): AbbrevTable {
    if (this.#abbrevs === undefined) {
      const { abbrevField, offsetSize } = this.header;
      const offset = this.reader.offset(abbrevField, offsetSize) + this.contribution("debug_abbrev").offset;
      this.#abbrevs = this.dwarf.abbrevTable(offset, this.isSplit);
    }
    return this.#abbrevs;
  }

  /** A cursor before the unit's root entry. */
  entries(): EntryCursor {
    return new EntryCursor(this.reader, this.header, this.abbrevs);
  }

  /** Which entry owns which; found at the first question. */
  get parents(): Parents {
    this.#parents ??= new Parents(this.entries());
    return this.#parents;
  }

  /** All entries with their values, many at a time, for who reads them all; in the columns of `reuse`, if it is given. */
  batch(reuse?: EntryBatch): EntryBatch {
    if (reuse === undefined) return new EntryBatch(this.reader, this.header, this.abbrevs);
    reuse.begin(this.reader, this.header, this.abbrevs);
    return reuse;
  }

  /** The unit's table of string offsets, without its header: `DW_AT_str_offsets_base`. */
  get stringOffsets(): Contribution {
    if (this.#stringOffsets === undefined) {
      const { offset: start, size } = this.contribution("debug_str_offsets");
      // Split units have one table and need not say; in DWARF 5 it has a header [DWARF5 7.26].
      const header = this.header.version < 5 ? 0 : 2 * this.header.offsetSize;
      const offset = this.root.get(DW_AT.DW_AT_str_offsets_base)?.value ?? start + header;
      this.#stringOffsets = { offset, size: start + size - offset };
    }
    return this.#stringOffsets;
  }
}

/** The debug information of one file. Nothing is read before it is asked for, and everything once. */
export class Dwarf {
  readonly sections: DebugSections;
  readonly #readers = new Map<DebugSection, FieldReader>();
  readonly #abbrevs = new Map<DebugSection, Map<number, AbbrevTable>>();
  #index: UnitIndex<DwarfUnit> | undefined;
  readonly #strings: DebugStrings;
  readonly #packages = new Map<string, PackageIndex | undefined>();
  #splitLoader: SplitLoader | undefined;
  /** Files that split units were found in, as they were given, and as they are for this one. */
  readonly #splitFiles = new Map<Dwarf, Dwarf>();
  /** Of a split file: that whose skeleton units stand for its units. */
  #main: Dwarf | undefined;
  #skeletons: Map<bigint, DwarfUnit> | undefined;
  #splits: Map<bigint, DwarfUnit> | undefined;
  #supplementary: Dwarf | SupplementaryLoader | undefined;

  private constructor(elf: ElfFile) {
    this.sections = new DebugSections(elf);
    this.#strings = new DebugStrings(this.sections, (section) => this.reader(section));
  }

  /** The debug information of a file. Reads section headers only. */
  static open(elf: ElfFile, resolver?: Resolver): Dwarf {
    const dwarf = new Dwarf(elf);
    dwarf.place(resolver);
    return dwarf;
  }

  /**
   * Puts a resolver in force, which says where sections and undefined symbols are, or none. It is asked at the first need
   * of each, and once. What was read and parsed stays.
   */
  place(resolver: Resolver | undefined): void {
    this.sections.placement.place(resolver);
  }

  /** The reader of a section's fields; one for each section. */
  reader(section: DebugSection): FieldReader {
    let reader = this.#readers.get(section);
    if (reader === undefined) {
      reader = new FieldReader(section);
      this.#readers.set(section, reader);
    }
    return reader;
  }

  /**
   * All units, those of `.debug_info` first, in the order of the file.
   * @param skipped is told of a unit whose header is bad; where its length is known, the one behind it is next
   * @throws DwarfError at a unit whose header is bad, when nobody is to be told
   */
  *units(skipped?: (error: DwarfError) => void): IterableIterator<DwarfUnit> {
    for (const name of ["debug_info", "debug_types"]) {
      for (const section of this.sections.named(name)) {
        const reader = this.reader(section);
        for (let offset = 0; offset < reader.bytes.length; ) {
          let unit: DwarfUnit | undefined;
          try {
            unit = new DwarfUnit(this, reader, readUnitHeader(section, offset, name === "debug_types"));
          } catch (error) {
            if (skipped === undefined || !(error instanceof DwarfError)) throw error;
            skipped(error);
          }
          if (unit !== undefined) yield unit;
          offset = unit?.header.end ?? endOfUnit(section, offset);
        }
      }
    }
  }

  /** The units by place and signature, save those whose header is bad. Reads every unit's header at the first question. */
  get index(): UnitIndex<DwarfUnit> {
    this.#index ??= new UnitIndex(this.units(() => undefined));
    return this.#index;
  }

  /**
   * The type unit with a signature: by the index of a package, else by the units' headers; or that of the supplementary
   * file. `undefined` when there is none.
   */
  typeUnit(signature: bigint): DwarfUnit | undefined {
    const found = this.#packaged("debug_tu_index", signature, () => true) ?? this.index.type(signature);
    return found ?? this.supplementary?.index.type(signature);
  }

  /**
   * Says who opens the files that the split units are in. Without it, only those of this file itself are found.
   * Units that looked for theirs before keep what they found.
   */
  attachSplit(loader: SplitLoader | undefined): void {
    this.#splitLoader = loader;
  }

  /** Gives the supplementary file, or who opens it at the first need. */
  attachSupplementary(from: Dwarf | SupplementaryLoader | undefined): void {
    this.#supplementary = from;
  }

  /** The supplementary file, which holds what several files share; `undefined` when none is attached. */
  get supplementary(): Dwarf | undefined {
    if (typeof this.#supplementary === "function") this.#supplementary = this.#supplementary();
    return this.#supplementary;
  }

  /** The index of a package: `debug_cu_index` or `debug_tu_index`; `undefined` where the file has none. */
  packageIndex(name: "debug_cu_index" | "debug_tu_index"): PackageIndex | undefined {
    if (!this.#packages.has(name)) {
      const section = this.sections.first(name);
      this.#packages.set(name, section && new PackageIndex(section));
    }
    return this.#packages.get(name);
  }

  /**
   * What the unit at an offset contributes to other sections of a package; nothing where the file is none.
   * @param name of the section without its dot: `debug_info` or `debug_types`
   */
  contributions(section: DebugSection, name: string, offset: number): Contributions {
    if (section.section.endsWith(".dwo")) {
      for (const index of ["debug_cu_index", "debug_tu_index"] as const) {
        const from = this.packageIndex(index);
        const row = from?.rowAt(name, offset) ?? -1;
        if (from !== undefined && row >= 0) return from.contributions(row);
      }
    }
    return NOTHING;
  }

  /** The split unit of this file with a `dwo_id`: by the index of a package, else by the units themselves. */
  splitUnit(id: bigint): DwarfUnit | undefined {
    if (this.packageIndex("debug_cu_index") !== undefined) {
      return this.#packaged("debug_cu_index", id, (unit) => unit.id === id);
    }
    this.#splits ??= this.#byId((unit) => unit.isSplit);
    return this.#splits.get(id);
  }

  /** What {@link DwarfUnit.split} of a unit of this file is. */
  splitOf(skeleton: DwarfUnit): DwarfUnit | undefined {
    const link = skeleton.splitLink;
    if (link === undefined) return undefined;
    for (const given of this.#splitCandidates(link, skeleton)) {
      const dwarf = this.#adopt(given);
      const found = dwarf.splitUnit(link.id);
      if (found !== undefined) return new DwarfUnit(dwarf, found.reader, found.header, skeleton);
    }
    return undefined;
  }

  /** What {@link DwarfUnit.skeleton} of a split unit of this file is. */
  skeletonOf(unit: DwarfUnit): DwarfUnit | undefined {
    const main = this.#main ?? this;
    const { id } = unit;
    if (id === undefined) return undefined;
    main.#skeletons ??= main.#byId((candidate) => candidate.splitLink !== undefined);
    return main.#skeletons.get(id);
  }

  *#splitCandidates(link: SplitLink, skeleton: DwarfUnit): IterableIterator<Dwarf> {
    if (this.sections.named("debug_info").some(({ section }) => section.endsWith(".dwo"))) yield this;
    if (this.#splitLoader !== undefined) yield* this.#splitLoader(link, skeleton);
  }

  /** A split file as it is for this one: the skeletons of its units are here, whatever other file shares it. */
  #adopt(given: Dwarf): Dwarf {
    if (given === this) return this;
    let dwarf = this.#splitFiles.get(given);
    if (dwarf === undefined) {
      dwarf = given.#main === undefined ? given : new Dwarf(given.sections.elf);
      dwarf.#main = this;
      this.#splitFiles.set(given, dwarf);
    }
    return dwarf;
  }

  #byId(wanted: (unit: DwarfUnit) => boolean): Map<bigint, DwarfUnit> {
    const found = new Map<bigint, DwarfUnit>();
    for (const unit of this.index) {
      const id = wanted(unit) ? unit.id : undefined;
      if (id !== undefined && !found.has(id)) found.set(id, unit);
    }
    return found;
  }

  /** The first unit in what the row of a signature contributes that is the one. */
  #packaged(
    name: "debug_cu_index" | "debug_tu_index",
    signature: bigint,
    isWanted: (unit: DwarfUnit) => boolean,
  ): DwarfUnit | undefined {
    const index = this.packageIndex(name);
    const row = index?.find(signature) ?? -1;
    if (index === undefined || row < 0) return undefined;
    const parts = index.contributions(row);
    const kind = parts.has("debug_types") ? "debug_types" : "debug_info";
    const section = this.sections.named(kind).find((one) => one.section.endsWith(".dwo"));
    const part = parts.get(kind);
    if (section === undefined || part === undefined || part.offset + part.size > section.bytes.length) {
      const what = `unit 0x${signature.toString(16)}: its part of .${kind}.dwo is not there`;
      throw dwarfError(index.section, "DWARF_BAD_REFERENCE", 0, what);
    }
    const reader = this.reader(section);
    for (let offset = part.offset; offset < part.offset + part.size; ) {
      const unit = new DwarfUnit(this, reader, readUnitHeader(section, offset, kind === "debug_types"));
      if (isWanted(unit)) return unit;
      offset = unit.header.end;
    }
    const what = `unit 0x${signature.toString(16)}: not in its part of .${kind}.dwo`;
    throw dwarfError(index.section, "DWARF_BAD_REFERENCE", part.offset, what);
  }

  /** The abbreviation table at an offset, read once. @param isSplit whether of `.debug_abbrev.dwo` */
  abbrevTable(offset: number, isSplit: boolean): AbbrevTable {
    const section = this.sections.need("debug_abbrev", isSplit);
    let tables = this.#abbrevs.get(section);
    if (tables === undefined) {
      tables = new Map();
      this.#abbrevs.set(section, tables);
    }
    let table = tables.get(offset);
    if (table === undefined) {
      table = AbbrevTable.read(section.bytes, offset, section);
      tables.set(offset, table);
    }
    return table;
  }

  /**
   * The string that the cursor's current attribute is.
   * @returns `undefined` when the form is no string, or one of a supplementary file and none is attached
   */
  string(unit: DwarfUnit, at: EntryCursor): string | undefined {
    return at.form === DW_FORM.DW_FORM_string
      ? decodeUtf8(at.reader.bytes, at.low, at.low + at.high)
      : this.stringOf(at.form, at.low, unit);
  }

  /**
   * The string that a form with this value is, unless it stands in place.
   * @param unit whose string offsets count; without one, strings by index are not known
   * @returns `undefined` when the form is no such string, or one of a supplementary file and none is attached
   */
  stringOf(form: number, value: number, unit?: DwarfUnit): string | undefined {
    const isSupplementary = form === DW_FORM.DW_FORM_strp_sup || form === DW_FORM.DW_FORM_GNU_strp_alt;
    return isSupplementary
      ? this.supplementary?.stringOf(DW_FORM.DW_FORM_strp, value)
      : this.#strings.of(form, value, unit);
  }
}

/** Where the unit at an offset ends; the end of the section when its length is bad too. */
function endOfUnit(section: DebugSection, offset: number): number {
  try {
    return readInitialLength(section, offset).end;
  } catch {
    return section.bytes.length;
  }
}
