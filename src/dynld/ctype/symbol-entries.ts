/** Finds the entries of functions and variables that linkers know, by the names they know them by. */
import { decodeUtf8 } from "../../bytes/text.ts";
import { DW_AT } from "../../dwarf/constants/attribute.ts";
import { DW_FORM } from "../../dwarf/constants/form.ts";
import { DW_TAG } from "../../dwarf/constants/tag.ts";
import { rootEntry } from "../../dwarf/die.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import { isC } from "../../dwarf/type/name.ts";
import type { CTypeEntry } from "../ctype.ts";
import { referenceOf } from "./entry-facts.ts";
import { cursorAt } from "./read.ts";

/** Entries that complete one another in a row; more lead back. */
const MOST_STEPS = 16;

/** A function or variable with external linkage. */
export interface SymbolEntry extends CTypeEntry {
  readonly kind: "function" | "variable";
  /** Whether it is only declared: it is defined elsewhere, or in a language without debug information. */
  readonly isDeclaration: boolean;
}

/** What the entry that a cursor is at says of its name. The name itself is decoded when all of it is known. */
interface Names {
  form: number;
  low: number;
  high: number;
}

/** External symbols of one file's debug information. Walks what is outside of functions at the first question. */
export class SymbolEntries {
  readonly #dwarf: Dwarf;
  #defined: Map<string, SymbolEntry> | undefined;
  readonly #declared = new Map<string, SymbolEntry>();

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  /** The definition of a symbol, else a declaration of it. @throws DwarfError */
  find(name: string): SymbolEntry | undefined {
    return this.#walked().get(name) ?? this.#declared.get(name);
  }

  #walked(): Map<string, SymbolEntry> {
    if (this.#defined === undefined) {
      this.#defined = new Map();
      for (const unit of this.#dwarf.units()) if (!unit.isType) this.#walk(unit.split ?? unit, this.#defined);
    }
    return this.#defined;
  }

  #walk(unit: DwarfUnit, defined: Map<string, SymbolEntry>): void {
    const hasScopes = !isC(rootEntry(unit));
    const names: Names = { form: 0, low: 0, high: 0 };
    const at = unit.entries();
    for (let more = at.next(); more; ) {
      const { tag } = at;
      if (tag === DW_TAG.DW_TAG_subprogram || tag === DW_TAG.DW_TAG_variable) {
        const { offset } = at;
        const kind = tag === DW_TAG.DW_TAG_variable ? "variable" : "function";
        const state = linkage(unit, at, names);
        const isDeclaration = state === "declared";
        if (state !== "none") {
          const name = nameOf(unit, at, names);
          const map = isDeclaration ? this.#declared : defined;
          if (name !== undefined && !map.has(name)) map.set(name, { unit, offset, kind, isDeclaration });
        }
        more = at.nextSibling();
      } else more = at.depth === 0 || (hasScopes && isScope(tag)) ? at.next() : at.nextSibling();
    }
  }
}

/** What may have functions and variables with external linkage in it. */
function isScope(tag: number): boolean {
  switch (tag) {
    case DW_TAG.DW_TAG_namespace:
    case DW_TAG.DW_TAG_module:
    case DW_TAG.DW_TAG_structure_type:
    case DW_TAG.DW_TAG_class_type:
    case DW_TAG.DW_TAG_union_type:
      return true;
    default:
      return false;
  }
}

/** Reads an entry's linkage, and where its name for linkers is into `names`; both may be those of what it completes. */
function linkage(unit: DwarfUnit, at: EntryCursor, names: Names, steps = 0): "none" | "declared" | "defined" {
  let isExternal = false;
  let isDeclaration = false;
  let isLinkage = false;
  let isCopy = false;
  let completes: CTypeEntry | undefined;
  names.form = 0;
  while (at.nextAttribute()) {
    switch (at.attribute) {
      case DW_AT.DW_AT_external:
        isExternal = at.low !== 0;
        break;
      case DW_AT.DW_AT_declaration:
        isDeclaration = at.low !== 0;
        break;
      case DW_AT.DW_AT_abstract_origin:
        isCopy = true;
        completes = referenceOf(unit, at);
        break;
      case DW_AT.DW_AT_specification:
        completes = referenceOf(unit, at);
        break;
      case DW_AT.DW_AT_linkage_name:
      case DW_AT.DW_AT_MIPS_linkage_name:
        isLinkage = true;
        take(at, names);
        break;
      case DW_AT.DW_AT_name:
        if (!isLinkage) take(at, names);
        break;
      default:
    }
  }
  // The entry that it is a copy of is walked, too; but constructors have names that only their copies tell.
  if (isCopy && !isLinkage) return "none";
  if (completes !== undefined && completes.unit === unit && steps < MOST_STEPS) {
    const { form, low, high } = names;
    const completed = linkage(unit, cursorAt(completes), names, steps + 1);
    if (isLinkage) Object.assign(names, { form, low, high });
    return completed === "none" ? "none" : "defined";
  }
  return !isExternal || names.form === 0 ? "none" : isDeclaration ? "declared" : "defined";
}

function take(at: EntryCursor, names: Names): void {
  names.form = at.form;
  names.low = at.low;
  names.high = at.high;
}

function nameOf(unit: DwarfUnit, at: EntryCursor, { form, low, high }: Names): string | undefined {
  return form === DW_FORM.DW_FORM_string
    ? decodeUtf8(at.reader.bytes, low, low + high)
    : unit.dwarf.stringOf(form, low, unit);
}
