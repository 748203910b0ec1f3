/** Zstandard in programs that use the package which holds its decoder after it was used here. */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { ZSTDDecoder } from "zstddec";
import { decodeZstd } from "../../src/bytes/zstd.ts";

it("is started at once, and the package by those who wait for it", async () => {
  const text = new TextEncoder().encode("one of them reads it first. ".repeat(50));
  const frame = new Uint8Array(execFileSync("zstd", ["-q", "-c"], { input: text }));
  const { fetch } = globalThis;
  expect(decodeZstd(frame, text.length)).toEqual(text);
  expect(globalThis.fetch).toBe(fetch);
  const theirs = new ZSTDDecoder();
  expect(() => theirs.decode(frame, text.length)).toThrow("Await .init()");
  await theirs.init();
  expect(theirs.decode(frame, text.length)).toEqual(text);
});
