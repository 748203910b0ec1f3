/** Relocations of several objects as those of one module: what is settled by merging is applied, the rest is kept. */
import { SHT } from "../../elf/constants/section.ts";
import { STB, STT } from "../../elf/constants/symbol.ts";
import { codeRelocations } from "../../elf/machine/relocate/registry.ts";
import { fitsField, storedAddend, storeField } from "../../elf/machine/relocate/row.ts";
import { linkError } from "../link/fault.ts";
import type { LinkInput } from "../link/input.ts";
import { linkMachine } from "../link/machine.ts";
import { isInside } from "../link/slots.ts";
import { type LinkSymbols, ORIGIN } from "../link/symbols.ts";
import { type Merged, type MergedPart, type MergedSection, placeIn } from "./merge.ts";
import type { MergedSymbols } from "./merged-symbols.ts";

/** The relocations of one merged section. */
export interface MergedRelocations {
  readonly offsets: number[];
  readonly types: number[];
  readonly symbols: number[];
  readonly addends: bigint[];
  /** They have their addends in the place: `SHT_REL`. */
  isImplicit: boolean;
}

interface Task {
  readonly symbols: LinkSymbols;
  readonly merged: Merged;
  readonly numbers: MergedSymbols;
  /** By merged section: its bytes, and its position. */
  readonly bytes: ReadonlyMap<MergedSection, Uint8Array>;
  readonly position: ReadonlyMap<MergedSection, number>;
}

/**
 * Goes through all relocations. Branches and references within one merged section are applied to its bytes.
 * @returns what is left, by merged section
 * @throws DynldError DYNLD_BAD_RELOCATION
 */
export function mergeRelocations(
  inputs: readonly LinkInput[],
  symbols: LinkSymbols,
  merged: Merged,
  numbers: MergedSymbols,
  bytes: ReadonlyMap<MergedSection, Uint8Array>,
): Map<MergedSection, MergedRelocations> {
  const left = new Map<MergedSection, MergedRelocations>();
  const position = new Map(merged.sections.map((section, i) => [section, i] as const));
  const task: Task = { symbols, merged, numbers, bytes, position };
  for (const input of inputs) {
    for (const section of input.sections) {
      if (section.type !== SHT.SHT_RELA && section.type !== SHT.SHT_REL) continue;
      const part = merged.partOf.get(input)?.get(section.info);
      if (part === undefined) continue;
      let out = left.get(part.into);
      if (out === undefined) {
        out = { offsets: [], types: [], symbols: [], addends: [], isImplicit: section.type === SHT.SHT_REL };
        left.set(part.into, out);
      }
      mergeTable(task, input, section.index, part, out);
    }
  }
  return left;
}

function mergeTable(
  task: Task,
  input: LinkInput,
  index: number,
  part: MergedPart,
  out: MergedRelocations,
): void {
  const { symbols, merged, numbers } = task;
  const section = input.elf.section(index);
  const table = input.elf.relocations(section);
  const ids = symbols.ids.get(input) ?? new Int32Array(0);
  const rows = codeRelocations(table.machine);
  const data = task.bytes.get(part.into) ?? new Uint8Array(0);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const { little } = input.elf.image;
  const explicit = table.kind === "RELA";
  const machine = linkMachine(table.machine);
  for (let i = 0; i < table.length; i++) {
    let type = table.type(i);
    let row = rows[type];
    const at = table.offset(i);
    const failure = (what: string) =>
      linkError("DYNLD_BAD_RELOCATION", input.name, part.section.label, at, what);
    const fail = (what: string): never => {
      throw failure(what);
    };
    if (row === undefined) throw failure(`found ${table.typeName(i)}, expected a known type`);
    if (!(at + row.size <= part.section.bytes().length)) {
      fail(`${table.typeName(i)}: found outside the section's contents`);
    }
    const symbol = table.symbol(i);
    if (symbol >= ids.length)
      fail(`${table.typeName(i)}: found symbol ${symbol}, expected less than ${ids.length}`);
    const id = ids[symbol] ?? 0;
    if (symbols.origin[id] === ORIGIN.discarded) continue;
    let place = part.offset + at;
    let addend = explicit ? (table.addend(i) ?? 0n) : BigInt(storedAddend(view, place, little, row));
    const home = homeOf(symbols, merged, id);
    const isSection = symbols.type[id] === STT.STT_SECTION;
    let number = numbers.numberOf[id] ?? 0;
    if (isSection && home !== undefined) {
      number = numbers.sectionSymbols[task.position.get(home.into) ?? 0] ?? 0;
      addend =
        home.pooled === undefined ? addend + BigInt(home.offset) : BigInt(placeIn(home, Number(addend)));
      if (!explicit && row.field !== "nothing") storeField(view, place, little, row, Number(addend));
    }
    // What may give way to another definition is reached by way of the table.
    const isFinal = isInside(symbols, id) && symbols.binding[id] !== STB.STB_GNU_UNIQUE;
    if (explicit && isFinal && machine.canRelax(type, data, place)) {
      const relaxed = machine.relax(data, place);
      addend += BigInt(relaxed.more - (place - relaxed.at));
      place = relaxed.at;
      type = machine.relaxedType;
      row = rows[type] ?? row;
    }
    const relative = row.formula === "S + A - P" || row.formula === "L + A - P";
    if (relative && home?.into === part.into && row.field === "bytes" && !isIndirect(symbols, id)) {
      const target = isSection ? 0 : placeIn(home, symbols.value[id] ?? 0);
      const value = target + Number(addend) - place;
      if (!fitsField(row, value)) fail(`${table.typeName(i)}: found ${value}, which does not fit`);
      storeField(view, place, little, row, value);
      continue;
    }
    if (number === 0 && symbol !== 0)
      fail(`${table.typeName(i)}: found a symbol whose section is not in the module`);
    out.offsets.push(place);
    out.types.push(type);
    out.symbols.push(number);
    out.addends.push(addend);
  }
}

/** Where a symbol of a section went. */
function homeOf(symbols: LinkSymbols, merged: Merged, id: number): MergedPart | undefined {
  const origin = symbols.origin[id];
  const input = symbols.inputOf(id);
  if (input?.symtab === undefined || (origin !== ORIGIN.piece && origin !== ORIGIN.elsewhere))
    return undefined;
  return merged.partOf.get(input)?.get(input.symtab.sectionIndex(symbols.index[id] ?? 0));
}

function isIndirect(symbols: LinkSymbols, id: number): boolean {
  return symbols.type[id] === STT.STT_GNU_IFUNC;
}
