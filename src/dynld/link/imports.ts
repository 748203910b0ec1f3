/** What a module needs from outside: looked up, or told what is missing, all at once. */
import { STB, STT, STV } from "../../elf/constants/symbol.ts";
import type { DynldError } from "../../errors.ts";
import { closestNames } from "../closest.ts";
import { linkError, throwAll } from "./fault.ts";
import { type LinkSymbols, ORIGIN } from "./symbols.ts";

/** What a name outside stands for. */
export interface ImportedSymbol {
  readonly address: bigint;
  /** Functions may be reached by way of a stub; data may not. Where it is not known, only calls go through a stub. */
  readonly isData?: boolean | undefined;
  /** Bytes of one of `STB_GNU_UNIQUE`: it stands for definitions of that name and size in the module. */
  readonly uniqueSize?: number | undefined;
  /** Of a thread-local variable, which has no address. */
  readonly thread?: ThreadVariable | undefined;
}

/** Where a thread-local variable of another object is: what `__tls_get_addr` takes. */
export interface ThreadVariable {
  readonly module: bigint;
  /** From the start of that object's block. */
  readonly offset: number;
}

/** Where a module's undefined symbols are looked up. */
export interface ImportSource {
  /** What a name stands for; `undefined` if it is not there. */
  find(name: string): ImportedSymbol | undefined;
  /** All names, for suggestions. */
  names(): Iterable<string>;
}

/** Undefined symbols that get names to choose from: each costs a pass over the table. */
const MAX_GUESSES = 16;

/** A number of an imported symbol, and what it was found to be. */
export interface FoundImport {
  readonly id: number;
  readonly name: string;
  readonly symbol: ImportedSymbol;
}

/**
 * Looks up what no input defines.
 * @param isUsed whether something that is loaded refers to the symbol
 * @throws DynldError DYNLD_UNDEFINED_SYMBOL with all that are missing
 */
export function resolveImports(
  symbols: LinkSymbols,
  source: ImportSource,
  isUsed: (id: number) => boolean,
): FoundImport[] {
  const found: FoundImport[] = [];
  const missing: number[] = [];
  for (const [name, id] of symbols.undefined) {
    if (symbols.origin[id] !== ORIGIN.undefined || !isUsed(id)) continue;
    const symbol = source.find(name);
    if (symbol?.thread !== undefined && symbols.type[id] !== STT.STT_TLS)
      throwAll([notPlain(symbols, id, name)]);
    if (symbol !== undefined) found.push({ id, name, symbol });
    else if (symbols.binding[id] !== STB.STB_WEAK) missing.push(id);
  }
  if (missing.length > 0) throwAll(undefinedSymbols(symbols, missing, source));
  for (const { id } of found) symbols.origin[id] = ORIGIN.imported;
  return found;
}

function notPlain(symbols: LinkSymbols, id: number, symbol: string): DynldError {
  const what = `${symbol}: found a thread-local variable of the program, expected one of all threads`;
  return linkError("DYNLD_UNSUPPORTED", symbols.inputOf(id)?.name, undefined, undefined, what, { symbol });
}

/**
 * Lets `STB_GNU_UNIQUE` definitions, as C++ has of what is inline or a template, give way to those of the same name outside:
 * there is to be one in a process.
 * @returns whether there are any
 */
export function shareUnique(symbols: LinkSymbols, source: ImportSource): boolean {
  let isShared = false;
  for (let id = 0; id < symbols.length; id++) {
    if (symbols.binding[id] !== STB.STB_GNU_UNIQUE || symbols.origin[id] !== ORIGIN.piece) continue;
    if (symbols.isThreadLocal(id) || symbols.visibility[id] !== STV.STV_DEFAULT) continue;
    const name = symbols.nameOf(id);
    if (source.find(name)?.uniqueSize !== symbols.size[id]) continue;
    symbols.origin[id] = ORIGIN.undefined;
    symbols.undefined.set(name, id);
    isShared = true;
  }
  return isShared;
}

function undefinedSymbols(
  symbols: LinkSymbols,
  missing: readonly number[],
  source: ImportSource,
): DynldError[] {
  const names = [...source.names()];
  return missing.map((id, index) => {
    const symbol = symbols.nameOf(id);
    const close = index < MAX_GUESSES ? closestNames(symbol, names) : [];
    const has = close.length === 0 ? "" : `; the table has ${close.join(", ")}`;
    return linkError(
      "DYNLD_UNDEFINED_SYMBOL",
      symbols.inputOf(id)?.name,
      undefined,
      undefined,
      `undefined symbol: ${symbol}${has}`,
      { symbol, errstr: `undefined symbol: ${symbol}` },
    );
  });
}
