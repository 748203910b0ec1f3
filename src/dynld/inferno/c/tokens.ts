/** C text as tokens: no preprocessor, whose lines are passed over, but for the pragma that hides a structure. */
import { DynldError } from "../../../errors.ts";

/** One token. Strings and characters are whole; `kind` `pragma` is `#pragma incomplete`, its text the name. */
export interface Token {
  readonly kind: "name" | "number" | "string" | "character" | "mark" | "pragma" | "end";
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

/** In the order they are tried; the first group that matched says what it is. */
const TOKEN =
  /(?<space>\s+|\\\n|\/\*[\s\S]*?\*\/|\/\/[^\n]*)|(?<name>[A-Za-z_$]\w*)|(?<number>\.?\d(?:[eEpP][+-]|[\w.])*)|(?<string>L?"(?:\\[\s\S]|[^"\\\n])*")|(?<character>L?'(?:\\[\s\S]|[^'\\\n])+')|(?<mark>\.\.\.|<<=?|>>=?|->|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|[-+*/%&|^~!<>=?:;,.(){}[\]])/y;
const DIRECTIVE = /[ \t]*#(?:\\\n|[^\n])*/y;
const INCOMPLETE = /^[ \t]*#[ \t]*pragma[ \t]+incomplete[ \t]+(?:(?:struct|union)[ \t]+)?(\w+)/;

/** Where an error in C text is. */
export function syntaxError(line: number, what: string): DynldError {
  return new DynldError("DYNLD_BAD_TYPE", { section: `line ${line}` }, what);
}

/** All tokens of a text, and an `end` behind them. @throws DynldError `DYNLD_BAD_TYPE` */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  let atLineStart = true;
  while (at < text.length) {
    DIRECTIVE.lastIndex = at;
    const directive = atLineStart ? DIRECTIVE.exec(text)?.[0] : undefined;
    if (directive !== undefined) {
      const [, hidden] = INCOMPLETE.exec(directive) ?? [];
      if (hidden !== undefined) tokens.push({ kind: "pragma", text: hidden, line });
      line += linesIn(directive);
      at += directive.length;
      continue;
    }
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (match === null) throw syntaxError(line, `found ${JSON.stringify(text[at])}, expected C`);
    const [whole] = match;
    if (whole === "/" && text[at + 1] === "*") throw syntaxError(line, "found a comment without an end");
    const [kind] = Object.entries(match.groups ?? {}).find(([, found]) => found !== undefined) ?? [];
    if (kind !== "space") tokens.push({ kind: kind as Token["kind"], text: whole, line });
    const newlines = linesIn(whole);
    atLineStart = kind === "space" ? newlines > 0 || atLineStart : false;
    line += newlines;
    at += whole.length;
  }
  tokens.push({ kind: "end", text: "the end", line });
  return tokens;
}

function linesIn(text: string): number {
  return text.split("\n").length - 1;
}

/** Tokens in order, one of which is the next. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokensOf(text);
  }

  /** The next token, or the one `ahead` of it. */
  peek(ahead = 0): Token {
    const last = this.#tokens.length - 1;
    return this.#tokens[Math.min(this.#at + ahead, last)] ?? { kind: "end", text: "the end", line: 1 };
  }

  /** Takes the next token. */
  take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  /** Takes the next token if it is `text`. */
  accept(text: string): boolean {
    const token = this.peek();
    if (token.text !== text || token.kind === "string") return false;
    this.take();
    return true;
  }

  /** Takes the next token, which must be `text`. @throws DynldError */
  expect(text: string): void {
    if (!this.accept(text)) throw this.unexpected(text);
  }

  /** What to throw where something else is expected. */
  unexpected(expected: string): DynldError {
    const { line, text } = this.peek();
    return syntaxError(line, `found ${text}, expected ${expected}`);
  }

  /** Passes over tokens up to one of `marks` that is in no brackets, which is left. */
  skipTo(...marks: string[]): void {
    let depth = 0;
    for (;;) {
      const { kind, text } = this.peek();
      if (kind === "end") throw this.unexpected(marks.join(" or "));
      if (depth === 0 && kind === "mark" && marks.includes(text)) return;
      if (kind === "mark" && "([{".includes(text)) depth++;
      if (kind === "mark" && ")]}".includes(text)) depth--;
      this.take();
    }
  }
}
