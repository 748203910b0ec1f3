/** Calls as the command line has them: a name, and arguments written as JavaScript and JSON write values. */

/** A value of an argument. Objects have no prototype. */
export type Literal =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Literal[]
  | { readonly [member: string]: Literal };

/** A call that is asked for. */
export interface CallText {
  /** As it was written, without white space around it. */
  readonly text: string;
  readonly name: string;
  readonly args: readonly Literal[];
  /** The C prototype to call it by, where one is given. */
  readonly prototype?: string;
}

/** What is no call. The message says where, what was found and what was expected. */
export class CallSyntaxError extends Error {
  override readonly name = "CallSyntaxError";
}

/** Values in one another before they are refused. */
const DEEPEST = 100;

const NAME = /[A-Za-z_$][\w$.@]*/y;
const AS = /as\s+(\S.*)/sy;
const SPACE = /\s*/y;
const MEMBER = /[A-Za-z_$][\w$]*/y;
const INTEGER = /(-?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0|[1-9]\d*)(n?)(?![\w.$])/y;
const DECIMAL = /-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.$])/y;
const WORD = /(?:-?Infinity|NaN|true|false|null)(?![\w$])/y;
const PLAIN = /[^"'\\\p{Cc}]+/uy;
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(0)(?!\d)|(["'\\/bfnrt]))/y;

/** What words stand for; `null` has none but itself. */
const WORDS: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ["true", true],
  ["false", false],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

const LETTERS: ReadonlyMap<string, string> = new Map([
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/**
 * Reads `name(args)` and `name(args) as PROTOTYPE`. Nothing is evaluated. Whole numbers that a `number` does not hold exactly become `bigint`, as those
 * that end in n do.
 * @throws CallSyntaxError
 */
export function parseCall(text: string): CallText {
  const reader = new Reader(text);
  const [name] = reader.take(NAME) ?? reader.fail("the name of a function");
  reader.expect("(", "( behind the name");
  const args: Literal[] = [];
  reader.list(")", "an argument", () => args.push(reader.value(0)));
  const prototype = reader.take(AS)?.[1]?.trim();
  reader.end();
  return { text: text.trim(), name, args, ...(prototype === undefined ? {} : { prototype }) };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  /** What matches here, and the white space behind it; `undefined` if nothing does. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    const found = this.#match(pattern);
    if (found !== undefined) this.#skip();
    return found;
  }

  expect(character: string, expected: string): void {
    if (this.#text[this.#at] !== character) this.fail(expected);
    this.#at++;
    this.#skip();
  }

  /** Elements between commas up to `close`, which is passed over. */
  list(close: string, what: string, element: () => void): void {
    if (this.#text[this.#at] !== close) {
      for (;;) {
        if (this.#text[this.#at] === close) this.fail(what);
        element();
        if (this.#text[this.#at] === close) break;
        this.expect(",", `, or ${close}`);
      }
    }
    this.expect(close, close);
  }

  end(): void {
    if (this.#at < this.#text.length) this.fail("the end, or as and a prototype");
  }

  value(depth: number): Literal {
    if (depth > DEEPEST) this.fail(`at most ${DEEPEST} values in one another`);
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[": {
        this.expect("[", "[");
        const elements: Literal[] = [];
        this.list("]", "an element", () => elements.push(this.value(depth + 1)));
        return elements;
      }
      case '"':
      case "'":
        return this.#string();
      default:
        return this.#number() ?? this.#word();
    }
  }

  fail(expected: string): never {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const found = rest === "" ? "the end" : JSON.stringify(rest);
    throw new CallSyntaxError(`character ${this.#at + 1}: found ${found}, expected ${expected}`);
  }

  #object(depth: number): Literal {
    this.expect("{", "{");
    const members: Record<string, Literal> = Object.create(null);
    this.list("}", "a member", () => {
      const start = this.#at;
      const quote = this.#text[start];
      const isQuoted = quote === '"' || quote === "'";
      const name = isQuoted ? this.#string() : (this.take(MEMBER)?.[0] ?? this.fail("the name of a member"));
      if (name in members) {
        this.#at = start;
        this.fail("each member once");
      }
      this.expect(":", ": behind the member's name");
      members[name] = this.value(depth + 1);
    });
    return members;
  }

  #number(): Literal | undefined {
    const whole = this.take(INTEGER);
    if (whole !== undefined) {
      const [, sign, digits = "", n] = whole;
      const value = sign === "-" ? -BigInt(digits) : BigInt(digits);
      const isNegativeZero = sign === "-" && value === 0n;
      if (n === "" && isNegativeZero) return -0;
      return n === "" && Number.isSafeInteger(Number(value)) ? Number(value) : value;
    }
    const decimal = this.take(DECIMAL);
    return decimal === undefined ? undefined : Number(decimal[0]);
  }

  #word(): Literal {
    const [word] = this.take(WORD) ?? this.fail("a value");
    return WORDS.get(word) ?? null;
  }

  #string(): string {
    const quote = this.#text[this.#at];
    this.#at++;
    let value = "";
    for (;;) {
      const character = this.#text[this.#at];
      if (character === quote) break;
      if (character === '"' || character === "'") {
        value += character;
        this.#at++;
      } else value += this.#match(PLAIN)?.[0] ?? this.#escape();
    }
    this.#at++;
    this.#skip();
    return value;
  }

  #escape(): string {
    const isEnd = this.#at >= this.#text.length;
    const found =
      this.#match(ESCAPE) ?? this.fail(isEnd ? "the quote that ends the text" : "text or an escape");
    const [, wide, narrow, zero, letter = ""] = found;
    if (zero !== undefined) return "\0";
    const code = wide ?? narrow;
    return code === undefined
      ? (LETTERS.get(letter) ?? letter)
      : String.fromCharCode(Number.parseInt(code, 16));
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    if (found !== undefined) this.#at = pattern.lastIndex;
    return found;
  }

  #skip(): void {
    this.#match(SPACE);
  }
}
