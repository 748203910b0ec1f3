/**
 * A conversation with a program over its standard input and output: what it prints is waited for, never slept for.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";

/** How long one answer may take on a busy machine before the conversation counts as broken. */
const PATIENCE = 40_000;

interface Waiter {
  readonly what: string;
  /** Looks at the output so far; true when it found what it wanted and took it. */
  attempt(): boolean;
  fail(error: Error): void;
}

export class Session {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #name: string;
  readonly #ended: Promise<void>;
  readonly #waiters: Waiter[] = [];
  #pending = "";
  #transcript = "";
  #over: string | undefined;

  constructor(name: string, command: string, args: readonly string[]) {
    this.#name = name;
    this.#child = spawn(command, args, {
      env: { ...process.env, LC_ALL: "C", DEBUGINFOD_URLS: "", TERM: "dumb" },
    });
    const killed = (): void => {
      this.#child.kill("SIGKILL");
    };
    process.once("exit", killed);
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    this.#child.stdin.on("error", (error) => this.#finish(`its input failed: ${error.message}`));
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#finish(error.message);
        resolve();
      });
      this.#child.on("close", (code, signal) => {
        process.off("exit", killed);
        this.#finish(`it ended: ${signal ?? `exit code ${code}`}`);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Everything that was said so far by both sides. */
  get transcript(): string {
    return this.#transcript;
  }

  send(line: string): void {
    this.#transcript += `>>> ${line}\n`;
    this.#child.stdin.write(`${line}\n`);
  }

  /**
   * Waits until `find` makes something of the output that nobody took yet.
   * @param find returns what it found with the number of characters that it used up, or `undefined`
   */
  take<T>(what: string, find: (text: string) => { value: T; used: number } | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(this.#failure(what, `nothing came within ${PATIENCE} ms`));
      }, PATIENCE);
      const waiter: Waiter = {
        what,
        attempt: () => {
          const found = find(this.#pending);
          if (found === undefined) return false;
          clearTimeout(timer);
          this.#pending = this.#pending.slice(found.used);
          resolve(found.value);
          return true;
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiters.push(waiter);
      this.#serve();
    });
  }

  /** The next whole line. */
  line(what: string): Promise<string> {
    return this.take(what, (text) => {
      const end = text.indexOf("\n");
      return end < 0 ? undefined : { value: text.slice(0, end), used: end + 1 };
    });
  }

  /** Ends the program, by force if it does not go when its input ends. */
  async close(): Promise<void> {
    if (this.#over === undefined) {
      this.#child.stdin.end();
      const timer = setTimeout(() => this.#child.kill("SIGKILL"), 10_000);
      await this.#ended;
      clearTimeout(timer);
    }
    await this.#ended;
  }

  #receive(text: string): void {
    this.#transcript += text;
    this.#pending += text;
    this.#serve();
  }

  /** Lets those who wait look, in the order in which they came. */
  #serve(): void {
    while (this.#waiters[0]?.attempt() === true) this.#waiters.shift();
    if (this.#over === undefined) return;
    for (const waiter of this.#waiters.splice(0)) waiter.fail(this.#failure(waiter.what, this.#over));
  }

  #finish(why: string): void {
    this.#over ??= why;
    this.#serve();
  }

  #failure(what: string, why: string): Error {
    return new Error(
      `${this.#name}: waiting for ${what}: ${why}\n--- transcript ---\n${this.#transcript}---`,
    );
  }
}
