/** What commands that show files have in common: standard output in pieces, and errors as lines or data. */
import { writeSync } from "node:fs";
import { BinderyError } from "../errors.ts";
import { EXIT_FAILURE } from "./help.ts";
import { complain, messageLines, plainMessage } from "./message.ts";

/** An expected error as data. Others are defects and go on to where those are reported. */
export function describe(name: string, error: unknown): { code: string; message: string } {
  if (!(error instanceof BinderyError)) {
    throw error;
  }
  const said = plainMessage(error);
  return { code: error.code, message: said.includes(name) ? said : `${name}: ${said}` };
}

/**
 * Does something that may fail for a file that can't be read, and says so with its name first.
 * @returns the exit status
 */
export async function telling(act: () => number | Promise<number>): Promise<number> {
  try {
    return await act();
  } catch (error) {
    const isExpected = error instanceof BinderyError || (error instanceof Error && "syscall" in error);
    if (!isExpected || process.env.BINDERY_DEBUG !== undefined) throw error;
    complain(...messageLines(error));
    return EXIT_FAILURE;
  }
}

/** Standard output in larger pieces than lines. Waits for who reads it: what is printed can be larger than memory. */
export class Output {
  #pending: string[] = [];
  #size = 0;

  line(text: string): void {
    this.write(`${text}\n`);
  }

  write(text: string): void {
    this.#pending.push(text);
    this.#size += text.length;
    if (this.#size > 1 << 16) {
      this.flush();
    }
  }

  flush(): void {
    if (this.#size > 0) {
      writeWhole(process.stdout.fd, Buffer.from(this.#pending.join("")));
      this.#pending = [];
      this.#size = 0;
    }
  }
}

/** Milliseconds between two tries to write to a pipe that is full. */
const PAUSE = 2;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** Writes all bytes. Streams would keep in memory what a pipe does not take at once, however much that is. */
function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // A reader that has seen enough is no error.
      if (code === "EPIPE") process.exit();
      if (code !== "EAGAIN") {
        throw Object.assign(error as Error, { message: `standard output: ${message}` });
      }
      Atomics.wait(clock, 0, 0, PAUSE);
    }
  }
}
