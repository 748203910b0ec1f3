/** Splits assembly text into tokens; knows nothing of instructions. */
import { AsmError } from "../errors.ts";

/** What a token is. `end` closes a statement: a line break, a `;`, or the end of the text. */
export type TokenKind = "name" | "number" | "string" | "decorator" | "punctuation" | "end";

export interface Token {
  readonly kind: TokenKind;
  /** As written; a decorator without its braces and lower case. */
  readonly text: string;
  /** The value of a number. */
  readonly value: bigint;
  /** Line of the text, from 1. */
  readonly line: number;
  /** Where it stands in the text, `end` exclusive. */
  readonly start: number;
  readonly end: number;
}

const SPACE = /[ \t\r\f]+/y;
const COMMENT = /(?:#|\/\/)[^\n]*/y;
/** `<name+0x10>` as disassemblers append it to an address: a remark, not part of the instruction. */
const REMARK = /<[^\n]*?>(?=[ \t]*(?:$|[\n;#\],]))/my;
const NUMBER = /[0-9][0-9A-Za-z_]*/y;
const NAME = /[A-Za-z_.$@?][\w.$@?]*/y;
const STRING = /"(?:[^"\\\n]|\\.)*"/y;
const DECORATOR = /\{\s*([A-Za-z0-9-]+)\s*\}/y;
const PUNCTUATION = /[[\](),:+*-]/y;

/**
 * Reads `0x1f`, `1fh`, `0b101`, `0o17` and decimal numbers, with `_` between digits.
 *
 * @returns undefined when the text is none of them
 */
export function parseNumber(text: string): bigint | undefined {
  const plain = text.replaceAll("_", "").toLowerCase();
  if (/^(0x[0-9a-f]+|0b[01]+|0o[0-7]+|[0-9]+)$/.test(plain)) {
    // BigInt takes 0x, 0b, 0o and decimal, leading zeros included.
    return BigInt(plain);
  }
  return /^[0-9][0-9a-f]*h$/.test(plain) ? BigInt(`0x${plain.slice(0, -1)}`) : undefined;
}

/**
 * The tokens of `text`, statement by statement, each statement closed by an `end` token.
 *
 * Comments (`#`, `//`) and remarks (`<symbol>`) are dropped.
 *
 * @throws {AsmError} `ASM_SYNTAX` for a character that starts no token, or a malformed number
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let line = 1;
  let at = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) {
      at = pattern.lastIndex;
    }
    return found;
  };
  let start = 0;
  const push = (kind: TokenKind, token: string, value = 0n): void => {
    tokens.push({ kind, text: token, value, line, start, end: at });
  };
  while (at < text.length) {
    if (match(SPACE) !== null || match(COMMENT) !== null || match(REMARK) !== null) {
      continue;
    }
    start = at;
    const first = text.charAt(at);
    if (first === "\n" || first === ";") {
      at += 1;
      push("end", first);
      line += first === "\n" ? 1 : 0;
      continue;
    }
    const number = match(NUMBER);
    if (number !== null) {
      const value = parseNumber(number[0]);
      if (value === undefined) {
        throw new AsmError("ASM_SYNTAX", line, number[0], "not a number, expected 12, 0x1f, 1fh or 0b101");
      }
      push("number", number[0], value);
      continue;
    }
    const name = match(NAME);
    if (name !== null) {
      push("name", name[0]);
      continue;
    }
    const decorator = match(DECORATOR);
    if (decorator !== null) {
      push("decorator", (decorator[1] ?? "").toLowerCase());
      continue;
    }
    const string = match(STRING);
    if (string !== null) {
      push("string", string[0]);
      continue;
    }
    const punctuation = match(PUNCTUATION);
    if (punctuation === null) {
      throw new AsmError("ASM_SYNTAX", line, first, "unexpected character");
    }
    push("punctuation", punctuation[0]);
  }
  start = at;
  push("end", "\n");
  return tokens;
}
