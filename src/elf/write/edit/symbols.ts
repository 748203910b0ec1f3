/** A symbol table while its file is edited. */
import { SHN, SHN_HIRESERVE, SHN_LORESERVE } from "../../constants/section.ts";
import { STB, STT } from "../../constants/symbol.ts";
import type { ElfFile } from "../../file.ts";
import type { SymbolTable } from "../../symbol.ts";
import type { Format, Integer } from "../put.ts";
import { binaryAt } from "../string-table.ts";
import type { EditedSection, SectionNode } from "./node.ts";

/** A symbol as it is now. */
export interface EditedSymbol {
  /** Stable number: of a symbol that the file had, its index there; new ones count on. Relocations go by it. */
  readonly id: number;
  readonly name: string;
  readonly value: bigint;
  readonly size: bigint;
  /** `STT_` value. */
  readonly type: number;
  /** `STB_` value. */
  readonly binding: number;
  /** `st_other`. */
  readonly other: number;
  /** Its section; `undefined` where it is undefined or `reserved` is not 0. */
  readonly section: EditedSection | undefined;
  /** `SHN_ABS`, `SHN_COMMON` and the like, or 0. */
  readonly reserved: number;
}

/** Fields of a symbol to be set. What is not given stays, or is 0 of a new symbol (`binding`: `STB_GLOBAL`). */
export interface SymbolChange {
  readonly name?: string;
  readonly value?: Integer;
  readonly size?: Integer;
  readonly type?: number;
  readonly binding?: number;
  readonly other?: number;
  /** `undefined` makes it undefined, unless `reserved` is given. */
  readonly section?: EditedSection | undefined;
  readonly reserved?: number;
}

/**
 * The symbols of one table of an `ElfEditor`, by stable ids. When the image is written, local symbols come first,
 * otherwise ids keep their order.
 */
export interface EditedSymbols {
  /** Number of kept symbols, without the null symbol. */
  readonly count: number;
  /** Ids of all kept symbols but the null symbol, ascending. */
  ids(): IterableIterator<number>;
  /** Whether there is a symbol with this id; true for 0, the null symbol. */
  has(id: number): boolean;
  /** Ids of the symbols called `name`, ascending. */
  find(name: string): number[];
  /** Symbol `id`. Throws `ELF_BAD_EDIT` if there is none. */
  get(id: number): EditedSymbol;
  /** Adds a symbol and gives its id. Throws `ELF_BAD_EDIT` if the table can't change, or a field is bad. */
  add(symbol: SymbolChange & { readonly name: string }): number;
  /** Sets fields of symbol `id`. Throws `ELF_BAD_EDIT` as {@link add} does. */
  change(id: number, change: SymbolChange): void;
  /** Removes symbols. Throws `ELF_BAD_EDIT`, and removes none, if a relocation or a group needs one of them. */
  remove(...ids: readonly number[]): void;
}

/** What a table asks of the file that it is part of. */
export interface SymbolHost {
  readonly file: ElfFile;
  readonly format: Format;
  readonly nodes: readonly SectionNode[];
  /** The node behind a handle; throws if it can't be used. */
  node(handle: EditedSection): SectionNode;
  /** Throws if the table can't change. */
  checkRenumbering(table: SectionNode): void;
  /** Throws if one of `ids` is needed by something that is not in `gone`. */
  checkUnused(table: SectionNode, ids: ReadonlySet<number>, gone: ReadonlySet<SectionNode>): void;
  /** A refused edit. */
  fail(node: SectionNode | undefined, what: string): Error;
}

/** A symbol that is new or changed. */
export interface SymbolRecord {
  /** The name, where it is not the one in the file. */
  readonly name: string | undefined;
  readonly value: bigint;
  readonly size: bigint;
  readonly info: number;
  readonly other: number;
  readonly section: SectionNode | undefined;
  readonly reserved: number;
}

/** The editor's own side of {@link EditedSymbols}. Untouched symbols stay in the file's bytes; others are objects. */
export class SymbolEdits implements EditedSymbols {
  readonly #state: SymbolHost;
  readonly #node: SectionNode;
  readonly #original: SymbolTable | undefined;
  readonly #records = new Map<number, SymbolRecord>();
  readonly #removed = new Set<number>();
  #next: number;
  #namesChanged = false;

  /** Editors make these: `ElfEditor.symbols`. */
  constructor(state: SymbolHost, node: SectionNode) {
    this.#state = state;
    this.#node = node;
    this.#original = node.original === undefined ? undefined : state.file.symbols(node.original);
    this.#next = this.#original?.length ?? 1;
  }

  /** The table in the file; none of a new one. */
  get original(): SymbolTable | undefined {
    return this.#original;
  }

  /** Whether any symbol is new, gone or changed. */
  get edited(): boolean {
    return this.#records.size > 0 || this.#removed.size > 0;
  }

  /** Whether the names in the table are other ones than in the file. */
  get namesChanged(): boolean {
    return this.#namesChanged;
  }

  /** One past the highest id there is. */
  get idEnd(): number {
    return this.#next;
  }

  *ids(): IterableIterator<number> {
    for (let id = 1; id < this.#next; id++) if (!this.#removed.has(id)) yield id;
  }

  get count(): number {
    return Math.max(0, this.#next - 1 - this.#removed.size);
  }

  has(id: number): boolean {
    return Number.isInteger(id) && id >= 0 && id < Math.max(1, this.#next) && !this.#removed.has(id);
  }

  find(name: string): number[] {
    return [...this.ids()].filter((id) => this.nameOf(id) === name);
  }

  get(id: number): EditedSymbol {
    const { value, size, info, other, section, reserved } = this.#recordOf(id);
    const name = this.nameOf(id);
    return { id, name, value, size, type: info & 0xf, binding: info >>> 4, other, section, reserved };
  }

  add(symbol: SymbolChange & { readonly name: string }): number {
    this.#state.checkRenumbering(this.#node);
    const record = this.#merge(symbol, BLANK);
    const id = this.#next++;
    this.#records.set(id, record);
    this.#namesChanged = true;
    return id;
  }

  change(id: number, change: SymbolChange): void {
    this.#state.checkRenumbering(this.#node);
    if (id === 0) throw this.#fail("symbol 0: found the null symbol, expected one that can be changed");
    const record = this.#merge(change, this.#recordOf(id));
    this.#records.set(id, record);
    this.#namesChanged ||= change.name !== undefined;
  }

  remove(...ids: readonly number[]): void {
    this.#state.checkRenumbering(this.#node);
    for (const id of ids) this.#recordOf(id);
    if (ids.includes(0))
      throw this.#fail("symbol 0: found the null symbol, expected one that can be removed");
    this.#state.checkUnused(this.#node, new Set(ids), new Set());
    this.drop(ids);
  }

  /** Removes symbols that are known to be unused. */
  drop(ids: Iterable<number>): void {
    for (const id of ids) {
      this.#removed.add(id);
      this.#records.delete(id);
      this.#namesChanged = true;
    }
  }

  /** Name of symbol `id`. */
  nameOf(id: number): string {
    const record = this.#records.get(id);
    return record?.name ?? (id === 0 ? "" : (this.#original?.name(id) ?? ""));
  }

  /** Symbol `id` for messages: its name, or of a section symbol the section's. */
  describe(id: number): string {
    const { info, section } = this.#recordOf(id);
    const name = this.nameOf(id);
    if (name !== "") return `symbol ${name}`;
    return (info & 0xf) === STT.STT_SECTION && section !== undefined
      ? `symbol of section ${section.label}`
      : `symbol ${id}`;
  }

  /** The new or changed symbol with this id; of an untouched one `undefined`. */
  record(id: number): SymbolRecord | undefined {
    return this.#records.get(id);
  }

  /** Binding of symbol `id`. */
  bindingOf(id: number): number {
    const record = this.#records.get(id);
    return record === undefined ? (this.#original?.binding(id) ?? 0) : record.info >>> 4;
  }

  /** The name that the file has for symbol `id`, as its bytes; see {@link binaryAt}. */
  originalName(id: number): string {
    const table = this.#original;
    return table === undefined ? "" : binaryAt(table.strings.bytes, table.nameOffset(id));
  }

  /** Ids of symbols in any of these sections. */
  definedIn(sections: ReadonlySet<SectionNode>): number[] {
    const found: number[] = [];
    for (const id of this.ids()) {
      const record = this.#records.get(id);
      const section = record === undefined ? this.#sectionOf(id) : record.section;
      if (section !== undefined && sections.has(section)) found.push(id);
    }
    return found;
  }

  #sectionOf(id: number): SectionNode | undefined {
    const table = this.#original;
    if (table === undefined || table.isSpecial(id)) return undefined;
    const index = table.sectionIndex(id);
    if (index === SHN.SHN_UNDEF) return undefined;
    const node = this.#state.nodes[index];
    if (node !== undefined) return node;
    throw this.#fail(`symbol ${id}: found section ${index}, expected less than the file's sections`);
  }

  #recordOf(id: number): SymbolRecord {
    const record = this.#records.get(id);
    if (record !== undefined) return record;
    if (!this.has(id)) throw this.#fail(`symbol: found id ${id}, expected one of a symbol that is kept`);
    const table = this.#original;
    if (table === undefined) return BLANK;
    return {
      name: undefined,
      value: table.value(id),
      size: table.size(id),
      info: table.info(id),
      other: table.other(id),
      section: this.#sectionOf(id),
      reserved: table.isSpecial(id) ? table.storedSectionIndex(id) : 0,
    };
  }

  #merge(change: SymbolChange, old: SymbolRecord): SymbolRecord {
    const type = change.type ?? old.info & 0xf;
    const binding = change.binding ?? old.info >>> 4;
    const bits = (what: string, value: number, most: number) => {
      if (!Number.isInteger(value) || value < 0 || value > most)
        throw this.#fail(`${what}: found ${value}, expected 0 to ${most}`);
      return value;
    };
    const replaced = "section" in change || change.reserved !== undefined;
    const section = change.section === undefined ? undefined : this.#state.node(change.section);
    const reserved = replaced ? (change.reserved ?? 0) : old.reserved;
    if (reserved !== 0 && (reserved < SHN_LORESERVE || reserved >= SHN_HIRESERVE || section !== undefined))
      throw this.#fail(`section: found ${reserved}, expected a section or one reserved index below 0xffff`);
    if (change.name?.includes("\0")) throw this.#fail("name: found a NUL in it, expected none");
    return {
      name: change.name ?? old.name,
      value: this.#word("value", change.value, old.value),
      size: this.#word("size", change.size, old.size),
      info: (bits("binding", binding, 15) << 4) | bits("type", type, 15),
      other: bits("st_other", change.other ?? old.other, 255),
      section: replaced ? section : old.section,
      reserved,
    };
  }

  #word(what: string, value: Integer | undefined, old: bigint): bigint {
    if (value === undefined) return old;
    const bits = this.#state.format.is64 ? 64 : 32;
    const whole = typeof value === "bigint" || Number.isSafeInteger(value);
    if (whole && BigInt.asUintN(bits, BigInt(value)) === BigInt(value)) return BigInt(value);
    throw this.#fail(`${what}: found ${value}, expected a whole number of ${bits} bits`);
  }

  #fail(what: string): Error {
    return this.#state.fail(this.#node, what);
  }
}

const BLANK: SymbolRecord = {
  name: "",
  value: 0n,
  size: 0n,
  info: STB.STB_GLOBAL << 4,
  other: 0,
  section: undefined,
  reserved: 0,
};
