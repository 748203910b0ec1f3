/** Abbreviations of a name index [DWARF5 6.1.1.4.7]: like those of units, but of index attributes and without children. */
import { leb128Length, readSleb128, readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_FORM } from "../../constants/form.ts";
import { dwarfError, type Located } from "../../place.ts";

/** More than there are index attributes, vendors' with them: entries are read in bounded time. */
const MOST_ATTRIBUTES = 64;

/** What entries of one code have, in order. */
export interface NameAbbrev {
  readonly code: number;
  /** `DW_TAG_` of the entries. */
  readonly tag: number;
  /** `DW_IDX_` values. */
  readonly attributes: readonly number[];
  /** `DW_FORM_` values, beside {@link attributes}. */
  readonly forms: readonly number[];
  /** Values of `DW_FORM_implicit_const`, beside {@link attributes}; 0 elsewhere. */
  readonly constants: readonly number[];
}

/**
 * Reads the abbreviations between two offsets, by code. The first of those with one code counts.
 * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
 */
export function readNameAbbrevs(
  bytes: Uint8Array,
  start: number,
  end: number,
  at: Located,
): Map<number, NameAbbrev> {
  const table = new Map<number, NameAbbrev>();
  let position = start;
  const take = (): number => {
    const length = leb128Length(bytes, position);
    if (length === 0 || position + length > end) {
      throw dwarfError(at, "DWARF_TRUNCATED", position, "name abbreviation: found the end of the table");
    }
    position += length;
    return position - length;
  };
  while (position < end) {
    const code = readUleb128Number(bytes, take());
    if (code === 0) break;
    const tag = readUleb128Number(bytes, take());
    const attributes: number[] = [];
    const forms: number[] = [];
    const constants: number[] = [];
    for (;;) {
      const attribute = readUleb128Number(bytes, take());
      const form = readUleb128Number(bytes, take());
      const constant = form === DW_FORM.DW_FORM_implicit_const ? Number(readSleb128(bytes, take())) : 0;
      if (attribute === 0 && form === 0) break;
      if (attributes.length === MOST_ATTRIBUTES) {
        const what = `name abbreviation ${code}: found more than ${MOST_ATTRIBUTES} attributes`;
        throw dwarfError(at, "DWARF_BAD_VALUE", position, what);
      }
      attributes.push(attribute);
      forms.push(form);
      constants.push(constant);
    }
    if (!table.has(code)) table.set(code, { code, tag, attributes, forms, constants });
  }
  return table;
}
