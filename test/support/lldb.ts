/**
 * lldb(1), driven over its command line. A command that does not exist follows each one as a marker: the complaint
 * about it tells where the output ends. Stops are announced in between.
 */
import { Session } from "./session.ts";

export class Lldb {
  readonly #session: Session;
  #marker = 0;
  #said = 0;

  constructor() {
    // Complaints and answers come by one pipe: of two, either may be read first.
    const script = 'exec lldb "$@" 2>&1';
    this.#session = new Session("lldb", "sh", ["-c", script, "lldb", "--no-lldbinit", "--no-use-colors"]);
  }

  /** Takes the program of this process for a target. Without one, lldb attaches as `lldb -p PID` does. */
  async createTarget(): Promise<void> {
    await this.run(`target create ${process.execPath}`);
  }

  /** Attaches to a process, which is stopped then. */
  async attach(pid: number): Promise<void> {
    this.#session.send(`process attach --pid ${pid}`);
    await this.stopped();
  }

  /** What a command prints. */
  run(command: string): Promise<string> {
    this.#session.send(command);
    return this.#untilMarker(command);
  }

  /** Lets the process run. */
  async continue(): Promise<void> {
    await this.run("process continue");
  }

  /** Waits for a stop. @returns how lldb announces it */
  async stopped(): Promise<string> {
    await this.#session.take("a stop", (text) => {
      const found = /Process \d+ stopped\n/.exec(text);
      return found === null ? undefined : { value: "", used: found.index + found[0].length };
    });
    return this.#untilMarker("a stop");
  }

  /** Stops the running process. lldb says that it has resumed before it has: then it is asked again. */
  async interrupt(): Promise<void> {
    for (let halted = false; !halted; ) {
      this.#session.send("process interrupt");
      halted = await this.#session.take("a stop, or why there is none", (text) => {
        const found = /Process \d+ stopped\n|error: Failed to halt process: Process is not running\.\n/.exec(
          text,
        );
        if (found === null) return undefined;
        return { value: found[0].startsWith("Process"), used: found.index + found[0].length };
      });
    }
    await this.#untilMarker("a stop");
  }

  /** Functions of a backtrace, innermost first; the empty text for what has no name. */
  async backtrace(): Promise<string[]> {
    const text = await this.run("thread backtrace");
    const frames = text.matchAll(/frame #\d+: 0x[0-9a-f]+(?: [^`\n]+`([\w:]+))?/g);
    return Array.from(frames, (match) => match[1] ?? "");
  }

  /** The address that lldb has for a name; `undefined` when it has none. */
  async addressOf(name: string): Promise<string | undefined> {
    const text = await this.run(`image lookup --verbose --symbol ${name}`);
    return /Address: .*\[0x0*([0-9a-f]+)\]/.exec(text)?.[1]?.replace(/^/, "0x");
  }

  async detach(): Promise<void> {
    await this.run("process detach");
  }

  /** Forgets all but the symbols of the files it has read, which takes it seconds; a process that it still holds goes on. */
  async reset(): Promise<void> {
    for (const command of ["process detach", "breakpoint delete --force", "target delete --all"])
      await this.run(command);
    this.#said = this.#session.transcript.length;
  }

  /** Ends lldb; a process that it still holds goes on. */
  async close(): Promise<void> {
    this.#session.send("process detach");
    this.#session.send("quit");
    await this.#session.close();
  }

  /** What both sides said since the last reset. */
  get transcript(): string {
    return this.#session.transcript.slice(this.#said);
  }

  #untilMarker(what: string): Promise<string> {
    const marker = `marker_${++this.#marker}`;
    this.#session.send(marker);
    const end = new RegExp(`error: '${marker}' is not a valid command\\.\n`);
    return this.#session.take(`the answer to "${what}"`, (text) => {
      const found = end.exec(text);
      return found === null
        ? undefined
        : { value: text.slice(0, found.index), used: found.index + found[0].length };
    });
  }
}
