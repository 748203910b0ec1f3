/** Finds the entries of functions and variables that linkers know, by the names they know them by. */
import { decodeUtf8 } from "../../bytes/text.ts";
import { DW_AT } from "../../dwarf/constants/attribute.ts";
import { DW_FORM } from "../../dwarf/constants/form.ts";
import { DW_LANG } from "../../dwarf/constants/language.ts";
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

/** Where a name is. It is decoded when it is known to matter. */
class NamePlace {
  form = 0;
  low = 0;
  high = 0;

  take({ form, low, high }: { readonly form: number; readonly low: number; readonly high: number }): void {
    this.form = form;
    this.low = low;
    this.high = high;
  }

  text(unit: DwarfUnit): string | undefined {
    const { form, low, high } = this;
    if (form === 0) return undefined;
    return form === DW_FORM.DW_FORM_string
      ? decodeUtf8(unit.reader.bytes, low, low + high)
      : unit.dwarf.stringOf(form, low, unit);
  }
}

/** What the entry that a cursor is at says of its name. */
class Names {
  /** Of linkers: `DW_AT_linkage_name`, without one the other. */
  readonly linker = new NamePlace();
  /** `DW_AT_name`. */
  readonly plain = new NamePlace();
}

/** Calls that compilers make on their own are declared without their types. */
const BUILTIN = "__builtin_";

/** External symbols of one file's debug information. Walks what is outside of functions at the first question. */
export class SymbolEntries {
  readonly #dwarf: Dwarf;
  #defined: Map<string, SymbolEntry> | undefined;
  readonly #declared = new Map<string, SymbolEntry>();
  /** Of C, by the names in the source where linkers have others. */
  readonly #renamed = new Map<string, SymbolEntry>();

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.#dwarf = dwarf;
  }

  /**
   * The definition of a symbol, else a declaration of it; by the name of linkers, else in C by that of the source.
   * @throws DwarfError
   */
  find(name: string): SymbolEntry | undefined {
    return this.#walked().get(name) ?? this.findDeclaration(name);
  }

  /** A declaration of a symbol, whether it is defined or not. @throws DwarfError */
  findDeclaration(name: string): SymbolEntry | undefined {
    this.#walked();
    return this.#declared.get(name) ?? this.#renamed.get(name);
  }

  #walked(): Map<string, SymbolEntry> {
    if (this.#defined === undefined) {
      this.#defined = new Map();
      for (const unit of sourceUnits(this.#dwarf)) this.#walk(unit, this.#defined);
    }
    return this.#defined;
  }

  #walk(unit: DwarfUnit, defined: Map<string, SymbolEntry>): void {
    const hasScopes = !isC(rootEntry(unit));
    const names = new Names();
    const at = unit.entries();
    for (let more = at.next(); more; ) {
      const { tag } = at;
      if (tag === DW_TAG.DW_TAG_subprogram || tag === DW_TAG.DW_TAG_variable) {
        const { offset } = at;
        const kind = tag === DW_TAG.DW_TAG_variable ? "variable" : "function";
        const state = linkage(unit, at, names);
        if (state !== "none") {
          const isDeclaration = state === "declared";
          const name = names.linker.text(unit);
          const isSame = names.linker.form === names.plain.form && names.linker.low === names.plain.low;
          const plain = isSame ? name : names.plain.text(unit);
          const entry: SymbolEntry = { unit, offset, kind, isDeclaration };
          if (plain?.startsWith(BUILTIN) !== true) {
            add(isDeclaration ? this.#declared : defined, name, entry);
            if (plain !== name && !hasScopes) add(this.#renamed, plain, entry);
          }
        }
        more = at.nextSibling();
      } else more = at.depth === 0 || (hasScopes && isScope(tag)) ? at.next() : at.nextSibling();
    }
  }
}

function add(map: Map<string, SymbolEntry>, name: string | undefined, entry: SymbolEntry): void {
  if (name !== undefined && !map.has(name)) map.set(name, entry);
}

const ASSEMBLERS = new Set<number>([
  DW_LANG.DW_LANG_Mips_Assembler,
  DW_LANG.DW_LANG_HP_Assembler,
  DW_LANG.DW_LANG_SUN_Assembler,
  DW_LANG.DW_LANG_ALTIUM_Assembler,
]);

/** Units whose symbols have types: those of assemblers only say that there are some. Split units in place of skeletons. */
export function* sourceUnits(dwarf: Dwarf): IterableIterator<DwarfUnit> {
  for (const unit of dwarf.units()) {
    if (unit.isType) continue;
    const whole = unit.split ?? unit;
    const language = rootEntry(whole).attribute(DW_AT.DW_AT_language)?.constant;
    if (language === undefined || !ASSEMBLERS.has(Number(language))) yield whole;
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
  const { linker, plain } = names;
  linker.form = 0;
  plain.form = 0;
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
        linker.take(at);
        break;
      case DW_AT.DW_AT_name:
        plain.take(at);
        break;
      default:
    }
  }
  // The entry that it is a copy of is walked, too; but constructors have names that only their copies tell.
  if (isCopy && !isLinkage) return "none";
  if (completes !== undefined && completes.unit === unit && steps < MOST_STEPS) {
    const { form, low, high } = linker;
    const completed = linkage(unit, cursorAt(completes), names, steps + 1);
    if (isLinkage) linker.take({ form, low, high });
    return completed === "none" ? "none" : "defined";
  }
  if (!isLinkage) linker.take(plain);
  return !isExternal || linker.form === 0 ? "none" : isDeclaration ? "declared" : "defined";
}
