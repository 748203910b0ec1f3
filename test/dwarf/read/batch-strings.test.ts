/** Strings of batches, against those that llvm-dwarfdump prints. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { StringLook } from "../../../src/dwarf/read/entry/batch-strings.ts";
import { ElfFile } from "../../../src/elf/file.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-batch-strings-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const SOURCE = `
struct list { int value; struct list *next; int x; };
enum kind { ALPHA, BETA };
static int sum_of_all_values(struct list *list) { int sum = 0; for (; list; list = list->next) sum += list->value; return sum; }
int total(struct list *a, enum kind kind) { return sum_of_all_values(a) + kind; }
`;

function object(command: string, options: readonly string[], source: string): string {
  const output = join(scratch, "object.o");
  execFileSync(command, [...options, "-c", "-o", output, "-"], { input: source });
  return output;
}

/** All strings of a file, looked at batch by batch. */
function lookAtAll(path: string): StringLook {
  const look = new StringLook();
  for (const unit of Dwarf.open(ElfFile.open(readFileSync(path), { name: path })).units()) {
    const batch = look.batch(unit);
    while (batch.fill() > 0) look.at(unit, batch);
  }
  return look;
}

test.each([
  ["gcc", "-gdwarf-5"],
  ["gcc", "-gdwarf-4"],
  ["clang", "-gdwarf-5"],
  ["clang", "-gdwarf-3"],
])("%s %s: every string is seen once, where it is", (compiler, version) => {
  const path = object(compiler, [version, "-O1", "-x", "c"], SOURCE);
  const dump = execFileSync("llvm-dwarfdump", ["--debug-info", path], { encoding: "utf8" });
  const strings = [...dump.matchAll(/^ +DW_AT_(?:name|producer|comp_dir)\t\("(.*)"\)$/gm)].map(
    ([, string = ""]) => string,
  );
  expect(strings).toContain("sum_of_all_values");
  const { count, firstBytes } = lookAtAll(path);
  const sum = strings.reduce((before, string) => before + string.charCodeAt(0), 0);
  expect([count, firstBytes]).toEqual([strings.length, sum]);
});

/** A unit with strings of forms that stand with the value, and an empty one; `offset` is that of a name in .debug_str. */
const indirect = (offset: number): string => `
  .section .debug_abbrev
  .uleb128 1, 0x11
  .byte 0
  .uleb128 0x3, 0x16, 0x1b, 0x16, 0x25, 0x8, 0x1c, 0x16, 0x3, 0xe, 0, 0
  .byte 0
  .section .debug_str
  .asciz "first", "second"
  .section .debug_info
  .long 2f - 1f
1: .short 4
  .long 0
  .byte 8
  .uleb128 1
  .uleb128 0x8
  .asciz "in place"
  .uleb128 0xe
  .long 6
  .asciz ""
  .uleb128 0xb
  .byte 7
  .long ${offset}
2:
`;

test("strings whose form stands with the value, and empty ones", () => {
  const { count, firstBytes } = lookAtAll(object("gcc", ["-x", "assembler"], indirect(0)));
  const sum = [..."isf"].reduce((before, letter) => before + letter.charCodeAt(0), 0);
  expect([count, firstBytes]).toEqual([4, sum]);
});

test("a string outside of its section is an error with its place", () => {
  const path = object("gcc", ["-x", "assembler"], indirect(13));
  expect(() => lookAtAll(path)).toThrow(`${path}: .debug_str+0xd: string: outside of its section`);
  const none = indirect(13).replace(".debug_str", ".debug_else");
  expect(() => lookAtAll(object("gcc", ["-x", "assembler"], none))).toThrow(
    /\.debug_info\+0x[0-9a-f]+: string: the file has no section for it$/,
  );
});
