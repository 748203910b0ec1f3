/** Says why a symbol's signature does not fit. */

import { declaration } from "../ctype/declaration.ts";
import type { CSymbol } from "../ctype.ts";
import { type CompareOptions, compareSymbols, type DifferenceSide, type TypeDifference } from "./compare.ts";

/** How the two sides of a mismatch are called. */
export interface MismatchOptions extends CompareOptions {
  /** `module expects` if left out. */
  readonly expects?: string;
  /** `program provides` if left out. */
  readonly provides?: string;
}

/** A symbol that has another type than who uses it expects. */
export interface SignatureMismatch {
  readonly symbol: string;
  /** The types as C declares them, typedefs resolved: `int (struct Dev *, void *, long)`. */
  readonly expected: string;
  readonly found: string;
  readonly difference: TypeDifference;
  /** All of it in a sentence. */
  readonly message: string;
}

/**
 * Says what a symbol that is found has, and who uses it does not expect.
 * @returns `undefined` when the two fit
 * @throws DynldError DYNLD_BAD_TYPE, DwarfError
 */
export function explainMismatch(
  expected: CSymbol,
  found: CSymbol,
  options: MismatchOptions = {},
): SignatureMismatch | undefined {
  const difference = compareSymbols(expected, found, options);
  if (difference === undefined) return undefined;
  const texts = [expected, found].map(({ type }) => declaration(type, "", { resolved: true }));
  const [wanted = "", provided = ""] = texts;
  const { expects = "module expects", provides = "program provides" } = options;
  const sides = `${expects} ${wanted}, ${provides} ${provided}`;
  const inside =
    difference.type === undefined && difference.kind !== "symbol" ? "" : `: ${sentence(difference)}`;
  const message = `signature mismatch: ${expected.name}: ${sides}${inside}`;
  return { symbol: expected.name, expected: wanted, found: provided, difference, message };
}

/**
 * A difference in a few words: `struct Dev: expected int flags at 8, found long flags at 8`.
 * @param verbs what the two sides are called
 */
export function sentence(
  { type, expected, found, path }: TypeDifference,
  verbs: readonly [string, string] = ["expected", "found"],
): string {
  const where = type ?? path.join(" ");
  return `${where === "" ? "" : `${where}: `}${verbs[0]} ${placed(expected)}, ${verbs[1]} ${placed(found)}`;
}

function placed({ text, bitOffset, bitSize }: DifferenceSide): string {
  if (bitOffset === undefined) return text;
  return bitSize === undefined ? `${text} at ${bitOffset / 8}` : `${text} at bit ${bitOffset}`;
}
