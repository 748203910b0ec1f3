/**
 * Debug files of Debian packages against readelf, elfutils and LLVM, every unit of every file: C and C++ as dwz leaves it,
 * with partial units and supplementary files, and Rust. About three minutes on two processors.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ElfFile } from "../../src/elf/file.ts";
import { compareLines } from "../support/oracle/compare.ts";
import { openFlat } from "../support/oracle/file.ts";
import { compareFile, EVERY } from "../support/oracle/kinds.ts";
import { readelfSuppliedOracle } from "../support/oracle/readelf-entries.ts";
import { Totals } from "../support/oracle/totals.ts";

const packages: Record<string, string[]> = JSON.parse(readFileSync(process.env.BINDERY_FILES ?? "", "utf8"));

describe.each(Object.entries(packages))("%s", (_, paths) => {
  const totals = new Totals();
  afterAll(() => {
    console.log(`${totals}`);
  });

  test.each(paths.map((path) => [basename(path), path]))("%s", async (_name, path) => {
    expect(totals.add(await compareFile(path, EVERY))).toEqual([]);
  });

  const supplementary = paths.find((path) => path.includes("/.dwz/"));
  const supplied = paths.filter((path) => supplementary !== undefined && path !== supplementary);
  test.each(supplied.map((path) => [basename(path), path]))(
    "%s with its supplementary file",
    async (_name, path) => {
      const scratch = mkdtempSync(join(tmpdir(), "bindery-debugfiles-"));
      try {
        const linked = linkedTo(supplementary ?? "", path, scratch);
        const dwarf = openFlat(linked);
        dwarf.attachSupplementary(() => openFlat(supplementary ?? ""));
        const result = await compareLines(readelfSuppliedOracle(linked, dwarf));
        expect(totals.add(new Map([["entries with supplementary file, readelf", result]]))).toEqual([]);
      } finally {
        rmSync(scratch, { recursive: true });
      }
    },
  );

  test("there was something to compare", () => {
    const kind = "entries with supplementary file, readelf";
    if (supplementary !== undefined) expect([kind, totals.lines(kind) > 100_000]).toEqual([kind, true]);
    for (const kind of ["entries, readelf", "entries and lists, LLVM", "line rows, LLVM"]) {
      expect([kind, totals.lines(kind) > 1000]).toEqual([kind, true]);
    }
  });
});

/** A copy of a file whose link to the supplementary file leads to where that is: it names where the package puts it. */
function linkedTo(supplementary: string, path: string, scratch: string): string {
  const name = ".gnu_debugaltlink";
  const old = ElfFile.open(readFileSync(path)).sectionsNamed(name)[0]?.bytes();
  if (old === undefined) throw new Error(`${path}: no ${name}`);
  const link = join(scratch, "link");
  writeFileSync(link, Buffer.concat([Buffer.from(supplementary), old.subarray(old.indexOf(0))]));
  const copy = join(scratch, basename(path));
  execFileSync("objcopy", ["--update-section", `${name}=${link}`, path, copy]);
  return copy;
}
