/** Sampling with perf(1). */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** `perf record` as it is used here: by the clock that jitdumps have, and with no cache of build ids. */
export const RECORD = ["record", "-k", "mono", "-e", "cpu-clock", "-F", "999", "-N"];

/** Samples a running process while `act` lasts, from its first to its last moment. @param data the file for the samples */
export async function recordWhile(pid: number, data: string, act: () => Promise<unknown>): Promise<void> {
  const args = [...RECORD, "-o", data, "-p", String(pid), "-D", "-1", "--control", "fd:3,4"];
  const perf = spawn("perf", args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const ended = once(perf, "close");
  const [, , , commands, answers] = perf.stdio as unknown as [null, null, null, Writable, Readable];
  commands.write("enable\n");
  await Promise.race([once(answers, "data"), ended]);
  await act();
  if (perf.exitCode === null) commands.write("stop\n");
  const [code, signal] = await ended;
  if (code !== 0) throw new Error(`perf record ended: ${signal ?? `exit code ${code}`}`);
}

/** Why the kernel does not let perf sample: containers and settings can forbid it. In perf's words; `undefined` when it does. @param directory for its output */
export function samplingRefused(directory: string): string | undefined {
  const args = ["record", "-e", "cpu-clock", "-o", join(directory, "try.data"), "--", "true"];
  const { status, stderr, error } = spawnSync("perf", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (error !== undefined) throw error;
  return status === 0 ? undefined : stderr;
}
