/** The macros of a compilation unit, of whatever version, with what is imported in its place. */
import { DW_AT } from "../../constants/attribute.ts";
import { DW_MACINFO, DW_MACRO } from "../../constants/macro.ts";
import { rootEntry } from "../../die.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import { referredSection } from "../names/reference.ts";
import { MacinfoCursor } from "./info.ts";
import { MacroCursor } from "./macro.ts";

/** Macro units within one another before they are taken for a loop. */
const DEEPEST = 64;
/** Entries that imports may multiply a section to, for each of its bytes. */
const MOST_PER_BYTE = 16;

/** What the preprocessor saw. Lines are 0 before the first file: on the command line, and of the compiler itself. */
export type MacroEvent =
  | {
      readonly kind: "define" | "undef";
      readonly line: number;
      /** `SUM(x,y) ((x) + (y))`; `undefined` when it is in a supplementary file, and none is attached. */
      readonly text: string | undefined;
    }
  | {
      readonly kind: "start_file";
      readonly line: number;
      /** Number in the unit's line table. */
      readonly file: number;
    }
  | { readonly kind: "end_file" }
  | {
      /** A macro unit that is not at hand: see `MacroCursor.imported`. */
      readonly kind: "import";
      readonly offset: number;
    };

/**
 * What the preprocessor saw in a compilation unit, in order; nothing when that is not recorded.
 * @throws DwarfError, also DWARF_LOOP when macro units import one another
 */
export function* unitMacros(unit: DwarfUnit): IterableIterator<MacroEvent> {
  const { dwarf, reader, header } = unit;
  const root = rootEntry(unit);
  const old = root.attribute(DW_AT.DW_AT_macro_info);
  const attribute = root.attribute(DW_AT.DW_AT_macros) ?? root.attribute(DW_AT.DW_AT_GNU_macros) ?? old;
  if (attribute === undefined) return;
  const name = attribute === old ? "debug_macinfo" : "debug_macro";
  const section = referredSection(dwarf, reader, attribute.offset, header.offsetSize, name);
  if (section === undefined) {
    const what = `${attribute.name}: the file has no .${name}`;
    throw dwarfError(reader.section, "DWARF_BAD_REFERENCE", attribute.offset, what);
  }
  const offset = Number(attribute.constant) + unit.contribution(name).offset;
  if (attribute === old) yield* macinfoEvents(new MacinfoCursor(section, offset));
  else yield* macroEvents(new MacroCursor(dwarf, section, offset, unit));
}

function* macinfoEvents(at: MacinfoCursor): IterableIterator<MacroEvent> {
  while (at.next()) {
    const { line, file, text } = at;
    switch (at.entry) {
      case DW_MACINFO.DW_MACINFO_define:
        yield { kind: "define", line, text };
        break;
      case DW_MACINFO.DW_MACINFO_undef:
        yield { kind: "undef", line, text };
        break;
      case DW_MACINFO.DW_MACINFO_start_file:
        yield { kind: "start_file", line, file };
        break;
      case DW_MACINFO.DW_MACINFO_end_file:
        yield { kind: "end_file" };
        break;
      default:
    }
  }
}

function* macroEvents(from: MacroCursor): IterableIterator<MacroEvent> {
  let left = mostEntries(from.dwarf);
  let supplementary: Dwarf | undefined;
  const stack = [entered(from)];
  for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
    if (!at.next()) {
      stack.pop();
      continue;
    }
    const inner = at.imported();
    if (inner !== undefined && inner.dwarf !== from.dwarf && supplementary === undefined) {
      supplementary = inner.dwarf;
      left += mostEntries(supplementary);
    }
    if (stack.length > DEEPEST || left-- <= 0) {
      throw dwarfError(at.reader.section, "DWARF_LOOP", at.offset, "macro units import one another");
    }
    const event = eventOf(at);
    if (inner !== undefined) stack.push(entered(inner));
    else if (event !== undefined) yield event;
  }
}

function mostEntries({ sections }: Dwarf): number {
  return sections.named("debug_macro").reduce((sum, { bytes }) => sum + MOST_PER_BYTE * bytes.length, 0);
}

function entered(at: MacroCursor): MacroCursor {
  if (at.nextUnit()) return at;
  throw dwarfError(
    at.reader.section,
    "DWARF_BAD_REFERENCE",
    at.reader.bytes.length,
    "no macro unit begins here",
  );
}

function eventOf({ entry, line, file, text, importOffset }: MacroCursor): MacroEvent | undefined {
  switch (entry) {
    case DW_MACRO.DW_MACRO_define:
    case DW_MACRO.DW_MACRO_define_strp:
    case DW_MACRO.DW_MACRO_define_strx:
    case DW_MACRO.DW_MACRO_define_sup:
      return { kind: "define", line, text };
    case DW_MACRO.DW_MACRO_undef:
    case DW_MACRO.DW_MACRO_undef_strp:
    case DW_MACRO.DW_MACRO_undef_strx:
    case DW_MACRO.DW_MACRO_undef_sup:
      return { kind: "undef", line, text };
    case DW_MACRO.DW_MACRO_start_file:
      return { kind: "start_file", line, file };
    case DW_MACRO.DW_MACRO_end_file:
      return { kind: "end_file" };
    default:
      return importOffset === undefined ? undefined : { kind: "import", offset: importOffset };
  }
}
