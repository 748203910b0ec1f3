/** Functions and variables of one file with their C types, by the names that linkers know them by. */
import type { Dwarf } from "../../dwarf/dwarf.ts";
import { bare, type CSymbol, type CTypeEntry } from "../ctype.ts";
import { AddressEntries } from "./address-entries.ts";
import { CTypeReader } from "./read.ts";
import { SymbolEntries, type SymbolEntry } from "./symbol-entries.ts";

/** A symbol that debug information tells the type of. */
export interface TypedSymbol extends CSymbol {
  /** Whether it is only declared in the file: its type is what the file expects, and another provides it. */
  readonly isDeclaration: boolean;
}

/** The typed symbols of one file's debug information. Reads nothing before it is asked. */
export class SymbolTypes {
  readonly reader: CTypeReader;
  readonly #entries: SymbolEntries;
  readonly #addresses: AddressEntries;

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.reader = new CTypeReader(dwarf);
    this.#entries = new SymbolEntries(dwarf);
    this.#addresses = new AddressEntries(dwarf);
  }

  /** A symbol with external linkage; `undefined` when debug information has none of that name. @throws DwarfError */
  find(name: string): TypedSymbol | undefined {
    const entry = this.#entries.find(name);
    return entry && this.#typed(name, entry.kind, entry, entry.isDeclaration);
  }

  /** A symbol as it is declared, even if it is defined, too. @throws DwarfError */
  findDeclaration(name: string): TypedSymbol | undefined {
    const entry: SymbolEntry | undefined = this.#entries.findDeclaration(name);
    return entry && this.#typed(name, entry.kind, entry, true);
  }

  /** What begins at an address of a file that was linked, whatever its name there. @throws DwarfError */
  findAt(name: string, kind: CSymbol["kind"], address: bigint): TypedSymbol | undefined {
    const entry = this.#addresses.find(kind, address);
    return entry && this.#typed(name, kind, entry, false);
  }

  #typed(
    name: string,
    kind: CSymbol["kind"],
    entry: CTypeEntry,
    isDeclaration: boolean,
  ): TypedSymbol | undefined {
    const type = this.reader.typeOf(entry);
    // In a damaged file a function's entry may be anything.
    if (kind === "function" && bare(type).kind !== "function") return undefined;
    return { name, kind, type, addressSize: entry.unit.header.addressSize, entry, isDeclaration };
  }
}
