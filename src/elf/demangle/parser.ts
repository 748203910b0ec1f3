/** The state of parsing one mangled name: a bounded cursor, the substitutions, and the grammar's entry points. */
import type { Node } from "./node.ts";

/** Thrown when a name is not what it seems to be; never leaves this folder. */
class NotMangled extends Error {
  override readonly name = "NotMangled";
}

/** One instance for all: it carries nothing, and a stack trace for each symbol that is no C++ would be costly. */
export const NOT_MANGLED: Error = new NotMangled("not a mangled name");

/** Nesting deeper than this is not produced by compilers, and must not exhaust the stack. */
const MAX_DEPTH = 400;

/** The rules that call one another across files. */
export interface Grammar {
  readonly encoding: (p: Parser, top: boolean) => Node;
  readonly name: (p: Parser) => Node;
  readonly prefix: (p: Parser, substitutable: boolean) => Node;
  readonly unqualifiedName: (p: Parser) => Node;
  readonly operatorName: (p: Parser) => Node;
  readonly sourceName: (p: Parser) => Node;
  readonly substitution: (p: Parser, prefix: boolean) => Node;
  readonly templateArgs: (p: Parser) => Node;
  readonly templateParam: (p: Parser) => Node;
  readonly type: (p: Parser) => Node;
  readonly parameters: (p: Parser) => Node;
  readonly bareFunctionType: (p: Parser, hasReturnType: boolean) => Node;
  readonly qualifiers: (p: Parser, memberFunction: boolean) => QualifierChain;
  readonly expression: (p: Parser) => Node;
  readonly literal: (p: Parser) => Node;
}

/** Qualifiers read before what they qualify; `wrap` puts that in. */
export interface QualifierChain {
  readonly empty: boolean;
  readonly wrap: (inner: Node) => Node;
}

export class Parser {
  readonly text: string;
  readonly grammar: Grammar;
  at = 0;
  readonly substitutions: Node[] = [];
  /** The name that a constructor or destructor has. */
  lastName: Node | undefined;
  inExpression = false;
  inConversion = false;
  #depth = 0;

  constructor(text: string, grammar: Grammar) {
    this.text = text;
    this.grammar = grammar;
  }

  /** The character `ahead` places further, empty at the end. */
  peek(ahead = 0): string {
    return this.text.charAt(this.at + ahead);
  }

  /** The next two characters. */
  peekTwo(): string {
    return this.text.slice(this.at, this.at + 2);
  }

  next(): string {
    const character = this.text.charAt(this.at);
    this.at += 1;
    return character;
  }

  accept(text: string): boolean {
    if (this.text.startsWith(text, this.at)) {
      this.at += text.length;
      return true;
    }
    return false;
  }

  expect(text: string): void {
    if (!this.accept(text)) {
      throw NOT_MANGLED;
    }
  }

  /** A decimal number, with `n` for minus [5.1.2]; undefined when there are no digits. */
  number(): number | undefined {
    const negative = this.accept("n");
    const start = this.at;
    while (isDigit(this.peek())) {
      this.at += 1;
    }
    if (this.at === start) {
      return undefined;
    }
    const value = Number(this.text.slice(start, this.at));
    return negative ? -value : value;
  }

  /** `_` is 0, `0_` is 1, `1_` is 2, … */
  compactNumber(): number {
    const value = this.number();
    this.expect("_");
    if (value !== undefined && value < 0) {
      throw NOT_MANGLED;
    }
    return value === undefined ? 0 : value + 1;
  }

  /** Remembers a node that `S_` can refer to. */
  substitutable(node: Node): Node {
    this.substitutions.push(node);
    return node;
  }

  /** Tries a rule; when it does not apply, everything is as before and the result is undefined. */
  attempt<T>(rule: () => T): T | undefined {
    const { at, lastName, inExpression, inConversion } = this;
    const known = this.substitutions.length;
    const depth = this.#depth;
    try {
      return rule();
    } catch (error) {
      if (error !== NOT_MANGLED) {
        throw error;
      }
      this.at = at;
      this.lastName = lastName;
      this.inExpression = inExpression;
      this.inConversion = inConversion;
      this.substitutions.length = known;
      this.#depth = depth;
      return undefined;
    }
  }

  /** Runs a rule one level deeper. */
  nested<T>(rule: () => T): T {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) {
      throw NOT_MANGLED;
    }
    const result = rule();
    this.#depth -= 1;
    return result;
  }
}

export function isDigit(character: string): boolean {
  return character >= "0" && character <= "9" && character !== "";
}

export function isLower(character: string): boolean {
  return character >= "a" && character <= "z";
}
