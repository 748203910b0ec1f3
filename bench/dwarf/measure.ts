/** Runs contenders, each in a process of its own, and measures them alike. */
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where things are that `scripts/lib/bench-dwarf.mjs` fetched and compiled. */
export interface Prepared {
  readonly modules: readonly string[];
  readonly vmlinux: string;
  /** The built `bindery` command. */
  readonly cli: string;
  readonly measure: string;
  readonly libdw: string;
  readonly gimli?: string;
}

/** One run of a program. */
export interface Run {
  /** From fork to exit. */
  readonly wall: number;
  /** Peak resident set, of the process itself. */
  readonly kilobytes: number;
  readonly output: string;
  readonly errors: string;
}

const scratch = mkdtempSync(join(tmpdir(), "bindery-bench-"));
process.on("exit", () => rmSync(scratch, { recursive: true }));

/** Path of a file that is gone when the bench ends. */
export function scratchFile(name: string): string {
  return join(scratch, name);
}

export function preparedFiles(): Prepared {
  return JSON.parse(readFileSync(process.env.BINDERY_BENCH ?? "", "utf8"));
}

/**
 * Runs a command and gives what it took and printed.
 * @param input path of what it reads as standard input
 * @throws Error when it fails
 */
export function measure(prepared: Prepared, command: readonly string[], input = "/dev/null"): Run {
  const [report, output, errors] = ["report", "output", "errors"].map((name) => join(scratch, name));
  if (report === undefined || output === undefined || errors === undefined)
    throw new Error("no scratch files");
  const stdio = [openSync(input, "r"), openSync(output, "w"), openSync(errors, "w")];
  try {
    const { error } = spawnSync(prepared.measure, [report, ...command], { stdio: [...stdio] });
    if (error !== undefined) throw error;
  } finally {
    for (const descriptor of stdio) closeSync(descriptor);
  }
  const { wall, kilobytes, status } = JSON.parse(readFileSync(report, "utf8"));
  const run = { wall, kilobytes, output: readFileSync(output, "utf8"), errors: readFileSync(errors, "utf8") };
  if (status !== 0) throw new Error(`${command.slice(0, 4).join(" ")}: exit status ${status}\n${run.errors}`);
  return run;
}

/** Reads files once, so that all contenders find them in the page cache. */
export function warm(prepared: Prepared, files: readonly string[]): void {
  measure(prepared, ["sh", "-c", 'cat "$@" > /dev/null', "sh", ...files]);
}

/** Seconds as a table has them. */
export function seconds(value: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(value < 0.1 ? 3 : 2);
}

/** What a peer took, and how many times what we took that is. */
export function against(ours: number, peer: number): string {
  return Number.isNaN(peer) ? "" : `${seconds(peer)} (${(peer / ours).toFixed(peer / ours < 10 ? 2 : 0)}x)`;
}
