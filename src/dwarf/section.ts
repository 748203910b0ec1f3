/** The debug sections of one file, found at opening and read at first need. [seed: libdw's lazy relocation] */
import { ET } from "../elf/constants/header.ts";
import { SHT } from "../elf/constants/section.ts";
import type { ElfFile } from "../elf/file.ts";
import type { ElfSection } from "../elf/section.ts";
import type { SymbolTable } from "../elf/symbol.ts";
import { dwarfError, type Located } from "./place.ts";
import { Placement } from "./relocation/placement.ts";
import { SectionRelocations } from "./relocation/table.ts";

/** One debug section with the relocations that apply to it, neither read before it is needed. */
export class DebugSection implements Located {
  readonly elf: ElfFile;
  readonly elfSection: ElfSection;
  /** Relocations that apply here; only of relocatable files, since those kept in a linked one were applied. */
  readonly relocations: SectionRelocations | undefined;
  /** Where the file's sections and symbols are, by the resolver in force; all sections of a file share it. */
  readonly placement: Placement;
  readonly #sources: readonly ElfSection[];
  #bytes: Uint8Array | undefined;

  /** @param sources the relocation sections that apply here */
  constructor(
    elf: ElfFile,
    elfSection: ElfSection,
    sources: readonly ElfSection[],
    placement = new Placement(elf),
  ) {
    this.elf = elf;
    this.#sources = sources;
    this.elfSection = elfSection;
    this.placement = placement;
    this.relocations = sources.length === 0 ? undefined : new SectionRelocations(this, sources);
  }

  get file(): string | undefined {
    return this.elf.name;
  }

  get section(): string {
    return this.elfSection.name;
  }

  /** The contents, decompressed, relocations not applied. */
  get bytes(): Uint8Array {
    this.#bytes ??= this.elfSection.bytes();
    return this.#bytes;
  }

  get little(): boolean {
    return this.elf.image.little;
  }

  /** The symbol table that the relocations refer to: a relocatable file has one. [gABI, "Sections"] */
  symbols(): SymbolTable {
    const table = this.elf.symtab();
    if (table === undefined) {
      throw dwarfError(this, "DWARF_BAD_REFERENCE", 0, "relocations: the file has no symbol table");
    }
    for (const { link, label } of this.#sources) {
      if (this.elf.sections[link]?.type !== SHT.SHT_SYMTAB) {
        const what = `${label}: found section ${link} for the symbol table, expected an SHT_SYMTAB section`;
        throw dwarfError(this, "DWARF_BAD_RELOCATION", 0, what);
      }
    }
    return table;
  }
}

/** All debug sections of a file, by the name without its `.` or `.z`: `debug_info`. Several may have one name. */
export class DebugSections {
  readonly elf: ElfFile;
  /** Where sections and symbols are, by the resolver in force. */
  readonly placement: Placement;
  readonly #byName = new Map<string, DebugSection[]>();

  /** Reads section headers only. */
  constructor(elf: ElfFile) {
    this.elf = elf;
    this.placement = new Placement(elf);
    const relocatable = elf.header.type === ET.ET_REL;
    const sources = relocatable ? relocationSections(elf) : new Map<number, ElfSection[]>();
    for (const section of elf.sections) {
      // More than half of the sections of a kernel module: their names need not be looked at.
      if (NO_DEBUG_TYPES.has(section.type)) continue;
      const name = debugName(section.name);
      if (name === undefined) continue;
      const made = new DebugSection(elf, section, sources.get(section.index) ?? [], this.placement);
      const same = this.#byName.get(name);
      if (same === undefined) this.#byName.set(name, [made]);
      else same.push(made);
    }
  }

  /** All sections of that name, in order. */
  named(name: string): readonly DebugSection[] {
    return this.#byName.get(name) ?? [];
  }

  /**
   * The section of that name, of those for split units or of the others; where there is but one kind, the first of that.
   * @throws DwarfError DWARF_BAD_REFERENCE when there is none
   */
  need(name: string, isSplit: boolean): DebugSection {
    const all = this.named(name);
    const section = all.find((candidate) => candidate.section.endsWith(".dwo") === isSplit) ?? all[0];
    if (section === undefined) {
      throw dwarfError(
        { file: this.elf.name, section: `.${name}` },
        "DWARF_BAD_REFERENCE",
        0,
        "no such section",
      );
    }
    return section;
  }

  /** The first section of that name. */
  first(name: string): DebugSection | undefined {
    return this.#byName.get(name)?.[0];
  }
}

/** Types of sections that have no debug information, whatever they are called. */
const NO_DEBUG_TYPES: ReadonlySet<number> = new Set([
  SHT.SHT_NULL,
  SHT.SHT_NOBITS,
  SHT.SHT_REL,
  SHT.SHT_RELA,
  SHT.SHT_SYMTAB,
  SHT.SHT_STRTAB,
]);

/** What names of sections mean, those met so far: all files have much the same. */
const debugNames = new Map<string, string | undefined>();
/** Names kept; who has more has some of them looked at again. */
const MOST_NAMES = 4096;

/** `debug_info` for `.debug_info`, `.zdebug_info` and `.debug_info.dwo`; `eh_frame` and the links for theirs. */
function debugName(name: string): string | undefined {
  const known = debugNames.get(name);
  if (known !== undefined || debugNames.has(name)) return known;
  const match =
    /^\.z?(debug_\w+)(?:\.dwo)?$|^\.(eh_frame|gnu_debugaltlink|debug_sup|gnu_debuglink|gdb_index)$/.exec(
      name,
    );
  const meaning = match?.[1] ?? match?.[2];
  if (debugNames.size === MOST_NAMES) debugNames.clear();
  debugNames.set(name, meaning);
  return meaning;
}

/** Relocation sections by the section that they apply to; none of them is read. */
function relocationSections(elf: ElfFile): Map<number, ElfSection[]> {
  const byTarget = new Map<number, ElfSection[]>();
  for (const section of elf.sections) {
    if (section.type !== SHT.SHT_REL && section.type !== SHT.SHT_RELA) continue;
    const same = byTarget.get(section.info);
    if (same === undefined) byTarget.set(section.info, [section]);
    else same.push(section);
  }
  return byTarget;
}
