import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Progress } from "../../src/cli/progress.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A terminal, and what was written to it since the last look. */
function terminal(): { stream: PassThrough; written: () => string } {
  const stream = new PassThrough();
  return { stream, written: () => (stream.read() ?? "").toString() };
}

test("says nothing of work that is short", () => {
  const { stream, written } = terminal();
  const progress = new Progress(stream, 100, 2);
  progress.add(60);
  vi.advanceTimersByTime(400);
  progress.add(40);
  progress.clear();
  expect(written()).toBe("");
});

test("shows the share of the weight in its place, not too often, and takes the line away", () => {
  const { stream, written } = terminal();
  const progress = new Progress(stream, 1000, 40);
  vi.advanceTimersByTime(600);
  progress.add(250);
  expect(written()).toBe("\r[######..................] 25%  1 of 40 files");
  progress.add(250);
  expect(written()).toBe("");
  vi.advanceTimersByTime(150);
  progress.add(499);
  expect(written()).toBe("\r[########################] 99%  3 of 40 files");
  progress.clear();
  expect(written()).toBe("\r\x1b[K");
  progress.clear();
  expect(written()).toBe("");
});

test("has a share also of files that are empty", () => {
  const { stream, written } = terminal();
  const progress = new Progress(stream, 0, 1);
  vi.advanceTimersByTime(600);
  progress.add(0);
  expect(written()).toBe("\r[########################] 100%  1 of 1 files");
});
