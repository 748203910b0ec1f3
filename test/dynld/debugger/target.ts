/** The process that debuggers are let loose on: `target.mjs`, told what to do line by line. */
import { join } from "node:path";
import { Session } from "../../support/session.ts";

export class Target {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** @param env beside the test's own */
  static async start(env: Readonly<Record<string, string>> = {}): Promise<{ target: Target; pid: number }> {
    const script = join(import.meta.dirname, "target.mjs");
    const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const session = new Session("target", "env", [...settings, process.execPath, script]);
    const pid = await session.take("its process id", (text) => {
      const found = /\{"pid":(\d+)\}\n/.exec(text);
      return found === null ? undefined : { value: Number(found[1]), used: found.index + found[0].length };
    });
    return { target: new Target(session), pid };
  }

  async ask(command: string, ...args: unknown[]): Promise<unknown> {
    this.#session.send(JSON.stringify([command, ...args]));
    const answer = JSON.parse(await this.#session.line(`the answer to ${command}`)) as {
      value?: unknown;
      error?: string;
    };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.value;
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
