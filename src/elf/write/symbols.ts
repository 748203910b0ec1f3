/** Symbol tables, written [gABI, "Symbol Table"]. */
import { ElfError } from "../../errors.ts";
import { SHN, SHN_HIRESERVE, SHN_LORESERVE } from "../constants/section.ts";
import { STB, STT } from "../constants/symbol.ts";
import { buildGnuHash, type GnuHash } from "../hash.ts";
import { layoutOf } from "../header.ts";
import { placeIn } from "../place.ts";
import { checkLength, putWords, type WordColumn, wordAt, wordColumn } from "./columns.ts";
import type { SymbolColumns, SymbolDescription, SymbolSection } from "./description.ts";
import type { Format } from "./put.ts";
import { Refs } from "./refs.ts";
import type { StringTableBuilder } from "./string-table.ts";

const DEFAULT_INFO = STB.STB_GLOBAL << 4;

/** A symbol table that is being written: its columns, and the order that they will be in. */
export class SymbolPlan {
  /** What messages call the table. */
  readonly part: string;
  /** Number of symbols, without the null symbol. */
  readonly count: number;
  /** `sh_info`: one past the last local symbol. */
  readonly firstGlobal: number;
  /** The GNU hash table that was asked for. */
  readonly gnuHash: GnuHash | undefined;
  /** Whether some symbol's section index does not fit `st_shndx`, so that an index section is needed. */
  readonly extended: boolean;

  readonly #columns: SymbolColumns;
  readonly #relative: boolean;
  readonly #format: Format;
  readonly #refs: Refs;
  /** Row of the columns for each symbol from 1 on; `undefined`: as they are. */
  readonly #order: Uint32Array | undefined;
  /** Final index of each row, where `#order` is. */
  readonly #finals: Uint32Array | undefined;
  #nameIds: Uint32Array | undefined;

  constructor(description: SymbolSection, format: Format, sections: Refs, hashed: boolean) {
    const { symbols, name } = description;
    const columns = "names" in symbols ? symbols : columnsOf(symbols, sections, name);
    const { names, infos = DEFAULT_INFO } = columns;
    this.part = name;
    this.count = names.length;
    this.#columns = columns;
    this.#relative = description.relative ?? false;
    this.#format = format;
    this.#refs = new Refs("symbol", names.length + 1, (position) => names[position] ?? "");
    for (const what of ["values", "sizes", "infos", "others", "sections", "reserved", "versions"] as const)
      checkLength(columns[what], this.count, what, name);
    this.extended = this.#checkSections(sections.count);
    const locals = countLocals(infos, this.count);
    this.firstGlobal = locals + 1;
    const { order, gnuHash } = hashed ? this.#hashOrder(locals) : { order: this.#localsFirst(locals) };
    this.gnuHash = gnuHash;
    this.#order = order;
    if (order !== undefined) {
      const finals = new Uint32Array(this.count);
      for (let i = 0; i < order.length; i++) finals[order[i] ?? 0] = i + 1;
      this.#finals = finals;
    }
  }

  /** Bytes of the table. */
  get size(): number {
    return (this.count + 1) * layoutOf(this.#format.is64).symsize;
  }

  /** Names in final order, the null symbol's included. */
  get names(): string[] {
    const { names } = this.#columns;
    return ["", ...Array.from(names, (_, i) => names[this.#order?.[i] ?? i] ?? "")];
  }

  /** Final index of a symbol by its number (from 1) or name; 0 is no symbol. */
  index(ref: number | string, from: string): number {
    const given = this.#refs.resolve(ref, from);
    return given === 0 || this.#finals === undefined ? given : (this.#finals[given - 1] ?? 0);
  }

  /** Adds the names to the table's string table. */
  addNames(strings: StringTableBuilder): void {
    const { names } = this.#columns;
    const ids = new Uint32Array(names.length);
    for (let i = 0; i < ids.length; i++) ids[i] = strings.add(names[i] ?? "");
    this.#nameIds = ids;
  }

  /** Writes the table at `at`. @param addresses of all sections, by index, for tables with relative values */
  put(view: DataView, at: number, strings: StringTableBuilder, addresses: (section: number) => bigint): void {
    const { is64, little } = this.#format;
    const { symsize } = layoutOf(is64);
    const { values = 0, sizes = 0, infos = DEFAULT_INFO, others = 0 } = this.#columns;
    const { count, part } = this;
    const order = this.#order;
    const first = at + symsize;
    const rows = (offset: number) => ({ view, at: first + offset, stride: symsize, count, order, part });
    const ids = this.#nameIds ?? new Uint32Array(count);
    const infoAt = is64 ? 4 : 12;
    for (let i = 0, entry = first; i < count; i++, entry += symsize) {
      const row = order === undefined ? i : (order[i] ?? 0);
      view.setUint32(entry, strings.offset(ids[row] ?? 0), little);
      view.setUint8(entry + infoAt, typeof infos === "number" ? infos : (infos[row] ?? 0));
      view.setUint8(entry + infoAt + 1, typeof others === "number" ? others : (others[row] ?? 0));
      const index = this.#storedSection(row);
      view.setUint16(entry + infoAt + 2, index >= SHN_LORESERVE ? this.#reservedOr(row) : index, little);
    }
    const placed = this.#relative ? this.#placed(values, addresses) : values;
    putWords(rows(is64 ? 8 : 4), this.#format, placed);
    putWords(rows(is64 ? 16 : 8), this.#format, sizes);
  }

  /** Writes the `SHT_SYMTAB_SHNDX` table that goes with this one. */
  putExtended(view: DataView, at: number): void {
    for (let i = 0; i < this.count; i++) {
      const row = this.#order?.[i] ?? i;
      const index = this.#storedSection(row);
      const overflows = index >= SHN_LORESERVE && (this.#columns.reserved?.[row] ?? 0) === 0;
      view.setUint32(at + 4 + i * 4, overflows ? index : 0, this.#format.little);
    }
  }

  /** Writes the `SHT_GNU_versym` table over this one. */
  putVersions(view: DataView, at: number): void {
    const { versions = 1, infos = DEFAULT_INFO } = this.#columns;
    for (let i = 0; i < this.count; i++) {
      const row = this.#order?.[i] ?? i;
      const info = typeof infos === "number" ? infos : (infos[row] ?? 0);
      const local = info >>> 4 === STB.STB_LOCAL;
      const version = typeof versions === "number" ? versions : (versions[row] ?? 1);
      view.setUint16(at + 2 + i * 2, local ? 0 : version, this.#format.little);
    }
  }

  /** Section index of a row, or its reserved index. */
  #storedSection(row: number): number {
    const { sections = 0, reserved } = this.#columns;
    const special = reserved === undefined ? 0 : (reserved[row] ?? 0);
    if (special !== 0) return special;
    return typeof sections === "number" ? sections : (sections[row] ?? 0);
  }

  #reservedOr(row: number): number {
    const special = this.#columns.reserved?.[row] ?? 0;
    return special === 0 ? SHN.SHN_XINDEX : special;
  }

  /** Values as addresses: a symbol's own plus its section's. */
  #placed(values: WordColumn, addresses: (section: number) => bigint): BigUint64Array {
    return BigUint64Array.from({ length: this.count }, (_, row) => {
      const special = (this.#columns.reserved?.[row] ?? 0) !== 0;
      return wordAt(values, row) + (special ? 0n : addresses(this.#storedSection(row)));
    });
  }

  /** Checks all section indexes, and says whether one needs the index section. */
  #checkSections(shnum: number): boolean {
    const { reserved } = this.#columns;
    let extended = false;
    for (let row = 0; row < this.count; row++) {
      const special = reserved === undefined ? 0 : (reserved[row] ?? 0);
      const index = this.#storedSection(row);
      if (special === 0 ? index < shnum && index >= 0 : index >= SHN_LORESERVE && index < SHN_HIRESERVE) {
        extended ||= special === 0 && index >= SHN_LORESERVE;
        continue;
      }
      throw new ElfError(
        "ELF_BAD_REFERENCE",
        placeIn(undefined, this.part),
        special === 0
          ? `section of symbol ${row + 1}: found ${index}, expected 0 to ${shnum - 1}`
          : `section of symbol ${row + 1}: found ${special}, expected a reserved index, 0xff00 to 0xfffe`,
      );
    }
    return extended;
  }

  /** The order with local symbols first, or `undefined` if they are. */
  #localsFirst(locals: number): Uint32Array | undefined {
    const { infos = DEFAULT_INFO } = this.#columns;
    if (typeof infos === "number" || locals === 0) return undefined;
    let ahead = 0;
    while (ahead < this.count && (infos[ahead] ?? 0) >>> 4 === STB.STB_LOCAL) ahead++;
    if (ahead === locals) return undefined;
    const order = new Uint32Array(this.count);
    let local = 0;
    let global = locals;
    for (let row = 0; row < this.count; row++)
      order[(infos[row] ?? 0) >>> 4 === STB.STB_LOCAL ? local++ : global++] = row;
    return order;
  }

  /** The order that a GNU hash table asks for: local, undefined, then defined symbols by bucket. */
  #hashOrder(locals: number): { order: Uint32Array; gnuHash: GnuHash } {
    const { names, infos = DEFAULT_INFO } = this.#columns;
    const { is64, little } = this.#format;
    const ahead: number[] = [];
    const undefineds: number[] = [];
    const defineds: number[] = [];
    for (let row = 0; row < this.count; row++) {
      const info = typeof infos === "number" ? infos : (infos[row] ?? 0);
      if (info >>> 4 === STB.STB_LOCAL) ahead.push(row);
      else if (this.#storedSection(row) === SHN.SHN_UNDEF) undefineds.push(row);
      else defineds.push(row);
    }
    const symbolOffset = 1 + locals + undefineds.length;
    const hashedNames = defineds.map((row) => names[row] ?? "");
    const gnuHash = buildGnuHash(hashedNames, { is64, little, symbolOffset });
    const hashed = Array.from(gnuHash.order, (position) => defineds[position] ?? 0);
    return { order: Uint32Array.from([...ahead, ...undefineds, ...hashed]), gnuHash };
  }
}

function countLocals(infos: ArrayLike<number> | number, count: number): number {
  if (typeof infos === "number") return infos >>> 4 === STB.STB_LOCAL ? count : 0;
  let locals = 0;
  for (let i = 0; i < count; i++) if ((infos[i] ?? 0) >>> 4 === STB.STB_LOCAL) locals++;
  return locals;
}

/** Symbols as columns. */
function columnsOf(symbols: readonly SymbolDescription[], sections: Refs, part: string): SymbolColumns {
  return {
    names: symbols.map((one) => one.name),
    values: wordColumn(symbols.map((one) => one.value ?? 0)),
    sizes: wordColumn(symbols.map((one) => one.size ?? 0)),
    infos: symbols.map((one) => ((one.binding ?? STB.STB_GLOBAL) << 4) | (one.type ?? STT.STT_NOTYPE)),
    others: symbols.map((one) => (one.other ?? 0) | (one.visibility ?? 0)),
    sections: symbols.map((one) =>
      one.section === undefined ? 0 : sections.resolve(one.section, `${part}: symbol ${one.name}`),
    ),
    reserved: symbols.map((one) => one.reserved ?? 0),
    versions: symbols.map((one) => one.version ?? 1),
  };
}
