/** Contents that hold indexes of sections or symbols, written with the new ones. */
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { SHN, SHN_LORESERVE, SHT } from "../../constants/section.ts";
import { STB } from "../../constants/symbol.ts";
import { layoutOf } from "../../header.ts";
import { placeIn } from "../../place.ts";
import { putWord } from "../put.ts";
import { remapRelocations } from "../relocations.ts";
import type { EditedNames } from "./names.ts";
import { isRelocationType, isSymbolType, type SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";
import type { SymbolRecord } from "./symbols.ts";

/** A symbol table that was written anew. */
export interface EncodedSymbols {
  readonly bytes: Uint8Array;
  /** `sh_info`. */
  readonly firstGlobal: number;
  /** New index of each id, 0 of those that are gone; `undefined` if all are as they were. */
  readonly map: Uint32Array | undefined;
  /** Section indexes, 0 save where they overflow; `undefined` if none does. */
  readonly extended: Uint8Array | undefined;
}

/** New indexes of sections. */
export interface SectionMap {
  /** By id. */
  readonly index: Uint32Array;
  /** Whether every section of the file that is kept has the index that it had. */
  readonly identity: boolean;
}

/** Indexes of the sections in a new order. */
export function mapSections(state: EditState, order: readonly SectionNode[]): SectionMap {
  const index = new Uint32Array(state.nodes.length + order.length);
  let identity = true;
  order.forEach((node, position) => {
    index[node.id] = position;
    if (node.original !== undefined && node.id !== position) identity = false;
  });
  return { index, identity };
}

/** Whether a symbol table's contents must be written anew. */
export function needsEncoding(
  state: EditState,
  table: SectionNode,
  sections: SectionMap,
  names: EditedNames,
): boolean {
  if (table.original === undefined || !sections.identity || state.symbols(table).edited) return true;
  return table.link !== undefined && names.contents.has(table.link) && names.symbol(table, 0) !== undefined;
}

/** Whether some symbol of a table that must be written anew is in a section whose index overflows `st_shndx`. */
export function overflows(state: EditState, table: SectionNode, sections: SectionMap): boolean {
  if (sections.index.length <= SHN_LORESERVE) return false;
  const symbols = state.symbols(table);
  const { original } = symbols;
  for (const id of symbols.ids()) {
    const record = symbols.record(id);
    if (record === undefined && (original === undefined || original.isSpecial(id))) continue;
    const section = record === undefined ? (original?.sectionIndex(id) ?? 0) : (record.section?.id ?? 0);
    if ((sections.index[section] ?? 0) >= SHN_LORESERVE) return true;
  }
  return false;
}

/** Writes a symbol table: local symbols first if anything in it was edited, otherwise in the order that it had. */
export function encodeSymbols(
  state: EditState,
  table: SectionNode,
  sections: SectionMap,
  names: EditedNames,
): EncodedSymbols {
  const symbols = state.symbols(table);
  const { original } = symbols;
  const { is64, little } = state.format;
  const { symsize } = layoutOf(is64);
  const kept = [...symbols.ids()];
  const locals = kept.filter((id) => symbols.bindingOf(id) === STB.STB_LOCAL);
  const order = symbols.edited
    ? [...locals, ...kept.filter((id) => symbols.bindingOf(id) !== STB.STB_LOCAL)]
    : kept;
  const bytes = new Uint8Array((order.length + 1) * symsize);
  const view = new DataView(bytes.buffer);
  const shndxAt = is64 ? 6 : 14;
  const map = new Uint32Array(Math.max(1, symbols.idEnd));
  let extended: Uint8Array | undefined;
  if (original !== undefined && original.length > 0) bytes.set(original.bytes.subarray(0, symsize));
  order.forEach((id, i) => {
    const at = (i + 1) * symsize;
    map[id] = i + 1;
    const record = symbols.record(id);
    let section = 0;
    let reserved = 0;
    if (record !== undefined) {
      putRecord(state, view, at, record);
      section = record.section?.id ?? 0;
      ({ reserved } = record);
      if (record.name === undefined) view.setUint32(at, original?.nameOffset(id) ?? 0, little);
    } else if (original !== undefined) {
      bytes.set(original.bytes.subarray(id * symsize, (id + 1) * symsize), at);
      if (original.isSpecial(id)) reserved = original.storedSectionIndex(id);
      else section = original.sectionIndex(id);
    }
    const name = names.symbol(table, id);
    if (name !== undefined) view.setUint32(at, name, little);
    const index = sections.index[section] ?? 0;
    if (reserved === 0 && index >= SHN_LORESERVE) {
      extended ??= new Uint8Array((order.length + 1) * 4);
      new DataView(extended.buffer).setUint32((i + 1) * 4, index, little);
      reserved = SHN.SHN_XINDEX;
    }
    view.setUint16(at + shndxAt, reserved === 0 ? index : reserved, little);
  });
  const { edited } = symbols;
  const firstGlobal = edited || table.original === undefined ? locals.length + 1 : table.info;
  return { bytes, firstGlobal, map: edited ? map : undefined, extended };
}

function putRecord(state: EditState, view: DataView, at: number, record: SymbolRecord): void {
  const { format } = state;
  const { is64 } = format;
  const place = () => placeIn(state.file.name, "symbol table", at);
  view.setUint8(at + (is64 ? 4 : 12), record.info);
  view.setUint8(at + (is64 ? 5 : 13), record.other);
  putWord(view, at + (is64 ? 8 : 4), format, record.value, place);
  putWord(view, at + (is64 ? 16 : 8), format, record.size, place);
}

/**
 * The new contents of a section that refers to sections or symbols; `undefined` if they stay as they are.
 * Symbol tables have {@link encodeSymbols}.
 */
export function encodeReferences(
  state: EditState,
  node: SectionNode,
  sections: SectionMap,
  symbols: ReadonlyMap<SectionNode, EncodedSymbols>,
): Uint8Array | undefined {
  const map = node.link === undefined ? undefined : symbols.get(node.link)?.map;
  if (node.members !== undefined) return encodeGroup(state, node.members, node.groupFlags, sections);
  if (map === undefined) return undefined;
  if (isRelocationType(node.type)) {
    // Not slice(): of a Node Buffer that is a view, and the file must not change.
    const bytes = new Uint8Array(node.contents());
    const bad = remapRelocations(bytes, state.format, node.type, (id) => map[id] ?? 0);
    if (bad === undefined) return bytes;
    throw state.fail(node, `relocation ${bad}: the new index of its symbol does not fit the record`);
  }
  if (node.type === SHT.SHT_LLVM_ADDRSIG) return encodeSymbolList(node.contents(), map);
  return undefined;
}

function encodeGroup(
  state: EditState,
  members: readonly SectionNode[],
  flags: number,
  sections: SectionMap,
): Uint8Array {
  const bytes = new Uint8Array(4 + members.length * 4);
  const view = new DataView(bytes.buffer);
  const { little } = state.format;
  view.setUint32(0, flags, little);
  members.forEach((member, i) => {
    view.setUint32(4 + i * 4, sections.index[member.id] ?? 0, little);
  });
  return bytes;
}

/** ULEB128 symbol indexes, as `SHT_LLVM_ADDRSIG` has them; those of symbols that are gone are left out. */
function encodeSymbolList(bytes: Uint8Array, map: Uint32Array): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = leb128Length(bytes, at);
    if (length === 0) break;
    const index = map[readUleb128Number(bytes, at)] ?? 0;
    at += length;
    if (index === 0) continue;
    let rest = index;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
    out.push(rest);
  }
  return Uint8Array.from(out);
}

/** New `sh_info` of a section. */
export function encodeInfo(
  node: SectionNode,
  sections: SectionMap,
  symbols: ReadonlyMap<SectionNode, EncodedSymbols>,
): number {
  if (node.infoSection !== undefined) return sections.index[node.infoSection.id] ?? 0;
  if (isSymbolType(node.type)) return symbols.get(node)?.firstGlobal ?? node.info;
  if (node.type === SHT.SHT_GROUP && node.link !== undefined) {
    const map = symbols.get(node.link)?.map;
    return map === undefined ? node.info : (map[node.info] ?? 0);
  }
  return node.info;
}
