/** What the exports of two versions of a file differ in. */

import { declaration } from "../ctype/declaration.ts";
import { compareNames } from "../dynsym.ts";
import type { CompareOptions, TypeDifference } from "./compare.ts";
import { explainMismatch } from "./explain.ts";
import type { ExportedSymbol } from "./exported.ts";
import type { TypedSource } from "./typed-file.ts";

/** What became of an exported symbol. `unchecked` is there in both, and the type is not known in one or both. */
export type ExportChangeKind = "removed" | "added" | "changed" | "unchecked";

/** One exported symbol that is not what it was, or of which that is not known. */
export interface ExportChange {
  readonly name: string;
  readonly change: ExportChangeKind;
  /** The type as C declares it, typedefs resolved; `undefined` where it is not known, or the symbol is not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  /** Of one that changed. */
  readonly difference?: TypeDifference;
}

/**
 * Compares what two files or archives export, by signature and then by type, in the order of the names.
 * @throws ElfError, DwarfError, DynldError DYNLD_BAD_TYPE
 */
export function* diffExports(
  before: TypedSource,
  after: TypedSource,
  options: CompareOptions = {},
): IterableIterator<ExportChange> {
  const old = new Map(before.exports.map((one) => [one.name, one]));
  const now = new Map(after.exports.map((one) => [one.name, one]));
  const names = [...new Set([...old.keys(), ...now.keys()])].sort(compareNames);
  for (const name of names) {
    const change = compareExport(name, [before, old.get(name)], [after, now.get(name)], options);
    if (change !== undefined) yield change;
  }
}

type Side = readonly [TypedSource, ExportedSymbol | undefined];

function compareExport(
  name: string,
  [oldFile, old]: Side,
  [newFile, now]: Side,
  options: CompareOptions,
): ExportChange | undefined {
  const was = old && oldFile.typeOf(old);
  const is = now && newFile.typeOf(now);
  const text = (symbol: typeof was): string | undefined =>
    symbol && declaration(symbol.type, name, { resolved: true });
  const texts = (): { before: string | undefined; after: string | undefined } => ({
    before: text(was),
    after: text(is),
  });
  if (old === undefined) return { name, change: "added", ...texts() };
  if (now === undefined) return { name, change: "removed", ...texts() };
  if (was === undefined || is === undefined) {
    const change = old.kind === now.kind ? "unchecked" : "changed";
    return { name, change, ...texts() };
  }
  if (oldFile.signature(was).signature === newFile.signature(is).signature) return undefined;
  const mismatch = explainMismatch(was, is, options);
  return mismatch && { name, change: "changed", ...texts(), difference: mismatch.difference };
}
