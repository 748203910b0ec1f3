/**
 * The kernel itself, 340 MB, against readelf and LLVM: all entries and line rows, all frames, and of a seeded sample of
 * units everything with range and location lists. About four minutes on two processors.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dwarf } from "../../src/dwarf/dwarf.ts";
import { Random } from "../support/elf-random.ts";
import { compareBatches } from "../support/oracle/batches.ts";
import { type Comparison, compareLines, type Oracle } from "../support/oracle/compare.ts";
import { openFlat } from "../support/oracle/file.ts";
import { llvmFramesOracle } from "../support/oracle/frames.ts";
import { llvmLinesOracle, readelfLinesOracle } from "../support/oracle/line-rows.ts";
import { llvmUnitOracle } from "../support/oracle/llvm-entries.ts";
import { readelfEntriesOracle } from "../support/oracle/readelf-entries.ts";
import { Totals } from "../support/oracle/totals.ts";

const SAMPLE = 40;
const { vmlinux }: { vmlinux: string } = JSON.parse(readFileSync(process.env.BINDERY_FILES ?? "", "utf8"));

let dwarf: Dwarf;
const totals = new Totals();
beforeAll(() => {
  dwarf = openFlat(vmlinux);
});
afterAll(() => {
  console.log(`vmlinux\n${totals}`);
});

async function differences(kind: string, oracle: Oracle): Promise<string[]> {
  return totals.add(new Map<string, Comparison>([[kind, await compareLines(oracle)]]));
}

test.each([
  ["entries, readelf", readelfEntriesOracle, 50_000_000],
  ["line rows, readelf", readelfLinesOracle, 1_000_000],
  ["line rows, LLVM", llvmLinesOracle, 1_000_000],
  ["frame rows, LLVM", llvmFramesOracle, 100_000],
] as const)("%s", async (kind, oracle, least) => {
  expect(await differences(kind, oracle(vmlinux, dwarf))).toEqual([]);
  expect(totals.lines(kind)).toBeGreaterThan(least);
});

test("entries in batches, the cursor", () => {
  const result = compareBatches(dwarf);
  expect(totals.add(new Map([["entries in batches, the cursor", result]]))).toEqual([]);
  expect(result.lines).toBeGreaterThan(50_000_000);
});

test("entries and lists of a sample of units, LLVM", async () => {
  const kind = "entries and lists, LLVM";
  const units = [...dwarf.units()];
  const random = new Random(20261121);
  for (let i = 0; i < SAMPLE; i++) {
    expect(await differences(kind, llvmUnitOracle(vmlinux, random.pick(units)))).toEqual([]);
  }
  expect(totals.lines(kind)).toBeGreaterThan(100_000);
});
