/** Sizes of types and dimensions of arrays. */
import { DW_AT } from "../constants/attribute.ts";
import { DW_FORM } from "../constants/form.ts";
import { DW_TAG } from "../constants/tag.ts";
import type { Attribute, Die } from "../die.ts";
import { completed } from "./name.ts";

/** Types looked through for a size; one that needs more leads back to itself. */
const MOST_STEPS = 64;

/** `[3][4]` of an array, `[]` of one without bounds, `[*]` of one whose bound is computed. */
export function arraySuffix(die: Die): string {
  let suffix = "";
  for (const count of dimensions(die)) suffix += count === undefined ? "[]" : `[${count}]`;
  return suffix === "" ? "[]" : suffix;
}

/** Whether an array is a vector, GNU's or LLVM's. */
export function isVector(die: Die): boolean {
  return die.attribute(DW_AT.DW_AT_GNU_vector)?.flag === true;
}

/** Bytes of a vector; `*` when they are not known. */
export function vectorBytes(die: Die): string {
  return String(typeSize(die) ?? "*");
}

/**
 * Bytes of a type, as `sizeof` has them: of an array, all of it. `undefined` when it is incomplete, computed when the
 * program runs, or has no size, as a function.
 * @throws DwarfError DWARF_BAD_REFERENCE
 */
export function typeSize(die: Die | undefined): bigint | undefined {
  let factor = 1n;
  let type = die && completed(die);
  for (let step = 0; type !== undefined && step < MOST_STEPS; step++) {
    const own = number(type.attribute(DW_AT.DW_AT_byte_size));
    if (own !== undefined) return factor * own;
    switch (type.tag) {
      case DW_TAG.DW_TAG_pointer_type:
      case DW_TAG.DW_TAG_reference_type:
      case DW_TAG.DW_TAG_rvalue_reference_type:
        return factor * BigInt(type.unit.header.addressSize);
      case DW_TAG.DW_TAG_array_type:
        for (const count of dimensions(type)) {
          if (typeof count !== "bigint") return undefined;
          factor *= count;
        }
        break;
      case DW_TAG.DW_TAG_subroutine_type:
        return undefined;
      default:
    }
    // Beyond what an address space holds, nothing is true.
    if (factor > 1n << 64n) return undefined;
    const next: Die | undefined = type.attribute(DW_AT.DW_AT_type)?.reference;
    type = next && completed(next);
  }
  return undefined;
}

/** The dimensions of an array: a number, `*` for one that is computed, `undefined` for one without bounds. */
function* dimensions(die: Die): IterableIterator<bigint | "*" | undefined> {
  for (const child of die.children()) {
    if (child.tag === DW_TAG.DW_TAG_subrange_type || child.tag === DW_TAG.DW_TAG_generic_subrange)
      yield dimension(child);
    else if (child.tag === DW_TAG.DW_TAG_enumeration_type) yield BigInt([...child.children()].length);
  }
}

function dimension(die: Die): bigint | "*" | undefined {
  const count = die.attribute(DW_AT.DW_AT_count);
  if (count !== undefined) {
    const value = number(count);
    // GNU says of an array without bounds that it has -1 elements in some versions of DWARF, as LLVM does in older ones.
    return value === undefined ? "*" : BigInt.asIntN(64, value) < 0n ? undefined : value;
  }
  const upper = die.attribute(DW_AT.DW_AT_upper_bound);
  if (upper === undefined) return undefined;
  const last = number(upper);
  if (last === undefined) return "*";
  const first = number(die.attribute(DW_AT.DW_AT_lower_bound)) ?? 0n;
  // An array of no elements ends at -1, in a form as wide as its index or an address.
  const bits = upper.form === DW_FORM.DW_FORM_data4 ? 32 : 64;
  const signed = last === (1n << BigInt(bits)) - 1n ? -1n : last;
  const length = signed - first + 1n;
  return length < 0n ? 0n : length;
}

/** The value of an attribute that is a constant; `undefined` of one that is computed or a reference. */
export function number(attribute: Attribute | undefined): bigint | undefined {
  switch (attribute?.form) {
    case DW_FORM.DW_FORM_data1:
    case DW_FORM.DW_FORM_data2:
    case DW_FORM.DW_FORM_data4:
    case DW_FORM.DW_FORM_data8:
    case DW_FORM.DW_FORM_udata:
    case DW_FORM.DW_FORM_sdata:
    case DW_FORM.DW_FORM_implicit_const:
      return attribute.constant;
    default:
      return undefined;
  }
}
