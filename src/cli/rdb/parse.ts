/** Commands of `bindery rdb`, as text. The grammar is that of the debugger of the same name that came with Solaris. */

/** What a command can't be carried out for. */
export class CommandError extends Error {}

/** A sum of numbers and symbols. */
export interface AddressTerm {
  readonly symbols: readonly string[];
  readonly offset: bigint;
}

/** A source line. */
export interface LineTerm {
  readonly file: string;
  readonly line: number;
}

/** One word of a command. */
export type Token =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "number"; readonly text: string; readonly value: bigint }
  | { readonly kind: "line"; readonly text: string; readonly value: LineTerm }
  /** `$name`, without the dollar. */
  | { readonly kind: "variable"; readonly text: string }
  /** Without the quotes. */
  | { readonly kind: "string"; readonly text: string }
  | { readonly kind: "plus"; readonly text: string };

/** In order: the first that fits. */
const TOKENS: readonly (readonly [RegExp, (text: string) => Token | undefined])[] = [
  [/[ \t\r]+/y, () => undefined],
  [/#.*/y, () => undefined],
  [/"[^"]*"?/y, (text) => ({ kind: "string", text: text.replace(/^"|"$/g, "") })],
  [
    /[\w./-]*[\w.-]+:\d+/y,
    (text) => {
      const at = text.lastIndexOf(":");
      return { kind: "line", text, value: { file: text.slice(0, at), line: Number(text.slice(at + 1)) } };
    },
  ],
  [/0x[0-9a-f]+|\d+/iy, (text) => ({ kind: "number", text, value: BigInt(text) })],
  [/\+/y, (text) => ({ kind: "plus", text })],
  [/\$[a-z_]\w*/iy, (text) => ({ kind: "variable", text: text.slice(1) })],
  [/[a-z_.][\w.@$]*/iy, (text) => ({ kind: "word", text })],
];

/** Takes a line apart; a comment is nothing. @throws CommandError for what is no word of a command */
export function tokenize(line: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < line.length; ) {
    const [length, token] = tokenAt(line, at);
    if (token !== undefined) tokens.push(token);
    at += length;
  }
  return tokens;
}

function tokenAt(line: string, at: number): [number, Token | undefined] {
  for (const [pattern, make] of TOKENS) {
    pattern.lastIndex = at;
    const text = pattern.exec(line)?.[0];
    if (text !== undefined) return [text.length, make(text)];
  }
  throw new CommandError(`found '${line.slice(at)}', expected a name, a number or a quoted string`);
}

/** The words behind a command's name, taken one after the other. */
export class Arguments {
  readonly #command: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(command: string, tokens: readonly Token[]) {
    this.#command = command;
    this.#tokens = tokens;
  }

  /** Whether all were taken. */
  get isEmpty(): boolean {
    return this.#at === this.#tokens.length;
  }

  /** @throws CommandError if some were not taken */
  end(): void {
    if (!this.isEmpty) throw this.#wrong("nothing more");
  }

  /** The next if it is of a kind; it is taken then. */
  take<Kind extends Token["kind"]>(kind: Kind): Extract<Token, { kind: Kind }> | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== kind) return undefined;
    this.#at++;
    return token as Extract<Token, { kind: Kind }>;
  }

  /** As {@link take}. @throws CommandError if it is of another kind */
  need<Kind extends Token["kind"]>(kind: Kind, what: string): Extract<Token, { kind: Kind }> {
    const token = this.take(kind);
    if (token === undefined) throw this.#wrong(what);
    return token;
  }

  /** A sum of numbers and symbols. @throws CommandError if there is none */
  address(): AddressTerm {
    const symbols: string[] = [];
    let offset = 0n;
    do {
      const number = this.take("number");
      if (number !== undefined) offset += number.value;
      else symbols.push(this.need("word", "an address: a symbol, a number, or a sum of them").text);
    } while (this.take("plus") !== undefined);
    return { symbols, offset };
  }

  /** A number that counts something. @throws CommandError if it is too large */
  count(what: string): number {
    const { value } = this.need("number", what);
    if (value > 0xffff_ffffn) throw new CommandError(`${this.#command}: found ${value}, expected ${what}`);
    return Number(value);
  }

  #wrong(expected: string): CommandError {
    const { text } = this.#tokens[this.#at] ?? {};
    const found = text === undefined ? "nothing" : `'${text}'`;
    return new CommandError(`${this.#command}: found ${found}, expected ${expected}`);
  }
}
