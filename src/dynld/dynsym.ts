/** Symbol tables as dynld(10.2) has them: sorted by name, a signature and an address to each. [seed: dynld] */
import { DynldError } from "../errors.ts";

/** One symbol of a program or a module: `Dynsym` of the seed. */
export interface Dynsym {
  /** Linkage name. */
  readonly name: string;
  /** Signature of its type; 0 is unchecked. 32 bits in tables for Inferno modules. */
  readonly sig: bigint;
  /** Address: relative to the start of the module before loading, in the address space it was placed in after. */
  readonly addr: bigint;
}

/** What may stand in a table that a program offers: a {@link Dynsym}, whose numbers may be plain ones. */
export interface DynsymLike {
  readonly name: string;
  readonly sig: number | bigint;
  readonly addr: number | bigint;
}

/** The end of a table that is longer than what it holds: an entry whose name is nil. */
export interface DynsymEnd {
  readonly name?: undefined;
}

/**
 * Orders names as C's strcmp orders their UTF-8 bytes: negative, 0 or positive. JavaScript's own order differs where
 * characters beyond U+FFFF meet those from U+E000 to U+FFFF.
 */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return isSurrogate(x) === isSurrogate(y) ? x - y : isSurrogate(x) ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/**
 * Finds a name by binary search in the first `nsym` entries of a table sorted by name; all of them
 * when `nsym` is left out.
 *
 * @returns the entry itself, or `undefined`
 */
export function dynfindsym<S extends { readonly name: string }>(
  name: string,
  syms: readonly S[],
  nsym: number = syms.length,
): S | undefined {
  let low = 0;
  let high = Math.min(nsym, syms.length);
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = syms[middle];
    if (entry === undefined) return undefined;
    const order = compareNames(name, entry.name);
    if (order === 0) return entry;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return undefined;
}

/** How many entries a table has before the first one without a name, or before its end. */
export function dyntabsize(table: readonly { readonly name?: string | undefined }[]): number {
  const end = table.findIndex((entry) => entry.name === undefined);
  return end < 0 ? table.length : end;
}

/**
 * Throws unless names ascend: a binary search would miss what is in the table.
 *
 * @throws DynldError `DYNLD_BAD_ARGUMENT` for names out of order, `DYNLD_DUPLICATE` for one that is there twice
 */
export function checkSorted(table: readonly { readonly name: string }[], what: string): void {
  let before: string | undefined;
  for (const { name } of table) {
    if (before !== undefined) {
      const order = compareNames(before, name);
      if (order === 0) {
        throw new DynldError("DYNLD_DUPLICATE", {}, `${what}: found ${name} twice, expected each name once`, {
          symbol: name,
        });
      }
      if (order > 0) {
        throw new DynldError(
          "DYNLD_BAD_ARGUMENT",
          {},
          `${what}: found ${name} after ${before}, expected names to ascend`,
          { symbol: name },
        );
      }
    }
    before = name;
  }
}
