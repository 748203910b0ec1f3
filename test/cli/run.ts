/** Runs the built `bindery` as a user does. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
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
