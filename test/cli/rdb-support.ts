/** `bindery rdb`, run with a script as users run it, and what it said. */
import type { ChildProcess } from "node:child_process";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { RtldWorkshop } from "../rtld/workshop.ts";
import { bindery, type Run } from "./run.ts";

let count = 0;

/** Runs a script on a program. */
export function rdb(workshop: RtldWorkshop, script: string, program: string, ...args: string[]): Run {
  const file = workshop.path(`script${++count}`);
  writeFileSync(file, script);
  return bindery(["rdb", "-f", file, program, ...args]);
}

/** The lines between two that `echo` printed. */
export function between(text: string, from: string, to?: string): string[] {
  const lines = text.split("\n");
  const start = lines.indexOf(from);
  const end = to === undefined ? lines.length : lines.indexOf(to);
  if (start < 0 || end < 0) throw new Error(`${from} … ${to} are not in:\n${text}`);
  return lines.slice(start + 1, end).filter((line) => line !== "");
}

/** Functions, files and lines of a backtrace as gdb prints it, up to `main`. */
export function gdbFrames(text: string): string[] {
  const frames = [
    ...text.matchAll(/^#\d+\s+(?:0x[0-9a-f]+ in )?([\w.]+) \((?:[^\n]*)\) at (\S+):(\d+)$/gm),
  ].map(([, name, file, line]) => `${name} ${file}:${line}`);
  return frames.slice(0, frames.findIndex((one) => one.startsWith("main ")) + 1);
}

/** The same of `where`. */
export function rdbFrames(lines: readonly string[]): string[] {
  const frames = lines.flatMap((line) => {
    const [, name, place] =
      /^ 0x[0-9a-f]+:(?:[^:\s]+:)?(\w+)(?:\+0x[0-9a-f]+)?(?: \(inlined\))? at (\S+:\d+)$/.exec(line) ?? [];
    return name === undefined ? [] : [`${name} ${place}`];
  });
  return frames.slice(0, frames.findIndex((one) => one.startsWith("main ")) + 1);
}

/** What a program prints, waited for. */
export class Said {
  text = "";

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (piece: string) => {
        this.text += piece;
      });
    }
  }

  /** @throws if it does not come */
  async until(pattern: RegExp): Promise<void> {
    for (const end = Date.now() + 30_000; Date.now() < end; await sleep(10))
      if (pattern.test(this.text)) return;
    throw new Error(`${pattern} did not come:\n${this.text}`);
  }

  /** The same, and forgets all up to there. @returns it */
  async take(pattern: RegExp): Promise<string> {
    await this.until(pattern);
    const taken = this.text;
    this.text = "";
    return taken;
  }
}
