/** The hash of names in `.debug_names`: DJB's, over the name with its case folded [DWARF5 6.1.1.4.5, 7.33]. */
import { encodeUtf8 } from "../../../bytes/text.ts";

/** The hash of a name, 32 bits. Names that differ in case alone have the same. */
export function caseFoldingHash(name: string): number {
  let hash = 5381;
  for (const byte of encodeUtf8(foldCase(name))) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

/**
 * A name with its case folded: Unicode's simple folding, of one code point to one, and the Turkish dotted and dotless I
 * to `i`.
 */
export function foldCase(name: string): string {
  let folded = "";
  for (const character of name) folded += foldCharacter(character, character.codePointAt(0) ?? 0);
  return folded;
}

function foldCharacter(character: string, code: number): string {
  if (code < 0x80) return code >= 0x41 && code <= 0x5a ? String.fromCharCode(code + 0x20) : character;
  if (code === 0x130 || code === 0x131) return "i";
  // Cherokee alone folds to its capitals.
  if (code >= 0x13a0 && code <= 0x13f5) return character;
  if (code >= 0x13f8 && code <= 0x13fd) return String.fromCodePoint(code - 8);
  if (code >= 0xab70 && code <= 0xabbf) return String.fromCodePoint(code - 0xab70 + 0x13a0);
  const upper = single(character.toUpperCase()) ?? character;
  return single(upper.toLowerCase()) ?? character;
}

/** The text, if it is one code point: conversions to several are not part of simple folding. */
function single(text: string): string | undefined {
  return text.length === (text.charCodeAt(0) >= 0xd800 && text.charCodeAt(0) < 0xdc00 ? 2 : 1)
    ? text
    : undefined;
}
