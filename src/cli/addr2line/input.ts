/** What is asked: addresses as they are written, from arguments or standard input. */
import { readSync } from "node:fs";

/** An address as it was written. */
export type Asked =
  /** A number. */
  | { readonly kind: "number"; readonly text: string; readonly value: bigint }
  /** A name of a section or symbol, and bytes from there. */
  | { readonly kind: "name"; readonly text: string; readonly name: string; readonly value: bigint }
  | { readonly kind: "senseless"; readonly text: string };

/** Numbers are hexadecimal, with 0x or without, as binutils has it. */
export function parseAsked(text: string): Asked {
  const trimmed = text.trim();
  if (/^(?:0x)?[0-9a-f]{1,16}$/i.test(trimmed)) {
    return { kind: "number", text: trimmed, value: BigInt(`0x${trimmed.replace(/^0x/i, "")}`) };
  }
  const [, name, offset] = /^(.+?)(?:\+(?:0x)?([0-9a-f]{1,16}))?$/i.exec(trimmed) ?? [];
  if (name === undefined || /\s/.test(name)) return { kind: "senseless", text: trimmed };
  return { kind: "name", text: trimmed, name, value: BigInt(`0x${offset ?? "0"}`) };
}

/** Milliseconds to wait for input where reading does not. */
const PAUSE = 5;
const PIECE = 1 << 16;

/**
 * Lines of standard input, in pieces as they come: each piece is what can be answered before more is waited for.
 * Reading blocks, so that a question typed by hand is answered at once and nothing else goes on between.
 */
export function* inputLines(): Generator<readonly string[], void, undefined> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(PIECE);
  let rest = "";
  for (;;) {
    const count = readSome(buffer);
    rest += decoder.decode(buffer.subarray(0, count), { stream: count > 0 });
    const lines = rest.split("\n");
    rest = count === 0 ? "" : (lines.pop() ?? "");
    if (count === 0 && lines.at(-1) === "") lines.pop();
    if (lines.length > 0) yield lines;
    if (count === 0) return;
  }
}

function readSome(buffer: Uint8Array): number {
  for (;;) {
    try {
      return readSync(0, buffer);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      // A terminal that another program made non-blocking.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}
