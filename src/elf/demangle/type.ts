/** Types of the Itanium C++ ABI [5.1.5]. */
import { branch, type Kind, leaf, list, type Node } from "./node.ts";
import { isDigit, isLower, NOT_MANGLED, type Parser, type QualifierChain } from "./parser.ts";
import { BUILTIN_TYPES, EXTENDED_TYPES } from "./table.ts";

/** `<type>` */
export function type(p: Parser): Node {
  return p.nested(() => {
    const chain = qualifiers(p, false);
    if (!chain.empty) {
      // Qualifiers of a function type apply to `this`; the unqualified function type is no substitution.
      const inner = p.peek() === "F" ? functionType(p) : type(p);
      return p.substitutable(refQualifierOutside(chain.wrap(inner), inner));
    }
    return unqualifiedType(p);
  });
}

/** `void () const &`: the reference is printed behind the other qualifiers, so it goes outside of them. */
function refQualifierOutside(whole: Node, inner: Node): Node {
  if (inner.kind !== "reference-this" && inner.kind !== "rvalue-reference-this") {
    return whole;
  }
  let parent = whole;
  while (parent.left !== undefined && parent.left !== inner) {
    parent = parent.left;
  }
  parent.left = inner.left;
  return branch(inner.kind, whole);
}

const WRAPPERS: Readonly<Record<string, Kind>> = {
  P: "pointer",
  R: "reference",
  O: "rvalue-reference",
  C: "complex",
  G: "imaginary",
};

function unqualifiedType(p: Parser): Node {
  const first = p.peek();
  const wrapper = WRAPPERS[first];
  if (wrapper !== undefined) {
    p.at += 1;
    return p.substitutable(branch(wrapper, type(p)));
  }
  if (isDigit(first) || first === "N" || first === "Z") {
    return p.substitutable(p.grammar.name(p));
  }
  const builtin = BUILTIN_TYPES[first];
  if (builtin !== undefined && isLower(first)) {
    p.at += 1;
    return leaf("builtin-type", builtin);
  }
  switch (first) {
    case "F":
      return p.substitutable(functionType(p));
    case "A":
      return p.substitutable(arrayType(p));
    case "M": {
      p.at += 1;
      const owner = type(p);
      return p.substitutable(branch("pointer-to-member", owner, type(p)));
    }
    case "T":
      return p.substitutable(templateParamType(p));
    case "S":
      return substitutedType(p);
    case "u": {
      p.at += 1;
      const vendor = branch("vendor-type", p.grammar.sourceName(p));
      return p.substitutable(
        p.peek() === "I" ? branch("template", vendor, p.grammar.templateArgs(p)) : vendor,
      );
    }
    case "U": {
      p.at += 1;
      const source = p.grammar.sourceName(p);
      const qualifier = p.peek() === "I" ? branch("template", source, p.grammar.templateArgs(p)) : source;
      return p.substitutable(branch("vendor-qualifier", type(p), qualifier));
    }
    case "D":
      return extendedType(p);
    default:
      throw NOT_MANGLED;
  }
}

/** `T_`, with arguments when it is a template template parameter. */
function templateParamType(p: Parser): Node {
  const param = p.grammar.templateParam(p);
  if (p.peek() !== "I") {
    return param;
  }
  if (!p.inConversion) {
    p.substitutable(param);
    return branch("template", param, p.grammar.templateArgs(p));
  }
  // `operator T<…>()`: the arguments may be those of the conversion operator instead.
  const { at } = p;
  const known = p.substitutions.length;
  const args = p.grammar.templateArgs(p);
  if (p.peek() === "I") {
    p.substitutions.splice(known, 0, param);
    return branch("template", param, args);
  }
  p.at = at;
  p.substitutions.length = known;
  return param;
}

function substitutedType(p: Parser): Node {
  if (/[0-9A-Z_]/.test(p.peek(1))) {
    const known = p.grammar.substitution(p, false);
    return p.peek() === "I" ? p.substitutable(branch("template", known, p.grammar.templateArgs(p))) : known;
  }
  const named = p.grammar.name(p);
  return named.kind === "standard-substitution" ? named : p.substitutable(named);
}

/** Types that begin with `D`. */
function extendedType(p: Parser): Node {
  p.expect("D");
  const code = p.next();
  switch (code) {
    case "T":
    case "t": {
      const expression = p.grammar.expression(p);
      p.expect("E");
      return p.substitutable(branch("decltype", expression));
    }
    case "p":
      return p.substitutable(branch("pack-expansion", type(p)));
    case "v": {
      const size = p.accept("_") ? p.grammar.expression(p) : leaf("name", String(p.number() ?? 0));
      p.expect("_");
      return p.substitutable(branch("vector-type", size, type(p)));
    }
    case "F":
      return floatType(p);
    default: {
      const text = EXTENDED_TYPES[code];
      if (text === undefined) {
        throw NOT_MANGLED;
      }
      return leaf(code === "a" || code === "c" ? "name" : "builtin-type", text);
    }
  }
}

/** `DF16_`, `DF64x`, `DF16b` */
function floatType(p: Parser): Node {
  const bits = p.number();
  if (bits === undefined || bits < 0) {
    throw NOT_MANGLED;
  }
  if (bits === 16 && p.accept("b")) {
    return leaf("builtin-type", "std::bfloat16_t");
  }
  if (p.accept("x")) {
    return leaf("builtin-type", `_Float${bits}x`);
  }
  p.expect("_");
  return leaf("builtin-type", `_Float${bits}`);
}

/** `F [Y] <return-type> <parameters> [<ref-qualifier>] E` */
function functionType(p: Parser): Node {
  p.expect("F");
  p.accept("Y");
  let result = bareFunctionType(p, true);
  if (p.accept("R")) {
    result = branch("reference-this", result);
  } else if (p.accept("O")) {
    result = branch("rvalue-reference-this", result);
  }
  p.expect("E");
  return result;
}

/** A return type, where one is encoded, and parameters. */
export function bareFunctionType(p: Parser, hasReturnType: boolean): Node {
  const returns = p.accept("J") || hasReturnType ? type(p) : undefined;
  return branch("function-type", returns, parameters(p));
}

/** Parameter types up to what can't begin one; a lone `void` is an empty list. */
export function parameters(p: Parser): Node {
  const items: Node[] = [];
  for (;;) {
    const first = p.peek();
    if (first === "" || first === "E" || first === ".") {
      break;
    }
    if ((first === "R" || first === "O") && p.peek(1) === "E") {
      // The ref-qualifier of the function, not a reference to a parameter type.
      break;
    }
    items.push(type(p));
  }
  const [only] = items;
  if (only === undefined) {
    throw NOT_MANGLED;
  }
  const isVoid = items.length === 1 && only.kind === "builtin-type" && only.text === "void";
  return list(isVoid ? [] : items);
}

/** `A [<number> | <expression>] _ <type>` */
function arrayType(p: Parser): Node {
  p.expect("A");
  let dimension: Node | undefined;
  if (isDigit(p.peek())) {
    dimension = leaf("name", String(p.number() ?? ""));
  } else if (p.peek() !== "_") {
    dimension = p.grammar.expression(p);
  }
  p.expect("_");
  return branch("array-type", dimension, type(p));
}

/** `r`, `V`, `K` and the exception specifications of function types. */
export function qualifiers(p: Parser, memberFunction: boolean): QualifierChain {
  const found: Node[] = [];
  for (let node = qualifier(p, memberFunction); node !== undefined; node = qualifier(p, memberFunction)) {
    found.push(node);
  }
  if (!memberFunction && p.peek() === "F") {
    for (const node of found) {
      node.kind = THIS_KINDS.get(node.kind) ?? node.kind;
    }
  }
  for (const [n, node] of found.entries()) {
    node.left = found[n + 1];
  }
  const [outer] = found;
  const inner = found.at(-1);
  return {
    empty: outer === undefined,
    wrap: (node) => {
      if (outer === undefined || inner === undefined) {
        return node;
      }
      inner.left = node;
      return outer;
    },
  };
}

const THIS_KINDS: ReadonlyMap<Kind, Kind> = new Map<Kind, Kind>([
  ["const", "const-this"],
  ["volatile", "volatile-this"],
  ["restrict", "restrict-this"],
]);

function qualifier(p: Parser, memberFunction: boolean): Node | undefined {
  switch (p.peek()) {
    case "r":
      p.at += 1;
      return branch(memberFunction ? "restrict-this" : "restrict", undefined);
    case "V":
      p.at += 1;
      return branch(memberFunction ? "volatile-this" : "volatile", undefined);
    case "K":
      p.at += 1;
      return branch(memberFunction ? "const-this" : "const", undefined);
    case "D":
      return functionSpecification(p);
    default:
      return undefined;
  }
}

function functionSpecification(p: Parser): Node | undefined {
  if (p.accept("Dx")) {
    return branch("transaction-safe", undefined);
  }
  if (p.accept("Do")) {
    return branch("noexcept", undefined);
  }
  if (p.accept("DO")) {
    const condition = p.grammar.expression(p);
    p.expect("E");
    return branch("noexcept", undefined, condition);
  }
  if (p.accept("Dw")) {
    const thrown = parameters(p);
    p.expect("E");
    return branch("throw-spec", undefined, thrown);
  }
  return undefined;
}
