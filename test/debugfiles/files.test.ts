/**
 * Debug files of Debian packages against readelf, elfutils and LLVM, every unit of every file: C and C++ as dwz leaves it,
 * with partial units and supplementary files, and Rust. About five minutes on two processors.
 */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { compareFile, QUICK, SLOW } from "../support/oracle/kinds.ts";
import { Totals } from "../support/oracle/totals.ts";

const packages: Record<string, string[]> = JSON.parse(readFileSync(process.env.BINDERY_FILES ?? "", "utf8"));

describe.each(Object.entries(packages))("%s", (_, paths) => {
  const totals = new Totals();
  afterAll(() => {
    console.log(`${totals}`);
  });

  test.each(paths.map((path) => [basename(path), path]))("%s", async (_name, path) => {
    expect(totals.add(await compareFile(path, new Map([...QUICK, ...SLOW])))).toEqual([]);
  });

  test("there was something to compare", () => {
    for (const kind of ["entries, readelf", "entries and lists, LLVM", "line rows, LLVM"]) {
      expect([kind, totals.lines(kind) > 1000]).toEqual([kind, true]);
    }
  });
});
