/** Files that are mapped, and cut meanwhile. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSource } from "../../src/host/file.ts";
import { cutFiles, mapLargeFiles } from "../../src/host/file-mapping.ts";

const SIZE = 10 << 20;
let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-mapping-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

function file(name: string, size: number): string {
  const path = join(scratch, name);
  writeFileSync(
    path,
    Uint8Array.from({ length: size }, (_, i) => 1 + (i % 251)),
  );
  return path;
}

test("a large file is mapped, a small one read; the bytes are those of the file", () => {
  mapLargeFiles();
  using large = openSource(file("large", SIZE));
  using small = openSource(file("small", 5000));
  const [a, b] = [large.source.read(7, 1000), large.source.read(SIZE - 9, 9)];
  expect(a.buffer).toBe(b.buffer);
  expect(Array.from(a.subarray(0, 3))).toEqual([8, 9, 10]);
  expect(Array.from(b)).toEqual(Array.from({ length: 9 }, (_, i) => 1 + ((SIZE - 9 + i) % 251)));
  expect(small.source.read(0, 5000).buffer.byteLength).toBe(5000);
  expect(cutFiles()).toEqual([]);
});

test("a file that is cut reads as zeros from there on, and is refused then", () => {
  mapLargeFiles();
  const path = file("cut", SIZE);
  using opened = openSource(path);
  const bytes = opened.source.read(0, SIZE);
  expect(bytes[SIZE - 1]).not.toBe(0);
  truncateSync(path, 8192);
  expect([bytes[8191], bytes[8192], bytes[SIZE / 2], bytes[SIZE - 1]]).toEqual([1 + (8191 % 251), 0, 0, 0]);
  expect(cutFiles()).toEqual([path]);
  expect(() => opened.source.read(0, 16)).toThrow(`${path}: offset 0x0: the file shrank`);
});

test("any other SIGBUS ends the process as it did before", async () => {
  const program = `
    const { mapLargeFiles } = await import("./dist/host/file-mapping.js");
    const { openSource } = await import("./dist/host/file.js");
    mapLargeFiles();
    openSource(process.argv[1]).source.read(0, 16);
    process.stdout.write("ready");
    setInterval(() => {}, 1000);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program, file("other", SIZE)]);
  try {
    await once(child.stdout, "data");
    child.kill("SIGBUS");
    const [, signal] = await once(child, "exit");
    expect(signal).toBe("SIGBUS");
  } finally {
    child.kill("SIGKILL");
  }
});
