/** Types as the declarations of C that would make them, C++ as near as that comes. */
import { DW_AT } from "../constants/attribute.ts";
import { DW_TAG } from "../constants/tag.ts";
import type { Die } from "../die.ts";
import { isC, TypeBudget, typeName } from "./name.ts";
import { arraySuffix, isVector, vectorBytes } from "./size.ts";

/** Qualifiers between a pointer and the array that it points at. */
const QUALIFIERS_IN_A_ROW = 16;

/**
 * A declaration of something that has a type: `char *(*name[3])(int, ...)`. Structures, unions and enumerations are
 * called by their tags; `typeDefinition` shows what is in them.
 * @param die an entry of a type; or of a variable, member, parameter or function, which has one and is declared by its own
 *   name; `undefined` is `void`
 * @param name of what is declared; without one, of an entry that is a type, the type alone: `char *(*[3])(int, ...)`
 * @throws DwarfError, DWARF_LOOP also when there is no end to it
 */
export function typeDeclaration(die: Die | undefined, name?: string): string {
  return new TypePrinter().declare(die, name);
}

/** Prints declarations that together are bounded in length. */
export class TypePrinter {
  readonly budget = new TypeBudget();

  /** As {@link typeDeclaration}. */
  declare(die: Die | undefined, name?: string): string {
    switch (die?.tag) {
      case DW_TAG.DW_TAG_variable:
      case DW_TAG.DW_TAG_member:
      case DW_TAG.DW_TAG_formal_parameter:
      case DW_TAG.DW_TAG_template_type_parameter:
      case DW_TAG.DW_TAG_template_value_parameter:
      case DW_TAG.DW_TAG_constant:
      case DW_TAG.DW_TAG_inheritance:
        return this.#type(typeOf(die), name ?? die.name ?? "", "");
      case DW_TAG.DW_TAG_subprogram:
      case DW_TAG.DW_TAG_inlined_subroutine:
      case DW_TAG.DW_TAG_entry_point:
        return this.#function(die, name ?? die.name ?? "", true);
      default:
        return this.#type(die, name ?? "", "");
    }
  }

  /**
   * @param inner the declarator so far, which the type goes around
   * @param qualifiers those of the type, as `const volatile`
   */
  #type(die: Die | undefined, inner: string, qualifiers: string): string {
    if (die === undefined) return joined(qualifiers, "void", inner);
    this.budget.enter(die);
    this.budget.spend(die, inner.length);
    const text = this.#around(die, inner, qualifiers);
    this.budget.leave();
    return text;
  }

  #around(die: Die, inner: string, qualifiers: string): string {
    switch (die.tag) {
      case DW_TAG.DW_TAG_const_type:
        return this.#type(typeOf(die), inner, added(qualifiers, "const"));
      case DW_TAG.DW_TAG_volatile_type:
        return this.#type(typeOf(die), inner, added(qualifiers, "volatile"));
      case DW_TAG.DW_TAG_restrict_type:
        return this.#type(typeOf(die), inner, added(qualifiers, isC(die) ? "restrict" : "__restrict"));
      case DW_TAG.DW_TAG_atomic_type:
        return this.#type(typeOf(die), inner, added(qualifiers, "_Atomic"));
      case DW_TAG.DW_TAG_immutable_type:
      case DW_TAG.DW_TAG_packed_type:
      case DW_TAG.DW_TAG_shared_type:
        return this.#type(typeOf(die), inner, qualifiers);
      case DW_TAG.DW_TAG_pointer_type:
        // Languages that name their pointers mean more than an address by it.
        if (die.attribute(DW_AT.DW_AT_name) !== undefined)
          return joined(qualifiers, typeName(die, this.budget), inner);
        return this.#pointer(die, "*", inner, qualifiers);
      case DW_TAG.DW_TAG_reference_type:
        return this.#pointer(die, "&", inner, qualifiers);
      case DW_TAG.DW_TAG_rvalue_reference_type:
        return this.#pointer(die, "&&", inner, qualifiers);
      case DW_TAG.DW_TAG_ptr_to_member_type: {
        const owner = die.attribute(DW_AT.DW_AT_containing_type)?.reference;
        const name = owner === undefined ? "" : typeName(owner, this.budget);
        return this.#pointer(die, `${name}::*`, inner, qualifiers);
      }
      case DW_TAG.DW_TAG_array_type: {
        if (isVector(die)) {
          const vector = `__attribute__((vector_size(${vectorBytes(die)})))`;
          return this.#type(typeOf(die), inner, added(qualifiers, vector));
        }
        return this.#type(typeOf(die), inner + arraySuffix(die), qualifiers);
      }
      case DW_TAG.DW_TAG_subroutine_type:
        return this.#function(die, inner, false, qualifiers);
      case DW_TAG.DW_TAG_subrange_type:
        if (die.name === undefined) return this.#type(typeOf(die), inner, qualifiers);
        break;
      default:
    }
    return joined(qualifiers, typeName(die, this.budget), inner);
  }

  #pointer(die: Die, sign: string, inner: string, qualifiers: string): string {
    const target = typeOf(die);
    const own = qualifiers === "" ? sign : `${sign}${qualifiers}${/^[\w(]/.test(inner) ? " " : ""}`;
    const spaced = /\w$/.test(own) && /^[*&]/.test(inner) ? `${own} ${inner}` : own + inner;
    return this.#type(target, bindsLoosely(target) ? `(${spaced})` : spaced, "");
  }

  /** @param named whether parameters have their names */
  #function(die: Die, inner: string, named: boolean, qualifiers = ""): string {
    const parameters: string[] = [];
    let after = qualifiers === "" ? "" : ` ${qualifiers}`;
    for (const child of die.children()) {
      this.budget.spend(child, 1);
      if (child.tag === DW_TAG.DW_TAG_unspecified_parameters) parameters.push("...");
      if (child.tag !== DW_TAG.DW_TAG_formal_parameter) continue;
      const type = child.inherited(DW_AT.DW_AT_type)?.reference;
      // The object of a method is no parameter that is written; its qualifiers stand behind the others.
      if (child.inherited(DW_AT.DW_AT_artificial)?.flag === true) {
        const object = type && pointedAt(type);
        if (object?.tag === DW_TAG.DW_TAG_const_type && parameters.length === 0) after = " const";
        continue;
      }
      parameters.push(this.#type(type, named ? (child.name ?? "") : "", ""));
    }
    if (parameters.length === 0 && isC(die) && die.inherited(DW_AT.DW_AT_prototyped)?.flag === true)
      parameters.push("void");
    // C++ knows no function without a prototype, of which the dots alone are left.
    const list = parameters.length === 1 && parameters[0] === "..." && isC(die) ? "" : parameters.join(", ");
    if (die.inherited(DW_AT.DW_AT_reference)?.flag === true) after += " &";
    if (die.inherited(DW_AT.DW_AT_rvalue_reference)?.flag === true) after += " &&";
    const result = die.inherited(DW_AT.DW_AT_type)?.reference;
    return this.#type(result, `${inner}(${list})${after}`, "");
  }
}

/** The type of what has one, or that a type is made of. */
function typeOf(die: Die): Die | undefined {
  return die.inherited(DW_AT.DW_AT_type)?.reference;
}

/** What a pointer points at, qualifiers of the pointer aside. */
function pointedAt(die: Die): Die | undefined {
  const pointer = die.tag === DW_TAG.DW_TAG_const_type ? typeOf(die) : die;
  return pointer && typeOf(pointer);
}

/** Whether a pointer to a type needs parentheses: arrays and functions bind tighter. */
function bindsLoosely(die: Die | undefined): boolean {
  let type = die;
  for (let i = 0; i < QUALIFIERS_IN_A_ROW; i++) {
    switch (type?.tag) {
      case DW_TAG.DW_TAG_const_type:
      case DW_TAG.DW_TAG_volatile_type:
      case DW_TAG.DW_TAG_restrict_type:
      case DW_TAG.DW_TAG_atomic_type:
        type = typeOf(type);
        break;
      case DW_TAG.DW_TAG_array_type:
        return !isVector(type);
      default:
        return type?.tag === DW_TAG.DW_TAG_subroutine_type;
    }
  }
  return false;
}

/** In one order, each once: compilers repeat those of an array on its elements. */
function added(qualifiers: string, more: string): string {
  const words = new Set(qualifiers === "" ? [more] : [...qualifiers.split(" "), more]);
  return [...words].sort((a, b) => rank(a) - rank(b)).join(" ");
}

function rank(word: string): number {
  const at = ["const", "volatile", "restrict", "__restrict", "_Atomic"].indexOf(word);
  return at < 0 ? Number.MAX_SAFE_INTEGER : at;
}

function joined(qualifiers: string, type: string, inner: string): string {
  const start = qualifiers === "" ? type : `${qualifiers} ${type}`;
  return inner === "" ? start : `${start} ${inner}`;
}
