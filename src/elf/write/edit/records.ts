/** Relocation sections of an edited file: checked, and written with symbol ids. */
import { EM } from "../../constants/machine.ts";
import { SHF, SHT } from "../../constants/section.ts";
import type { ElfRelocation } from "../../relocation.ts";
import type { Integer } from "../put.ts";
import { planRelocations, putRelocations, recordSize } from "../relocations.ts";
import { type EditedSection, isRelocationType, isSymbolType, type SectionNode } from "./node.ts";
import type { EditState } from "./state.ts";

/** A relocation of an edited file; `symbol` is an id of the linked table, 0 for none. */
export interface EditedRelocation {
  /** `r_offset`: in a relocatable file from the start of the target, else an address. */
  readonly offset: Integer;
  /** `R_` value of the machine; on 64-bit MIPS three types, one a byte from the lowest. */
  readonly type: number;
  readonly symbol?: number;
  /** Of `SHT_RELA` only; 0 by default. */
  readonly addend?: Integer | undefined;
  /** `r_ssym`, on 64-bit MIPS. */
  readonly specialSymbol?: number;
}

/** What a new relocation section is to be. */
export interface NewRelocations {
  /** Symbol table of the records; by default the only one in the file. */
  readonly table?: EditedSection;
  /** `SHT_RELA` or `SHT_REL`; by default as the file's others, or as the machine has it. */
  readonly type?: number;
  /** By default `.rela` or `.rel` and the name of the target. */
  readonly name?: string;
}

/** The table that new sections refer to. Throws `ELF_BAD_EDIT` if there is none, or several. */
export function onlyTable(state: EditState, chosen: EditedSection | undefined): SectionNode {
  const tables = state.order.filter((one) => one.type === SHT.SHT_SYMTAB);
  const node = chosen === undefined ? tables[0] : state.node(chosen);
  if (node !== undefined && isSymbolType(node.type) && (chosen !== undefined || tables.length === 1))
    return node;
  throw state.fail(node, `symbol table: found ${tables.length} of them, expected one, or the one to be used`);
}

/** Adds a section of relocations for `target`. */
export function addRelocations(
  state: EditState,
  target: SectionNode,
  records: readonly EditedRelocation[],
  options: NewRelocations,
): SectionNode {
  const table = onlyTable(state, options.table);
  const type = options.type ?? usualType(state);
  const bytes = encodeRecords(
    state,
    { label: `relocations of ${target.label}`, type, table, target },
    records,
  );
  const name = options.name ?? `${type === SHT.SHT_RELA ? ".rela" : ".rel"}${target.name}`;
  const node = state.add(name, type, SHF.SHF_INFO_LINK);
  node.link = table;
  node.infoSection = target;
  node.bytes = bytes;
  node.addralign = state.format.is64 ? 8 : 4;
  node.entsize = recordSize(state.format, type);
  // A member's relocations are kept or dropped with it [gABI, "Section Groups"].
  const group = state.order.find((one) => one.members?.includes(target));
  if (group !== undefined) {
    group.members?.push(node);
    node.flags |= SHF.SHF_GROUP;
  }
  return node;
}

/** Gives a section of relocations other records. */
export function setRelocations(
  state: EditState,
  node: SectionNode,
  records: readonly EditedRelocation[],
): void {
  if (!isRelocationType(node.type))
    throw state.fail(node, "found another type, expected SHT_REL or SHT_RELA");
  if (state.isFixed(node))
    throw state.fail(node, "can't be replaced: it is loaded, and found through the dynamic section");
  const { label, type, link: table, infoSection: target } = node;
  node.bytes = encodeRecords(state, { label, type, table, target }, records);
}

/** The records of a section, as {@link setRelocations} takes them. */
export function readRelocations(state: EditState, node: SectionNode): (ElfRelocation & EditedRelocation)[] {
  if (!isRelocationType(node.type))
    throw state.fail(node, "found another type, expected SHT_REL or SHT_RELA");
  const table = state.relocations(node);
  return Array.from({ length: table.length }, (_, i) => {
    const specialSymbol = table.specialSymbol(i);
    return { ...table.at(i), ...(specialSymbol === 0 ? {} : { specialSymbol }) };
  });
}

interface RecordsOf {
  readonly label: string;
  readonly type: number;
  readonly table: SectionNode | undefined;
  readonly target: SectionNode | undefined;
}

function encodeRecords(state: EditState, of: RecordsOf, records: readonly EditedRelocation[]): Uint8Array {
  const { label, type, table, target } = of;
  const fail = (what: string) => state.fail(undefined, `${label}: ${what}`);
  if (!isRelocationType(type)) throw fail(`type: found ${type}, expected SHT_REL or SHT_RELA`);
  const symbols = table === undefined ? undefined : state.symbols(table);
  records.forEach(({ symbol = 0, offset }, i) => {
    if (symbol !== 0 && symbols?.has(symbol) !== true)
      throw fail(`relocation ${i}: found symbol ${symbol}, expected the id of one that is kept`);
    if (state.relocatable && target !== undefined && (offset < 0 || offset >= target.size))
      throw fail(
        `relocation ${i}: found offset ${offset}, expected less than the ${target.size} bytes of ${target.label}`,
      );
  });
  const described = records.map(({ offset, type: kind, symbol = 0, addend, specialSymbol }) => ({
    offset,
    type: kind,
    symbol,
    ...(addend === undefined ? {} : { addend }),
    ...(specialSymbol === undefined ? {} : { specialSymbol }),
  }));
  const plan = planRelocations(described, type, label, (ref) => Number(ref));
  const bytes = new Uint8Array(plan.count * recordSize(state.format, type));
  putRelocations(new DataView(bytes.buffer), 0, state.format, plan);
  return bytes;
}

/** The machines whose processor supplements use `SHT_REL`, of 32 bits. */
const REL_MACHINES: ReadonlySet<number> = new Set([EM.EM_386, EM.EM_ARM, EM.EM_MIPS]);

function usualType(state: EditState): number {
  const other = state.relocationSections()[0];
  if (other !== undefined) return other.type;
  const { is64, machine } = state.format;
  return !is64 && REL_MACHINES.has(machine) ? SHT.SHT_REL : SHT.SHT_RELA;
}
