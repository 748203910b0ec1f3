/**
 * Reassembles what real libraries contain: every distinct shape of instruction in a library's `.text` goes
 * bytes → text → bytes → text. GNU as is asked for a second opinion on a sample.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { assemble, type DisassembledLine, disassemble } from "../../src/asm/index.ts";
import { AsmError } from "../../src/errors.ts";

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
 * move, the operands of `xchg` may trade places, and `st` is `st(0)`.
 */
function meaning(line: DisassembledLine | undefined): string {
  const text = line?.text.replace(/\[rip[^\]]*\]/, "[rip]").replaceAll("st(0)", "st") ?? "";
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

/** Openings after which random bytes are likely to be an instruction of some extension. */
const OPENINGS: readonly (readonly number[])[] = [
  ...[[], [0x48], [0x66], [0xf0], [0x67], [0x64], [0x41], [0xd8], [0xdd], [0x0f], [0x66, 0x0f]],
  ...[[0xf3, 0x0f], [0xf2, 0x0f], [0x0f, 0x38], [0x66, 0x0f, 0x3a], [0x8f], [0xc4], [0xc5]],
  ...[[0x62], [0x62, 0xf1], [0x62, 0xf2], [0x62, 0xf3]],
];

test("random instructions of all extensions come back as they were, or are refused with a reason", () => {
  let state = 1;
  const random = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >>> 8) & 0xff;
  };
  const address = 0x1000n;
  let tried = 0;
  let refused = 0;
  const wrong: string[] = [];
  for (let n = 0; n < 60_000; n++) {
    const opening = OPENINGS[n % OPENINGS.length] ?? [];
    const bytes = Uint8Array.of(...opening, ...Array.from({ length: 15 - opening.length }, random));
    const [line] = disassemble(bytes, address);
    // A useless prefix makes the formatter write `scasb` as `scas byte ptr es:[rdi]`.
    if (line === undefined || line.text === "(bad)" || line.text.includes("es:[")) {
      continue;
    }
    tried += 1;
    try {
      const code = assemble(line.text, address);
      const [back] = disassemble(code, address);
      const shape = (one: DisassembledLine | undefined): string => meaning(one).replace(/ # .*| -> .*/g, "");
      // The encoder may drop useless prefixes, which moves what `[rip+8]` counts from.
      const moved = line.text.includes("ip") && code.length !== line.bytes.length;
      const same = moved ? shape(back) === shape(line) : meaning(back) === meaning(line);
      if (!same && Buffer.compare(code, line.bytes) !== 0) {
        wrong.push(`${line.text} became ${back?.text}`);
      }
    } catch (error) {
      expect(error).toBeInstanceOf(AsmError);
      refused += 1;
    }
  }
  expect(wrong).toEqual([]);
  expect(tried).toBeGreaterThan(20_000);
  expect(refused / tried).toBeLessThan(0.03);
});

test("garbage is refused with an AsmError, whatever it is", () => {
  const words = [
    "mov",
    "add",
    "lock",
    "rep",
    "rax",
    "eax",
    "xmm1",
    "[",
    "]",
    "+",
    "*",
    "-",
    ",",
    ":",
    ";",
    "\n",
    "0x10",
    "ffh",
  ];
  const word = fc.constantFrom(
    ...words,
    "{k1}",
    "{z}",
    "{1to8}",
    "dword",
    "ptr",
    "far",
    "st",
    "(",
    ")",
    "fs",
    "$",
    '"x"',
    "db",
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 12 }).map((list) => list.join(" ")),
    fc.string({ maxLength: 40 }),
  );
  fc.assert(
    fc.property(text, (program) => {
      try {
        assemble(program, 0n);
      } catch (error) {
        expect(error).toBeInstanceOf(AsmError);
      }
    }),
    { numRuns: 5_000, seed: 7 },
  );
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
