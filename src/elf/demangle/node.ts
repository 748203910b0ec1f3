/** The tree that a mangled C++ name describes; printing it is another file's work. */

/** What a node is. Names follow the grammar of the Itanium C++ ABI, section 5.1. */
export type Kind =
  | "name"
  | "tagged-name"
  | "qualified-name"
  | "local-name"
  | "typed-name"
  | "template"
  | "template-param"
  | "list"
  | "constructor"
  | "destructor"
  | "structured-binding"
  | "special"
  | "construction-vtable"
  | "reference-temporary"
  | "standard-substitution"
  | "builtin-type"
  | "vendor-type"
  | "function-type"
  | "array-type"
  | "pointer-to-member"
  | "vector-type"
  | "decltype"
  | "pack-expansion"
  | "pointer"
  | "reference"
  | "rvalue-reference"
  | "complex"
  | "imaginary"
  | "vendor-qualifier"
  | "const"
  | "volatile"
  | "restrict"
  | "const-this"
  | "volatile-this"
  | "restrict-this"
  | "reference-this"
  | "rvalue-reference-this"
  | "transaction-safe"
  | "noexcept"
  | "throw-spec"
  | "operator"
  | "extended-operator"
  | "conversion"
  | "cast"
  | "nullary"
  | "unary"
  | "binary"
  | "trinary"
  | "suffix"
  | "initializer-list"
  | "literal"
  | "negative-literal"
  | "number"
  | "function-param"
  | "lambda"
  | "unnamed-type"
  | "default-argument"
  | "clone";

/** One node. All have the same fields, so that walks need no case for each kind. */
export interface Node {
  kind: Kind;
  /** A name, an operator's code, a prefix such as `vtable for `. */
  readonly text: string;
  left: Node | undefined;
  right: Node | undefined;
  /** Items of a list, operands of a trinary expression. */
  readonly items: readonly Node[];
  /** An index or a count. */
  readonly number: number;
}

const NO_ITEMS: readonly Node[] = [];

/** An inner node. */
export function branch(kind: Kind, left: Node | undefined, right?: Node | undefined, number = 0): Node {
  return { kind, text: "", left, right, items: NO_ITEMS, number };
}

/** A node that carries text, and what it applies to. */
export function leaf(kind: Kind, text: string, left?: Node | undefined, number = 0): Node {
  return { kind, text, left, right: undefined, items: NO_ITEMS, number };
}

/** A list of template arguments, parameters or expressions. */
export function list(items: readonly Node[]): Node {
  return { kind: "list", text: "", left: undefined, right: undefined, items, number: 0 };
}

/** An expression of an operator with three operands. */
export function trinary(operator: Node, items: readonly Node[]): Node {
  return { kind: "trinary", text: "", left: operator, right: undefined, items, number: 0 };
}

/** Qualifiers that belong to a member function and stand behind its parameters. */
export function isFunctionQualifier(kind: Kind): boolean {
  switch (kind) {
    case "const-this":
    case "volatile-this":
    case "restrict-this":
    case "reference-this":
    case "rvalue-reference-this":
    case "transaction-safe":
    case "noexcept":
    case "throw-spec":
      return true;
    default:
      return false;
  }
}
