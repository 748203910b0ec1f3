/** Names of the Itanium C++ ABI [5.1.1–5.1.4, 5.1.10]: nested, local, operators, constructors, substitutions. */
import { branch, isFunctionQualifier, leaf, list, type Node } from "./node.ts";
import { isDigit, isLower, NOT_MANGLED, type Parser } from "./parser.ts";
import { OPERATORS, STANDARD_NAMES } from "./table.ts";

/** `<name>` */
export function name(p: Parser): Node {
  return p.nested(() => {
    switch (p.peek()) {
      case "N":
        return nestedName(p);
      case "Z":
        return localName(p);
      case "S":
        return unscopedFromSubstitution(p);
      default:
        return withTemplateArgs(p, unqualifiedName(p), false);
    }
  });
}

function unscopedFromSubstitution(p: Parser): Node {
  if (p.peek(1) !== "t") {
    return withTemplateArgs(p, substitution(p, false), true);
  }
  p.at += 2;
  const inStd = branch("qualified-name", leaf("name", "std"), unqualifiedName(p));
  return withTemplateArgs(p, inStd, false);
}

function withTemplateArgs(p: Parser, node: Node, substituted: boolean): Node {
  if (p.peek() !== "I") {
    return node;
  }
  if (!substituted) {
    p.substitutable(node);
  }
  return branch("template", node, templateArgs(p));
}

/** `N [<CV-qualifiers>] [<ref-qualifier>] <prefix> E` */
function nestedName(p: Parser): Node {
  p.expect("N");
  const qualifiers = p.grammar.qualifiers(p, true);
  const reference = p.accept("R") ? "reference-this" : p.accept("O") ? "rvalue-reference-this" : undefined;
  const inner = qualifiers.wrap(prefix(p, true));
  p.expect("E");
  return reference === undefined ? inner : branch(reference, inner);
}

/**
 * `<prefix>`, up to the `E` that ends the nested name.
 *
 * @param substitutable whether `S_` can refer to its parts; in unresolved names of expressions it can't
 */
export function prefix(p: Parser, substitutable: boolean): Node {
  let result: Node | undefined;
  for (;;) {
    const first = p.peek();
    const two = p.peekTwo();
    if (first === "E" && result !== undefined) {
      return result;
    }
    if (first === "M" && result !== undefined) {
      // The initializer of a data member, as the scope of a lambda.
      p.at += 1;
      continue;
    }
    if (first === "I") {
      if (result === undefined) {
        throw NOT_MANGLED;
      }
      result = branch("template", result, templateArgs(p));
    } else {
      const part = prefixPart(p, first, two);
      result = result === undefined ? part : branch("qualified-name", result, part);
    }
    if (substitutable && first !== "S" && p.peek() !== "E") {
      p.substitutable(result);
    }
  }
}

function prefixPart(p: Parser, first: string, two: string): Node {
  if (two === "DT" || two === "Dt") {
    return p.grammar.type(p);
  }
  if (first === "S") {
    return substitution(p, true);
  }
  if (first === "T") {
    return templateParam(p);
  }
  if (isDigit(first) || isLower(first) || ["C", "D", "U", "L"].includes(first)) {
    return unqualifiedName(p);
  }
  throw NOT_MANGLED;
}

/** `<unqualified-name>` with its ABI tags. */
export function unqualifiedName(p: Parser): Node {
  let result = untaggedName(p);
  while (p.peek() === "B") {
    p.at += 1;
    const hold = p.lastName;
    result = branch("tagged-name", result, sourceName(p));
    p.lastName = hold;
  }
  return result;
}

function untaggedName(p: Parser): Node {
  const first = p.peek();
  if (isDigit(first)) {
    return sourceName(p);
  }
  if (isLower(first)) {
    p.accept("on");
    const operator = operatorName(p);
    return operator.kind === "operator" && operator.text === "li"
      ? branch("unary", operator, sourceName(p))
      : operator;
  }
  if (p.accept("DC")) {
    const names: Node[] = [];
    while (!p.accept("E")) {
      names.push(sourceName(p));
    }
    return branch("structured-binding", list(names));
  }
  if (first === "C" || first === "D") {
    return constructorOrDestructor(p);
  }
  if (p.accept("L")) {
    const internal = sourceName(p);
    discriminator(p);
    return internal;
  }
  if (p.accept("Ul")) {
    const parameters = p.grammar.parameters(p);
    p.expect("E");
    return branch("lambda", parameters, undefined, p.compactNumber());
  }
  if (p.accept("Ut")) {
    return p.substitutable(leaf("unnamed-type", "", undefined, p.compactNumber()));
  }
  throw NOT_MANGLED;
}

/** `<source-name>`: its length and its characters. */
export function sourceName(p: Parser): Node {
  const length = p.number();
  if (length === undefined || length <= 0 || p.at + length > p.text.length) {
    throw NOT_MANGLED;
  }
  const text = p.text.slice(p.at, p.at + length);
  p.at += length;
  p.lastName = leaf("name", /^_GLOBAL_[._$]N/.test(text) ? "(anonymous namespace)" : text);
  return p.lastName;
}

/** `<operator-name>`; a conversion outside of expressions, a cast inside. */
export function operatorName(p: Parser): Node {
  const code = p.peekTwo();
  p.at += 2;
  if (/^v[0-9]$/.test(code)) {
    return branch("extended-operator", sourceName(p), undefined, Number(code.charAt(1)));
  }
  if (code === "cv") {
    const hold = p.inConversion;
    p.inConversion = !p.inExpression;
    const kind = p.inConversion ? "conversion" : "cast";
    const type = p.grammar.type(p);
    p.inConversion = hold;
    return branch(kind, type);
  }
  if (OPERATORS[code] === undefined) {
    throw NOT_MANGLED;
  }
  return leaf("operator", code);
}

function constructorOrDestructor(p: Parser): Node {
  const kind = p.next() === "C" ? "constructor" : "destructor";
  const inheriting = kind === "constructor" && p.accept("I");
  if (!/[0-5]/.test(p.next()) || p.lastName === undefined) {
    throw NOT_MANGLED;
  }
  const result = branch(kind, p.lastName);
  if (inheriting) {
    p.grammar.type(p);
  }
  return result;
}

/** `Z <encoding> E <entity>` */
function localName(p: Parser): Node {
  p.expect("Z");
  const scope = p.grammar.encoding(p, false);
  p.expect("E");
  if (p.accept("s")) {
    discriminator(p);
    return branch("local-name", withoutReturnType(scope), leaf("name", "string literal"));
  }
  const argument = p.accept("d") ? p.compactNumber() : undefined;
  const entity = name(p);
  if (entity.kind !== "lambda" && entity.kind !== "unnamed-type") {
    discriminator(p);
  }
  const inner = argument === undefined ? entity : branch("default-argument", entity, undefined, argument);
  return branch("local-name", withoutReturnType(scope), inner);
}

/** The return type of an enclosing function would read as that of the entity inside. */
function withoutReturnType(scope: Node): Node {
  if (scope.kind === "typed-name" && scope.right?.kind === "function-type") {
    scope.right.left = undefined;
  }
  return scope;
}

/** `_ <digit>` or `__ <number> _`; not printed. */
function discriminator(p: Parser): void {
  if (!p.accept("_")) {
    return;
  }
  const long = p.accept("_");
  const value = p.number();
  if (value === undefined || value < 0) {
    throw NOT_MANGLED;
  }
  if (long && value >= 10) {
    p.expect("_");
  }
}

/** `S_`, `S<seq-id>_` or a standard abbreviation. Before a constructor the abbreviation is spelled out. */
export function substitution(p: Parser, prefixed: boolean): Node {
  p.expect("S");
  const [, digits] = /^([0-9A-Z]*)_/.exec(p.text.slice(p.at, p.at + 12)) ?? [];
  if (digits !== undefined) {
    p.at += digits.length + 1;
    const found = p.substitutions[digits === "" ? 0 : Number.parseInt(digits, 36) + 1];
    if (found === undefined) {
      throw NOT_MANGLED;
    }
    return found;
  }
  const standard = STANDARD_NAMES[p.next()];
  if (standard === undefined) {
    throw NOT_MANGLED;
  }
  if (standard.last !== undefined) {
    p.lastName = leaf("name", standard.last);
  }
  const spelledOut = prefixed && (p.peek() === "C" || p.peek() === "D");
  let result = leaf("standard-substitution", spelledOut ? standard.full : standard.short);
  if (p.peek() === "B") {
    const hold = p.lastName;
    while (p.accept("B")) {
      result = branch("tagged-name", result, sourceName(p));
    }
    p.lastName = hold;
    p.substitutable(result);
  }
  return result;
}

/** `T_`, `T0_`, … */
export function templateParam(p: Parser): Node {
  p.expect("T");
  return leaf("template-param", "", undefined, p.compactNumber());
}

/** `I <template-arg>+ E`, or `J … E` for a pack. */
export function templateArgs(p: Parser): Node {
  return p.nested(() => {
    const hold = p.lastName;
    if (!p.accept("I")) {
      p.expect("J");
    }
    const items: Node[] = [];
    while (!p.accept("E")) {
      items.push(templateArg(p));
    }
    p.lastName = hold;
    return list(items);
  });
}

/** `<template-arg>`: a type, an expression, a literal or a pack. */
export function templateArg(p: Parser): Node {
  switch (p.peek()) {
    case "X": {
      p.at += 1;
      const value = p.grammar.expression(p);
      p.expect("E");
      return value;
    }
    case "L":
      return p.grammar.literal(p);
    case "I":
    case "J":
      return templateArgs(p);
    default:
      return p.grammar.type(p);
  }
}

/** Whether the mangled function type behind a name begins with the return type: for all templates but these. */
export function hasReturnType(node: Node | undefined): boolean {
  if (node === undefined) {
    return false;
  }
  if (node.kind === "local-name") {
    return hasReturnType(node.right);
  }
  if (isFunctionQualifier(node.kind)) {
    return hasReturnType(node.left);
  }
  return node.kind === "template" && !returnsItself(node.left);
}

function returnsItself(node: Node | undefined): boolean {
  switch (node?.kind) {
    case "qualified-name":
    case "local-name":
      return returnsItself(node.right);
    case "constructor":
    case "destructor":
    case "conversion":
      return true;
    default:
      return false;
  }
}
