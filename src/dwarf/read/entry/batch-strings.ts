/** Strings of whole batches, looked at where they are and not decoded: for who goes through every entry of a file. */
import { DW_FORM, isStringIndex } from "../../constants/form.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { DebugSection } from "../../section.ts";
import type { EntryBatch } from "./batch.ts";
import { EntryCursor } from "./cursor.ts";

/** How a string is found. */
const IN_PLACE = 0;
const IN_STR = 1;
const IN_LINE_STR = 2;

const HOW: ReadonlyMap<number, number> = new Map([
  [DW_FORM.DW_FORM_string, IN_PLACE],
  [DW_FORM.DW_FORM_strp, IN_STR],
  [DW_FORM.DW_FORM_line_strp, IN_LINE_STR],
]);

/** Looks at the first byte of every string of batches, and adds up what it saw. */
export class StringLook {
  /** Strings that were looked at. */
  count = 0;
  /** Sum of their first bytes, 0 of an empty string: who reads the same strings has the same sum. */
  firstBytes = 0;

  /**
   * The batch of a unit, which looks at most strings while it reads entries; in the columns of `reuse`, if it is given.
   * {@link at} is still to be called for each fill.
   */
  batch(unit: DwarfUnit, reuse?: EntryBatch): EntryBatch {
    const { reader, header, abbrevs } = unit;
    const batch = reuse ?? unit.batch();
    // Strings by index are found through tables that only a cursor's values lead to.
    const isIndexed = hasIndexedStrings(abbrevs.forms);
    batch.begin(reader, header, abbrevs, isIndexed ? undefined : sectionOf(unit, "debug_str")?.bytes);
    return batch;
  }

  /**
   * Looks at the strings of the entries that are in the columns of a batch.
   * @param unit whose batch it is
   * @throws DwarfError DWARF_BAD_REFERENCE for a string that is outside of its section
   */
  at(unit: DwarfUnit, batch: EntryBatch): void {
    const seen = batch.looked();
    if (seen === undefined) {
      for (let entry = 0; entry < batch.count; entry++) this.#entry(unit, batch, entry);
      return;
    }
    this.count += seen.count;
    this.firstBytes += seen.firstBytes;
    for (const entry of seen.others) this.#entry(unit, batch, entry);
  }

  /** Looks at the strings of one entry. */
  #entry(unit: DwarfUnit, { offsets }: EntryBatch, entry: number): void {
    const at = new EntryCursor(unit.reader, unit.header, unit.abbrevs, offsets[entry]);
    at.next();
    while (at.nextAttribute()) this.one(unit, at.form, at.low);
  }

  /**
   * Looks at the value of one attribute, if it is a string.
   * @param form that which was found behind `DW_FORM_indirect`
   * @param low as the cursor has it
   * @throws DwarfError DWARF_BAD_REFERENCE
   */
  one(unit: DwarfUnit, form: number, low: number): void {
    const how = HOW.get(form);
    const isIndex = isStringIndex(form);
    if (how === undefined && !isIndex) return;
    this.count++;
    if (how === IN_PLACE) this.firstBytes += unit.reader.bytes[low] ?? 0;
    else if (isIndex) {
      const string = unit.dwarf.stringOf(form, low, unit) ?? "";
      this.firstBytes += new TextEncoder().encode(string.slice(0, 2))[0] ?? 0;
    } else {
      const section = sectionOf(unit, how === IN_STR ? "debug_str" : "debug_line_str");
      const byte = section?.bytes[low];
      if (byte === undefined) failOutside(unit, section, low);
      this.firstBytes += byte;
    }
  }
}

function hasIndexedStrings(forms: Uint16Array): boolean {
  for (let i = 0; i < forms.length; i++) {
    const form = forms[i] ?? 0;
    if (form >= DW_FORM.DW_FORM_strx && isStringIndex(form)) return true;
  }
  return false;
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
