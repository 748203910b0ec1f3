/**
 * gdb(1), driven through its machine interface. [Debugging with GDB, "GDB/MI"]
 *
 * Commands go in as a user would type them; MI wraps what they print in records, so that answers and stops are told
 * from each other.
 */
import { Session } from "./session.ts";

/** Why and where the process stopped. */
export interface Stop {
  readonly reason: string;
  readonly func: string;
}

interface Answer {
  readonly ok: boolean;
  readonly text: string;
}

export class Gdb {
  readonly #session: Session;
  readonly #stops: Stop[] = [];
  #said = "";
  #token = 0;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Starts gdb on a running process, which is stopped when this returns. */
  static async attach(pid: number): Promise<Gdb> {
    const gdb = new Gdb(new Session("gdb", "gdb", ["-nx", "-q", "-i=mi3"]));
    for (const setting of [
      "mi-async on",
      "pagination off",
      "confirm off",
      "width 0",
      "breakpoint pending on",
    ]) {
      await gdb.run(`set ${setting}`);
    }
    await gdb.attach(pid);
    return gdb;
  }

  async attach(pid: number): Promise<void> {
    await this.run(`attach ${pid}`);
    await this.stopped();
  }

  /** What a command prints. Fails when gdb refuses the command. */
  async run(command: string): Promise<string> {
    const { ok, text } = await this.#ask(command);
    if (!ok) throw new Error(`gdb: ${command}: ${text}\n--- transcript ---\n${this.transcript}---`);
    return text;
  }

  /** What gdb says when it refuses a command. Fails when it does not. */
  async refusal(command: string): Promise<string> {
    const { ok, text } = await this.#ask(command);
    if (ok) throw new Error(`gdb took the command "${command}": ${text}`);
    return text;
  }

  /** Lets the process run. */
  async continue(): Promise<void> {
    await this.run("continue&");
  }

  /** Waits for the next stop that was not waited for yet. */
  async stopped(): Promise<Stop> {
    for (;;) {
      const stop = this.#stops.shift();
      if (stop !== undefined) return stop;
      this.#note(await this.#session.line("a stop"));
    }
  }

  /** Stops the running process. */
  async interrupt(): Promise<void> {
    await this.run("interrupt");
    await this.stopped();
  }

  /** Does something while the process, which runs before and after, is stopped. */
  async paused<T>(action: () => Promise<T>): Promise<T> {
    await this.interrupt();
    const result = await action();
    await this.continue();
    return result;
  }

  /** Functions of a backtrace, innermost first; `??` for what has no name. */
  async backtrace(): Promise<string[]> {
    const text = await this.run("bt 60");
    return [...text.matchAll(/^#\d+\s+(?:0x[0-9a-f]+ in )?(\S+)/gm)].map((match) => match[1] ?? "");
  }

  async detach(): Promise<void> {
    await this.run("detach");
  }

  /** Ends gdb; a process that it still holds goes on. */
  async close(): Promise<void> {
    this.#session.send("-gdb-exit");
    await this.#session.close();
  }

  get transcript(): string {
    return this.#session.transcript;
  }

  /** Lines of all that gdb ever said which look like trouble with debug objects. */
  get complaints(): string[] {
    return this.transcript
      .split("\n")
      .filter((line) =>
        /warning:|Unable to find JIT|JITed|internal-error|not in executable format/i.test(line),
      )
      .filter((line) => !line.startsWith(">>>"));
  }

  async #ask(command: string): Promise<Answer> {
    const token = `${++this.#token}`;
    this.#said = "";
    this.#session.send(`${token}-interpreter-exec console "${command.replaceAll(/["\\]/g, "\\$&")}"`);
    for (;;) {
      const line = await this.#session.line(`the answer to "${command}"`);
      const result = /^(\d*)\^(done|running|error)(.*)$/.exec(line);
      if (result === null) {
        this.#note(line);
      } else if (result[1] === token) {
        if (result[2] !== "error") return { ok: true, text: this.#said };
        const message = /msg=("(?:[^"\\]|\\.)*")/.exec(result[3] ?? "")?.[1];
        return { ok: false, text: message === undefined ? line : unquote(message) };
      }
    }
  }

  #note(line: string): void {
    if (line.startsWith("~") || line.startsWith("&")) this.#said += unquote(line.slice(1));
    if (!line.startsWith("*stopped")) return;
    const reason = /reason="([^"]*)"/.exec(line)?.[1] ?? "";
    const func = /func="([^"]*)"/.exec(line)?.[1] ?? "";
    this.#stops.push({ reason, func });
  }
}

/** The text of a C string literal. */
function unquote(literal: string): string {
  const escapes: Record<string, string> = { n: "\n", t: "\t", r: "\r", e: "\x1b" };
  return literal
    .slice(1, -1)
    .replaceAll(/\\([0-7]{3}|.)/g, (_, code: string) =>
      code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (escapes[code] ?? code),
    );
}
