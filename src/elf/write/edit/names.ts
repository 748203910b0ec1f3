/** String tables of an edited file: kept as they are while no name changed, else made anew. */
import { SHT } from "../../constants/section.ts";
import { binaryAt, StringTableBuilder } from "../string-table.ts";
import { isSymbolType, type SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";

/** Where the names of an edited file are. */
export interface EditedNames {
  /** New contents of string tables that changed. */
  readonly contents: ReadonlyMap<SectionNode, Uint8Array>;
  /** `sh_name` of a section. */
  section(node: SectionNode): number;
  /** `st_name` of a symbol of `table`; `undefined` if it is where it was. */
  symbol(table: SectionNode, id: number): number | undefined;
}

/** Builds the string tables that have to change. @param order all sections to be written */
export function buildNames(state: EditState, order: readonly SectionNode[]): EditedNames {
  const contents = new Map<SectionNode, Uint8Array>();
  const sectionIds = new Map<SectionNode, number>();
  const symbolIds = new Map<SectionNode, Uint32Array>();
  const builders = new Map<SectionNode, StringTableBuilder>();
  const originalNames = namesAsBytes(state);
  for (const strings of order) {
    if (strings.type !== SHT.SHT_STRTAB) continue;
    const users = order.filter((one) => one.link === strings);
    const tables = users.filter((one) => isSymbolType(one.type));
    const holdsNames = strings === state.names;
    const changed =
      (holdsNames && state.namesChanged) || tables.some((one) => state.symbols(one).namesChanged);
    if (!changed) continue;
    // Other users have offsets in their contents, so what is there must stay where it is.
    const foreign = users.length > tables.length;
    const builder = foreign
      ? new StringTableBuilder("same", strings.contents())
      : new StringTableBuilder("suffix");
    for (const table of tables) symbolIds.set(table, addSymbols(state, table, builder, foreign));
    for (const table of tables) builders.set(table, builder);
    if (holdsNames) {
      builders.set(strings, builder);
      for (const node of order)
        sectionIds.set(node, node.renamed ? builder.add(node.name) : builder.addBinary(originalNames(node)));
    }
    contents.set(strings, builder.finish());
  }
  const { names } = state;
  const sectionBuilder = names === undefined ? undefined : builders.get(names);
  return {
    contents,
    section: (node) => sectionBuilder?.offset(sectionIds.get(node) ?? 0) ?? node.original?.nameOffset ?? 0,
    symbol: (table, id) => {
      const ids = symbolIds.get(table);
      const builder = builders.get(table);
      const nameId = ids?.[id];
      if (builder === undefined || nameId === undefined) return undefined;
      return nameId === KEPT ? undefined : builder.offset(nameId);
    },
  };
}

/** In place of a name's id: it stays where it is. */
const KEPT = 0xffff_ffff;

function addSymbols(
  state: EditState,
  table: SectionNode,
  builder: StringTableBuilder,
  keep: boolean,
): Uint32Array {
  const symbols = state.symbols(table);
  const ids = new Uint32Array(symbols.idEnd);
  for (const id of symbols.ids()) {
    const fresh = symbols.record(id)?.name;
    if (fresh !== undefined) ids[id] = builder.add(fresh);
    else ids[id] = keep ? KEPT : builder.addBinary(symbols.originalName(id));
  }
  return ids;
}

/** Names of the file's own sections, byte for byte. */
function namesAsBytes(state: EditState): (node: SectionNode) => string {
  const { file } = state;
  const { shstrndx } = file.header;
  const table = shstrndx === 0 ? undefined : file.section(shstrndx).rawBytes();
  return (node) =>
    table === undefined || node.original === undefined ? "" : binaryAt(table, node.original.nameOffset);
}
