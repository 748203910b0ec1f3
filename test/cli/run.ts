/** Runs the built `bindery` as a user does. */
import {
  type ChildProcessWithoutNullStreams,
  type SpawnOptionsWithoutStdio,
  type SpawnSyncReturns,
  spawn,
  spawnSync,
} from "node:child_process";
import { fileURLToPath } from "node:url";

/** The compiled binary; `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `bindery` with arguments, and text on its standard input. */
export function bindery(
  args: readonly string[],
  input = "",
  env: Readonly<Record<string, string>> = {},
): Run {
  const result: SpawnSyncReturns<string> = spawnSync(process.execPath, [MAIN, ...args], {
    input,
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, ...env },
  });
  const { status, stdout, stderr } = result;
  return { status, stdout, stderr };
}

/**
 * Runs it at a terminal, with arguments in the shell's quoting. It takes the shell's place: a Ctrl-C reaches all of a
 * terminal's foreground, and of the shells that script(1) may find some end by it.
 */
export function atTerminal(
  args: string,
  options: SpawnOptionsWithoutStdio = {},
): ChildProcessWithoutNullStreams {
  const command = `exec "${process.execPath}" "${MAIN}" ${args}`;
  return spawn("script", ["-qec", command, "/dev/null"], { ...options, stdio: "pipe" });
}
