import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Outcome, runJobs } from "../../../src/cli/jobs/pool.ts";

const scratch = mkdtempSync(join(tmpdir(), "bindery-jobs-"));
const module = pathToFileURL(join(scratch, "squares.js"));
beforeAll(async () => {
  // Threads are not begun with TypeScript.
  const bundle = await rolldown({
    input: fileURLToPath(new URL("squares.ts", import.meta.url)),
    platform: "node",
  });
  await bundle.write({ file: fileURLToPath(module), format: "esm" });
  await bundle.close();
});
afterAll(() => rmSync(scratch, { recursive: true }));

const items = Array.from({ length: 200 }, (_, index) => index);

/** What came of each item. The large numbers are begun first. */
async function squares(endsAt: number[], throwsAt: number[], onDone?: (index: number) => void) {
  const outcomes: Outcome<number>[] = [];
  const context = { endsAt, throwsAt };
  const run = { module, context, items, weights: items, jobs: 3, ...(onDone && { onDone }) };
  for await (const outcome of runJobs<number, number>(run)) outcomes.push(outcome);
  return outcomes;
}

test("gives results in the order of the items, each once, and tells of each that is done", async () => {
  const done: number[] = [];
  const outcomes = await squares([], [], (index) => done.push(index));
  expect(outcomes.map(({ result }) => result)).toEqual(items.map((item) => item * item));
  expect(done).not.toEqual(items);
  expect(done.sort((a, b) => a - b)).toEqual(items);
});

test("loses only the item that a thread had when it ended, whatever its status", async () => {
  const outcomes = await squares([0, 17, 42, 199], []);
  const lost = outcomes.flatMap(({ error }, index) =>
    error === undefined ? [] : [`${index}: ${error.message}`],
  );
  expect(lost).toEqual([
    "0: the thread ended with status 0",
    "17: the thread ended with status 1",
    "42: the thread ended with status 0",
    "199: the thread ended with status 1",
  ]);
  expect(outcomes[198]).toEqual({ result: 198 * 198 });
});

test("throws what the function throws", async () => {
  await expect(squares([], [5])).rejects.toThrow(new RangeError("no square of 5"));
});

test("throws when the module of the threads can't be loaded", async () => {
  const run = { module: new URL("absent.mjs", import.meta.url), context: {}, items, weights: items, jobs: 2 };
  await expect(runJobs(run).next()).rejects.toThrow("absent.mjs");
});

test("ends the threads when the caller stops asking", async () => {
  const run = { module, context: { endsAt: [], throwsAt: [] }, items, weights: items, jobs: 2 };
  const before = process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;
  for await (const _ of runJobs(run)) break;
  const after = process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;
  expect(after).toBe(before);
});
