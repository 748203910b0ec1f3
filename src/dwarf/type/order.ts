/** The types that a unit defines, in an order in which a compiler of C takes them. */
import { DW_AT } from "../constants/attribute.ts";
import { DW_TAG } from "../constants/tag.ts";
import { type Die, entryAt } from "../die.ts";
import type { DwarfUnit } from "../dwarf.ts";
import { completed, keyword } from "./name.ts";

/** Types that need one another in a chain, before the order is given up. */
const DEEPEST = 256;

/**
 * The types that a unit defines and that can be spoken of: structures, unions, classes, enumerations and typedefs with a
 * name, wherever they are, and at the end enumerations without one that no type is made of. Each comes behind those that
 * must be known before it: whole ones of its members, and the typedefs and enumerations that its pointers lead to.
 * @throws DwarfError
 */
export function* definedTypes(unit: DwarfUnit): IterableIterator<Die> {
  const order = new TypeOrder(unit);
  const nameless: Die[] = [];
  for (const at = unit.entries(); at.next(); ) {
    const die = at.tag === DW_TAG.DW_TAG_typedef ? entryAt(unit, at.offset) : tagged(unit, at);
    if (die === undefined) continue;
    yield* order.take(die);
    if (die.tag === DW_TAG.DW_TAG_enumeration_type && die.name === undefined) nameless.push(die);
  }
  for (const die of nameless) if (!order.isUsed(die)) yield die;
}

/** The structure, union or enumeration that a cursor is at. */
function tagged(unit: DwarfUnit, at: { readonly tag: number; readonly offset: number }): Die | undefined {
  switch (at.tag) {
    case DW_TAG.DW_TAG_structure_type:
    case DW_TAG.DW_TAG_union_type:
    case DW_TAG.DW_TAG_class_type:
    case DW_TAG.DW_TAG_interface_type:
    case DW_TAG.DW_TAG_enumeration_type:
      return entryAt(unit, at.offset);
    default:
      return undefined;
  }
}

class TypeOrder {
  readonly #unit: DwarfUnit;
  /** Offsets of types that were given out, or that come behind what they need. */
  readonly #done = new Set<number>();
  /** Of those that other types are made of. */
  readonly #used = new Set<number>();

  constructor(unit: DwarfUnit) {
    this.#unit = unit;
  }

  /** What a type needs, and the type, as far as they were not given out. */
  take(type: Die): Die[] {
    const found: Die[] = [];
    this.#define(type, found, 0);
    return found;
  }

  /** Whether a type that was taken is made of this one. */
  isUsed(type: Die): boolean {
    return this.#used.has(type.offset);
  }

  #define(type: Die, found: Die[], depth: number): void {
    if (depth > DEEPEST || type.unit !== this.#unit || this.#done.has(type.offset)) return;
    this.#done.add(type.offset);
    if (type.tag === DW_TAG.DW_TAG_typedef) this.#use(typeOf(type), false, found, depth);
    else {
      for (const child of type.children()) {
        const isPart = child.tag === DW_TAG.DW_TAG_member || child.tag === DW_TAG.DW_TAG_inheritance;
        if (isPart) this.#use(typeOf(child), true, found, depth);
      }
    }
    if (type.name !== undefined && type.attribute(DW_AT.DW_AT_declaration)?.flag !== true) found.push(type);
  }

  /** Goes along what a type is made of. @param whole whether its size must be known */
  #use(type: Die | undefined, whole: boolean, found: Die[], depth: number): void {
    if (type === undefined || depth > DEEPEST) return;
    this.#used.add(type.offset);
    switch (type.tag) {
      case DW_TAG.DW_TAG_typedef:
        this.#define(type, found, depth + 1);
        if (whole) this.#use(typeOf(type), true, found, depth + 1);
        return;
      case DW_TAG.DW_TAG_pointer_type:
      case DW_TAG.DW_TAG_reference_type:
      case DW_TAG.DW_TAG_rvalue_reference_type:
      case DW_TAG.DW_TAG_ptr_to_member_type:
        this.#use(typeOf(type), false, found, depth + 1);
        return;
      case DW_TAG.DW_TAG_subroutine_type:
        if (this.#done.has(type.offset)) return;
        this.#done.add(type.offset);
        this.#use(typeOf(type), false, found, depth + 1);
        for (const child of type.children()) this.#use(typeOf(child), false, found, depth + 1);
        return;
      case DW_TAG.DW_TAG_array_type:
        this.#use(typeOf(type), true, found, depth + 1);
        return;
      default:
    }
    if (keyword(type) === undefined) this.#use(typeOf(type), whole, found, depth + 1);
    // A structure that is only pointed at need not be known; one without a name is defined where it is used.
    else if (whole || type.tag === DW_TAG.DW_TAG_enumeration_type || completed(type).name === undefined)
      this.#define(type, found, depth + 1);
  }
}

function typeOf(die: Die): Die | undefined {
  return die.attribute(DW_AT.DW_AT_type)?.reference;
}
