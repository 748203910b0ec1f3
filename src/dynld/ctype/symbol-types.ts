/** Functions and variables of one file with their C types, by the names that linkers know them by. */
import type { Dwarf } from "../../dwarf/dwarf.ts";
import { bare, type CSymbol } from "../ctype.ts";
import { CTypeReader } from "./read.ts";
import { SymbolEntries } from "./symbol-entries.ts";

/** A symbol that debug information tells the type of. */
export interface TypedSymbol extends CSymbol {
  /** Whether it is only declared in the file: its type is what the file expects, and another provides it. */
  readonly isDeclaration: boolean;
}

/** The typed symbols of one file's debug information. Reads nothing before it is asked. */
export class SymbolTypes {
  readonly reader: CTypeReader;
  readonly #entries: SymbolEntries;

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.reader = new CTypeReader(dwarf);
    this.#entries = new SymbolEntries(dwarf);
  }

  /** A symbol with external linkage; `undefined` when debug information has none of that name. @throws DwarfError */
  find(name: string): TypedSymbol | undefined {
    const entry = this.#entries.find(name);
    if (entry === undefined) return undefined;
    const { kind, isDeclaration, unit } = entry;
    const type = this.reader.typeOf(entry);
    // In a damaged file a function's entry may be anything.
    if (kind === "function" && bare(type).kind !== "function") return undefined;
    return { name, kind, type, addressSize: unit.header.addressSize, entry, isDeclaration };
  }
}
