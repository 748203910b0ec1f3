/**
 * C types as Inferno's compilers hash them: what `signof` looks at, and nothing else.
 *
 * Names, tags, qualifiers, offsets and widths of bit-fields are not in a signature. Whoever makes these values from C
 * does what the compiler did before it hashed: a parameter that is an array or a function becomes a pointer, an enum
 * becomes the integer type that holds it, a bit-field `long` or `ulong` by its sign. `f(void)` has one parameter
 * `void`, `f()` none, `...` is `dot`, and an old-style definition has `old` followed by its promoted parameters.
 */

/** Types that are made of no others. */
export type BasicKind =
  | "char"
  | "uchar"
  | "short"
  | "ushort"
  | "int"
  | "uint"
  | "long"
  | "ulong"
  | "vlong"
  | "uvlong"
  | "float"
  | "double"
  | "void"
  | "enum"
  | "file"
  | "old"
  | "dot"
  | "xxx";

/** A type that is made of no others. */
export interface BasicType {
  readonly kind: BasicKind;
}

/** A pointer. */
export interface PointerType {
  readonly kind: "pointer";
  readonly to: SignType;
}

/** An array. */
export interface ArrayType {
  readonly kind: "array";
  readonly of: SignType;
  /** Bytes of the whole array, 0 if its length is not known: only tells structures apart that contain it. */
  readonly width: number;
}

/** A function. */
export interface FunctionType {
  readonly kind: "function";
  readonly result: SignType;
  readonly parameters: readonly SignType[];
}

/** A structure or union. Members may be added after it was made, as one that refers to itself needs it. */
export interface StructType {
  readonly kind: "struct" | "union";
  /** Tells structures without members apart, and nothing else. */
  readonly tag?: string;
  /** Types of the members in order; none while they are not known. */
  readonly members: readonly SignType[];
  /** Declared by `#pragma incomplete`: its members are nobody's business. */
  readonly incomplete?: boolean;
}

/** A type with a signature. */
export type SignType = BasicType | PointerType | ArrayType | FunctionType | StructType;

/** Whether a type is a structure or union. */
export function isStruct(type: SignType): type is StructType {
  return type.kind === "struct" || type.kind === "union";
}

/** What a type's description goes on with: `link` of Inferno's compiler, but for structures. */
export function linkOf(type: SignType): SignType | undefined {
  switch (type.kind) {
    case "pointer":
      return type.to;
    case "array":
      return type.of;
    case "function":
      return type.result;
    default:
      return undefined;
  }
}
