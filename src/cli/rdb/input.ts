/** Where the commands of `bindery rdb` come from: a terminal, a file, or a pipe that the program shares. */
import { spawnSync } from "node:child_process";
import { mkdirSync, read, readFileSync, readSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { readText } from "../files.ts";

/** One command, and where it is. */
export interface CommandLine {
  readonly text: string;
  /** How messages call it; empty at a terminal. */
  readonly place: string;
}

/** A source of commands. */
export interface CommandSource {
  /** Whether somebody types them. */
  readonly isTerminal: boolean;
  /** The next line, with what continues it behind a `\`; `undefined` at the end. */
  next(): Promise<CommandLine | undefined>;
  /** Ends it. */
  close(): void;
}

/** What may stand where a line ends, and what of the line it would replace. */
export type Completer = (line: string) => [string[], string];

const PROMPT = "<rdb> ";
const MOST_HISTORY = 1000;
/** Milliseconds between two looks at a pipe that has nothing yet. */
const PAUSE = 5;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** Commands of a file. @throws the error of opening it */
export function fileSource(path: string): CommandSource {
  const lines = readText(path).split("\n");
  if (lines.at(-1) === "") lines.pop();
  return linesSource(path, () => lines.shift());
}

/** Commands of standard input, of which not a byte more than they are is taken: what follows is the program's. */
export function inputSource(): CommandSource {
  return linesSource("-", readLine);
}

/** Commands of a terminal, which is the program's while that runs: how that set it comes back each time. */
export function terminalSource(complete: Completer): CommandSource {
  let history = readHistory();
  const modes = terminalModes();
  const ask = (prompt: string): Promise<string | undefined> =>
    new Promise((resolve) => {
      const lines = createInterface({
        input: process.stdin,
        output: process.stdout,
        terminal: true,
        history: [...history],
        historySize: MOST_HISTORY,
        removeHistoryDuplicates: true,
        completer: complete,
        prompt,
      });
      let answer: string | undefined;
      lines.on("history", (now: string[]) => {
        history = now;
      });
      lines.on("SIGINT", () => {
        // As in a shell: the line is dropped.
        process.stdout.write("^C\n");
        answer = "";
        lines.close();
      });
      lines.on("line", (line) => {
        answer = line;
        lines.close();
      });
      lines.on("close", () => {
        process.stdin.pause();
        if (answer === undefined) process.stdout.write("\n");
        resolve(answer);
      });
      lines.prompt();
    });
  return {
    isTerminal: true,
    next: async () => {
      const theirs = terminalModes();
      if (theirs !== modes) terminalModes(modes);
      let text = await ask(PROMPT);
      while (text?.endsWith("\\") === true) text = text.slice(0, -1) + ((await ask("> ")) ?? "");
      if (theirs !== modes) terminalModes(theirs);
      return text === undefined ? undefined : { text, place: "" };
    },
    close: () => {
      terminalModes(modes);
      writeHistory(history);
    },
  };
}

/** How the terminal is set, as stty(1) writes it; and sets it so. Without stty nothing is known, or done. */
function terminalModes(wanted?: string): string {
  const args = wanted === undefined ? ["-g"] : [wanted];
  const { stdout } = spawnSync("stty", args, { stdio: [0, "pipe", "ignore"], encoding: "utf8" });
  return stdout?.trim() ?? "";
}

function linesSource(
  name: string,
  nextLine: () => string | undefined | Promise<string | undefined>,
): CommandSource {
  let number = 0;
  return {
    isTerminal: false,
    next: async () => {
      let text = await nextLine();
      if (text === undefined) return undefined;
      const place = `${name}:${++number}`;
      for (; text.endsWith("\\"); number++) text = text.slice(0, -1) + ((await nextLine()) ?? "");
      return { text, place };
    },
    close: () => {},
  };
}

const readSome = promisify(read);

/** One line of standard input, byte by byte, as shells read their commands. Signals are listened to until it begins. */
async function readLine(): Promise<string | undefined> {
  const bytes: number[] = [];
  for (let byte = await firstByte(); ; byte = readByte()) {
    if (byte === undefined) return bytes.length === 0 ? undefined : Buffer.from(bytes).toString();
    if (byte === 0x0a) return Buffer.from(bytes).toString();
    bytes.push(byte);
  }
}

async function firstByte(): Promise<number | undefined> {
  const byte = Buffer.alloc(1);
  for (;;) {
    try {
      const { bytesRead } = await readSome(0, byte, 0, 1, null);
      return bytesRead === 0 ? undefined : byte[0];
    } catch (error) {
      if (isEnd(error)) return undefined;
      await sleep(PAUSE);
    }
  }
}

function readByte(): number | undefined {
  const byte = Buffer.alloc(1);
  for (;;) {
    try {
      return readSync(0, byte) === 0 ? undefined : byte[0];
    } catch (error) {
      if (isEnd(error)) return undefined;
      Atomics.wait(clock, 0, 0, PAUSE);
    }
  }
}

/** Whether nothing more comes, or there is only nothing yet. @throws the error, if it is another one */
function isEnd(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "EOF" && code !== "EAGAIN") throw error;
  return code === "EOF";
}

/** In the user's state directory [XDG Base Directory Specification]. @throws if a user has none, as in containers */
function historyFile(): string {
  const { XDG_STATE_HOME: state = "" } = process.env;
  const directory = state.startsWith("/") ? state : join(homedir(), ".local", "state");
  // An empty HOME is none; the working directory is no place for it.
  if (!isAbsolute(directory)) throw new Error("found no home");
  return join(directory, "bindery", "rdb_history");
}

/** The newest first, as readline has them. */
function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), "utf8").split("\n").filter(Boolean).reverse();
  } catch {
    return [];
  }
}

/** Who may not write there has no history. */
function writeHistory(history: readonly string[]): void {
  try {
    const file = historyFile();
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, `${[...history].reverse().join("\n")}\n`, { mode: 0o600 });
  } catch {
    // It is a convenience.
  }
}
