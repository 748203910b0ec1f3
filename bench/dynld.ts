/**
 * `npm run bench:dynld [-- OPTION... PART...]`: what modules cost, against peers measured in the same run, which take turns.
 * Parts: load, sign, call. Without any, all.
 *
 *   --rounds N   medians of N rounds; 15
 *   --quick      three rounds
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measureCalls } from "./dynld/call.ts";
import { measureLoads } from "./dynld/load.ts";
import { measureSignatures } from "./dynld/signatures.ts";

const { values, positionals: parts } = parseArgs({
  options: { rounds: { type: "string", default: "15" }, quick: { type: "boolean", default: false } },
  allowPositionals: true,
});
const rounds = values.quick ? 3 : Number(values.rounds);
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);

/** What scripts/lib/bench-dynld.mjs got ready. */
const { modules, sqlite }: { readonly modules: readonly string[]; readonly sqlite: string } = JSON.parse(
  readFileSync(process.env.BINDERY_BENCH ?? "", "utf8"),
);
console.log(`${cpus()[0]?.model.trim()}, ${cpus().length} processors; Node ${process.versions.node}\n`);
const scratch = mkdtempSync(join(tmpdir(), "bindery-bench-"));
try {
  if (wants("load")) measureLoads(sqlite, rounds);
  if (wants("sign")) measureSignatures(modules, sqlite, scratch, Math.min(rounds, 5));
  if (wants("call")) await measureCalls(scratch);
} finally {
  rmSync(scratch, { recursive: true });
}
