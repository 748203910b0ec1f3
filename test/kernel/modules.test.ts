/**
 * Every module of a Debian kernel against readelf, elfutils and LLVM: entries with all attribute values, line rows, range
 * and location lists, frames. All modules by the quick readers, xfs and a seeded sample by every one. About ten minutes on
 * two processors; `BINDERY_KERNEL_ALL=1` has every reader read every module.
 */
import { readFileSync } from "node:fs";
import { sep } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Random } from "../support/elf-random.ts";
import { compareFile, EVERY, QUICK } from "../support/oracle/kinds.ts";
import { Totals } from "../support/oracle/totals.ts";

const SAMPLE = 40;
const { modules }: { modules: string[] } = JSON.parse(readFileSync(process.env.BINDERY_FILES ?? "", "utf8"));
const sampled = new Set(
  modules.filter((path) => path.endsWith(`${sep}xfs.ko`) || path.endsWith("xfs.ko.debug")),
);
const random = new Random(20261121);
while (sampled.size < SAMPLE) sampled.add(modules[random.below(modules.length)] ?? "");
const all = process.env.BINDERY_KERNEL_ALL === "1";

const totals = new Totals();
afterAll(() => {
  console.log(`${modules.length} modules\n${totals}`);
});

function name(path: string): string {
  return path.slice(path.indexOf(`${sep}kernel${sep}`, path.indexOf(`${sep}modules${sep}`)) + 1);
}

describe("every module", () => {
  test.each(modules.map((path) => [name(path), path]))("%s", async (_, path) => {
    const kinds = all || sampled.has(path) ? EVERY : QUICK;
    expect(totals.add(await compareFile(path, kinds))).toEqual([]);
  });
});

test("there was something to compare of every kind", () => {
  // The kernel has no lists of the kind before DWARF 5.
  const kinds = [...EVERY.keys(), "frame rows, readelf"].filter((kind) => kind !== "range lists, readelf");
  for (const kind of kinds) expect([kind, totals.lines(kind) > 1000]).toEqual([kind, true]);
});
