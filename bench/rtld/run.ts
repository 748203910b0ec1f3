/** Commands that are measured. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { CommandLine } from "./programs.ts";

/** The command as it is built. */
export const COMMAND = join(import.meta.dirname, "../../../../dist/cli/main.js");

/** Milliseconds from the start of a command to its end. */
export function wall([command, ...args]: CommandLine): number {
  const from = performance.now();
  const { error, signal } = spawnSync(command, args, { stdio: "ignore" });
  if (error !== undefined || signal !== null) throw new Error(`${command}: ${error?.message ?? signal}`);
  return performance.now() - from;
}
