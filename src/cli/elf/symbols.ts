/** Symbol tables as text and JSON. */
import {
  bindingName,
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  EM,
  SHN,
  SHT,
  STT,
  type SymbolTable,
  sectionIndexName,
  symbolTypeName,
  VERSYM_VERSION,
  visibilityName,
} from "../../elf/index.ts";
import { address, bare, jsonConstant, jsonHex, type Lines, plural, type View } from "./view.ts";

interface NamedTable {
  readonly title: string;
  readonly table: SymbolTable;
  readonly dynamic: boolean;
}

function tablesOf(elf: ElfFile, dynamicOnly: boolean): NamedTable[] {
  const wanted = dynamicOnly ? [SHT.SHT_DYNSYM] : [SHT.SHT_DYNSYM, SHT.SHT_SYMTAB];
  const sections = elf.sections.filter(({ type }) => wanted.some((one) => one === type));
  if (sections.length > 0) {
    return sections.map((section) => ({
      title: `Symbol table '${section.name}'`,
      table: elf.symbols(section),
      dynamic: section.type === SHT.SHT_DYNSYM,
    }));
  }
  // Without section headers the dynamic symbols can still be found.
  const table = elf.sections.length === 0 ? elf.dynsym() : undefined;
  return table === undefined ? [] : [{ title: "Symbol table for image", table, dynamic: true }];
}

export function* symbolsText(view: View): Lines {
  yield* tablesText(view, false);
}

export function* dynamicSymbolsText(view: View): Lines {
  yield* tablesText(view, true);
}

function* tablesText(view: View, dynamicOnly: boolean): Lines {
  const { elf } = view;
  const tables = tablesOf(elf, dynamicOnly);
  if (tables.length === 0) {
    yield "";
    yield `There are no ${dynamicOnly ? "dynamic symbols" : "symbols"} in this file.`;
  }
  for (const { title, table, dynamic } of tables) {
    yield "";
    yield `${title} contains ${plural(table.length, "entry", "entries")}:`;
    yield elf.header.is64
      ? "   Num:    Value          Size Type    Bind   Vis      Ndx Name"
      : "   Num:    Value  Size Type    Bind   Vis      Ndx Name";
    for (const symbol of table) {
      yield symbolLine(view, symbol, dynamic);
    }
  }
}

function symbolLine(view: View, symbol: ElfSymbol, dynamic: boolean): string {
  const { elf } = view;
  const { machine } = elf.header;
  const size = symbol.size > 99_999n ? jsonHex(symbol.size) : String(symbol.size);
  const columns = [
    `${String(symbol.index).padStart(6)}:`,
    address(elf, symbol.value),
    size.padStart(5),
    bare(symbolTypeName(symbol.type, machine), "STT_").replace(/^GNU_/, "").padEnd(7),
    bare(bindingName(symbol.binding), "STB_")
      .replace(/^GNU_UNIQUE$/, "UNIQUE")
      .padEnd(6),
    bare(visibilityName(symbol.visibility), "STV_").padEnd(7) + otherBits(symbol.other & ~3, machine),
    sectionColumn(symbol, machine).padStart(4),
    nameWithVersion(view, symbol, dynamic),
  ];
  return columns.join(" ");
}

/** What a machine keeps in `st_other` beside the visibility, in readelf's words. */
function otherBits(bits: number, machine: number): string {
  if (bits === 0) {
    return "";
  }
  if (machine === EM.EM_PPC64) {
    // [64-bit ELF V2 ABI for Power, 3.4.1]: how far the local entry point lies behind the global one.
    return ` [<localentry>: ${((1 << (bits >>> 5)) >>> 2) << 2}]`;
  }
  if ((machine === EM.EM_AARCH64 || machine === EM.EM_RISCV) && bits === 0x80) {
    return machine === EM.EM_AARCH64 ? " [VARIANT_PCS]" : " [VARIANT_CC]";
  }
  return ` [<other>: ${bits.toString(16)}]`;
}

function sectionColumn(symbol: ElfSymbol, machine: number): string {
  if (!symbol.special && symbol.sectionIndex !== SHN.SHN_UNDEF) {
    return String(symbol.sectionIndex);
  }
  return bare(sectionIndexName(symbol.sectionIndex, machine), "SHN_")
    .replace(/^UNDEF$/, "UND")
    .replace(/^COMMON$/, "COM");
}

/** A name, `@` and the version; of versions needed from elsewhere also the index, as readelf appends it. */
function nameWithVersion(view: View, symbol: ElfSymbol, dynamic: boolean): string {
  const plain = view.name(symbolName(view.elf, symbol));
  const { version } = symbol;
  if (!dynamic || version === undefined) {
    return plain;
  }
  if (version.file !== undefined) {
    const index = (view.elf.versions().entry(symbol.index) ?? 0) & VERSYM_VERSION;
    return `${plain}@${version.name} (${index})`;
  }
  return `${plain}${versionSuffix(symbol)}`;
}

/** `@VERSION` or `@@VERSION`, empty without a version. */
export function versionSuffix(symbol: ElfSymbol): string {
  const { version } = symbol;
  // A version itself is a symbol too, of the same name.
  if (version === undefined || (symbol.special && symbol.name === version.name)) {
    return "";
  }
  return version.hidden || version.file !== undefined ? `@${version.name}` : `@@${version.name}`;
}

/** A section's symbol has no name of its own. */
export function symbolName(elf: ElfFile, symbol: ElfSymbol): string {
  const ofSection = symbol.name === "" && symbol.type === STT.STT_SECTION && !symbol.special;
  return ofSection ? sectionName(elf.sections[symbol.sectionIndex]) : symbol.name;
}

function sectionName(section: ElfSection | undefined): string {
  return section === undefined ? "" : section.name;
}

export function symbolsJson(view: View): unknown {
  return tablesJson(view, false);
}

export function dynamicSymbolsJson(view: View): unknown {
  return tablesJson(view, true);
}

function tablesJson(view: View, dynamicOnly: boolean): unknown {
  const { elf } = view;
  const { machine } = elf.header;
  return tablesOf(elf, dynamicOnly).map(({ table, dynamic }) => ({
    dynamic,
    symbols: [...table].map((symbol) => ({
      index: symbol.index,
      name: symbolName(elf, symbol),
      ...demangledName(view, symbol),
      ...(dynamic && symbol.version !== undefined ? { version: symbol.version } : {}),
      value: jsonHex(symbol.value),
      size: jsonHex(symbol.size),
      type: jsonConstant(symbol.type, symbolTypeName(symbol.type, machine)),
      binding: jsonConstant(symbol.binding, bindingName(symbol.binding)),
      visibility: jsonConstant(symbol.visibility, visibilityName(symbol.visibility)),
      other: symbol.other,
      section: symbol.special ? sectionIndexName(symbol.sectionIndex, machine) : symbol.sectionIndex,
    })),
  }));
}

function demangledName(view: View, symbol: ElfSymbol): { demangled?: string } {
  const shown = view.name(symbol.name);
  return shown === symbol.name ? {} : { demangled: shown };
}
