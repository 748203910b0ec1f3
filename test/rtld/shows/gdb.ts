/** gdb(1) with `stop-on-solib-events`: what it lists as loaded whenever a run-time linker tells of itself. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import type { LoadObject } from "../../../src/rtld/index.ts";

/** What ends the answer to a command. */
const DONE = "\n@done@\n";
/** Milliseconds after which a gdb is given up that says nothing, as one does in some of many runs. */
const PATIENCE = 15_000;
const TRIES = 3;

/** A gdb that does not answer. */
class Silence extends Error {}

/** Does something with gdb, and again where that stops to answer. */
export async function withGdb(program: string, action: (gdb: SolibGdb) => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries++) {
    const gdb = new SolibGdb(program);
    try {
      for (const setting of ["confirm off", "pagination off", "width 0", "stop-on-solib-events 1"]) {
        await gdb.run(`set ${setting}`);
      }
      return await action(gdb);
    } catch (error) {
      if (!(error instanceof Silence) || tries === TRIES) throw error;
    } finally {
      gdb.close();
    }
  }
}

/** A gdb on a program, which takes one command after the other. The caller closes it. */
export class SolibGdb {
  readonly #child: ChildProcess;
  #said = "";
  #wake: () => void = () => {};
  #hasEnded = false;

  constructor(program: string) {
    this.#child = spawn("gdb", ["-nx", "-q", program], { stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        this.#said += piece.toString();
        this.#wake();
      });
    }
    this.#child.once("exit", () => {
      this.#hasEnded = true;
      this.#wake();
    });
  }

  /** What a command prints. One that lets the process run returns when that stopped, or ended. */
  async run(command: string): Promise<string> {
    this.#said = "";
    this.#child.stdin?.write(`${command}\necho ${DONE.replaceAll("\n", "\\n")}\n`);
    while (!this.#said.includes(DONE)) {
      if (this.#hasEnded) throw new Error(`gdb ended: ${this.#said}`);
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Silence(`gdb: ${command}: ${this.#said}`)), PATIENCE);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#said.slice(0, this.#said.indexOf(DONE));
  }

  /** The process that it stopped last. */
  async pid(): Promise<number> {
    const [, pid = ""] = /process (\d+)$/m.exec(await this.run("info proc")) ?? [];
    return Number(pid);
  }

  /** What it lists as loaded; see {@link listed}. */
  async libraries(): Promise<string[]> {
    const rows = (await this.run("info sharedlibrary")).matchAll(/^0x(\w+)\s+0x(\w+)\s.*?(\/\S+)$/gm);
    return [...rows].map(([, from = "", to = "", name = ""]) => `${trim(from)}-${trim(to)} ${name}`).sort();
  }

  /** Ends it, and with it the program. */
  close(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Objects as `info sharedlibrary` lists them: where their `.text` lies, as readelf(1) has it. It leaves out two of them. */
export function listed(objects: readonly LoadObject[]): string[] {
  return objects
    .filter((one) => !one.isProgram && one.flags === 0)
    .map(({ name, bias }) => {
      const { address, size } = textOf(name);
      const start = bias + address;
      return `${start.toString(16)}-${(start + size).toString(16)} ${name}`;
    })
    .sort();
}

const texts = new Map<string, { readonly address: bigint; readonly size: bigint }>();

function textOf(file: string) {
  let text = texts.get(file);
  if (text === undefined) {
    const said = execFileSync("readelf", ["-SW", file], { encoding: "utf8" });
    const [, address = "0", size = "0"] = / \.text\s+PROGBITS\s+(\w+) \w+ (\w+)/.exec(said) ?? [];
    text = { address: BigInt(`0x${address}`), size: BigInt(`0x${size}`) };
    texts.set(file, text);
  }
  return text;
}

const trim = (digits: string) => BigInt(`0x${digits}`).toString(16);
