/** How types are called: keywords, names with their owners, and a bound on the work of printing them. */
import { DW_AT } from "../constants/attribute.ts";
import { DW_LANG } from "../constants/language.ts";
import { DW_TAG } from "../constants/tag.ts";
import { type Die, rootEntry } from "../die.ts";
import { dwarfError } from "../place.ts";

/** Types and characters that one declaration may take. References of damaged files can multiply without end. */
const MOST = 1 << 18;
/** Types within one another in one declaration, which is how deep the printing calls itself. */
const DEEPEST = 200;
/** Namespaces and classes around a type. */
const MOST_OWNERS = 64;

/** Counts what a declaration takes. */
export class TypeBudget {
  #left = MOST;
  #depth = 0;

  /** Goes into a type. @throws DwarfError DWARF_LOOP when this is too much, as when types lead back to each other */
  enter(die: Die): void {
    this.#depth++;
    this.spend(die, 1);
    if (this.#depth > DEEPEST) this.#fail(die);
  }

  /** Leaves it. */
  leave(): void {
    this.#depth--;
  }

  /** Counts characters. @throws DwarfError DWARF_LOOP as {@link enter} does */
  spend(die: Die, count: number): void {
    this.#left -= count;
    if (this.#left < 0) this.#fail(die);
  }

  #fail(die: Die): never {
    const what = `${die.tagName}: its declaration has no end, or none within ${MOST} characters`;
    throw dwarfError(die.unit.reader.section, "DWARF_LOOP", die.offset, what);
  }
}

const C = new Set<number>([
  DW_LANG.DW_LANG_C,
  DW_LANG.DW_LANG_C89,
  DW_LANG.DW_LANG_C99,
  DW_LANG.DW_LANG_C11,
  DW_LANG.DW_LANG_C17,
  DW_LANG.DW_LANG_C23,
  DW_LANG.DW_LANG_ObjC,
  DW_LANG.DW_LANG_UPC,
  DW_LANG.DW_LANG_OpenCL,
]);

/** Whether a unit's language is C, where tags have keywords and nothing has an owner. So it is where it is not told. */
export function isC(die: Die): boolean {
  const language = rootEntry(die.unit).attribute(DW_AT.DW_AT_language);
  return language === undefined || C.has(Number(language.constant));
}

/** `struct` of an entry that is one; `undefined` of types that have no keyword. */
export function keyword(die: Die): string | undefined {
  switch (die.tag) {
    case DW_TAG.DW_TAG_structure_type:
      return "struct";
    case DW_TAG.DW_TAG_class_type:
      return "class";
    case DW_TAG.DW_TAG_interface_type:
      return "interface";
    case DW_TAG.DW_TAG_union_type:
      return "union";
    case DW_TAG.DW_TAG_enumeration_type:
      return "enum";
    default:
      return undefined;
  }
}

/** The type that a declaration with a signature stands for: it is in a type unit. [DWARF5 5.7.1] */
export function completed(die: Die): Die {
  const signature = die.attribute(DW_AT.DW_AT_signature);
  const isHere = signature !== undefined && die.unit.dwarf.index.type(signature.constant) !== undefined;
  return (isHere ? signature.reference : undefined) ?? die;
}

/**
 * What a type is called where it is used: `struct node`, `word`, `space::node`. One without a name is `struct {...}`.
 * @throws DwarfError
 */
export function typeName(type: Die, budget: TypeBudget): string {
  const die = completed(type);
  const { name } = die;
  const word = keyword(die);
  budget.spend(die, name?.length ?? 0);
  if (name === undefined) return word === undefined ? `<${die.tagName}>` : `${word} {...}`;
  if (name.startsWith("complex") && die.tag === DW_TAG.DW_TAG_base_type) return complexName(die, name);
  if (isC(die)) return word === undefined ? name : `${word} ${name}`;
  return die.tag === DW_TAG.DW_TAG_base_type ? name : owners(die, budget) + name;
}

/** GNU has `complex double`, after the macro of <complex.h>; LLVM has `complex`, of whatever size. */
function complexName(die: Die, name: string): string {
  if (name !== "complex") return name.replace(/^complex /, "_Complex ");
  const size = Number(die.attribute(DW_AT.DW_AT_byte_size)?.constant ?? 0n);
  return `_Complex ${size === 8 ? "float" : size === 16 ? "double" : "long double"}`;
}

/** `space::node::` of what `node` of `space` owns. */
function owners(die: Die, budget: TypeBudget): string {
  let prefix = "";
  // What completes a declaration elsewhere belongs where that is.
  let owner = declared(die).parent;
  for (let i = 0; owner !== undefined && i < MOST_OWNERS; i++) {
    const isNamespace = owner.tag === DW_TAG.DW_TAG_namespace || owner.tag === DW_TAG.DW_TAG_module;
    if (!isNamespace && keyword(owner) === undefined) break;
    const name = completed(owner).name ?? (isNamespace ? "(anonymous namespace)" : `{${keyword(owner)}}`);
    budget.spend(die, name.length);
    prefix = `${name}::${prefix}`;
    owner = declared(owner).parent;
  }
  return prefix;
}

function declared(die: Die): Die {
  return die.attribute(DW_AT.DW_AT_specification)?.reference ?? die;
}
