/**
 * What a module of `bindery mkmod` has besides any relocatable object: two lists of names with signatures, and the texts
 * of their types; and what of its relocations is left to do.
 *
 *     .bindery.exports, .bindery.imports    a line `SIGNATURE NAME` each, the signature in 16 hexadecimal digits, by name
 *     .bindery.types                        signature/table.ts
 *     .bindery.prelink                      link/prelink.ts, of modules that it can be made of
 */
import { decodeUtf8, encodeUtf8 } from "../../bytes/text.ts";
import type { ElfFile } from "../../elf/file.ts";
import type { ElfSection } from "../../elf/section.ts";
import { compareNames } from "../dynsym.ts";
import { linkError } from "../link/fault.ts";

export const EXPORTS_SECTION = ".bindery.exports";
export const IMPORTS_SECTION = ".bindery.imports";
export const TYPES_SECTION = ".bindery.types";

/** Signatures by name. */
export interface TypeLists {
  readonly exports: ReadonlyMap<string, bigint>;
  readonly imports: ReadonlyMap<string, bigint>;
}

/** A list as a section's bytes. */
export function encodeList(signatures: ReadonlyMap<string, bigint>): Uint8Array {
  const lines = [...signatures]
    .sort(([a], [b]) => compareNames(a, b))
    .map(([name, signature]) => `${signature.toString(16).padStart(16, "0")} ${name}\n`);
  return encodeUtf8(lines.join(""));
}

/** The lists of a module; `undefined` of an object that mkmod did not make. @throws DynldError DYNLD_BAD_VALUE, ElfError */
export function parseTypeLists(elf: ElfFile): TypeLists | undefined {
  const [exports] = elf.sectionsNamed(EXPORTS_SECTION);
  const [imports] = elf.sectionsNamed(IMPORTS_SECTION);
  if (exports === undefined || imports === undefined) return undefined;
  return { exports: parseList(elf, exports), imports: parseList(elf, imports) };
}

function parseList(elf: ElfFile, section: ElfSection): Map<string, bigint> {
  const bytes = section.bytes();
  const list = new Map<string, bigint>();
  let before: string | undefined;
  for (const [index, line] of decodeUtf8(bytes, 0, bytes.length).split("\n").entries()) {
    if (line === "") continue;
    const [, signature, name] = /^([0-9a-f]{16}) (\S+)$/.exec(line) ?? [];
    if (
      signature === undefined ||
      name === undefined ||
      (before !== undefined && compareNames(before, name) >= 0)
    ) {
      const what = `line ${index + 1}: found "${line}", expected SIGNATURE NAME, names ascending`;
      throw linkError("DYNLD_BAD_VALUE", elf.name, section.label, undefined, what);
    }
    list.set(name, BigInt(`0x${signature}`));
    before = name;
  }
  return list;
}
