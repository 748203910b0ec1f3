/** An edited file, written. */
import { SHT } from "../../constants/section.ts";
import { layoutOf } from "../../header.ts";
import { overflow, putSectionHeader, putSectionTablePlace } from "../header.ts";
import {
  type EncodedSymbols,
  encodeInfo,
  encodeReferences,
  encodeSymbols,
  mapSections,
  needsEncoding,
  overflows,
} from "./encode.ts";
import { layOutEdited } from "./layout.ts";
import { buildNames } from "./names.ts";
import { isSymbolType, type SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";

/** Writes the file as it is now. Edits can go on afterwards. */
export function writeEdited(state: EditState, relay: boolean): Uint8Array {
  addExtendedIndexes(state);
  const { order } = state;
  const sections = mapSections(state, order);
  const names = buildNames(state, order);
  const symbols = new Map<SectionNode, EncodedSymbols>();
  for (const node of order) {
    if (isSymbolType(node.type) && needsEncoding(state, node, sections, names))
      symbols.set(node, encodeSymbols(state, node, sections, names));
  }
  const contents = order.map((node) => {
    if (node.type === SHT.SHT_SYMTAB_SHNDX && node.link !== undefined) {
      const encoded = symbols.get(node.link);
      if (encoded !== undefined)
        return (
          encoded.extended ?? new Uint8Array((encoded.bytes.length / layoutOf(state.format.is64).symsize) * 4)
        );
    }
    return (
      symbols.get(node)?.bytes ??
      names.contents.get(node) ??
      encodeReferences(state, node, sections, symbols) ??
      (node.isNobits ? new Uint8Array(0) : node.contents())
    );
  });
  const sizes = order.map((node, i) => (node.isNobits ? node.nobitsSize : (contents[i]?.length ?? 0)));
  checkFixed(state, order, sizes);
  const layout = layOutEdited(state, order, sizes, relay);
  const bytes = new Uint8Array(layout.size);
  bytes.set(state.file.image.read(0, layout.keptEnd, "headers and segments"));
  for (const [i, content] of contents.entries())
    if (content.length > 0) bytes.set(content, layout.offsets[i] ?? 0);
  const view = new DataView(bytes.buffer);
  const { format } = state;
  const { shentsize } = layoutOf(format.is64);
  const shstrndx = state.names === undefined ? 0 : (sections.index[state.names.id] ?? 0);
  const counts = { shnum: order.length, shstrndx, phnum: state.file.header.phnum };
  putSectionTablePlace(view, format, { ...counts, shoff: layout.shoff });
  const zero = overflow(counts);
  order.forEach((node, i) => {
    putSectionHeader(view, layout.shoff + i * shentsize, format, {
      label: node.label,
      nameOffset: names.section(node),
      type: node.type,
      flags: node.flags,
      flagsHigh: node.flagsHigh,
      addr: node.addr,
      offset: layout.offsets[i] ?? 0,
      size: i === 0 ? zero.size : (sizes[i] ?? 0),
      link:
        i === 0 ? zero.link : node.link === undefined ? node.rawLink : (sections.index[node.link.id] ?? 0),
      info: i === 0 ? zero.info : encodeInfo(node, sections, symbols),
      addralign: node.addralign,
      entsize: node.entsize,
    });
  });
  return bytes;
}

/** Adds index sections for the symbol tables that need one and have none. */
function addExtendedIndexes(state: EditState): void {
  const sections = mapSections(state, state.order);
  for (const table of state.symbolTables()) {
    const has = state.order.some((one) => one.type === SHT.SHT_SYMTAB_SHNDX && one.link === table);
    if (has || !overflows(state, table, sections)) continue;
    if (state.isFixed(table))
      throw state.fail(
        table,
        "a section index does not fit, and the table is loaded: it can't get an index section",
      );
    const node = state.add(`${table.name}_shndx`, SHT.SHT_SYMTAB_SHNDX, 0);
    node.link = table;
    node.addralign = 4;
    node.entsize = 4;
  }
}

/** Contents of loaded sections may change, but not their size. */
function checkFixed(state: EditState, order: readonly SectionNode[], sizes: readonly number[]): void {
  order.forEach((node, i) => {
    if (!state.isFixed(node) || sizes[i] === node.original?.size) return;
    throw state.fail(
      node,
      `size: found ${sizes[i]} bytes, expected ${node.original?.size}: the section is loaded and can't grow or shrink`,
    );
  });
}
