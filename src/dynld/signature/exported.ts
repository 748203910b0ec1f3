/** What an ELF file exports: functions and data that other files may use. */
import { DF_1, DT } from "../../elf/constants/dynamic.ts";
import { ET } from "../../elf/constants/header.ts";
import { SHF, SHN, SHT } from "../../elf/constants/section.ts";
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { SymbolTable } from "../../elf/symbol.ts";
import { compareNames } from "../dynsym.ts";

/** An exported symbol. */
export interface ExportedSymbol {
  readonly name: string;
  readonly kind: "function" | "variable";
  /** Where it is; `undefined` in an object file, of what is in the memory of a thread, and of labels without a type. */
  readonly address: bigint | undefined;
  /** Whether the loader calls the function there to learn where it is: `STT_GNU_IFUNC`. */
  readonly isIndirect: boolean;
  /** All names of the same place in the symbol table, this one among them: the types of aliases are told by one. */
  readonly aliases: () => readonly string[];
}

/** How the kernel's `EXPORT_SYMBOL` marks a name. */
const KSYMTAB = "__ksymtab_";
/** How objtool of the kernel names the padding before a function. */
const PADDING = "__pfx_";

/**
 * The symbols that a file exports, sorted by name, each once: of a shared library those of its dynamic symbol table; of a
 * kernel module those of `EXPORT_SYMBOL`, if there are any; of other object files and of executables all that are global
 * and not hidden, but for the kernel's names of the padding before functions. Executables that were stripped have their
 * dynamic ones.
 * @throws ElfError
 */
export function exportedSymbols(elf: ElfFile): ExportedSymbol[] {
  const all = tableOf(elf, SHT.SHT_SYMTAB);
  const dynamic = tableOf(elf, SHT.SHT_DYNSYM);
  const isLibrary = elf.header.type === ET.ET_DYN && !isExecutable(elf);
  const table = isLibrary ? (dynamic ?? all) : (all ?? dynamic);
  if (table === undefined) return [];
  const marked = elf.header.type === ET.ET_REL ? kernelExports(table) : new Set<string>();
  const places = new Places(all ?? table);
  const found = new Map<string, ExportedSymbol>();
  for (let index = 1; index < table.length; index++) {
    if (!isExported(table, index)) continue;
    const name = table.name(index);
    if (found.has(name) || name === "" || (marked.size > 0 && !marked.has(name))) continue;
    const kind = kindOf(elf, table, index);
    if (kind === undefined) continue;
    const type = table.type(index);
    // A label without a type may stand before something that it does not name.
    const isLabel = type === STT.STT_NOTYPE;
    const isPlaced = elf.header.type !== ET.ET_REL && type !== STT.STT_TLS && !isLabel;
    found.set(name, {
      name,
      kind,
      address: isPlaced ? table.value(index) : undefined,
      isIndirect: type === STT.STT_GNU_IFUNC,
      aliases: () => (isLabel ? [] : places.namesOf(table, index)),
    });
  }
  for (const name of found.keys()) {
    if (name.startsWith(PADDING) && found.has(name.slice(PADDING.length))) found.delete(name);
  }
  return [...found.values()].sort((a, b) => compareNames(a.name, b.name));
}

function tableOf(elf: ElfFile, type: number): SymbolTable | undefined {
  const section = elf.sections.find((one) => one.type === type);
  return section === undefined ? undefined : elf.symbols(section);
}

/** `DF_1_PIE` in `DT_FLAGS_1`. */
function isExecutable(elf: ElfFile): boolean {
  const flags = elf.dynamic()?.get(DT.DT_FLAGS_1) ?? 0n;
  return (flags & BigInt(DF_1.DF_1_PIE)) !== 0n;
}

function isExported(table: SymbolTable, index: number): boolean {
  const binding = table.binding(index);
  if (binding !== STB.STB_GLOBAL && binding !== STB.STB_WEAK && binding !== STB.STB_GNU_UNIQUE) return false;
  const visibility = table.visibility(index);
  if (visibility !== STV.STV_DEFAULT && visibility !== STV.STV_PROTECTED) return false;
  const section = table.storedSectionIndex(index);
  // Names of versions are absolute.
  return section !== SHN.SHN_UNDEF && section !== SHN.SHN_ABS;
}

/** `undefined` of what has no type and is neither code nor data, as the marks of linkers are. */
function kindOf(elf: ElfFile, table: SymbolTable, index: number): ExportedSymbol["kind"] | undefined {
  switch (table.type(index)) {
    case STT.STT_FUNC:
    case STT.STT_GNU_IFUNC:
      return "function";
    case STT.STT_OBJECT:
    case STT.STT_COMMON:
    case STT.STT_TLS:
      return "variable";
    case STT.STT_NOTYPE: {
      if (table.isSpecial(index)) return undefined;
      const section = elf.sections[table.sectionIndex(index)];
      return section !== undefined && (section.flags & SHF.SHF_EXECINSTR) !== 0 ? "function" : undefined;
    }
    default:
      return undefined;
  }
}

function kernelExports(table: SymbolTable): Set<string> {
  const names = new Set<string>();
  for (let index = 1; index < table.length; index++) {
    const name = table.name(index);
    if (name.startsWith(KSYMTAB)) names.add(name.slice(KSYMTAB.length));
  }
  return names;
}

/** Names by place, made when the first is asked for. */
class Places {
  readonly #table: SymbolTable;
  #names: Map<string, string[]> | undefined;

  constructor(table: SymbolTable) {
    this.#table = table;
  }

  /** All names of the place of a symbol of a table of the same file. */
  namesOf(table: SymbolTable, index: number): readonly string[] {
    this.#names ??= this.#collect();
    return this.#names.get(placeOf(table, index)) ?? [];
  }

  #collect(): Map<string, string[]> {
    const names = new Map<string, string[]>();
    for (let index = 1; index < this.#table.length; index++) {
      const place = placeOf(this.#table, index);
      const same = names.get(place);
      if (same === undefined) names.set(place, [this.#table.name(index)]);
      else same.push(this.#table.name(index));
    }
    return names;
  }
}

function placeOf(table: SymbolTable, index: number): string {
  return `${table.storedSectionIndex(index)}:${table.value(index)}`;
}
