/** Parses tokens of Intel-syntax assembly into statements. */
import { Register } from "iced-x86";
import { AsmError, type AsmErrorCode } from "../errors.ts";
import { familyOf, registerNamed, x87Register } from "./register.ts";
import type { Expression, MemoryOperand, Operand, Statement } from "./syntax.ts";
import { type Token, tokenize } from "./token.ts";

const PREFIXES: ReadonlySet<string> = new Set([
  ...["lock", "rep", "repe", "repz", "repne", "repnz", "bnd", "notrack", "xacquire", "xrelease"],
  ...["ht", "hnt", "hint-taken", "hint-not-taken"],
]);

const DATA: ReadonlyMap<string, number> = new Map([
  ["db", 1],
  ["dw", 2],
  ["dd", 4],
  ["dq", 8],
]);

/** Size keywords of MASM, NASM and gas, in bytes. */
const SIZES: ReadonlyMap<string, number> = new Map([
  ["byte", 1],
  ["word", 2],
  ["dword", 4],
  ["fword", 6],
  ["qword", 8],
  ["mmword", 8],
  ["tbyte", 10],
  ["tword", 10],
  ["oword", 16],
  ["xmmword", 16],
  ["yword", 32],
  ["ymmword", 32],
  ["zword", 64],
  ["zmmword", 64],
  // MASM's names for what fldenv, fnsave and their like store.
  ["fpuenv14", 14],
  ["fpuenv28", 28],
  ["fpustate94", 94],
  ["fpustate108", 108],
]);

/** Cap on one text, so that a mistaken input is an error and not a hang. */
const MAX_STATEMENTS = 1_000_000;

/**
 * Parses a whole text.
 *
 * @throws {AsmError} `ASM_SYNTAX` with the line and the token
 */
export function parse(text: string): Statement[] {
  const tokens = tokenize(text);
  const statements: Statement[] = [];
  let start = 0;
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at]?.kind === "end") {
      new StatementParser(text, tokens.slice(start, at + 1)).parseInto(statements);
      start = at + 1;
    }
    if (statements.length > MAX_STATEMENTS) {
      const line = tokens[at]?.line ?? 0;
      throw new AsmError("ASM_SYNTAX", line, "", `more than ${MAX_STATEMENTS} statements in one text`);
    }
  }
  return statements;
}

/** What is gathered while the inside of `[…]` is read. */
interface AddressParts {
  base: Register;
  index: Register;
  scale: number;
  terms: Expression["terms"][number][];
}

class StatementParser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;
  readonly #decorators: string[] = [];

  /**
   * @param text what the tokens are of
   * @param tokens one statement, closed by its `end` token
   */
  constructor(text: string, tokens: readonly Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  parseInto(statements: Statement[]): void {
    while (this.#peek().kind === "name" && this.#peek(1).text === ":") {
      const label = this.#next();
      this.#next();
      if (registerNamed(label.text) !== undefined) {
        throw this.#error(label, "a register can't be a label");
      }
      statements.push({ kind: "label", line: label.line, name: label.text });
    }
    const first = this.#peek();
    if (first.kind === "end") {
      return;
    }
    if (first.kind !== "name") {
      throw this.#error(first, "expected an instruction, a label or db/dw/dd/dq");
    }
    const width = DATA.get(first.text.toLowerCase());
    if (width === undefined) {
      statements.push(this.#instruction());
    } else {
      this.#next();
      statements.push({ kind: "data", line: first.line, width, items: this.#dataItems(width) });
    }
    const rest = this.#peek();
    if (rest.kind !== "end") {
      throw this.#error(rest, "unexpected after the end of the statement");
    }
  }

  #peek(ahead = 0): Token {
    const last = this.#tokens.length - 1;
    const token = this.#tokens[Math.min(this.#at + ahead, last)];
    if (token === undefined) {
      throw new AsmError("ASM_SYNTAX", 0, "", "empty statement");
    }
    return token;
  }

  #next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  #error(token: Token, what: string, code: AsmErrorCode = "ASM_SYNTAX"): AsmError {
    return new AsmError(code, token.line, token.kind === "end" ? "end of statement" : token.text, what);
  }

  #accept(text: string): boolean {
    const token = this.#peek();
    if (token.kind !== "end" && token.kind !== "string" && token.text.toLowerCase() === text) {
      this.#at += 1;
      return true;
    }
    return false;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) {
      throw this.#error(this.#peek(), `expected ${text}`);
    }
  }

  /** The text from token `from` up to the current one, for messages. */
  #source(from: number): string {
    const first = this.#tokens[from];
    const last = this.#tokens[this.#at - 1];
    return first === undefined || last === undefined ? "" : this.#text.slice(first.start, last.end);
  }

  #dataItems(width: number): (Expression | Uint8Array)[] {
    const items: (Expression | Uint8Array)[] = [];
    do {
      const token = this.#peek();
      if (token.kind !== "string") {
        items.push(this.#expression());
        continue;
      }
      if (width !== 1) {
        throw this.#error(token, "a string needs db");
      }
      this.#next();
      items.push(new TextEncoder().encode(this.#unquote(token)));
    } while (this.#accept(","));
    return items;
  }

  #unquote(token: Token): string {
    try {
      return String(JSON.parse(token.text.replaceAll("\\0", "\\u0000")));
    } catch {
      throw this.#error(token, 'not a string, expected "text" with \\n, \\t, \\0, \\" or \\\\');
    }
  }

  #instruction(): Statement {
    const prefixes: string[] = [];
    const start = this.#at;
    let word = this.#hyphenated();
    const line = this.#peek().line;
    while (PREFIXES.has(word)) {
      prefixes.push(word);
      if (this.#peek().kind !== "name") {
        throw this.#error(this.#peek(), `expected an instruction after ${word}`);
      }
      word = this.#hyphenated();
    }
    const operands: Operand[] = [];
    this.#takeDecorators();
    // A branch's `far` belongs to the mnemonic: `ret far` is iced's spelling of retf.
    const mnemonic = word === "ret" && this.#accept("far") ? "retf" : word;
    if (this.#peek().kind !== "end") {
      do {
        operands.push(this.#operand());
        this.#takeDecorators();
      } while (this.#accept(","));
    }
    const text = this.#source(start);
    return { kind: "instruction", line, prefixes, mnemonic, operands, decorators: this.#decorators, text };
  }

  /** A mnemonic or prefix; iced spells two prefixes with hyphens. */
  #hyphenated(): string {
    let word = this.#next().text.toLowerCase();
    while (word.startsWith("hint") && this.#peek().text === "-") {
      this.#next();
      word += `-${this.#next().text.toLowerCase()}`;
    }
    return word;
  }

  #takeDecorators(): void {
    while (this.#peek().kind === "decorator") {
      this.#decorators.push(this.#next().text);
    }
    // `zmm1, {rn-sae}`: the decorator stands where an operand would.
    if (this.#peek().text === "," && this.#peek(1).kind === "decorator") {
      this.#next();
      this.#takeDecorators();
    }
  }

  #operand(): Operand {
    const start = this.#at;
    const first = this.#peek();
    const register = first.kind === "name" ? registerNamed(first.text) : undefined;
    if (register !== undefined && this.#peek(1).text !== ":") {
      this.#next();
      return this.#register(first, register, start);
    }
    let size: number | undefined;
    let far = false;
    let broadcast = false;
    let reach: "short" | "near" | undefined;
    let segment: Register = Register.None;
    for (;;) {
      const word = this.#peek().text.toLowerCase();
      const bytes = this.#peek().kind === "name" ? SIZES.get(word) : undefined;
      const override = this.#peek(1).text === ":" ? registerNamed(word) : undefined;
      if (bytes !== undefined) {
        size = bytes;
      } else if (word === "far") {
        far = true;
      } else if (word === "bcst") {
        broadcast = true;
      } else if (word === "short" || word === "near") {
        reach = word;
      } else if (override !== undefined) {
        segment = this.#segment(override);
        this.#next();
      } else if (word !== "ptr" && word !== "offset") {
        break;
      }
      this.#next();
    }
    if (this.#peek().text === "[") {
      return this.#memory({ size, far, broadcast, segment }, start);
    }
    if (segment !== Register.None) {
      const { parts, addressing } = this.#plainAddress();
      return this.#finish({ size, far, broadcast, segment }, parts, addressing, start);
    }
    const value = this.#expression();
    return { kind: "immediate", value, reach, text: this.#source(start) };
  }

  #register(token: Token, register: Register, start: number): Operand {
    let which = register;
    if (token.text.toLowerCase() === "st" && this.#accept("(")) {
      const number = this.#next();
      const found = number.kind === "number" ? x87Register(number.value) : undefined;
      if (found === undefined) {
        throw this.#error(number, "expected st(0) to st(7)");
      }
      which = found;
      this.#expect(")");
    }
    return { kind: "register", register: which, text: this.#source(start) };
  }

  #segment(register: Register): Register {
    if (familyOf(register) !== "segment") {
      throw this.#error(this.#peek(), "not a segment register");
    }
    return register;
  }

  #memory(head: MemoryHead, start: number): MemoryOperand {
    this.#expect("[");
    let segment = head.segment;
    let addressing: "rel" | "abs" | undefined;
    for (;;) {
      const word = this.#peek().text.toLowerCase();
      const follows = this.#peek(1).text;
      if (word === "rel" || word === "abs") {
        addressing = word;
      } else if (follows === ":" && registerNamed(word) !== undefined) {
        segment = this.#segment(registerNamed(word) ?? Register.None);
        this.#next();
      } else if (!(SIZES.has(word) && this.#peek().kind === "name" && follows !== "]")) {
        break;
      }
      this.#next();
    }
    const parts: AddressParts = { base: Register.None, index: Register.None, scale: 1, terms: [] };
    let negative = this.#accept("-");
    for (;;) {
      this.#addressTerm(parts, negative);
      if (this.#accept("]")) {
        break;
      }
      negative = this.#peek().text === "-";
      if (!this.#accept("+") && !this.#accept("-")) {
        throw this.#error(this.#peek(), "expected +, - or ]");
      }
    }
    // MASM's `[rax].8` and `8[rax]` are not accepted; a decorator may follow the bracket.
    return this.#finish({ ...head, segment }, parts, addressing, start);
  }

  /** The address after a segment override without brackets: `fs:28h`. */
  #plainAddress(): { parts: AddressParts; addressing: "abs" } {
    const { terms } = this.#expression();
    const parts = { base: Register.None, index: Register.None, scale: 1, terms: [...terms] };
    return { parts, addressing: "abs" };
  }

  #finish(
    head: MemoryHead,
    parts: AddressParts,
    addressing: "rel" | "abs" | undefined,
    start: number,
  ): MemoryOperand {
    const text = this.#source(start);
    const { base, index, scale, terms } = parts;
    return { kind: "memory", ...head, base, index, scale, displacement: { terms, text }, addressing, text };
  }

  #addressTerm(parts: AddressParts, negative: boolean): void {
    const token = this.#next();
    const register = token.kind === "name" ? registerNamed(token.text) : undefined;
    if (register !== undefined) {
      const scale = this.#accept("*") ? this.#scale(this.#next()) : undefined;
      this.#addRegister(parts, token, register, scale, negative);
    } else if (token.kind === "number" && this.#accept("*")) {
      const scaled = this.#next();
      const index = registerNamed(scaled.text);
      if (index === undefined) {
        throw this.#error(scaled, "expected a register after *");
      }
      this.#addRegister(parts, scaled, index, this.#scale(token), negative);
    } else {
      parts.terms.push({ negative, value: this.#term(token) });
    }
  }

  #scale(token: Token): number {
    const scale = Number(token.value);
    if (token.kind !== "number" || ![1, 2, 4, 8].includes(scale)) {
      throw this.#error(token, "not a scale, expected 1, 2, 4 or 8");
    }
    return scale;
  }

  #addRegister(
    parts: AddressParts,
    token: Token,
    register: Register,
    scale: number | undefined,
    negative: boolean,
  ): void {
    const family = familyOf(register);
    if (negative || family === undefined || !["r32", "r64", "ip", "xmm", "ymm", "zmm"].includes(family)) {
      throw this.#error(token, negative ? "a register can't be subtracted" : "not an address register");
    }
    const vector = family === "xmm" || family === "ymm" || family === "zmm";
    if (scale === undefined && !vector && parts.base === Register.None) {
      parts.base = register;
    } else if (parts.index === Register.None) {
      parts.index = register;
      parts.scale = scale ?? 1;
    } else if (scale === undefined && parts.base === Register.None) {
      parts.base = register;
    } else {
      throw this.#error(token, "more than a base and an index register");
    }
  }

  #expression(): Expression {
    const start = this.#at;
    const terms: Expression["terms"][number][] = [];
    let negative = this.#accept("-");
    do {
      terms.push({ negative, value: this.#term(this.#next()) });
      negative = this.#peek().text === "-";
    } while (this.#accept("+") || this.#accept("-"));
    return { terms, text: this.#source(start) };
  }

  #term(token: Token): bigint | string {
    if (token.kind === "number") {
      return token.value;
    }
    if (token.kind === "name" && registerNamed(token.text) === undefined) {
      return token.text;
    }
    throw this.#error(token, "expected a number or a name");
  }
}

type MemoryHead = Pick<MemoryOperand, "size" | "far" | "broadcast" | "segment">;
