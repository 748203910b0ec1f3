/** Types of what a module exports and imports: from its files' debug information, or from the table that mkmod put there. */
import { Dwarf } from "../dwarf/dwarf.ts";
import { Companions } from "../dwfl/find/companions.ts";
import type { ElfFile } from "../elf/file.ts";
import { BinderyError } from "../errors.ts";
import { SymbolTypes, type TypedSymbol } from "./ctype/symbol-types.ts";
import type { CSymbol } from "./ctype.ts";
import { EXPORTS_SECTION, parseTypeLists, TYPES_SECTION } from "./mkmod/sections.ts";
import { type ExportedSymbol, exportedSymbols } from "./signature/exported.ts";
import { exportedType } from "./signature/exported-type.ts";
import { Signatures, type SignedSymbol } from "./signature/signature.ts";
import { TypeTable } from "./signature/table.ts";

/** What a file says of a symbol. */
interface FoundType {
  /** With its text; `undefined` of a type that came as text. */
  readonly signed?: SignedSymbol;
  readonly symbol: CSymbol | undefined;
  readonly signature: bigint;
  readonly isDeclaration: boolean;
}

/** Looks a symbol up in one file. */
type Finder = (name: string) => FoundType | undefined;

/**
 * Looks types up when they are asked for. Debug information that is damaged tells nothing. Owns the files that a compiler has
 * put some of it in (`-gsplit-dwarf`); types that were read are of no use once it is closed.
 */
export class ModuleTypes {
  readonly #finders: readonly Finder[];
  readonly #companions: Companions[] = [];
  readonly #signatures = new Signatures();
  readonly #found = new Map<string, FoundType | undefined>();

  /** @param imports names that the module imports, asked for when they are needed */
  constructor(files: readonly ElfFile[], imports: () => Iterable<string>) {
    let names: ReadonlySet<string> | undefined;
    const isImported = (name: string): boolean => {
      names ??= new Set(imports());
      return names.has(name);
    };
    const request = { companions: this.#companions, isImported };
    this.#finders = files
      .map((elf) => fromTable(elf, request) ?? fromDebugInformation(elf, request))
      .filter((one) => one !== undefined);
  }

  /** Whether a question may have the files read. */
  get areFromFiles(): boolean {
    return this.#finders.length > 0;
  }

  /** Closes the files. Twice is harmless. */
  close(): void {
    for (const one of this.#companions.splice(0)) one.close();
  }

  /** The type of a symbol that the module defines, or else expects. */
  symbol(name: string): CSymbol | undefined {
    return this.#find(name)?.symbol;
  }

  /** Its signature; 0 when the type is not known. */
  signature(name: string): bigint {
    return this.#find(name)?.signature ?? 0n;
  }

  /** The signature with its text; of a type that came as text, made anew. */
  signed(name: string): SignedSymbol | undefined {
    const found = this.#find(name);
    return found?.signed ?? (found?.symbol && this.#signatures.of(found.symbol));
  }

  #find(name: string): FoundType | undefined {
    const known = this.#found.get(name);
    if (known !== undefined || this.#found.has(name)) return known;
    let found: FoundType | undefined;
    for (const find of this.#finders) {
      const one = tolerant(() => find(name));
      if (one === undefined || (found !== undefined && one.isDeclaration)) continue;
      found = one;
      if (!one.isDeclaration) break;
    }
    this.#found.set(name, found);
    return found;
  }
}

/** What finders are made with. */
interface FinderRequest {
  /** Gets the companions of files that are opened. */
  readonly companions: Companions[];
  readonly isImported: (name: string) => boolean;
}

function fromDebugInformation(elf: ElfFile, { companions, isImported }: FinderRequest): Finder | undefined {
  const [section] = [...elf.sectionsNamed(".debug_info"), ...elf.sectionsNamed(".zdebug_info")];
  if (section === undefined) return undefined;
  let types: SymbolTypes | undefined;
  let signatures: Signatures | undefined;
  let exports: ReadonlyMap<string, ExportedSymbol> | undefined;
  const byPlace = (own: SymbolTypes, name: string): TypedSymbol | undefined => {
    if (isImported(name)) return undefined;
    exports ??= new Map(exportedSymbols(elf).map((one) => [one.name, one]));
    const exported = exports.get(name);
    return exported && exportedType(own, exported);
  };
  return (name) => {
    types ??= new SymbolTypes(openDwarf(elf, companions));
    signatures ??= new Signatures(types.reader);
    const symbol: TypedSymbol | undefined = types.find(name) ?? byPlace(types, name);
    if (symbol === undefined) return undefined;
    const signed = signatures.of(symbol);
    return { symbol, signed, signature: signed.signature, isDeclaration: symbol.isDeclaration };
  };
}

function openDwarf(elf: ElfFile, companions: Companions[]): Dwarf {
  const dwarf = Dwarf.open(elf);
  companions.push(Companions.attach(dwarf));
  return dwarf;
}

/** What mkmod wrote down, read when the first type is asked for; where it can't be, debug information has to do. */
function fromTable(elf: ElfFile, request: FinderRequest): Finder | undefined {
  if (elf.sectionsNamed(EXPORTS_SECTION).length === 0) return undefined;
  let find: Finder | undefined;
  return (name) => {
    find ??= inEither(
      tolerant(() => inTable(elf)),
      fromDebugInformation(elf, request),
    );
    return find(name);
  };
}

/** What a linker has put beside a module, only debug information tells. */
function inEither(table: Finder | undefined, debug: Finder | undefined): Finder {
  return (name) => table?.(name) ?? debug?.(name);
}

function inTable(elf: ElfFile): Finder | undefined {
  const lists = parseTypeLists(elf);
  if (lists === undefined) return undefined;
  const [section] = elf.sectionsNamed(TYPES_SECTION);
  let table: TypeTable | undefined;
  return (name) => {
    const exported = lists.exports.get(name);
    const signature = exported ?? lists.imports.get(name);
    if (signature === undefined) return undefined;
    if (section !== undefined) table ??= TypeTable.decode(section.bytes());
    const symbol = table?.symbol(name, signature);
    return { symbol, signature, isDeclaration: exported === undefined };
  };
}

/** `undefined` for what can't be read. */
function tolerant<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof BinderyError) return undefined;
    throw error;
  }
}
