/**
 * `npm run bench:rtld [-- OPTION... PART...]`: what following a run-time linker costs, against gdb and lldb in the same run,
 * which take turns. Parts: trace, read, attach. Without any, all.
 *
 *   --rounds N   medians of N rounds; 5
 *   --quick      one round, without lldb, which takes minutes for a thousand libraries
 */
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureAttach } from "./rtld/attach.ts";
import { Programs } from "./rtld/programs.ts";
import { measureReading } from "./rtld/read.ts";
import { measureTraces } from "./rtld/trace.ts";

const { values, positionals: parts } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, quick: { type: "boolean", default: false } },
  allowPositionals: true,
});
const rounds = values.quick ? 1 : Number(values.rounds);
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);

console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} processors; Node ${process.versions.node}`);
console.log(`medians of ${rounds} rounds\n`);
const scratch = mkdtempSync(join(tmpdir(), "bindery-bench-"));
try {
  const programs = new Programs(scratch);
  if (wants("trace")) measureTraces(programs, rounds, !values.quick);
  if (wants("read")) await measureReading(programs, rounds);
  if (wants("attach")) await measureAttach(programs, rounds);
} finally {
  rmSync(scratch, { recursive: true });
}
