/** Expressions in template arguments, `decltype` and array bounds [5.1.6]. */
import { branch, leaf, list, type Node, trinary } from "./node.ts";
import { isDigit, NOT_MANGLED, type Parser } from "./parser.ts";
import { OPERATORS } from "./table.ts";

/** `<expression>` */
export function expression(p: Parser): Node {
  const hold = p.inExpression;
  p.inExpression = true;
  const result = p.nested(() => inner(p));
  p.inExpression = hold;
  return result;
}

function inner(p: Parser): Node {
  const first = p.peek();
  const two = p.peekTwo();
  if (first === "L") {
    return literal(p);
  }
  if (first === "T") {
    return p.grammar.templateParam(p);
  }
  if (isDigit(first) || two === "on") {
    return withArgs(p, p.grammar.unqualifiedName(p));
  }
  switch (two) {
    case "sr": {
      p.at += 2;
      return withArgs(p, unresolvedName(p));
    }
    case "sp":
      p.at += 2;
      return branch("pack-expansion", inner(p));
    case "fp": {
      p.at += 2;
      const index = p.accept("T") ? 0 : p.compactNumber() + 1;
      return leaf("function-param", "", undefined, index);
    }
    case "il":
    case "tl": {
      p.at += 2;
      const type = two === "tl" ? p.grammar.type(p) : undefined;
      return branch("initializer-list", type, expressions(p, "E"));
    }
    default:
      return operation(p);
  }
}

/** `sr <qualifier>+ E <name>` of today's compilers, or `sr <type> <name>`. */
function unresolvedName(p: Parser): Node {
  const named = (owner: Node): Node => branch("qualified-name", owner, p.grammar.unqualifiedName(p));
  const levels = isDigit(p.peek())
    ? p.attempt(() => {
        const owner = p.grammar.prefix(p, false);
        p.expect("E");
        return named(owner);
      })
    : undefined;
  return levels ?? named(p.grammar.type(p));
}

function withArgs(p: Parser, node: Node): Node {
  return p.peek() === "I" ? branch("template", node, p.grammar.templateArgs(p)) : node;
}

function expressions(p: Parser, end: string): Node {
  const items: Node[] = [];
  while (!p.accept(end)) {
    items.push(expression(p));
  }
  return list(items);
}

function operation(p: Parser): Node {
  const operator = p.grammar.operatorName(p);
  const operands =
    operator.kind === "operator"
      ? (OPERATORS[operator.text]?.operands ?? 0)
      : operator.kind === "cast"
        ? 1
        : operator.number;
  switch (operands) {
    case 0:
      return branch("nullary", operator);
    case 1:
      return unary(p, operator);
    case 2:
      return binary(p, operator);
    case 3:
      return ternary(p, operator);
    default:
      throw NOT_MANGLED;
  }
}

function unary(p: Parser, operator: Node): Node {
  const code = operator.text;
  if (code === "st" || code === "ti" || code === "at") {
    return branch("unary", operator, p.grammar.type(p));
  }
  if (code === "sP") {
    const items: Node[] = [];
    while (!p.accept("E")) {
      items.push(p.peek() === "L" ? literal(p) : p.grammar.type(p));
    }
    return branch("unary", operator, list(items));
  }
  if (operator.kind === "cast" && p.accept("_")) {
    return branch("unary", operator, expressions(p, "E"));
  }
  // `pp_` is ++x, `pp` is x++.
  const suffix = (code === "pp" || code === "mm") && !p.accept("_");
  const operand = expression(p);
  return branch("unary", operator, suffix ? branch("suffix", operand) : operand);
}

const NEW_CASTS: ReadonlySet<string> = new Set(["sc", "dc", "cc", "rc"]);

function binary(p: Parser, operator: Node): Node {
  const code = operator.text;
  let left: Node;
  if (NEW_CASTS.has(code)) {
    left = p.grammar.type(p);
  } else if (code.startsWith("f")) {
    left = p.grammar.operatorName(p);
  } else if (code === "di") {
    left = p.grammar.unqualifiedName(p);
  } else {
    left = expression(p);
  }
  let right: Node;
  if (code === "cl") {
    right = expressions(p, "E");
  } else if (code === "dt" || code === "pt") {
    right =
      isDigit(p.peek()) || p.peekTwo() === "on" ? withArgs(p, p.grammar.unqualifiedName(p)) : expression(p);
  } else {
    right = expression(p);
  }
  return branch("binary", operator, list([left, right]));
}

function ternary(p: Parser, operator: Node): Node {
  const code = operator.text;
  if (code === "qu" || code === "dX") {
    return trinary(operator, [expression(p), expression(p), expression(p)]);
  }
  if (code.startsWith("f")) {
    return trinary(operator, [p.grammar.operatorName(p), expression(p), expression(p)]);
  }
  // `new`: placement arguments, type, initializer.
  const placement = expressions(p, "_");
  const type = p.grammar.type(p);
  if (p.accept("E")) {
    return trinary(operator, [placement, type]);
  }
  return trinary(operator, [placement, type, p.accept("pi") ? expressions(p, "E") : expression(p)]);
}

/** `L <type> <value> E` or `L _Z <encoding> E` */
export function literal(p: Parser): Node {
  p.expect("L");
  if (p.accept("_Z") || p.accept("Z")) {
    const external = p.grammar.encoding(p, false);
    p.expect("E");
    return external;
  }
  const type = p.grammar.type(p);
  if (type.kind === "builtin-type" && type.text === "decltype(nullptr)" && p.accept("E")) {
    return type;
  }
  const kind = p.accept("n") ? "negative-literal" : "literal";
  const end = p.text.indexOf("E", p.at);
  if (end < 0) {
    throw NOT_MANGLED;
  }
  const value = leaf("name", p.text.slice(p.at, end));
  p.at = end + 1;
  return branch(kind, type, value);
}
