/**
 * `npm run bench:dlbind`: what live objects cost, against peers measured in the same run.
 * Arguments name the parts to run: bind, lookup, publish. Without any, all.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureBind } from "./dlbind/bind.ts";
import { measureLookup } from "./dlbind/lookup.ts";
import { measurePublish } from "./dlbind/publish.ts";
import { compilePeer, printTable } from "./dlbind/support.ts";

const parts = process.argv.slice(2);
const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);
const scratch = mkdtempSync(join(tmpdir(), "bindery-bench-"));
try {
  const peer = compilePeer("bench/peers/lookup.c", join(scratch, "lookup.so"));
  if (wants("bind")) {
    const timeDlopens = peer("double time_dlopens(const uint8_t *paths, long count)");
    printTable(
      "Binding",
      measureBind(scratch, (paths, count) => timeDlopens(Buffer.from(paths), count) as number),
    );
  }
  if (wants("lookup")) {
    const timeLookups = peer(
      "double time_lookups(uintptr_t handle, const uint8_t *names, long count, long lookups)",
    );
    printTable(
      "Looking up",
      measureLookup((...args) => timeLookups(...args) as number),
    );
  }
  if (wants("publish")) printTable("Publishing", measurePublish());
} finally {
  rmSync(scratch, { recursive: true });
}
