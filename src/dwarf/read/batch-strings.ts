/** Strings of whole batches, looked at where they are and not decoded: for who goes through every entry of a file. */
import { DW_FORM } from "../constants/form.ts";
import type { DwarfUnit } from "../dwarf.ts";
import { dwarfError } from "../place.ts";
import type { DebugSection } from "../section.ts";
import type { AbbrevTable } from "./abbrev.ts";
import type { EntryBatch } from "./batch.ts";
import { EntryCursor } from "./cursor.ts";

/** How a string is found. */
const IN_PLACE = 0;
const IN_STR = 1;
const IN_LINE_STR = 2;
const ELSEWHERE = 3;

const HOW: ReadonlyMap<number, number> = new Map([
  [DW_FORM.DW_FORM_string, IN_PLACE],
  [DW_FORM.DW_FORM_strp, IN_STR],
  [DW_FORM.DW_FORM_line_strp, IN_LINE_STR],
  [DW_FORM.DW_FORM_strx, ELSEWHERE],
  [DW_FORM.DW_FORM_strx1, ELSEWHERE],
  [DW_FORM.DW_FORM_strx2, ELSEWHERE],
  [DW_FORM.DW_FORM_strx3, ELSEWHERE],
  [DW_FORM.DW_FORM_strx4, ELSEWHERE],
  [DW_FORM.DW_FORM_GNU_str_index, ELSEWHERE],
  [DW_FORM.DW_FORM_indirect, ELSEWHERE],
]);

/** In the place of a number: no string; several, or of another kind. */
const NONE = -1;
const MANY = -2;

/** Which values of entries with a declaration are strings. */
interface StringValues {
  /** By declaration: the number of its one value that is a string of `.debug_str`, as most have it; or one of those below. */
  readonly only: Int32Array;
  /** By declaration: where its strings begin in the other columns; one more at the end. */
  readonly first: Uint32Array;
  /** Number of the value among those of its entry. */
  readonly values: Uint32Array;
  readonly how: Uint8Array;
}

/** Looks at the first byte of every string of batches, and adds up what it saw. */
export class StringLook {
  /** Strings that were looked at. */
  count = 0;
  /** Sum of their first bytes, 0 of an empty string: who reads the same strings has the same sum. */
  firstBytes = 0;
  readonly #values = new WeakMap<AbbrevTable, StringValues>();

  /**
   * Looks at the strings of the entries that are in the columns of a batch.
   * @param unit whose batch it is
   * @throws DwarfError DWARF_BAD_REFERENCE for a string that is outside of its section
   */
  at(unit: DwarfUnit, batch: EntryBatch): void {
    const { abbrevs, count, declarations, firstValues, lows } = batch;
    const { only, first, values, how } = this.#stringValues(abbrevs);
    const inPlace = unit.reader.bytes;
    const strings = sectionOf(unit, "debug_str");
    const lineStrings = sectionOf(unit, "debug_line_str");
    const bytes = strings?.bytes ?? inPlace.subarray(0, 0);
    const lineBytes = lineStrings?.bytes ?? bytes.subarray(0, 0);
    let sum = 0;
    let seen = 0;
    for (let entry = 0; entry < count; entry++) {
      const declaration = declarations[entry] ?? 0;
      const one = only[declaration] ?? NONE;
      if (one === NONE) continue;
      const from = firstValues[entry] ?? 0;
      if (one !== MANY) {
        const low = lows[from + one] ?? 0;
        const byte = bytes[low];
        if (byte === undefined) failOutside(unit, strings, low);
        sum += byte;
        seen++;
        continue;
      }
      const last = first[declaration + 1] ?? 0;
      for (let i = first[declaration] ?? 0; i < last; i++) {
        const low = lows[from + (values[i] ?? 0)] ?? 0;
        const way = how[i] ?? 0;
        if (way === ELSEWHERE) {
          this.#elsewhere(unit, batch, entry, values[i] ?? 0);
          continue;
        }
        const byte = way === IN_STR ? bytes[low] : way === IN_LINE_STR ? lineBytes[low] : inPlace[low];
        if (byte === undefined) failOutside(unit, way === IN_STR ? strings : lineStrings, low);
        sum += byte;
        seen++;
      }
    }
    this.firstBytes += sum;
    this.count += seen;
  }

  /**
   * Looks at the value of one attribute, if it is a string.
   * @param form that which was found behind `DW_FORM_indirect`
   * @param low as the cursor has it
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  one(unit: DwarfUnit, form: number, low: number): void {
    const how = HOW.get(form);
    if (how === undefined) return;
    this.count++;
    if (how === IN_PLACE) this.firstBytes += unit.reader.bytes[low] ?? 0;
    else if (how === ELSEWHERE) {
      const string = unit.dwarf.stringOf(form, low, unit) ?? "";
      this.firstBytes += new TextEncoder().encode(string.slice(0, 2))[0] ?? 0;
    } else {
      const section = sectionOf(unit, how === IN_STR ? "debug_str" : "debug_line_str");
      const byte = section?.bytes[low];
      if (byte === undefined) failOutside(unit, section, low);
      this.firstBytes += byte;
    }
  }

  /** Strings by index, and those whose form stands with the value: a cursor at the entry knows it. */
  #elsewhere(unit: DwarfUnit, batch: EntryBatch, entry: number, value: number): void {
    const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, batch.offsets[entry]);
    at.next();
    for (let before = 0; before <= value; before++) at.nextAttribute();
    this.one(unit, at.form, at.low);
  }

  #stringValues(abbrevs: AbbrevTable): StringValues {
    let found = this.#values.get(abbrevs);
    if (found === undefined) {
      found = findStringValues(abbrevs);
      this.#values.set(abbrevs, found);
    }
    return found;
  }
}

function findStringValues(abbrevs: AbbrevTable): StringValues {
  const only = new Int32Array(abbrevs.length).fill(NONE);
  const first = new Uint32Array(abbrevs.length + 1);
  const values: number[] = [];
  const how: number[] = [];
  for (let declaration = 0; declaration < abbrevs.length; declaration++) {
    const from = abbrevs.first[declaration] ?? 0;
    for (let index = from; index < (abbrevs.first[declaration + 1] ?? 0); index++) {
      const way = HOW.get(abbrevs.forms[index] ?? 0);
      if (way === undefined) continue;
      only[declaration] = only[declaration] === NONE && way === IN_STR ? index - from : MANY;
      values.push(index - from);
      how.push(way);
    }
    first[declaration + 1] = values.length;
  }
  return { only, first, values: Uint32Array.from(values), how: Uint8Array.from(how) };
}

/** The section that the strings of a unit are in; of a file with two, that of its kind. */
function sectionOf(unit: DwarfUnit, name: string): DebugSection | undefined {
  const all = unit.dwarf.sections.named(name);
  return all.find(({ section }) => section.endsWith(".dwo") === unit.isSplit) ?? all[0];
}

function failOutside(unit: DwarfUnit, section: DebugSection | undefined, offset: number): never {
  const at = section ?? unit.reader.section;
  const what =
    section === undefined ? "string: the file has no section for it" : "string: outside of its section";
  throw dwarfError(at, "DWARF_BAD_REFERENCE", offset, what);
}
