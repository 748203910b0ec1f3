/**
 * `npm run bench:dynld`: what modules cost, against peers measured in the same run.
 * Arguments name the parts to run: call. Without any, all.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureCalls } from "./dynld/call.ts";

const parts = process.argv.slice(2);
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);
const scratch = mkdtempSync(join(tmpdir(), "bindery-bench-"));
try {
  if (wants("call")) await measureCalls(scratch);
} finally {
  rmSync(scratch, { recursive: true });
}
