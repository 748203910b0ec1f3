/** Prints types: pointers, qualifiers, arrays and functions, each in its place around the declarator. */
import { isFunctionQualifier, type Kind, type Node } from "./node.ts";
import { type Modifier, type Printer, peelQualifiers } from "./printer.ts";

/** A modifier around `inner`: handed down, and printed here when nothing inside did. */
export function printModified(printer: Printer, node: Node, inner = node.left): void {
  const printed = printer.handDown(node, () => printer.print(inner));
  if (!printed) {
    printModifier(printer, node);
  }
}

/** `const`, `volatile`, `restrict`: an array hands its own down to its elements, where they must not repeat. */
export function printQualified(printer: Printer, node: Node): void {
  for (let modifier = printer.modifiers; modifier !== undefined; modifier = modifier.outer) {
    if (!modifier.printed) {
      if (!isQualifier(modifier.node)) {
        break;
      }
      if (modifier.node.kind === node.kind) {
        printer.print(node.left);
        return;
      }
    }
  }
  printModified(printer, node);
}

function isQualifier(node: Node): boolean {
  return node.kind === "const" || node.kind === "volatile" || node.kind === "restrict";
}

/** References collapse: `&` wins over `&&`. */
export function printReference(printer: Printer, node: Node): void {
  let sub = node.left;
  let scope = printer.scope;
  if (sub?.kind === "template-param" && printer.lambdaDepth === 0) {
    scope = scopeOfReference(printer, node, sub);
    const param = sub;
    printer.withScope(scope, () => {
      sub = printer.elementOf(param);
    });
  }
  let outer = node;
  let inner = sub;
  if (sub?.kind === "reference" || sub?.kind === node.kind) {
    outer = sub;
    inner = sub.left;
  } else if (sub?.kind === "rvalue-reference") {
    inner = sub.left;
  }
  printer.withScope(scope, () => printModified(printer, outer, inner));
}

/** A substitution may print a reference to `T_` again where other templates are in scope. */
function scopeOfReference(printer: Printer, node: Node, param: Node): Printer["scope"] {
  if (!printer.savedScopes.has(param)) {
    printer.savedScopes.set(param, printer.scope);
    return printer.scope;
  }
  const { path } = printer;
  const beneath = path.some((above, n) => above === param || (above === node && n !== path.length - 1));
  return beneath ? printer.scope : printer.savedScopes.get(param);
}

/** A name with its type: the name goes where a declarator would. */
export function printTypedName(printer: Printer, node: Node): void {
  if (node.left === undefined) {
    return;
  }
  const { qualifiers, name } = peelQualifiers(node.left);
  const layers = [...qualifiers, name];
  let template = name;
  if (name.kind === "local-name" && name.right !== undefined) {
    // Qualifiers of a member function of a local class stand inside; they belong behind the parameters.
    const entity = name.right.kind === "default-argument" ? name.right.left : name.right;
    if (entity !== undefined) {
      const inside = peelQualifiers(entity);
      layers.splice(layers.length - 1, 0, ...inside.qualifiers);
      template = inside.name;
    }
  }
  let modifiers: Modifier | undefined;
  const made: Modifier[] = [];
  for (const layer of layers) {
    modifiers = { node: layer, outer: modifiers, scope: printer.scope, printed: false };
    made.push(modifiers);
  }
  const scope = template.kind === "template" ? { template, outer: printer.scope } : printer.scope;
  printer.withModifiers(modifiers, () => {
    printer.withScope(scope, () => printer.print(node.right));
    for (const modifier of made.toReversed()) {
      if (!modifier.printed) {
        printer.append(" ");
        printModifier(printer, modifier.node);
      }
    }
  });
}

/** A function type: return type, declarator, parameters. */
export function printFunctionType(printer: Printer, node: Node): void {
  if (node.left !== undefined) {
    // The return type may itself be a pointer to a function, around all of this.
    const printed = printer.handDown(node, () => printer.print(node.left));
    if (printed) {
      return;
    }
    printer.append(" ");
  }
  printFunctionSignature(printer, node, printer.modifiers);
}

function printFunctionSignature(printer: Printer, node: Node, modifiers: Modifier | undefined): void {
  let parenthesized = false;
  let spaced = false;
  for (let m = modifiers; m !== undefined && !m.printed && !parenthesized; m = m.outer) {
    switch (m.node.kind) {
      case "pointer":
      case "reference":
      case "rvalue-reference":
        parenthesized = true;
        break;
      case "restrict":
      case "volatile":
      case "const":
      case "vendor-qualifier":
      case "complex":
      case "imaginary":
      case "pointer-to-member":
        parenthesized = true;
        spaced = true;
        break;
      default:
        break;
    }
  }
  if (parenthesized) {
    const last = printer.lastCharacter();
    if ((spaced || (last !== "(" && last !== "*")) && last !== " ") {
      printer.append(" ");
    }
    printer.append("(");
  }
  printer.withModifiers(undefined, () => {
    printModifiers(printer, modifiers, false);
    printer.append(parenthesized ? ")(" : "(");
    printer.print(node.right);
    printer.append(")");
    printModifiers(printer, modifiers, true);
  });
}

/** An array: its element type, declarator and bound. */
export function printArrayType(printer: Printer, node: Node): void {
  // A qualified array is an array of qualified elements; the qualifiers are handed on as copies.
  const hold = printer.modifiers;
  const own: Modifier = { node, outer: hold, scope: printer.scope, printed: false };
  const copies: Modifier[] = [];
  let innermost: Modifier = own;
  for (let m = hold; m !== undefined && isQualifier(m.node); m = m.outer) {
    if (!m.printed) {
      innermost = { node: m.node, outer: innermost, scope: m.scope, printed: false };
      copies.push(innermost);
      m.printed = true;
    }
  }
  printer.withModifiers(innermost, () => printer.print(node.right));
  if (own.printed) {
    return;
  }
  for (const copy of copies.toReversed()) {
    if (!copy.printed) {
      printModifier(printer, copy.node);
    }
  }
  printArrayBound(printer, node, printer.modifiers);
}

function printArrayBound(printer: Printer, node: Node, modifiers: Modifier | undefined): void {
  let next = modifiers;
  while (next?.printed) {
    next = next.outer;
  }
  const parenthesized = next !== undefined && next.node.kind !== "array-type";
  const spaced = next === undefined || parenthesized;
  if (modifiers !== undefined) {
    printer.append(parenthesized ? " (" : "");
    printModifiers(printer, modifiers, false);
    printer.append(parenthesized ? ")" : "");
  }
  printer.append(spaced ? " [" : "[");
  printer.print(node.left);
  printer.append("]");
}

/**
 * Prints the pending modifiers from the inside out.
 *
 * @param behind print those that stand behind the parameters as well
 */
function printModifiers(printer: Printer, modifiers: Modifier | undefined, behind: boolean): void {
  for (let m = modifiers; m !== undefined; m = m.outer) {
    if (m.printed || (!behind && isFunctionQualifier(m.node.kind))) {
      continue;
    }
    m.printed = true;
    const { node, outer } = m;
    let finished = false;
    printer.withScope(m.scope, () => {
      switch (node.kind) {
        case "function-type":
          printFunctionSignature(printer, node, outer);
          finished = true;
          break;
        case "array-type":
          printArrayBound(printer, node, outer);
          finished = true;
          break;
        case "local-name":
          printLocalModifier(printer, node);
          finished = true;
          break;
        default:
          printModifier(printer, node);
      }
    });
    if (finished) {
      return;
    }
  }
}

/** A local name as a declarator: its qualifiers have been taken off already. */
function printLocalModifier(printer: Printer, node: Node): void {
  printer.withModifiers(undefined, () => printer.print(node.left));
  printer.append("::");
  let entity = node.right;
  if (entity?.kind === "default-argument") {
    printer.append(`{default arg#${entity.number + 1}}::`);
    entity = entity.left;
  }
  printer.print(entity === undefined ? undefined : peelQualifiers(entity).name);
}

const MODIFIER_TEXT: ReadonlyMap<Kind, string> = new Map<Kind, string>([
  ["restrict", " restrict"],
  ["restrict-this", " restrict"],
  ["volatile", " volatile"],
  ["volatile-this", " volatile"],
  ["const", " const"],
  ["const-this", " const"],
  ["transaction-safe", " transaction_safe"],
  ["pointer", "*"],
  ["reference", "&"],
  ["reference-this", " &"],
  ["rvalue-reference", "&&"],
  ["rvalue-reference-this", " &&"],
  ["complex", " _Complex"],
  ["imaginary", " _Imaginary"],
]);

function printModifier(printer: Printer, node: Node): void {
  const text = MODIFIER_TEXT.get(node.kind);
  if (text !== undefined) {
    printer.append(text);
    return;
  }
  switch (node.kind) {
    case "noexcept":
    case "throw-spec":
      printer.append(node.kind === "noexcept" ? " noexcept" : " throw");
      if (node.right !== undefined) {
        printer.append("(");
        printer.print(node.right);
        printer.append(")");
      }
      break;
    case "vendor-qualifier":
      printer.append(" ");
      printer.print(node.right);
      break;
    case "pointer-to-member":
      printer.append(printer.lastCharacter() === "(" ? "" : " ");
      printer.print(node.left);
      printer.append("::*");
      break;
    case "typed-name":
      printer.print(node.left);
      break;
    case "vector-type":
      printer.append(" __vector(");
      printer.print(node.left);
      printer.append(")");
      break;
    default:
      printer.print(node);
  }
}
