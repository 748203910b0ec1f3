/** Prints expressions and literals. */
import type { Node } from "./node.ts";
import { NOT_MANGLED } from "./parser.ts";
import type { Printer } from "./printer.ts";
import { LITERAL_SUFFIXES, OPERATORS } from "./table.ts";

/** An operand, in parentheses unless it is a plain name. */
function printOperand(printer: Printer, node: Node | undefined): void {
  const simple =
    node?.kind === "name" ||
    node?.kind === "qualified-name" ||
    node?.kind === "initializer-list" ||
    node?.kind === "function-param";
  if (simple) {
    printer.print(node);
  } else {
    printInParentheses(printer, node);
  }
}

function printInParentheses(printer: Printer, node: Node | undefined): void {
  printer.append("(");
  printer.print(node);
  printer.append(")");
}

/** An operator inside an expression: without the word `operator`. */
export function printOperator(printer: Printer, node: Node | undefined): void {
  if (node?.kind === "operator") {
    printer.append(OPERATORS[node.text]?.name ?? "");
  } else {
    printer.print(node);
  }
}

/** `x++`, `-x`, `sizeof (x)`, `(int)x` */
export function printUnary(printer: Printer, node: Node): void {
  const operator = node.left;
  let operand = node.right;
  const code = operator?.kind === "operator" ? operator.text : "";
  if (
    code === "ad" &&
    operand?.kind === "typed-name" &&
    operand.left?.kind === "qualified-name" &&
    operand.right?.kind === "function-type"
  ) {
    // The address of a function: its parameters are not shown.
    operand = operand.left;
  }
  if (operand?.kind === "suffix") {
    printOperand(printer, operand.left);
    printOperator(printer, operator);
    return;
  }
  if (code === "sZ") {
    printer.append(String(printer.findPack(operand)?.items.length ?? 0));
    return;
  }
  if (code === "sP") {
    printer.append(String(argumentsLength(printer, operand)));
    return;
  }
  if (operator?.kind === "cast") {
    printInParentheses(printer, operator);
  } else {
    printOperator(printer, operator);
  }
  if (code === "gs") {
    printer.print(operand);
  } else if (code === "st" || code === "nx") {
    printInParentheses(printer, operand);
  } else {
    printOperand(printer, operand);
  }
}

function argumentsLength(printer: Printer, node: Node | undefined): number {
  let length = 0;
  for (const item of node?.items ?? []) {
    const pack = item.kind === "pack-expansion" ? printer.findPack(item.left) : undefined;
    length += pack?.items.length ?? 1;
  }
  return length;
}

/** `a + b`, calls, subscripts, casts by keyword, folds. */
export function printBinary(printer: Printer, node: Node): void {
  const operator = node.left;
  const [left, right] = node.right?.items ?? [];
  const code = operator?.kind === "operator" ? operator.text : "";
  if (["sc", "dc", "cc", "rc"].includes(code)) {
    printOperator(printer, operator);
    printer.append("<");
    printer.print(left);
    printer.append(">");
    printInParentheses(printer, right);
    return;
  }
  if (code === "di" || code === "dx") {
    printDesignated(printer, code, left, undefined, right);
    return;
  }
  if (code === "fl" || code === "fr") {
    printFold(printer, code, left, right);
    return;
  }
  // `>` must not be taken for the end of the template arguments.
  printer.append(code === "gt" ? "(" : "");
  if (code === "cl" && left?.kind === "typed-name") {
    // A call shows the values of its arguments, not the types of the parameters.
    printOperand(printer, left.left);
  } else {
    printOperand(printer, left);
  }
  if (code === "ix") {
    printer.append("[");
    printer.print(right);
    printer.append("]");
  } else {
    if (code !== "cl") {
      printOperator(printer, operator);
    }
    printOperand(printer, right);
  }
  printer.append(code === "gt" ? ")" : "");
}

/** `.member=value`, `[index]=value`, `[first ... last]=value` */
function printDesignated(
  printer: Printer,
  code: string,
  first: Node | undefined,
  last: Node | undefined,
  value: Node | undefined,
): void {
  if (code === "di") {
    printer.append(".");
    printer.print(first);
  } else {
    printer.append("[");
    printer.print(first);
    if (last !== undefined) {
      printer.append(" ... ");
      printer.print(last);
    }
    printer.append("]");
  }
  const chained = value?.kind === "binary" && ["di", "dx"].includes(value.left?.text ?? "");
  if (chained) {
    printer.print(value);
  } else {
    printer.append("=");
    printOperand(printer, value);
  }
}

/** A fold shows the whole pack. */
function printFold(
  printer: Printer,
  code: string,
  operator: Node | undefined,
  first: Node | undefined,
  second?: Node,
): void {
  const hold = printer.packIndex;
  printer.packIndex = -1;
  printer.append("(");
  if (code === "fl") {
    printer.append("...");
    printOperator(printer, operator);
    printOperand(printer, first);
  } else {
    printOperand(printer, first);
    printOperator(printer, operator);
    printer.append("...");
    if (code !== "fr") {
      printOperator(printer, operator);
      printOperand(printer, second);
    }
  }
  printer.append(")");
  printer.packIndex = hold;
}

/** `a ? b : c`, `new`, folds with an initial value. */
export function printTrinary(printer: Printer, node: Node): void {
  const operator = node.left;
  const [first, second, third] = node.items;
  const code = operator?.kind === "operator" ? operator.text : "";
  if (code === "qu") {
    printOperand(printer, first);
    printOperator(printer, operator);
    printOperand(printer, second);
    printer.append(" : ");
    printOperand(printer, third);
  } else if (code === "dX") {
    printDesignated(printer, code, first, second, third);
  } else if (code.startsWith("f")) {
    printFold(printer, code, first, second, third);
  } else if (code.startsWith("n")) {
    printer.append("new ");
    if ((first?.items.length ?? 0) > 0) {
      printOperand(printer, first);
      printer.append(" ");
    }
    printer.print(second);
    if (third !== undefined) {
      printOperand(printer, third);
    }
  } else {
    throw NOT_MANGLED;
  }
}

/** `3u`, `true`, `(Enum)2`, `(float)[3f800000]` */
export function printLiteral(printer: Printer, node: Node): void {
  const type = node.left?.kind === "builtin-type" ? node.left.text : "";
  const value = node.right?.text ?? "";
  const sign = node.kind === "negative-literal" ? "-" : "";
  const suffix = LITERAL_SUFFIXES[type];
  if (suffix !== undefined) {
    printer.append(`${sign}${value}${suffix}`);
  } else if (type === "bool" && sign === "" && (value === "0" || value === "1")) {
    printer.append(value === "1" ? "true" : "false");
  } else {
    const isFloat = type === "float" || type === "double" || type === "long double" || type === "__float128";
    printInParentheses(printer, node.left);
    printer.append(isFloat ? `${sign}[${value}]` : `${sign}${value}`);
  }
}

/** An element for each of the pack's; the pattern and `...` when only function parameters are packs. */
export function printPackExpansion(printer: Printer, node: Node): void {
  const pack = printer.lambdaDepth > 0 ? undefined : printer.findPack(node.left);
  if (pack === undefined) {
    printOperand(printer, node.left);
    printer.append("...");
    return;
  }
  const hold = printer.packIndex;
  for (let n = 0; n < pack.items.length; n++) {
    printer.packIndex = n;
    printer.append(n > 0 ? ", " : "");
    printer.print(node.left);
  }
  printer.packIndex = hold;
}
