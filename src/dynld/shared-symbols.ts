/** Symbols of a module that are more than an address to others: of which there is to be one in a process, or one a thread. */
import { STB } from "../elf/constants/symbol.ts";
import type { SignedThreadVariable, UniqueSymbol } from "./export-table.ts";
import { isExported, type ModuleLink } from "./link/link.ts";
import type { ModuleTypes } from "./module-types.ts";
import type { Use } from "./offers.ts";

/** Its own unique symbols, and those that it shares. */
export function uniquesOf(
  link: ModuleLink,
  uses: readonly Use[],
  types: ModuleTypes,
): Map<string, UniqueSymbol> {
  const uniques = new Map<string, UniqueSymbol>();
  for (const { symbol, address } of uses) {
    const { name, sig, uniqueSize: size } = symbol;
    if (size !== undefined) uniques.set(name, { address, sig, size });
  }
  if (!link.symbols.binding.includes(STB.STB_GNU_UNIQUE)) return uniques;
  for (const one of link.placedSymbols()) {
    if (one.binding !== STB.STB_GNU_UNIQUE || !isExported(one)) continue;
    const { name, size } = one;
    uniques.set(name, {
      address: BigInt(one.address),
      size,
      get sig() {
        return types.signature(name);
      },
    });
  }
  return uniques;
}

/** Its thread-local variables that others may see, by name. @param start address of what blocks begin as */
export function threadVariablesOf(
  link: ModuleLink,
  module: bigint,
  start: number,
  types: ModuleTypes,
): Map<string, SignedThreadVariable> {
  const found = new Map<string, SignedThreadVariable>();
  const { symbols } = link;
  for (let id = 0; link.size.threads > 0 && id < symbols.length; id++) {
    const [binding = 0, visibility = 0, address = 0] = [
      symbols.binding[id],
      symbols.visibility[id],
      symbols.address[id],
    ];
    if (!symbols.isThreadLocal(id) || !isExported({ binding, visibility })) continue;
    const name = symbols.nameOf(id);
    found.set(name, {
      module,
      offset: address - start,
      get sig() {
        return types.signature(name);
      },
    });
  }
  return found;
}
