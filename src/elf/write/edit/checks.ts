/** What speaks against an edit of one section. */
import { SHF, SHT } from "../../constants/section.ts";
import { isStructural, isSymbolType, type SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";

/** Throws unless the contents of a section may be given by the caller. */
export function checkReplaceable(state: EditState, node: SectionNode): void {
  if (isStructural(node.type))
    throw state.fail(node, "can't be replaced: it is a table of references, which has verbs of its own");
  if (node.type !== SHT.SHT_STRTAB || state.isFixed(node)) return;
  const user =
    node === state.names ? "the section names" : state.order.find((one) => one.link === node)?.label;
  if (user !== undefined) throw state.fail(node, `can't be replaced: it holds the names of ${user}`);
}

/** Throws if a relocation or a symbol of a section would lie past its new end. */
export function checkShrinking(state: EditState, node: SectionNode, size: number): void {
  if (size >= node.size) return;
  if (!state.relocatable) return;
  for (const section of state.relocationSections()) {
    if (section.infoSection !== node) continue;
    const records = state.relocations(section);
    for (let i = 0; i < records.length; i++) {
      if (records.offset(i) < size) continue;
      throw state.fail(
        node,
        `can't shrink to ${size} bytes: relocation ${i} of ${section.label} is at 0x${records.offset(i).toString(16)}`,
      );
    }
  }
  for (const table of state.order.filter((one) => isSymbolType(one.type))) {
    const symbols = state.symbols(table);
    for (const id of symbols.definedIn(new Set([node]))) {
      const { value } = symbols.get(id);
      if (value <= BigInt(size)) continue;
      throw state.fail(
        node,
        `can't shrink to ${size} bytes: ${symbols.describe(id)} of ${table.label} is at 0x${value.toString(16)}`,
      );
    }
  }
}

/** Throws unless groups come before their members in an order of sections [gABI, "Section Groups"]. */
export function checkGroupOrder(state: EditState, order: readonly SectionNode[]): void {
  const position = new Map(order.map((node, i) => [node, i]));
  for (const group of order) {
    for (const member of group.members ?? []) {
      if ((position.get(member) ?? 0) > (position.get(group) ?? 0)) continue;
      throw state.fail(member, `can't come before ${group.label}, the group that it is a member of`);
    }
  }
}

/** Throws if a flag is to change that the editor keeps, or that decides where a section lies. */
export function checkFlags(state: EditState, node: SectionNode, flags: number): void {
  const changed = (flags ^ node.flags) >>> 0;
  if ((changed & SHF.SHF_ALLOC) !== 0 && !state.relocatable)
    throw state.fail(
      node,
      "SHF_ALLOC: can't change in a linked file: it decides whether the section is loaded",
    );
}

/** Throws unless `addralign` is 0 or a power of two. */
export function checkAddralign(state: EditState, label: string, addralign: number): void {
  if (addralign === 0 || (Number.isSafeInteger(addralign) && Number.isInteger(Math.log2(addralign)))) return;
  throw state.fail(undefined, `${label}: sh_addralign: found ${addralign}, expected 0 or a power of two`);
}
