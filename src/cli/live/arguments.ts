/** Parses what follows a command of `bindery live`. */
import { parseNumber } from "../../asm/index.ts";

/** Input that is no command, or lacks something; the message says what was expected. */
export class InputError extends Error {
  override readonly name = "InputError";
}

/** Words, with quoted text kept together and its quotes kept. */
export function words(text: string): string[] {
  return text.match(/"(?:[^"\\]|\\.)*"|[^\s,]+/g) ?? [];
}

/** A count of bytes. */
export function parseSize(text: string | undefined, what: string): number {
  const value = text === undefined ? undefined : parseNumber(text);
  if (value === undefined || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new InputError(`${what}: found ${text ?? "nothing"}, expected a number of bytes`);
  }
  return Number(value);
}

/** Bytes written as pairs of hexadecimal digits, undefined when the text is something else. */
export function parseBytes(text: string): Uint8Array | undefined {
  const digits = text.replaceAll(/\s+/g, "");
  const inPairs = /^([0-9a-fA-F]{2}\s*)+$/.test(text.trim());
  return inPairs ? Uint8Array.from(Buffer.from(digits, "hex")) : undefined;
}

export interface Call {
  /** A C declaration of the function. */
  readonly prototype: string;
  readonly args: readonly unknown[];
}

/**
 * `int add(int, int) 2 3`, or `add 2 3`, in which a whole number is a `long`, a number with a point a `double`,
 * quoted text a `const char *`, and the result a `long`.
 */
export function parseCall(text: string): Call {
  const [, prototype, rest] = /^(.*[\s*][A-Za-z_$][\w$.]*\s*\([^()]*\))\s*(.*)$/.exec(text) ?? [];
  if (prototype !== undefined) {
    return { prototype, args: words(rest ?? "").map((word) => argument(word).value) };
  }
  const [name, ...given] = words(text.replace(/^([A-Za-z_$][\w$.]*)\s*\(([^()]*)\)$/, "$1 $2"));
  if (name === undefined) {
    throw new InputError(
      "call: expected a name and arguments, e.g. call add 2 3, or call int add(int, int) 2 3",
    );
  }
  const args = given.map(argument);
  const types = args.map(({ type }) => type).join(", ");
  return {
    prototype: `long ${name}(${types === "" ? "void" : types})`,
    args: args.map(({ value }) => value),
  };
}

function argument(word: string): { type: string; value: unknown } {
  if (word.startsWith('"')) {
    try {
      return { type: "const char *", value: String(JSON.parse(word)) };
    } catch {
      throw new InputError(`${word}: not a quoted text`);
    }
  }
  if (/^-?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?$/.test(word)) {
    return { type: "double", value: Number(word) };
  }
  const negative = word.startsWith("-");
  const value = parseNumber(negative ? word.slice(1) : word);
  if (value === undefined) {
    throw new InputError(`${word}: found no number, expected 12, -3, 0x1f, 2.5 or "text"`);
  }
  return { type: "long", value: negative ? -value : value };
}
