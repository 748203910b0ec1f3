/** Symbols of several objects as those of one module. */
import { SHN } from "../../elf/constants/section.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import type { SymbolColumns } from "../../elf/write/description.ts";
import type { LinkInput } from "../link/input.ts";
import { type LinkSymbols, ORIGIN } from "../link/symbols.ts";
import { type Merged, type MergedPart, placeIn } from "./merge.ts";

/** Numbers of symbols in the module: positions in its table plus one, 0 for none. */
export interface MergedSymbols {
  readonly columns: SymbolColumns;
  /** By symbol of the link; 0 for what is a section or is not there. */
  readonly numberOf: Int32Array;
  /** By merged section, in order. */
  readonly sectionSymbols: readonly number[];
  /** Names that others may see, and names that are to be imported. */
  readonly exports: readonly string[];
  /** Names that others could see. */
  readonly offered: readonly string[];
  readonly imports: readonly string[];
}

/** @param isExported which names others may see, of those that are not hidden anyway */
export function mergeSymbols(
  symbols: LinkSymbols,
  merged: Merged,
  isExported: (name: string) => boolean,
): MergedSymbols {
  const table = new Columns();
  const index = new Map(merged.sections.map((section, i) => [section, i + 1] as const));
  const sectionSymbols = merged.sections.map((_, i) =>
    table.add({ name: "", value: 0, size: 0, info: STT.STT_SECTION, other: 0, section: i + 1, reserved: 0 }),
  );
  const numberOf = new Int32Array(symbols.length);
  const exports: string[] = [];
  const offered: string[] = [];
  const imports: string[] = [];
  for (let id = 0; id < symbols.length; id++) {
    const origin = symbols.origin[id] ?? ORIGIN.undefined;
    const name = symbols.nameOf(id);
    const type = symbols.type[id] ?? 0;
    if (name === "" || type === STT.STT_SECTION) continue;
    const binding = symbols.binding[id] ?? STB.STB_LOCAL;
    const part = partOf(symbols, merged, id);
    const section = part === undefined ? 0 : (index.get(part.into) ?? 0);
    const isPlaced = origin === ORIGIN.piece && section > 0;
    if (!isPlaced && ![ORIGIN.undefined, ORIGIN.common, ORIGIN.absolute].some((one) => one === origin))
      continue;
    if (type === STT.STT_FILE) continue;
    let visibility = symbols.visibility[id] ?? STV.STV_DEFAULT;
    if (binding !== STB.STB_LOCAL) {
      const open = visibility === STV.STV_DEFAULT || visibility === STV.STV_PROTECTED;
      if (open && origin !== ORIGIN.undefined) offered.push(name);
      if (origin === ORIGIN.undefined) imports.push(name);
      else if (open && isExported(name)) exports.push(name);
      else if (open) visibility = STV.STV_HIDDEN;
    }
    numberOf[id] = table.add({
      name,
      value:
        isPlaced && part !== undefined ? placeIn(part, symbols.value[id] ?? 0) : (symbols.value[id] ?? 0),
      size: symbols.size[id] ?? 0,
      info: (binding << 4) | type,
      other: visibility,
      section: isPlaced ? section : 0,
      reserved: origin === ORIGIN.common ? SHN.SHN_COMMON : origin === ORIGIN.absolute ? SHN.SHN_ABS : 0,
    });
  }
  return { columns: table.columns(), numberOf, sectionSymbols, exports, offered, imports };
}

/** The part that a symbol of a section lies in. */
function partOf(symbols: LinkSymbols, merged: Merged, id: number): MergedPart | undefined {
  const input: LinkInput | undefined = symbols.inputOf(id);
  if (input?.symtab === undefined) return undefined;
  return merged.partOf.get(input)?.get(input.symtab.sectionIndex(symbols.index[id] ?? 0));
}

interface Row {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly info: number;
  readonly other: number;
  readonly section: number;
  readonly reserved: number;
}

class Columns {
  readonly #rows: Row[] = [];

  add(row: Row): number {
    return this.#rows.push(row);
  }

  columns(): SymbolColumns {
    const rows = this.#rows;
    return {
      names: rows.map(({ name }) => name),
      values: BigUint64Array.from(rows, ({ value }) => BigInt.asUintN(64, BigInt(value))),
      sizes: rows.map(({ size }) => size),
      infos: rows.map(({ info }) => info),
      others: rows.map(({ other }) => other),
      sections: rows.map(({ section }) => section),
      reserved: rows.map(({ reserved }) => reserved),
    };
  }
}
