/** Where WebAssembly is absent, or a page's content security policy forbids it, only Zstandard is missing. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import { afterEach, expect, it, vi } from "vitest";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

class Module {
  constructor() {
    throw new Error("blocked by the policy");
  }
}

it.each([
  ["absent", undefined, "Error: there is no WebAssembly"],
  ["forbidden", { Module }, "Error: blocked by the policy"],
])("%s: reads everything else, and says why not Zstandard", async (_, instead, why) => {
  const text = new TextEncoder().encode("a section that was compressed".repeat(9));
  const frame = new Uint8Array(execFileSync("zstd", ["-q", "-c"], { input: text }));
  vi.stubGlobal("WebAssembly", instead);
  if (instead === undefined) Reflect.deleteProperty(globalThis, "WebAssembly");
  const { fetch } = globalThis;
  const { ElfFile, PURE_DECOMPRESSORS } = await import("../../src/elf/index.ts");
  expect(PURE_DECOMPRESSORS.zlib(deflateSync(text), text.length)).toEqual(text);
  expect(ElfFile.open(new Uint8Array(readFileSync("/bin/true"))).sections.length).toBeGreaterThan(20);
  expect(() => PURE_DECOMPRESSORS.zstd(frame, text.length)).toThrow(
    `zstd: the WebAssembly decoder did not start: ${why}`,
  );
  expect(globalThis.fetch).toBe(fetch);
});
