/** Zstandard in programs that use the package which holds its decoder, too. */
import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { ZSTDDecoder } from "zstddec";
import { decodeZstd } from "../../src/bytes/zstd.ts";

const text = new TextEncoder().encode("both of them read it. ".repeat(50));
const frame = new Uint8Array(execFileSync("zstd", ["-q", "-c"], { input: text }));

it("is decoded by the package's own copy, if that was started before, and leaves it as it is", async () => {
  const theirs = new ZSTDDecoder();
  await theirs.init();
  expect(decodeZstd(frame, text.length)).toEqual(text);
  expect(() => decodeZstd(frame.subarray(0, -1), text.length)).toThrow("zstd: found no complete");
  expect(() => decodeZstd(frame, text.length - 1)).toThrow("zstd: found no complete");
  expect(theirs.decode(frame, text.length)).toEqual(text);
});
