/** Files that are read into the memory of those before them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSource } from "../../src/host/file.ts";
import { ReadBuffers } from "../../src/host/read-buffers.ts";

const SIZES = [100_000, 70_000, 90_000, 400, 150_000];
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-buffers-"));
  SIZES.forEach((size, index) => {
    writeFileSync(
      join(scratch, `f${index}`),
      Uint8Array.from({ length: size }, (_, i) => i * (index + 3)),
    );
  });
});
afterAll(() => rmSync(scratch, { recursive: true }));

test("each file is read right, into what the one before it was read into", () => {
  const buffers = new ReadBuffers();
  const used = SIZES.map((size, index) => {
    const path = join(scratch, `f${index}`);
    using opened = openSource(path, { buffers });
    const half = Math.floor(size / 2);
    const [first, second] = [opened.source.read(0, half), opened.source.read(half, size - half)];
    const whole = new Uint8Array(readFileSync(path));
    expect(first).toEqual(whole.subarray(0, half));
    expect(second).toEqual(whole.subarray(half));
    return [first.buffer, second.buffer];
  });
  const [[a, b] = [], [c, d] = [], [e, f] = [], small = []] = used;
  expect(new Set([a, b, c, d, e, f]).size).toBe(2);
  expect(a).not.toBe(b);
  // What is small has memory of its own.
  expect(small.map((buffer) => buffer.byteLength)).toEqual([400, 400]);
});
