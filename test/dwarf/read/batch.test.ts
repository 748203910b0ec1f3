/** Batches, with and without WebAssembly, against cursors, which are compared with readelf elsewhere. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Dwarf, type DwarfUnit } from "../../../src/dwarf/dwarf.ts";
import { EntryBatch } from "../../../src/dwarf/read/entry/batch.ts";
import { ElfFile } from "../../../src/elf/file.ts";

const SOURCE = `
struct node { int a; char b[3]; struct node *next; unsigned bits : 3; };
enum color { RED = -1, GREEN = 70000, BLUE = 0x7fffffff, FAR = -70000 };
long long big = 0x123456789abcdefLL;
__thread struct node *head;
int sum(struct node *p, int n) { int r = 0; for (int i = 0; i < n; i++) { r += p->a; p = p->next; } return r; }
enum color pick(int x, struct node *n) { return sum(n, x) + sum(n, x + 1) > 3 ? GREEN : RED; }
`;

/** Codes with gaps, more values than a column has at first, and every form that the kernel leaves alone. */
const FAR_CODES = `
  .section .debug_abbrev
  .uleb128 7, 0x11
  .byte 1
  .uleb128 0x3, 0x8, 0, 0
  .uleb128 300, 0x34
  .byte 0
  .uleb128 0x3, 0x8, 0x2, 0x9, 0x1c, 0xd, 0x1c, 0xf, 0x1c, 0x3, 0x1c, 0x4, 0x1c, 0x1e, 0x1c, 0x16, 0, 0
  .uleb128 90000, 0x34
  .byte 0
  .rept 17000
  .uleb128 0x1c, 0xb
  .endr
  .uleb128 0x1c, 0x21, -200
  .uleb128 0x3f, 0x19, 0, 0
  .byte 0
  .section .debug_info
  .long 2f - 1f
1: .short 5
  .byte 1, 8
  .long 0
  .uleb128 7
  .asciz "a unit"
  .rept 3
  .uleb128 300
  .asciz "a name that is longer than most names are, which is no reason to be read otherwise"
  .uleb128 130
  .fill 130, 1, 0x11
  .sleb128 -100000
  .uleb128 0x123456789abcdef
  .short 3
  .byte 1, 2, 3
  .long 2
  .byte 4, 5
  .fill 16, 1, 0x77
  .uleb128 0xb
  .byte 99
  .uleb128 90000
  .fill 17000, 1, 0x33
  .endr
  .byte 0
2:
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-batch-"));
  writeFileSync(join(scratch, "a.c"), SOURCE);
  writeFileSync(join(scratch, "far.s"), FAR_CODES);
});
afterAll(() => rmSync(scratch, { recursive: true }));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

function units(name: string, command: string, ...options: string[]): DwarfUnit[] {
  const object = join(scratch, "a.o");
  execFileSync(command, [...options, "-c", join(scratch, name), "-o", object], { cwd: scratch });
  return [...Dwarf.open(ElfFile.open(readFileSync(object))).units()];
}

type Entry = readonly [offset: number, depth: number, declaration: number, values: (readonly number[])[]];

function ofCursor(unit: DwarfUnit): Entry[] {
  const found: Entry[] = [];
  for (const at = unit.entries(); at.next(); ) {
    const values: (readonly number[])[] = [];
    const { offset, depth, tag } = at;
    while (at.nextAttribute()) values.push([at.low, at.high]);
    found.push([offset, depth, tag, values]);
  }
  return found;
}

function ofBatch(batch: EntryBatch): Entry[] {
  const found: Entry[] = [];
  while (batch.fill() > 0) {
    const { offsets, depths, declarations, firstValues, lows, highs } = batch;
    for (let entry = 0; entry < batch.count; entry++) {
      const values: (readonly number[])[] = [];
      for (let i = firstValues[entry] ?? 0; i < (firstValues[entry + 1] ?? 0); i++) {
        values.push([lows[i] ?? -1, highs[i] ?? -1]);
      }
      const tag = batch.abbrevs.tags[declarations[entry] ?? -1] ?? -1;
      found.push([offsets[entry] ?? -1, depths[entry] ?? -1, tag, values]);
    }
  }
  return found;
}

const TARGETS = [
  ...["x86_64", "i386", "aarch64", "aarch64_be", "armv7a", "riscv64", "powerpc64", "powerpc64le"],
  ...["s390x", "mips", "mips64el"],
];

describe.each(TARGETS)("%s", (target) => {
  test.each(["-gdwarf-2", "-gdwarf-4", "-gdwarf-5", "-gdwarf64"])("%s: the same as by cursor", (format) => {
    const version = format === "-gdwarf64" ? ["-gdwarf-5", "-gdwarf64"] : [format];
    // The 64-bit format is for 64-bit machines.
    if (format === "-gdwarf64" && !target.includes("64") && target !== "s390x") version.pop();
    let batch: EntryBatch | undefined;
    for (const unit of units("a.c", "clang", `--target=${target}-linux-gnu`, "-O1", ...version)) {
      batch = unit.batch(batch);
      const expected = ofCursor(unit);
      expect(expected.length).toBeGreaterThan(25);
      expect(ofBatch(batch)).toEqual(expected);
    }
  });
});

test("unusual codes and forms, and entries of thousands of values, are the same as by cursor", () => {
  const [unit] = units("far.s", "gcc");
  if (unit === undefined) throw new Error("expected a unit");
  const expected = ofCursor(unit);
  expect(expected.map(([, , , values]) => values.length)).toEqual([1, 8, 17002, 8, 17002, 8, 17002]);
  expect(ofBatch(unit.batch())).toEqual(expected);
});

test.each([
  ["absent", undefined],
  ["forbidden", {}],
])("WebAssembly is %s: the same", async (_, instead) => {
  const [unit] = units("a.c", "gcc", "-g", "-O2");
  if (unit === undefined) throw new Error("expected a unit");
  vi.stubGlobal("WebAssembly", instead);
  vi.resetModules();
  const without = await import("../../../src/dwarf/read/entry/batch.ts");
  expect(without.EntryBatch).not.toBe(EntryBatch);
  const batch = new without.EntryBatch(unit.reader, unit.header, unit.abbrevs);
  expect(ofBatch(batch)).toEqual(ofCursor(unit));
});
