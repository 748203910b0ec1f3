/** Symbol tables as text: a line `name sig addr` for each symbol, both numbers hexadecimal. */
import { DynldError } from "../errors.ts";
import { compareNames, type Dynsym } from "./dynsym.ts";

const LINE = /^(\S+)\s+(?:0x)?([0-9a-f]{1,16})\s+(?:0x)?([0-9a-f]{1,16})$/i;

/**
 * Reads such a text. Empty lines and what follows a `#` at the start of a line are left out; lines may be in any order.
 *
 * @param file how messages call it
 * @returns the symbols sorted by name
 * @throws DynldError `DYNLD_BAD_VALUE` for a line that is none of these, `DYNLD_DUPLICATE` for a second one of a name
 */
export function parseSymbolTable(text: string, file?: string): Dynsym[] {
  const symbols = new Map<string, Dynsym>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const place = { ...(file === undefined ? {} : { file }), section: `line ${index + 1}` };
    const [, name, sig, addr] = LINE.exec(line) ?? [];
    if (name === undefined) {
      throw new DynldError("DYNLD_BAD_VALUE", place, `found "${line}", expected NAME SIGNATURE ADDRESS`);
    }
    if (symbols.has(name)) {
      const what = `found ${name} twice, expected each name once`;
      throw new DynldError("DYNLD_DUPLICATE", place, what, { symbol: name });
    }
    symbols.set(name, { name, sig: BigInt(`0x${sig}`), addr: BigInt(`0x${addr}`) });
  }
  return [...symbols.values()].sort((a, b) => compareNames(a.name, b.name));
}

/** The same text of a table; signatures and addresses take 8 digits, or as many as they need. */
export function formatSymbolTable(symbols: readonly Dynsym[]): string {
  const hex = (value: bigint) => value.toString(16).padStart(8, "0");
  return symbols.map(({ name, sig, addr }) => `${name} ${hex(sig)} ${hex(addr)}\n`).join("");
}
