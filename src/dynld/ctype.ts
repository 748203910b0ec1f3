/**
 * Types of C as values: what signatures, TypeScript declarations and typed calls are made from. Of C++ and Rust, what has
 * a layout. They come from DWARF (ctype/read.ts) or from the text in a module (signature/parse.ts), are resolved as they
 * are gone into, and may lead back to themselves. Sizes and offsets are in bytes unless a name says bits.
 */
import type { DwarfUnit } from "../dwarf/dwarf.ts";
import { DynldError } from "../errors.ts";

/** Typedefs and qualifiers in a row before they are taken for a loop. */
const MOST_STEPS = 128;

/** Where in debug information a type or symbol comes from: `entryAt(unit, offset)` is its entry. */
export interface CTypeEntry {
  readonly unit: DwarfUnit;
  readonly offset: number;
}

/** What the bytes of a number are. `character` is a code of Unicode, as `char32_t`; C's `char` is a number. */
export type CEncoding =
  | "bool"
  | "signed"
  | "unsigned"
  | "character"
  | "float"
  | "complex"
  | "decimal"
  | "other";

interface Common {
  /** `undefined` of what has no size: functions, `void`, incomplete types, arrays without bounds. */
  readonly size: number | undefined;
  /** Absent of types that come from a module's text. */
  readonly entry?: CTypeEntry | undefined;
}

/** `void`; of Rust, `()` too. */
export interface CVoid extends Common {
  readonly kind: "void";
  readonly size: undefined;
}

/** A number. */
export interface CBase extends Common {
  readonly kind: "base";
  readonly size: number;
  /** As C has it, the same from all compilers: `unsigned long`, `bool`, `double`; types that C lacks keep their own name. */
  readonly name: string;
  readonly encoding: CEncoding;
}

/** A constant of an enumeration. */
export interface CEnumerator {
  readonly name: string;
  readonly value: bigint;
}

/** An enumeration. */
export interface CEnum extends Common {
  readonly kind: "enum";
  /** With the namespaces and classes that it is in, in C++ and Rust. */
  readonly tag: string | undefined;
  readonly isSigned: boolean;
  readonly isComplete: boolean;
  readonly enumerators: readonly CEnumerator[];
}

/** A pointer, or a reference of C++. */
export interface CPointer extends Common {
  readonly kind: "pointer";
  readonly size: number;
  readonly form: "*" | "&" | "&&";
  readonly target: CType;
}

/** An array of one dimension; those of more have arrays as elements. */
export interface CArray extends Common {
  readonly kind: "array";
  readonly element: CType;
  /** `undefined` without bounds, as of a flexible member, or with one that is computed. */
  readonly count: number | undefined;
}

/** A vector of the processor: `__attribute__((vector_size(16)))`. */
export interface CVector extends Common {
  readonly kind: "vector";
  readonly element: CType;
}

/** What is in a structure: `vtable` is the pointer that C++ has there, `variant` a part that only some values have. */
export type CMemberRole = "member" | "base" | "vtable" | "variant";

/** A member of a structure or union, or a base class. */
export interface CMember {
  /** `undefined` of a base class, and of a structure or union whose members count as those of the one around it. */
  readonly name: string | undefined;
  readonly type: CType;
  readonly role: CMemberRole;
  /** From the start of the structure, in bits; `undefined` when it is computed, as of a virtual base class. */
  readonly bitOffset: number | undefined;
  /** Of a bit-field; `undefined` of all others. */
  readonly bitSize: number | undefined;
  /** Bytes, where the declaration says so: `_Alignas(16)` (DWARF 5). */
  readonly alignment?: number | undefined;
}

/** A structure, union or class. */
export interface CRecord extends Common {
  readonly kind: "struct" | "union";
  /** As it was declared. */
  readonly keyword: "struct" | "class" | "union";
  /** With the namespaces and classes that it is in, in C++ and Rust. */
  readonly tag: string | undefined;
  readonly isComplete: boolean;
  /** Empty of an incomplete one. */
  readonly members: readonly CMember[];
  /** Bytes that its address is a multiple of, where that is told (DWARF 5); else `alignOf` counts it from the members. */
  readonly alignment?: number | undefined;
  /** True of classes of C++ that are passed by their address, since copying them takes a call; told by DWARF 5. */
  readonly isPassedByAddress?: boolean | undefined;
}

/** A parameter of a function. */
export interface CParameter {
  readonly name: string | undefined;
  readonly type: CType;
}

/** A function. */
export interface CFunction extends Common {
  readonly kind: "function";
  readonly size: undefined;
  readonly result: CType;
  readonly parameters: readonly CParameter[];
  /** Whether it takes more than its parameters: `...`. */
  readonly isVariadic: boolean;
  /** False of `int f()` in C, whose parameters nobody knows, and of old-style definitions, whose parameters are listed. */
  readonly isPrototyped: boolean;
}

/** Another name of a type. */
export interface CTypedef extends Common {
  readonly kind: "typedef";
  readonly name: string;
  readonly type: CType;
}

/** What a type is qualified by. */
export type CQualifier = "const" | "volatile" | "restrict" | "_Atomic";

/** A qualified type. */
export interface CQualified extends Common {
  readonly kind: "qualified";
  readonly qualifier: CQualifier;
  readonly type: CType;
}

/** A type that C has not: pointers to members, `decltype(nullptr)`, sets. */
export interface COther extends Common {
  readonly kind: "other";
  /** `DW_TAG_` name, or what the language calls it. */
  readonly name: string;
}

/** A type. */
export type CType =
  | CVoid
  | CBase
  | CEnum
  | CPointer
  | CArray
  | CVector
  | CRecord
  | CFunction
  | CTypedef
  | CQualified
  | COther;

/** A type that is no typedef and has no qualifiers. */
export type CBareType = Exclude<CType, CTypedef | CQualified>;

/** A function or variable that a file defines or refers to, with its type. */
export interface CSymbol {
  /** As linkers have it. */
  readonly name: string;
  readonly kind: "function" | "variable";
  /** Of a function, a {@link CFunction}. */
  readonly type: CType;
  /** Bytes of an address where the symbol is. */
  readonly addressSize: number;
  /** Where it is declared or defined; absent of what comes from a module's text. */
  readonly entry?: CTypeEntry | undefined;
}

/** The one `void`. */
export const VOID: CVoid = { kind: "void", size: undefined };

/** A type without its typedefs and qualifiers. @throws DynldError DYNLD_BAD_TYPE when they lead back to themselves */
export function bare(type: CType): CBareType {
  let at = type;
  for (let step = 0; step < MOST_STEPS; step++) {
    if (at.kind !== "typedef" && at.kind !== "qualified") return at;
    at = at.type;
  }
  throw endless();
}

/** Whether a type is a structure, union or class. */
export function isRecord(type: CType): type is CRecord {
  return type.kind === "struct" || type.kind === "union";
}

/**
 * Bytes that a type's address is a multiple of, by the rules of the psABI where nothing is told.
 * @throws DynldError DYNLD_BAD_TYPE of a structure that holds itself
 */
export function alignOf(type: CType): number {
  return aligned(type, 0);
}

/** No psABI aligns numbers to more. */
const MOST_ALIGNED = 16;

function aligned(type: CType, depth: number): number {
  if (depth > MOST_STEPS) throw endless();
  const found = bare(type);
  switch (found.kind) {
    case "struct":
    case "union": {
      if (found.alignment !== undefined) return found.alignment;
      let most = 1;
      for (const member of found.members) {
        const own = member.alignment ?? aligned(member.type, depth + 1);
        // A packed member is where its alignment would not have it.
        const isPlaced = member.bitSize !== undefined || ((member.bitOffset ?? 0) / 8) % own === 0;
        if (isPlaced) most = Math.max(most, own);
      }
      return (found.size ?? 0) % most === 0 ? most : 1;
    }
    case "array":
      return aligned(found.element, depth + 1);
    case "vector":
      return found.size ?? 1;
    case "base":
      return numberAlignment(found.encoding === "complex" ? found.size / 2 : found.size);
    default:
      return numberAlignment(found.size ?? 1);
  }
}

function numberAlignment(size: number): number {
  let alignment = 1;
  while (alignment < size && alignment < MOST_ALIGNED) alignment *= 2;
  return alignment;
}

function endless(): DynldError {
  return new DynldError(
    "DYNLD_BAD_TYPE",
    {},
    "found a type that is made of itself, expected one with an end",
  );
}
