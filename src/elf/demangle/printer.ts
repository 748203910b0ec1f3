/** The state of printing one tree: the text so far, pending modifiers, and which templates are in scope. */
import { isFunctionQualifier, type Node } from "./node.ts";
import { NOT_MANGLED } from "./parser.ts";

/** Templates whose arguments `T_` can mean, the innermost first. */
export interface Scope {
  readonly template: Node;
  readonly outer: Scope | undefined;
}

/**
 * A pointer, qualifier, array or function that surrounds what is being printed. C++ declarators read from the
 * inside, so it is handed down, and whoever knows the right place prints it.
 */
export interface Modifier {
  readonly node: Node;
  readonly outer: Modifier | undefined;
  readonly scope: Scope | undefined;
  printed: boolean;
}

/** Bounds for names that refer back to themselves until they are enormous. */
const MAX_LENGTH = 1 << 18;
const MAX_STEPS = 1 << 20;
const MAX_DEPTH = 1_200;

export class Printer {
  text = "";
  modifiers: Modifier | undefined;
  scope: Scope | undefined;
  /** The template whose name is being printed, for the conversion operators in it. */
  currentTemplate: Node | undefined;
  /** Which element of a pack `T_` means now; -1 for all of them. */
  packIndex = 0;
  /** Depth of lambda signatures, in which `T_` is a parameter of the lambda. */
  lambdaDepth = 0;
  /** The scope in which a reference to a template parameter was first printed. */
  readonly savedScopes = new Map<Node, Scope | undefined>();
  /** What is being printed, the outermost first. */
  readonly path: Node[] = [];

  readonly #dispatch: (printer: Printer, node: Node) => void;
  #steps = 0;
  #last = "";

  constructor(dispatch: (printer: Printer, node: Node) => void) {
    this.#dispatch = dispatch;
  }

  append(text: string): void {
    if (text === "") {
      return;
    }
    this.text += text;
    this.#last = text.charAt(text.length - 1);
    if (this.text.length > MAX_LENGTH) {
      throw NOT_MANGLED;
    }
  }

  /**
   * The last character written, though {@link printList} may have taken it back. GNU's tools decide between `>>`
   * and `> >` by it, and names should be the same as theirs.
   */
  lastCharacter(): string {
    return this.#last;
  }

  /** Prints a node; nothing for an absent one. */
  print(node: Node | undefined): void {
    if (node === undefined) {
      return;
    }
    this.#steps += 1;
    if (this.#steps > MAX_STEPS || this.path.length > MAX_DEPTH) {
      throw NOT_MANGLED;
    }
    this.path.push(node);
    this.#dispatch(this, node);
    this.path.pop();
  }

  /** Prints with other pending modifiers. */
  withModifiers(modifiers: Modifier | undefined, action: () => void): void {
    const hold = this.modifiers;
    this.modifiers = modifiers;
    action();
    this.modifiers = hold;
  }

  withScope(scope: Scope | undefined, action: () => void): void {
    const hold = this.scope;
    this.scope = scope;
    action();
    this.scope = hold;
  }

  /** Hands a modifier down while `action` prints what is inside; true when something there printed it. */
  handDown(node: Node, action: () => void): boolean {
    const modifier: Modifier = { node, outer: this.modifiers, scope: this.scope, printed: false };
    this.withModifiers(modifier, action);
    return modifier.printed;
  }

  /** Comma-separated, without the commas before empty packs at the end. */
  printList(items: readonly Node[]): void {
    let end = this.text.length;
    for (const [n, item] of items.entries()) {
      if (n > 0) {
        this.append(", ");
      }
      const start = this.text.length;
      this.print(item);
      if (n === 0 || this.text.length > start) {
        end = this.text.length;
      }
    }
    this.text = this.text.slice(0, end);
  }

  /** What a template parameter stands for: a type, a value, or a whole pack. */
  argumentOf(param: Node): Node | undefined {
    if (this.scope === undefined) {
      throw NOT_MANGLED;
    }
    return this.scope.template.right?.items[param.number];
  }

  /** Like {@link argumentOf}, with the element of a pack that is being expanded. */
  elementOf(param: Node): Node {
    const argument = this.argumentOf(param);
    const element =
      argument?.kind === "list" && this.packIndex >= 0 ? argument.items[this.packIndex] : argument;
    if (element === undefined) {
      throw NOT_MANGLED;
    }
    return element;
  }

  /** The first template argument below a node that is a pack. */
  findPack(node: Node | undefined): Node | undefined {
    switch (node?.kind) {
      case undefined:
      case "pack-expansion":
      case "lambda":
      case "name":
      case "tagged-name":
      case "operator":
      case "builtin-type":
      case "standard-substitution":
      case "function-param":
      case "unnamed-type":
      case "default-argument":
      case "number":
        return undefined;
      case "template-param": {
        const argument = this.argumentOf(node);
        return argument?.kind === "list" ? argument : undefined;
      }
      default:
        break;
    }
    const inside = this.findPack(node?.left) ?? this.findPack(node?.right);
    if (inside !== undefined) {
      return inside;
    }
    for (const item of node?.items ?? []) {
      const found = this.findPack(item);
      if (found !== undefined) {
        return found;
      }
    }
    return undefined;
  }
}

/** The qualifiers around a function's name, which apply to `this`, and the name inside them. */
export function peelQualifiers(node: Node): { qualifiers: Node[]; name: Node } {
  const qualifiers: Node[] = [];
  let name = node;
  while (isFunctionQualifier(name.kind) && name.left !== undefined) {
    qualifiers.push(name);
    name = name.left;
  }
  return { qualifiers, name };
}
