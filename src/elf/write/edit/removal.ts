/** Removing sections: what goes with them, what keeps them from going, and what has to change. */
import { SHF, SHT } from "../../constants/section.ts";
import { isRelocationType, type SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";

/**
 * Removes sections. With them go their relocation sections, the index section of a symbol table, groups that lose
 * their last member, and the symbols that they define.
 *
 * @throws ElfError `ELF_BAD_EDIT`, with everything as it was, if what is kept needs one of them
 */
export function removeSections(state: EditState, chosen: readonly SectionNode[]): void {
  const gone = closure(state, chosen);
  for (const node of gone) checkRemovable(state, node, gone);
  for (const node of state.order) if (!gone.has(node)) checkKept(state, node, gone);
  const symbols = state
    .symbolTables()
    .filter((table) => !gone.has(table))
    .map((table) => ({ table, ids: state.symbols(table).definedIn(gone) }));
  for (const { table, ids } of symbols) {
    if (ids.length === 0) continue;
    state.checkRenumbering(table);
    state.checkUnused(table, new Set(ids), gone);
  }
  for (const { table, ids } of symbols) state.symbols(table).drop(ids);
  for (const node of gone) dissolve(node, gone);
  for (const node of state.order) {
    if (node.members !== undefined) node.members = node.members.filter((member) => !gone.has(member));
  }
  for (const node of gone) node.removed = true;
  state.order = state.order.filter((node) => !gone.has(node));
  state.touchNames();
}

/** What goes with the chosen sections. */
function closure(state: EditState, chosen: readonly SectionNode[]): Set<SectionNode> {
  const gone = new Set(chosen);
  for (let before = -1; before !== gone.size; ) {
    before = gone.size;
    for (const node of state.order) {
      const { link, infoSection, members } = node;
      const follows =
        (isRelocationType(node.type) && infoSection !== undefined && gone.has(infoSection)) ||
        (node.type === SHT.SHT_SYMTAB_SHNDX && link !== undefined && gone.has(link)) ||
        (members !== undefined && members.length > 0 && members.every((member) => gone.has(member)));
      if (follows) gone.add(node);
    }
  }
  return gone;
}

function checkRemovable(state: EditState, node: SectionNode, gone: ReadonlySet<SectionNode>): void {
  if (state.isFixed(node))
    throw state.fail(
      node,
      "can't be removed: it is loaded, and other parts of a linked file may count on it",
    );
  if (node === state.names) throw state.fail(node, "can't be removed: it holds the section names");
  if (node.type === SHT.SHT_SYMTAB_SHNDX && node.link !== undefined && !gone.has(node.link))
    throw state.fail(node, `can't be removed: ${node.link.label} may need it`);
}

function checkKept(state: EditState, node: SectionNode, gone: ReadonlySet<SectionNode>): void {
  const { link, infoSection } = node;
  if (link !== undefined && gone.has(link))
    throw state.fail(link, `can't be removed: ${node.label} refers to it (sh_link)`);
  if (infoSection !== undefined && gone.has(infoSection))
    throw state.fail(infoSection, `can't be removed: ${node.label} refers to it (sh_info)`);
}

/** The members of a group that goes are in none from now on. */
function dissolve(group: SectionNode, gone: ReadonlySet<SectionNode>): void {
  for (const member of group.members ?? []) {
    if (!gone.has(member)) member.flags = (member.flags & ~SHF.SHF_GROUP) >>> 0;
  }
}
