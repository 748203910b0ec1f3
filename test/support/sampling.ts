/** Whether perf may sample here: containers and settings of the kernel can forbid it. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** Why the kernel does not let perf sample, in perf's words; `undefined` when it does. @param directory for its output */
export function samplingRefused(directory: string): string | undefined {
  const args = ["record", "-e", "cpu-clock", "-o", join(directory, "try.data"), "--", "true"];
  const { status, stderr, error } = spawnSync("perf", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (error !== undefined) throw error;
  return status === 0 ? undefined : stderr;
}
