/**
 * Reassembles what real libraries contain: every distinct shape of instruction in a library's `.text` goes
 * bytes → text → bytes → text. GNU as is asked for a second opinion on a sample.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { assemble, type DisassembledLine, disassemble } from "../../src/asm/index.ts";

const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";
const LIBM = "/lib/x86_64-linux-gnu/libm.so.6";

/** The `.text` of a library, found by readelf and not by our own reader. */
function textOf(path: string): { bytes: Uint8Array; address: bigint } {
  const listing = execFileSync("readelf", ["-SW", path], { encoding: "utf8" });
  const [, address, offset, size] = / \.text +PROGBITS +(\w+) (\w+) (\w+)/.exec(listing) ?? [];
  if (address === undefined || offset === undefined || size === undefined) {
    throw new Error(`readelf shows no .text in ${path}`);
  }
  const start = Number.parseInt(offset, 16);
  return {
    bytes: readFileSync(path).subarray(start, start + Number.parseInt(size, 16)),
    address: BigInt(`0x${address}`),
  };
}

/** One line for each mnemonic and operand shape, numbers aside. */
function distinct(path: string): DisassembledLine[] {
  const { bytes, address } = textOf(path);
  const shapes = new Map<string, DisassembledLine>();
  for (const line of disassemble(bytes, address)) {
    const shape = line.text.replaceAll(/0x[0-9a-f]+/g, "N");
    if (line.text !== "(bad)" && !shapes.has(shape)) {
      shapes.set(shape, line);
    }
  }
  return [...shapes.values()];
}

/**
 * What must not change. A rip-relative displacement counts from the instruction's end, which another encoding may
 * move, and the operands of `xchg` may trade places.
 */
function meaning(line: DisassembledLine | undefined): string {
  const text = line?.text.replace(/\[rip[^\]]*\]/, "[rip]") ?? "";
  const [, first, second] = /^xchg (\w+), (\w+)$/.exec(text) ?? [];
  const settled =
    first === undefined || second === undefined ? text : `xchg ${[first, second].sort().join(", ")}`;
  return `${settled} -> ${line?.target}`;
}

test.each([LIBC, LIBM])("every shape of instruction in %s comes back as it was", (path) => {
  const lines = distinct(path);
  const wrong: string[] = [];
  for (const line of lines) {
    const bytes = assemble(line.text, line.address);
    const [back, ...more] = disassemble(bytes, line.address);
    const same = Buffer.compare(bytes, line.bytes) === 0 || meaning(back) === meaning(line);
    if (!same || more.length > 0 || bytes.length > line.bytes.length) {
      wrong.push(`${line.text} became ${back?.text}`);
    }
  }
  expect(lines.length).toBeGreaterThan(5_000);
  expect(wrong).toEqual([]);
});

test("GNU as gives the same bytes for a sample, or other bytes that mean the same", () => {
  // gas would relocate absolute branch targets, and spells broadcasts and string operands in its own way.
  const sample = distinct(LIBC).filter(
    ({ text, target }) => target === undefined && !/bcst|xlat|^(mwait|monitor)/.test(text),
  );
  const folder = mkdtempSync(join(tmpdir(), "bindery-corpus-"));
  try {
    const source = join(folder, "a.s");
    const object = join(folder, "a.o");
    // Each instruction stands on a 16-byte boundary, so that where it ends up does not depend on the others.
    const body = sample.map(
      ({ text }) =>
        `.p2align 4\n${text.replaceAll("mmword ptr", "xmmword ptr").replaceAll(/([xyz])xmmword/g, "$1mmword")}`,
    );
    writeFileSync(source, `.intel_syntax noprefix\n.code64\n${body.join("\n")}\n`);
    execFileSync("as", ["--64", "-o", object, source]);
    const binary = join(folder, "a.bin");
    execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, binary]);
    const theirs = readFileSync(binary);
    const different: string[] = [];
    let identical = 0;
    for (const [n, { text }] of sample.entries()) {
      const ours = assemble(text, 0n);
      const slot = theirs.subarray(n * 16, n * 16 + 16);
      const [first] = disassemble(slot, 0n);
      if (Buffer.compare(ours, slot.subarray(0, ours.length)) === 0) {
        identical += 1;
      } else if (first?.text !== disassemble(ours, 0n)[0]?.text) {
        different.push(`${text}: ours ${Buffer.from(ours).toString("hex")}, gas ${first?.text}`);
      }
    }
    expect(different).toEqual([]);
    expect(identical / sample.length).toBeGreaterThan(0.95);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
