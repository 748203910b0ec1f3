/** Errors as users read them: what it is about first, then why, and nothing that Node or the C library adds. */
import { DynldError } from "../errors.ts";

/** `open: a.out: ENOENT: no such file or directory, open 'a.out'`, of which Node writes what follows the name. */
const SYSTEM = /^(?:(?:open|read|write): )?(?:(.*): )?E[A-Z0-9]+: (.*), \w+(?: '(.*)')?$/s;

/** The message of an expected error: `a.out: no such file or directory`. */
export function plainMessage({ message }: Error): string {
  const [, subject, why, path] = SYSTEM.exec(message) ?? [];
  if (why === undefined) return message.replace(/^open: /, "");
  const about = subject ?? path;
  return about === undefined ? why : `${about}: ${why}`;
}

/** What names of files must not do to a terminal or a log: control characters, and what turns a line's direction. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

/** A text in one line, as C writes strings: `a\nb` for a name of two lines. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (one) => SHORT[one] ?? escaped(one.charCodeAt(0)));
}

function escaped(code: number): string {
  const digits = code.toString(16);
  return code < 0x100 ? `\\x${digits.padStart(2, "0")}` : `\\u${digits.padStart(4, "0")}`;
}

/** Writes a message to standard error, each line of which is one line there. */
export function complain(...[first, ...others]: readonly string[]): void {
  const lines = [`bindery: ${printable(first ?? "")}`, ...others.map(printable)];
  process.stderr.write(`${lines.join("\n")}\n`);
}

/** Lines of an error's message: one, unless it is of several faults. */
export function messageLines(error: Error): string[] {
  const message = plainMessage(error);
  return error instanceof DynldError && error.also.length > 0 ? message.split("\n") : [message];
}
