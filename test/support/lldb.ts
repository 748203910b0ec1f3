/**
 * lldb(1), driven over its command line. In its synchronous mode a command is answered when all that it causes is done,
 * so a marker behind each command tells where its output ends.
 */
import { Session } from "./session.ts";

export class Lldb {
  readonly #session: Session;
  #marker = 0;

  private constructor(session: Session) {
    this.#session = session;
  }

  /** Starts lldb with the program of this process for a target, attached to `pid`, which is stopped then. */
  static async attach(pid: number): Promise<Lldb> {
    const lldb = Lldb.#start();
    await lldb.run("settings set plugin.jit-loader.gdb.enable on");
    await lldb.run(`target create ${process.execPath}`);
    await lldb.run(`process attach --pid ${pid}`);
    return lldb;
  }

  /** Starts lldb the way `lldb -p PID` does. */
  static async attachPlain(pid: number): Promise<Lldb> {
    const lldb = Lldb.#start();
    await lldb.run(`process attach --pid ${pid}`);
    return lldb;
  }

  static #start(): Lldb {
    return new Lldb(new Session("lldb", "lldb", ["--no-lldbinit", "--no-use-colors"]));
  }

  /** What a command prints. After `continue`, that is all until the process stops. */
  run(command: string): Promise<string> {
    const marker = `marker_${++this.#marker}`;
    this.#session.send(command);
    this.#session.send(marker);
    const end = new RegExp(`error: '${marker}' is not a valid command\\.\n`);
    return this.#session.take(`the answer to "${command}"`, (text) => {
      const found = end.exec(text);
      return found === null
        ? undefined
        : { value: text.slice(0, found.index), used: found.index + found[0].length };
    });
  }

  /** Ends lldb; a process that it still holds goes on. */
  async close(): Promise<void> {
    this.#session.send("process detach");
    this.#session.send("quit");
    await this.#session.close();
  }

  get transcript(): string {
    return this.#session.transcript;
  }
}
