/** The type of an exported symbol, also where debug information knows it by another name. */
import type { SymbolTypes, TypedSymbol } from "../ctype/symbol-types.ts";
import type { ExportedSymbol } from "./exported.ts";

/**
 * The type of an exported symbol: that of its name, or of what else is called where it is. Of a function that is chosen when
 * the program runs, what is declared, since its definition is that of what chooses.
 * @throws DwarfError
 */
export function exportedType(types: SymbolTypes, exported: ExportedSymbol): TypedSymbol | undefined {
  const { name, kind, address, isIndirect } = exported;
  if (isIndirect) return types.findDeclaration(name);
  const own = types.find(name);
  if (own !== undefined && !own.isDeclaration) return own;
  for (const alias of exported.aliases()) {
    const other = alias !== name && mayShare(alias, name) ? types.find(alias) : undefined;
    if (other !== undefined && !other.isDeclaration && other.kind === kind) return { ...other, name };
  }
  const there =
    address === undefined || name.startsWith("_Z") ? undefined : types.findAt(name, kind, address);
  return there ?? own;
}

/**
 * Whether one of two names of a place tells the type of the other. Those of C++ name types, and compilers have one body for
 * what happens to be the same; only the variants of a constructor or destructor are always of one type.
 */
function mayShare(a: string, b: string): boolean {
  const plain = (name: string): string => (name.startsWith("_Z") ? name.replace(/[CD][0-5](?=E)/, "") : "");
  return plain(a) === plain(b);
}
