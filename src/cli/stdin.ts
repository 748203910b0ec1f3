/** Standard input by lines, each as soon as it is there. */
import { readSync } from "node:fs";

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
