/**
 * What a value of a C type is in JavaScript. Typed calls, views of memory and TypeScript declarations all ask here.
 *
 * | C | JavaScript |
 * |---|---|
 * | `bool` | `boolean` |
 * | integers up to 32 bits, `char`, `float`, `double` | `number` |
 * | integers of 64 bits | `bigint` |
 * | an enumeration | the name of a constant, or a `number` (of 64 bits: `bigint`) |
 * | `const char *` | `string`, or the address of one |
 * | a pointer to a structure or union | a view of it, or an address |
 * | a pointer to a function | a function, or an address |
 * | another pointer | an address, or memory of JavaScript's: a typed array |
 * | a null pointer | `null` |
 * | a structure or union | an object with its members; a view when it is read |
 * | an array | a typed array of numbers, or an array, that shows its memory |
 * | `long double`, `_Complex`, vectors, integers of 128 bits, pointers to members | refused |
 *
 * An address is a `bigint`.
 */
import {
  bare,
  type CBase,
  type CEnum,
  type CFunction,
  type CRecord,
  type CType,
  isRecord,
} from "../ctype.ts";

/** Kinds of values, with what is needed to convert one. */
export type ValueKind =
  | { readonly kind: "void" }
  | { readonly kind: "boolean"; readonly size: number }
  | {
      readonly kind: "number" | "bigint";
      readonly size: number;
      readonly encoding: "signed" | "unsigned" | "float";
    }
  | { readonly kind: "enum"; readonly type: CEnum; readonly size: number }
  /** `const char *` */
  | { readonly kind: "string" }
  /** A pointer to a structure or union that is complete. */
  | { readonly kind: "view"; readonly type: CRecord; readonly isReference: boolean }
  /** A pointer to a function. */
  | { readonly kind: "function"; readonly type: CFunction }
  /** A pointer to anything else. */
  | { readonly kind: "address"; readonly target: CType; readonly isReference: boolean }
  | { readonly kind: "record"; readonly type: CRecord }
  | { readonly kind: "array"; readonly element: CType; readonly count: number | undefined }
  /** What has no value in JavaScript, and why. */
  | { readonly kind: "refused"; readonly why: string };

/** What a value of a type is in JavaScript. @throws DynldError DYNLD_BAD_TYPE, DwarfError */
export function valueKind(type: CType): ValueKind {
  const found = bare(type);
  switch (found.kind) {
    case "void":
      return { kind: "void" };
    case "base":
      return numberKind(found);
    case "enum":
      return found.size === 1 || found.size === 2 || found.size === 4 || found.size === 8
        ? { kind: "enum", type: found, size: found.size }
        : refused(`enum ${found.tag ?? "without a tag"} is incomplete`);
    case "pointer":
      return pointerKind(found.target, found.form !== "*");
    case "struct":
    case "union":
      if (!found.isComplete) return refused(`${found.keyword} ${found.tag ?? "without a tag"} is incomplete`);
      return found.isPassedByAddress === true
        ? refused(`${found.keyword} ${found.tag ?? ""} is copied by a constructor`)
        : { kind: "record", type: found };
    case "array":
      return { kind: "array", element: found.element, count: found.count };
    case "function":
      return refused("a function is no value");
    case "vector":
      return refused("a vector of the processor");
    default:
      return refused(found.name);
  }
}

function pointerKind(target: CType, isReference: boolean): ValueKind {
  const to = bare(target);
  if (to.kind === "function") return { kind: "function", type: to };
  if (isRecord(to) && to.isComplete) return { kind: "view", type: to, isReference };
  const isText = to.kind === "base" && to.name === "char" && isConst(target) && !isReference;
  return isText ? { kind: "string" } : { kind: "address", target, isReference };
}

/** Whether a type is `const`, by itself or in a typedef. */
export function isConst(type: CType): boolean {
  let at = type;
  for (let step = 0; step < 128; step++) {
    if (at.kind === "qualified" && at.qualifier === "const") return true;
    if (at.kind !== "qualified" && at.kind !== "typedef") return false;
    at = at.type;
  }
  return false;
}

function numberKind({ encoding, size, name }: CBase): ValueKind {
  switch (encoding) {
    case "bool":
      return { kind: "boolean", size };
    case "signed":
    case "unsigned":
    case "character": {
      const sign = encoding === "signed" ? "signed" : "unsigned";
      if (size === 1 || size === 2 || size === 4) return { kind: "number", size, encoding: sign };
      return size === 8 ? { kind: "bigint", size, encoding: sign } : refused(name);
    }
    case "float":
      return size === 4 || size === 8 ? { kind: "number", size, encoding: "float" } : refused(name);
    default:
      return refused(name);
  }
}

function refused(why: string): ValueKind {
  return { kind: "refused", why };
}
