/** A file while it is edited: its sections as nodes that refer to each other, so that indexes can change. */
import { ElfError } from "../../../errors.ts";
import { ET } from "../../constants/header.ts";
import { SHF, SHT } from "../../constants/section.ts";
import type { ElfFile } from "../../file.ts";
import { readGroup } from "../../group.ts";
import { placeIn } from "../../place.ts";
import { RelocationTable } from "../../relocation.ts";
import type { Format } from "../put.ts";
import { type EditedSection, isRelocationType, isSymbolType, SectionNode } from "./node.ts";
import { SymbolEdits, type SymbolHost } from "./symbols.ts";

/** What all verbs of the editor share. */
export class EditState implements SymbolHost {
  readonly file: ElfFile;
  readonly format: Format;
  /** All nodes ever, by id. */
  readonly nodes: SectionNode[] = [];
  /** Kept nodes in the order of their future indexes; the null section first. */
  order: SectionNode[] = [];
  /** The section name table. */
  names: SectionNode | undefined;
  /** Some section's name is new, gone or other than it was. */
  namesChanged = false;
  readonly #tables = new Map<SectionNode, SymbolEdits>();

  constructor(file: ElfFile) {
    const { header } = file;
    this.file = file;
    this.format = { is64: header.is64, little: header.little, machine: header.machine };
    for (const section of file.sections) {
      this.nodes.push(new SectionNode(section.index, section, section.name, section.type, section.flags));
    }
    this.order = [...this.nodes];
    this.names = header.shstrndx === 0 ? undefined : this.nodes[header.shstrndx];
    for (const node of this.nodes.slice(1)) this.#connect(node);
  }

  /** Finds the nodes that a section of the file refers to. An index that is none stays a number. */
  #connect(node: SectionNode): void {
    node.link = node.rawLink === 0 ? undefined : this.nodes[node.rawLink];
    if (node.infoIsSection && node.info !== 0) node.infoSection = this.nodes[node.info];
    if (node.type !== SHT.SHT_GROUP || node.original === undefined) return;
    const group = readGroup(this.file.image, node.original);
    node.groupFlags = group.flags;
    node.members = group.members.map((index) => this.nodes[index]).filter((one) => one !== undefined);
  }

  /** Whether the file is relocatable: its sections have no place in memory, and can go anywhere. */
  get relocatable(): boolean {
    return this.file.header.type === ET.ET_REL;
  }

  /** Whether a section must stay where it is: one of the file's own that a linked file has in memory. */
  isFixed(node: SectionNode): boolean {
    return !this.relocatable && node.original !== undefined && node.hasFlags(SHF.SHF_ALLOC);
  }

  /** The node behind a handle. Throws `ELF_BAD_EDIT` if it is another editor's, or removed. */
  node(handle: EditedSection): SectionNode {
    const node = this.nodes[handle.id];
    if (node === undefined || node !== handle)
      throw this.fail(
        undefined,
        `section ${handle.name}: found a section of another file, expected one of this`,
      );
    if (node.removed) throw this.fail(undefined, `section ${node.label}: found it removed, expected it kept`);
    if (node.type === SHT.SHT_NULL && node.id === 0)
      throw this.fail(undefined, "section 0: found the null section, expected one that can be edited");
    return node;
  }

  /** A new node, at the end. */
  add(name: string, type: number, flags: number): SectionNode {
    if (this.nodes.length === 0) {
      const first = new SectionNode(0, undefined, "", SHT.SHT_NULL, 0);
      this.nodes.push(first);
      this.order.push(first);
    }
    const node = new SectionNode(this.nodes.length, undefined, name, type, flags);
    this.nodes.push(node);
    this.order.push(node);
    this.touchNames();
    return node;
  }

  /** Notes that section names change; makes a name table if there is none that can. */
  touchNames(): void {
    this.namesChanged = true;
    if (this.names !== undefined && !this.isFixed(this.names)) return;
    this.names = undefined;
    const node = new SectionNode(this.nodes.length, undefined, ".shstrtab", SHT.SHT_STRTAB, 0);
    this.nodes.push(node);
    this.order.push(node);
    this.names = node;
  }

  /** The symbols of a table. Made at first need; from then on the table is theirs. */
  symbols(node: SectionNode): SymbolEdits {
    let symbols = this.#tables.get(node);
    if (symbols === undefined) {
      symbols = new SymbolEdits(this, node);
      this.#tables.set(node, symbols);
    }
    return symbols;
  }

  /** Kept symbol tables. */
  symbolTables(): SectionNode[] {
    return this.order.filter((one) => isSymbolType(one.type));
  }

  /** Kept relocation sections. */
  relocationSections(): SectionNode[] {
    return this.order.filter((one) => isRelocationType(one.type));
  }

  /** The records of a relocation section; their symbols are ids of the linked table. */
  relocations(node: SectionNode): RelocationTable {
    const kind = node.type === SHT.SHT_RELA ? "RELA" : "REL";
    return new RelocationTable(this.file.image, kind, node.contents(), node.label);
  }

  /**
   * Throws unless none of `ids` of a table is used by a kept relocation, or as the signature of a kept group.
   * @param gone sections that are about to go, and so do not count
   */
  checkUnused(table: SectionNode, ids: ReadonlySet<number>, gone: ReadonlySet<SectionNode>): void {
    if (ids.size === 0) return;
    const name = (id: number) => this.symbols(table).describe(id);
    for (const node of this.order) {
      if (gone.has(node) || node.link !== table) continue;
      if (node.type === SHT.SHT_GROUP && ids.has(node.info)) {
        throw this.fail(
          table,
          `${name(node.info)}: can't be removed: it is the signature of the group ${node.label}`,
        );
      }
      if (!isRelocationType(node.type)) continue;
      const records = this.relocations(node);
      for (let i = 0; i < records.length; i++) {
        if (!ids.has(records.symbol(i))) continue;
        throw this.fail(
          table,
          `${name(records.symbol(i))}: can't be removed: relocation ${i} of ${node.label} needs it`,
        );
      }
    }
  }

  /** Throws if a section refers to symbols of `table` in a way that the editor does not know how to renumber. */
  checkRenumbering(table: SectionNode): void {
    if (this.isFixed(table))
      throw this.fail(
        table,
        "symbols: found a table that is loaded, expected one that is not: it can't grow or shrink",
      );
    const known: ReadonlySet<number> = new Set([
      SHT.SHT_REL,
      SHT.SHT_RELA,
      SHT.SHT_GROUP,
      SHT.SHT_SYMTAB_SHNDX,
      SHT.SHT_LLVM_ADDRSIG,
      SHT.SHT_LLVM_CALL_GRAPH_PROFILE,
    ]);
    for (const node of this.order) {
      if (node.link !== table || known.has(node.type)) continue;
      throw this.fail(
        table,
        `symbols: can't be renumbered: ${node.label} (type 0x${node.type.toString(16)}) refers to them in a way that is not known`,
      );
    }
  }

  /** A refused edit. */
  fail(node: SectionNode | undefined, what: string): ElfError {
    return new ElfError("ELF_BAD_EDIT", placeIn(this.file.name, node?.label), what);
  }
}
