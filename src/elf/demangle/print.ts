/** Prints the tree of a mangled name as C++ source would write it, in the style of GNU c++filt. */
import type { Node } from "./node.ts";
import { NOT_MANGLED } from "./parser.ts";
import {
  printBinary,
  printLiteral,
  printOperator,
  printPackExpansion,
  printTrinary,
  printUnary,
} from "./print-expression.ts";
import {
  printArrayType,
  printFunctionType,
  printModified,
  printQualified,
  printReference,
  printTypedName,
} from "./print-type.ts";
import { Printer } from "./printer.ts";
import { OPERATORS } from "./table.ts";

/**
 * @throws {Error} of this folder only, when the tree refers to template arguments that it does not have, or is
 *   too large to print
 */
export function print(root: Node): string {
  const printer = new Printer(printNode);
  printer.print(root);
  return printer.text;
}

function printNode(printer: Printer, node: Node): void {
  switch (node.kind) {
    case "name":
    case "standard-substitution":
    case "builtin-type":
      printer.append(node.text);
      break;
    case "vendor-type":
      printer.print(node.left);
      break;
    case "tagged-name":
      printer.print(node.left);
      printer.append("[abi:");
      printer.print(node.right);
      printer.append("]");
      break;
    case "template-param":
      printTemplateParam(printer, node);
      break;
    case "qualified-name":
    case "local-name":
      printScoped(printer, node);
      break;
    case "default-argument":
      printer.append(`{default arg#${node.number + 1}}::`);
      printer.print(node.left);
      break;
    case "typed-name":
      printTypedName(printer, node);
      break;
    case "template":
      printTemplate(printer, node);
      break;
    case "constructor":
      printer.print(node.left);
      break;
    case "destructor":
      printer.append("~");
      printer.print(node.left);
      break;
    case "structured-binding":
      printer.append("[");
      printer.print(node.left);
      printer.append("]");
      break;
    case "special":
      printer.append(node.text);
      printer.print(node.left);
      break;
    case "construction-vtable":
      printer.append("construction vtable for ");
      printer.print(node.left);
      printer.append("-in-");
      printer.print(node.right);
      break;
    case "reference-temporary":
      printer.append(`reference temporary #${node.right?.number ?? 0} for `);
      printer.print(node.left);
      break;
    case "clone":
      printer.print(node.left);
      printer.append(` [clone ${node.right?.text ?? ""}]`);
      break;
    case "list":
      printer.printList(node.items);
      break;
    case "lambda":
      printer.append("{lambda(");
      printer.lambdaDepth += 1;
      printer.print(node.left);
      printer.lambdaDepth -= 1;
      printer.append(`)#${node.number + 1}}`);
      break;
    case "unnamed-type":
      printer.append(`{unnamed type#${node.number + 1}}`);
      break;
    case "function-param":
      printer.append(node.number === 0 ? "this" : `{parm#${node.number}}`);
      break;
    default:
      printTypeOrExpression(printer, node);
  }
}

function printTypeOrExpression(printer: Printer, node: Node): void {
  switch (node.kind) {
    case "const":
    case "volatile":
    case "restrict":
      printQualified(printer, node);
      break;
    case "reference":
    case "rvalue-reference":
      printReference(printer, node);
      break;
    case "pointer":
    case "complex":
    case "imaginary":
    case "vendor-qualifier":
    case "const-this":
    case "volatile-this":
    case "restrict-this":
    case "reference-this":
    case "rvalue-reference-this":
    case "transaction-safe":
    case "noexcept":
    case "throw-spec":
      printModified(printer, node);
      break;
    case "pointer-to-member":
    case "vector-type":
      printModified(printer, node, node.right);
      break;
    case "function-type":
      printFunctionType(printer, node);
      break;
    case "array-type":
      printArrayType(printer, node);
      break;
    case "decltype":
      printer.append("decltype (");
      printer.print(node.left);
      printer.append(")");
      break;
    case "pack-expansion":
      printPackExpansion(printer, node);
      break;
    case "operator":
      printOperatorName(printer, node);
      break;
    case "extended-operator":
      printer.append("operator ");
      printer.print(node.left);
      break;
    case "conversion":
      printer.append("operator ");
      printConversion(printer, node);
      break;
    case "cast":
      printer.print(node.left);
      break;
    case "nullary":
      printOperator(printer, node.left);
      break;
    case "unary":
      printUnary(printer, node);
      break;
    case "binary":
      printBinary(printer, node);
      break;
    case "trinary":
      printTrinary(printer, node);
      break;
    case "initializer-list":
      printer.print(node.left);
      printer.append("{");
      printer.print(node.right);
      printer.append("}");
      break;
    case "literal":
    case "negative-literal":
      printLiteral(printer, node);
      break;
    default:
      throw NOT_MANGLED;
  }
}

function printScoped(printer: Printer, node: Node): void {
  printer.print(node.left);
  printer.append("::");
  printer.print(node.right);
}

function printOperatorName(printer: Printer, node: Node): void {
  const name = OPERATORS[node.text]?.name ?? "";
  if (node.text === "li") {
    printer.append(name);
    return;
  }
  printer.append(/^[a-z]/.test(name) ? `operator ${name.trimEnd()}` : `operator${name}`);
}

function printTemplateParam(printer: Printer, node: Node): void {
  if (printer.lambdaDepth > 0) {
    // A generic lambda: its own parameters are `auto`, and are not told apart from enclosing ones.
    printer.append(`auto:${node.number + 1}`);
    return;
  }
  const element = printer.elementOf(node);
  // An argument may name parameters of the template around this one.
  printer.withScope(printer.scope?.outer, () => printer.print(element));
}

function printTemplate(printer: Printer, node: Node): void {
  const hold = printer.currentTemplate;
  printer.currentTemplate = node;
  printer.withModifiers(undefined, () => {
    printer.print(node.left);
    printTemplateArguments(printer, node.right);
  });
  printer.currentTemplate = hold;
}

function printTemplateArguments(printer: Printer, args: Node | undefined): void {
  printer.append(printer.lastCharacter() === "<" ? " <" : "<");
  printer.print(args);
  printer.append(printer.lastCharacter() === ">" ? " >" : ">");
}

/** `operator T*()`: the type may name parameters of the enclosing template, whose arguments follow. */
function printConversion(printer: Printer, node: Node): void {
  const template = printer.currentTemplate;
  const scope = template === undefined ? printer.scope : { template, outer: printer.scope };
  if (node.left?.kind !== "template") {
    printer.withScope(scope, () => printer.print(node.left));
    return;
  }
  printer.withScope(scope, () => printer.print(node.left?.left));
  printTemplateArguments(printer, node.left.right);
}
