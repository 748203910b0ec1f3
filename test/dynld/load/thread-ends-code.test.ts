/** The instructions that modules register destructors with are what the listing beside their bytes says. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { THREAD_ENDS_CALLS, threadEndsCode } from "../../../src/dynld/thread-ends-code.ts";
import { pathOf } from "../support/compile.ts";

it("objdump reads the bytes as the listing does, and finds addresses and labels where it has them", () => {
  const source = readFileSync(new URL("../../../src/dynld/thread-ends-code.ts", import.meta.url), "utf8");
  const listing = [...source.matchAll(/^(?:(\w+):| {2}((?:[0-9a-f]{2} )+) +(.*))$/gm)];
  const bytes = threadEndsCode(THREAD_ENDS_CALLS.map((_, index) => BigInt(index)));
  const size = bytes.length - 8 * THREAD_ENDS_CALLS.length;
  const path = pathOf("thread-ends.bin");
  writeFileSync(path, bytes.subarray(0, size));
  const args = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--insn-width=16", path];
  const read = execFileSync("objdump", args, { encoding: "utf8" });
  const rows = [...read.matchAll(/^ +([0-9a-f]+):\t((?:[0-9a-f]{2} )+) *\t(?:lock )?(\w+)(.*)$/gm)];
  // Where the listing's names are.
  const places = new Map(THREAD_ENDS_CALLS.map((name, index) => [name, size + 8 * index] as const));
  let at = 0;
  for (const [, label, hex] of listing) {
    if (label !== undefined) places.set(label, at);
    at += hex === undefined ? 0 : hex.trim().split(" ").length;
  }
  expect(at).toBe(size);
  const expected = listing.flatMap(([, , hex, text = ""]) => {
    if (hex === undefined) return [];
    const [, mnemonic = "", operands = ""] = /^(?:lock )?(\w+)(.*)$/.exec(text) ?? [];
    const target = places.get(/\w+(?=\]?$)/.exec(operands)?.[0] ?? "");
    return [`${hex.trim()} ${mnemonic} ${target?.toString(16) ?? ""}`];
  });
  const found = rows.map(([, , hex = "", mnemonic, operands = ""]) => {
    const [, target] = /(?:# |^ +)0x([0-9a-f]+)$/.exec(operands) ?? [];
    return `${hex.trim()} ${mnemonic} ${target ?? ""}`;
  });
  expect(found.length).toBeGreaterThan(50);
  expect(found).toEqual(expected);
});
