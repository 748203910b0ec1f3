/** Relocation sections as text and JSON. */
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSymbol,
  type RelocationTable,
  relocationTypeName,
  SHT,
  type SymbolTable,
} from "../../elf/index.ts";
import { symbolName, versionSuffix } from "./symbols.ts";
import { address, hex, jsonConstant, jsonHex, type Lines, plural, type View } from "./view.ts";

interface NamedRelocations {
  readonly name: string;
  readonly offset: number | undefined;
  readonly section: number | undefined;
  readonly table: RelocationTable;
  readonly symbols: SymbolTable | undefined;
}

function tablesOf(elf: ElfFile): NamedRelocations[] {
  const types: readonly number[] = [SHT.SHT_REL, SHT.SHT_RELA, SHT.SHT_RELR];
  const sections = elf.sections.filter(({ type }) => types.includes(type));
  if (sections.length === 0 && elf.sections.length === 0) {
    return elf.dynamicRelocations().map((table) => ({
      name: `dynamic ${table.kind}`,
      offset: undefined,
      section: undefined,
      table,
      symbols: elf.dynsym(),
    }));
  }
  return sections.map((section) => ({
    name: section.name,
    offset: section.offset,
    section: section.index,
    table: elf.relocations(section),
    symbols:
      section.link === 0 || section.type === SHT.SHT_RELR
        ? undefined
        : elf.symbols(elf.section(section.link)),
  }));
}

export function* relocsText(view: View): Lines {
  const tables = tablesOf(view.elf);
  if (tables.length === 0) {
    yield "";
    yield "There are no relocations in this file.";
  }
  for (const { name, offset, table, symbols } of tables) {
    yield "";
    const at = offset === undefined ? "" : ` at offset 0x${hex(offset)}`;
    if (table.kind === "RELR") {
      yield `Relocation section '${name}'${at} contains ${plural(table.length, "offset", "offsets")}:`;
      for (const { offset: place } of table) {
        yield address(view.elf, place);
      }
      continue;
    }
    yield `Relocation section '${name}'${at} contains ${plural(table.length, "entry", "entries")}:`;
    const addend = table.kind === "RELA" ? " + Addend" : "";
    yield view.elf.header.is64
      ? `    Offset             Info             Type               Symbol's Value  Symbol's Name${addend}`
      : ` Offset     Info    Type                Sym. Value  Symbol's Name${addend}`;
    for (const relocation of table) {
      yield relocationLine(view, relocation, symbols);
    }
  }
}

function relocationLine(view: View, relocation: ElfRelocation, symbols: SymbolTable | undefined): string {
  const { elf } = view;
  const { is64, machine } = elf.header;
  const { symbol: index, type, addend } = relocation;
  const info = is64
    ? (BigInt(index) << 32n) | BigInt(type >>> 0)
    : (BigInt(index) << 8n) | BigInt(type & 0xff);
  const width = is64 ? 22 : 16;
  const start = `${address(elf, relocation.offset)}  ${address(elf, info)} ${relocationTypeName(machine, type).padEnd(width)}`;
  const symbol = index === 0 ? undefined : symbols?.at(index);
  if (symbol === undefined) {
    return addend === undefined ? start.trimEnd() : `${start} ${" ".repeat(19)}${signedHex(addend)}`;
  }
  const shown = `${start} ${is64 ? "" : "  "}${address(elf, symbol.value)}${is64 ? " " : "   "}${shownName(view, symbol)}`;
  if (addend === undefined) {
    return shown;
  }
  return addend < 0n ? `${shown} - ${hex(-addend)}` : `${shown} + ${hex(addend)}`;
}

function shownName(view: View, symbol: ElfSymbol): string {
  const name = symbolName(view.elf, symbol);
  return name === "" ? "<null>" : view.name(name) + versionSuffix(symbol);
}

function signedHex(value: bigint): string {
  return value < 0n ? `-${hex(-value)}` : hex(value);
}

export function relocsJson(view: View): unknown {
  const { elf } = view;
  return tablesOf(elf).map(({ name, section, table, symbols }) => ({
    name,
    ...(section === undefined ? {} : { section, appliesTo: elf.section(section).info }),
    kind: table.kind,
    relocations: [...table].map((relocation) => ({
      offset: jsonHex(relocation.offset),
      ...(table.kind === "RELR"
        ? {}
        : {
            type: jsonConstant(relocation.type, relocationTypeName(elf.header.machine, relocation.type)),
            symbol: relocation.symbol,
            ...symbolOf(view, relocation, symbols),
            ...(relocation.addend === undefined ? {} : { addend: String(relocation.addend) }),
          }),
    })),
  }));
}

function symbolOf(
  view: View,
  { symbol }: ElfRelocation,
  symbols: SymbolTable | undefined,
): { name?: string } {
  const found = symbol === 0 ? undefined : symbols?.at(symbol);
  return found === undefined ? {} : { name: symbolName(view.elf, found) };
}
