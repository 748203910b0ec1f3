/** Editing an ELF file: sections, symbols and relocations, with everything that refers to them kept right. */
import { GRP, SHF, SHT } from "../constants/section.ts";
import type { ElfFile } from "../file.ts";
import {
  checkAddralign,
  checkFlags,
  checkGroupOrder,
  checkReplaceable,
  checkShrinking,
} from "./edit/checks.ts";
import { writeEdited } from "./edit/image.ts";
import { type EditedSection, isStructural, isSymbolType, type SectionNode } from "./edit/node.ts";
import {
  addRelocations,
  type EditedRelocation,
  type NewRelocations,
  onlyTable,
  readRelocations,
  setRelocations,
} from "./edit/records.ts";
import { removeSections } from "./edit/removal.ts";
import { EditState } from "./edit/state.ts";
import type { EditedSymbols } from "./edit/symbols.ts";
import { defaultsOf } from "./type-defaults.ts";

/** What a section holds: bytes, or, of `SHT_NOBITS`, a size in memory. Bytes are copied. */
export type SectionContents = { readonly bytes: Uint8Array } | { readonly size: number };

/** A section to be added. */
export type NewSection = SectionContents & {
  readonly name: string;
  /** `SHT_` value; tables of references have verbs of their own. */
  readonly type: number;
  /** `SHF_` bits; 0 by default. */
  readonly flags?: number;
  readonly addralign?: number;
  readonly entsize?: number;
  /** `sh_link`. */
  readonly link?: EditedSection;
  /** `sh_info`, a number. */
  readonly info?: number;
  /** `sh_info`, a section; sets `SHF_INFO_LINK`. */
  readonly infoSection?: EditedSection;
};

/** What a section is to be from now on. What is not given stays. */
export type SectionReplacement = SectionContents & {
  readonly type?: number;
  /** `SHF_` bits; `SHF_GROUP` and `SHF_INFO_LINK` stay as they are. */
  readonly flags?: number;
  readonly addralign?: number;
  readonly entsize?: number;
};

/** How to write an edited file. */
export interface WriteOptions {
  /**
   * Lays out everything that can move anew, tightly and in the order of sections. By default, what is in front of the
   * first change stays where it was.
   */
  readonly relay?: boolean;
}

/** Flags that follow from what the editor knows, not from what it is told. */
const KEPT_FLAGS = SHF.SHF_GROUP | SHF.SHF_INFO_LINK;

/**
 * Edits a file: sections, symbols and relocations are added, changed and removed, and {@link write} gives a new image
 * in which indexes, links, groups and relocations are right. An edit that can't be kept right is refused with an
 * `ElfError` `ELF_BAD_EDIT` that says why, and changes nothing.
 *
 * Relocatable files can be edited freely. In linked files, what is loaded (`SHF_ALLOC`) keeps its place, size and order;
 * its bytes may be replaced by as many others, and all that is not loaded can be edited and is re-laid behind.
 *
 * The editor reads from the file when it needs to, so the file's source must stay open until the last `write`.
 */
export class ElfEditor {
  readonly #state: EditState;

  private constructor(file: ElfFile) {
    this.#state = new EditState(file);
  }

  /** Begins to edit a file. The file itself never changes. */
  static from(file: ElfFile): ElfEditor {
    return new ElfEditor(file);
  }

  /** All sections but the null section, in the order that they will have. */
  get sections(): readonly EditedSection[] {
    return this.#state.order.slice(1);
  }

  /** All sections called `name`, in order. */
  sectionsNamed(name: string): readonly EditedSection[] {
    return this.sections.filter((one) => one.name === name);
  }

  /** The index that a section will have. */
  indexOf(section: EditedSection): number {
    return this.#state.order.indexOf(this.#state.node(section));
  }

  /** The symbols of a table, to be looked at and edited. Throws if the section is none. */
  symbols(section: EditedSection): EditedSymbols {
    const node = this.#state.node(section);
    if (!isSymbolType(node.type))
      throw this.#state.fail(node, "found another type, expected SHT_SYMTAB or SHT_DYNSYM");
    return this.#state.symbols(node);
  }

  /** The symbols of `.symtab`, the only `SHT_SYMTAB`. Throws if there is none, or several. */
  symtab(): EditedSymbols {
    return this.#state.symbols(onlyTable(this.#state, undefined));
  }

  /** Adds a section behind the others. In a linked file it can't be one that is loaded. */
  addSection(section: NewSection): EditedSection {
    const state = this.#state;
    const { name, type, flags = 0, link, infoSection } = section;
    const fail = (what: string) => state.fail(undefined, `${name}: ${what}`);
    if (isStructural(type))
      throw fail("can't be added: it is a table of references, which has verbs of its own");
    if ((flags & SHF.SHF_ALLOC) !== 0 && !state.relocatable)
      throw fail("can't be added: a section that is loaded needs room in a segment of the linked file");
    if ((flags & SHF.SHF_GROUP) !== 0) throw fail("SHF_GROUP: found it set, expected the group to be added");
    const defaults = defaultsOf(type, state.format);
    const { addralign = defaults.addralign, entsize = defaults.entsize, info = 0 } = section;
    checkAddralign(state, name, addralign);
    this.#checkName(name);
    const contents = this.#contentsOf(section, type, name);
    const linked = link === undefined ? undefined : state.node(link);
    const infoNode = infoSection === undefined ? undefined : state.node(infoSection);
    const node = state.add(name, type, flags | (infoNode === undefined ? 0 : SHF.SHF_INFO_LINK));
    node.link = linked;
    node.infoSection = infoNode;
    Object.assign(node, { addralign, entsize, info, ...contents });
    return node;
  }

  /** Replaces what a section holds. Of a loaded section of a linked file, only by as many bytes. */
  replaceSection(section: EditedSection, replacement: SectionReplacement): void {
    const state = this.#state;
    const node = state.node(section);
    checkReplaceable(state, node);
    const { type = node.type, addralign = node.addralign, entsize = node.entsize } = replacement;
    const asked = replacement.flags ?? node.flags;
    const flags = ((asked & ~KEPT_FLAGS) | (node.flags & KEPT_FLAGS)) >>> 0;
    if (isStructural(type)) throw state.fail(node, `type: found ${type}, expected one without references`);
    checkFlags(state, node, flags);
    checkAddralign(state, node.label, addralign);
    const contents = this.#contentsOf(replacement, type, node.label);
    const size = "bytes" in contents ? contents.bytes.length : contents.nobitsSize;
    const moves = size !== node.size || addralign !== node.addralign || type !== node.type;
    if (state.isFixed(node) && moves)
      throw state.fail(
        node,
        "size, type and alignment can't change: the section is loaded, in a linked file",
      );
    checkShrinking(state, node, size);
    Object.assign(node, { type, flags, addralign, entsize, bytes: undefined, ...contents });
  }

  /** Gives a section another name. */
  renameSection(section: EditedSection, name: string): void {
    const node = this.#state.node(section);
    this.#checkName(name);
    node.name = name;
    node.renamed = true;
    this.#state.touchNames();
  }

  /**
   * Removes sections. With them go their relocation sections, groups that lose their last member, and the symbols
   * that they define. It is refused if what is kept needs one of them: a relocation one of the symbols, a section its
   * `sh_link`. Members of a removed group stay, outside of any.
   */
  removeSections(...sections: readonly EditedSection[]): void {
    removeSections(
      this.#state,
      sections.map((one) => this.#state.node(one)),
    );
  }

  /** Moves a section in front of another one, or behind all. Loaded sections of linked files stay in order. */
  moveSection(section: EditedSection, before?: EditedSection): void {
    const state = this.#state;
    const node = state.node(section);
    const target = before === undefined ? undefined : state.node(before);
    if (node === target) return;
    const order = state.order.filter((one) => one !== node);
    order.splice(target === undefined ? order.length : order.indexOf(target), 0, node);
    this.#setOrder(order);
  }

  /** Puts all sections in another order: each once. Loaded sections of linked files stay in order. */
  reorderSections(sections: readonly EditedSection[]): void {
    const state = this.#state;
    const order = sections.map((one) => state.node(one));
    const [first] = state.order;
    if (
      first === undefined ||
      new Set(order).size !== order.length ||
      order.length !== state.order.length - 1
    )
      throw state.fail(
        undefined,
        `order: found ${order.length} sections, expected each of ${state.order.length - 1} once`,
      );
    this.#setOrder([first, ...order]);
  }

  /** Adds an empty symbol table and its string table, to a file that has none. */
  addSymbolTable(): EditedSection {
    const state = this.#state;
    const existing = state.order.find((one) => one.type === SHT.SHT_SYMTAB);
    if (existing !== undefined)
      throw state.fail(existing, "found a symbol table, expected none: a file has one");
    const strings = state.add(".strtab", SHT.SHT_STRTAB, 0);
    strings.bytes = new Uint8Array(1);
    const table = state.add(".symtab", SHT.SHT_SYMTAB, 0);
    table.link = strings;
    Object.assign(table, defaultsOf(table.type, state.format));
    return table;
  }

  /** The records of a relocation section; their symbols are ids of the table that it links to. */
  relocations(section: EditedSection): EditedRelocation[] {
    return readRelocations(this.#state, this.#state.node(section));
  }

  /** Gives a relocation section other records. */
  setRelocations(section: EditedSection, records: readonly EditedRelocation[]): void {
    setRelocations(this.#state, this.#state.node(section), records);
  }

  /** Adds a section of relocations for `target`, to its group too if it is in one. */
  addRelocations(
    target: EditedSection,
    records: readonly EditedRelocation[],
    options: NewRelocations = {},
  ): EditedSection {
    return addRelocations(this.#state, this.#state.node(target), records, options);
  }

  /**
   * Makes a group of sections that are in none, in front of its first member.
   * @param signature id, in the file's only `SHT_SYMTAB`, of the symbol whose name is the group's
   * @param comdat `GRP_COMDAT`; true by default
   */
  addGroup(signature: number, members: readonly EditedSection[], comdat = true): EditedSection {
    const state = this.#state;
    const table = onlyTable(state, undefined);
    const nodes = members.map((one) => state.node(one));
    if (!state.symbols(table).has(signature) || signature === 0)
      throw state.fail(table, `signature: found symbol ${signature}, expected the id of one that is kept`);
    const taken = nodes.find((one) => one.hasFlags(SHF.SHF_GROUP) || one.type === SHT.SHT_GROUP);
    if (taken !== undefined) throw state.fail(taken, "found it in a group, expected it in none");
    if (nodes.length === 0 || new Set(nodes).size !== nodes.length)
      throw state.fail(undefined, `group: found ${nodes.length} members, expected at least one, each once`);
    const group = state.add(".group", SHT.SHT_GROUP, 0);
    group.link = table;
    group.info = signature;
    group.members = nodes;
    group.groupFlags = comdat ? GRP.GRP_COMDAT : 0;
    Object.assign(group, defaultsOf(group.type, state.format));
    for (const node of nodes) node.flags |= SHF.SHF_GROUP;
    const first = Math.min(...nodes.map((one) => state.order.indexOf(one)));
    state.order = state.order.filter((one) => one !== group);
    state.order.splice(first, 0, group);
    return group;
  }

  /**
   * Writes the file as it is now. Edits can go on afterwards.
   *
   * @returns the image, in memory of its own
   * @throws ElfError `ELF_BAD_EDIT` if something does not fit, or what the file has malformed
   */
  write(options: WriteOptions = {}): Uint8Array {
    return writeEdited(this.#state, options.relay ?? false);
  }

  #setOrder(order: SectionNode[]): void {
    const state = this.#state;
    const fixed = state.order.filter((one) => state.isFixed(one));
    const after = order.filter((one) => state.isFixed(one));
    const misplaced = fixed.find((one, i) => after[i] !== one);
    if (misplaced !== undefined)
      throw state.fail(
        misplaced,
        "can't move: it is loaded, and loaded sections of a linked file stay in order",
      );
    checkGroupOrder(state, order);
    state.order = order;
  }

  #checkName(name: string): void {
    if (name.includes("\0"))
      throw this.#state.fail(undefined, "name of a section: found a NUL, expected none");
  }

  /** Contents as a node has them. */
  #contentsOf(
    given: SectionContents,
    type: number,
    label: string,
  ): { bytes: Uint8Array } | { nobitsSize: number } {
    const nobits = type === SHT.SHT_NOBITS;
    if ("bytes" in given && !nobits) return { bytes: new Uint8Array(given.bytes) };
    if (!("bytes" in given) && nobits && Number.isSafeInteger(given.size) && given.size >= 0)
      return { nobitsSize: given.size };
    throw this.#state.fail(undefined, `${label}: expected ${nobits ? "a size of SHT_NOBITS" : "bytes"}`);
  }
}
