/** `.debug_names`, against what llvm-dwarfdump prints of the same files. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tagName } from "../../../src/dwarf/constants/tag.ts";
import { rootEntry } from "../../../src/dwarf/die.ts";
import type { Dwarf } from "../../../src/dwarf/dwarf.ts";
import { NameEntryCursor } from "../../../src/dwarf/read/names/entry.ts";
import { caseFoldingHash } from "../../../src/dwarf/read/names/hash.ts";
import { type NameIndex, nameIndexes } from "../../../src/dwarf/read/names/names.ts";
import { compileNames, openFile, printed, refusals } from "./names-objects.ts";

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-names-"));
});
afterAll(() => rmSync(scratch, { recursive: true }));

const CLANG = ["clang", "-g", "-gdwarf-5", "-gpubnames", "-mllvm", "-accel-tables=Dwarf"];
const BUILDS = [
  CLANG,
  [...CLANG, "-gdwarf64"],
  [...CLANG, "--target=mips-linux-gnu"],
  [...CLANG, "--target=aarch64-linux-gnu"],
].map((command) => ({ command }));

describe.each(BUILDS)("$command", ({ command }) => {
  test("has the names, buckets, hashes and entries that llvm-dwarfdump prints, of entries that have those names", () => {
    const file = compileNames(scratch, command);
    expect(buckets(openFile(file))).toEqual(printedBuckets(file));
    expect(checkedEntries(openFile(file))).toBeGreaterThan(10);
  });

  test("finds each name by its hash, and by the same name in other case", () => {
    for (const index of nameIndexes(openFile(compileNames(scratch, command)))) {
      expect(index.bucketCount).toBeGreaterThan(1);
      expect(index.augmentation).toBe("LLVM0700");
      for (let i = 0; i < index.length; i++) {
        const name = index.name(i);
        expect([name, caseFoldingHash(name)]).toEqual([name, index.hash(i)]);
        expect(index.find(name)).toBe(i);
        const other = name === name.toLowerCase() ? name.toUpperCase() : name.toLowerCase();
        if (other.length === name.length) expect([...index.findFolded(other)]).toContain(i);
      }
      expect(index.find("nobody")).toBe(-1);
      expect(index.find("FIRST")).toBe(-1);
    }
  });
});

test("has one index for each object of a linked file, each of its own units", () => {
  const first = compileNames(scratch, CLANG, "first.o");
  const source = join(scratch, "more.c");
  writeFileSync(source, "struct other { int z; } other; int record(struct other *o) { return o->z; }\n");
  const [compiler = "", ...options] = CLANG;
  const second = join(scratch, "second.o");
  execFileSync(compiler, [...options, "-c", source, "-o", second]);
  const linked = join(scratch, "linked");
  execFileSync("ld", ["-e", "0", "--no-warn-rwx-segments", first, second, "-o", linked]);
  const dwarf = openFile(linked);
  expect(buckets(dwarf)).toEqual(printedBuckets(linked));
  expect(checkedEntries(dwarf)).toBeGreaterThan(10);
  const found = [...nameIndexes(dwarf)].flatMap((index) =>
    dies(index, "record").map((die) => `${die?.tagName} ${die?.unit.header.offset === 0}`),
  );
  expect(found.sort()).toEqual(["DW_TAG_structure_type true", "DW_TAG_subprogram false"]);
});

test("reads an index that gdb made, of two units and without places of entries", () => {
  writeFileSync(join(scratch, "one.c"), "struct s { int a; } v; int f(struct s *p) { return p->a; }\n");
  writeFileSync(
    join(scratch, "two.c"),
    "typedef long word; word w; static int g(word x) { return x; } int main(void) { return g(w); }\n",
  );
  const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { cwd: scratch, stdio: "pipe" });
  run("gcc", "-g", "one.c", "two.c", "-o", "both");
  run("gdb", "-nx", "-batch", "-ex", "save gdb-index -dwarf-5 .", "both");
  // Its strings go behind those of the file.
  run("objcopy", "--dump-section", ".debug_str=strings", "both");
  writeFileSync(
    join(scratch, "strings"),
    Buffer.concat(["strings", "both.debug_str"].map((name) => readFileSync(join(scratch, name)))),
  );
  const sections = [
    "--add-section",
    ".debug_names=both.debug_names",
    "--update-section",
    ".debug_str=strings",
  ];
  run("objcopy", ...sections, "both", "indexed");
  const file = join(scratch, "indexed");

  const expected = printed("llvm-dwarfdump", "--debug-names", file)
    .split(/\n {4}Name (?=\d)/)
    .slice(1)
    .map((text) => {
      const [, name] = /String: .*"(.*)"/.exec(text) ?? [];
      const [, tag] = /Tag: (\w+)/.exec(text) ?? [];
      const [, unit] = /DW_IDX_compile_unit: (\w+)/.exec(text) ?? [];
      // DW_IDX_GNU_internal and DW_IDX_GNU_external, which it does not know.
      return [name, tag, Number(unit), text.includes("DW_IDX_unknown_2000") ? "internal" : "external"];
    });
  const [index] = nameIndexes(openFile(file));
  if (index === undefined) throw new Error("no index");
  const ours = Array.from({ length: index.length }, (_, i) => {
    const at = new NameEntryCursor(index, index.entries(i));
    expect([at.next(), at.entry, at.die]).toEqual([true, -1, undefined]);
    const children = at.unit === undefined ? [] : [...rootEntry(at.unit).children()];
    const name = index.name(i);
    expect(index.find(name)).toBe(i);
    // gdb has `long` for what the compiler calls `long int`.
    expect(children.map((die) => die.name?.replace(/(?<=long) int$/, ""))).toContain(name);
    return [name, tagName(at.tag), at.unitIndex, at.linkage];
  });
  expect(ours.length).toBeGreaterThan(5);
  expect(ours).toEqual(expected);
});

/** One index of two units, a local and a foreign type unit, without a hash table, with owners of entries. */
const CRAFTED = `
.section .debug_abbrev,"",@progbits
  .byte 1, 0x11, 1, 0, 0, 2, 0x13, 1, 3, 8, 0, 0, 3, 0x34, 0, 3, 8, 0, 0, 4, 0x41, 1, 0, 0, 0
.macro unit label
\\label: .long 9f-8f
8: .short 5
  .byte 1, 8
  .long .debug_abbrev
.endm
.section .debug_info,"",@progbits
unit cu0
  .byte 1, 0
9:
unit cu1
  .byte 1
s: .byte 2
  .asciz "s"
m: .byte 3
  .asciz "m"
  .byte 0, 0
9:
tu: .long 9f-8f
8: .short 5
  .byte 2, 8
  .long .debug_abbrev
  .quad 0x1122334455667788
  .long t-tu
  .byte 4
t: .byte 2
  .asciz "t"
  .byte 0, 0
9:
.section .debug_str,"MS",@progbits,1
strings: .asciz "s"
str_m: .asciz "m"
str_t: .asciz "t"
.section .debug_names,"",@progbits
  .long end-start
start: .short 5, 0
  .long 2, 1, 1, 0, 3, pool-abbrevs, 6
  .ascii "GNUish\\0\\0"
  .long cu0, cu1, tu
  .quad 0xaabbccdd00112233
  .long strings, str_m, str_t
  .long e_s-pool, e_m-pool, e_t-pool
abbrevs:
  .byte 1, 0x13, 1, 0x0b, 3, 0x13, 4, 0x19, 5, 0x07, 0, 0
  .byte 2, 0x34, 1, 0x21, 1, 3, 0x11, 4, 0x13, 0, 0
  .byte 3, 0x13, 2, 0x0f, 3, 0x13, 0, 0
  .byte 4, 0x13, 1, 0x0b, 2, 0x0b, 3, 0x05, 0, 0, 0
pool:
e_s: .byte 1, 1
  .long s-cu1
  .quad 0x123456789abcdef0
  .byte 0
e_m: .byte 2, m-cu1
  .long e_s-pool
  .byte 0
e_t: .byte 3, 0
  .long t-tu
  .byte 4, 1, 1
  .short 0x42
  .byte 0
end:
`;

function crafted(): Dwarf {
  const source = join(scratch, "crafted.s");
  writeFileSync(source, CRAFTED);
  const object = join(scratch, "crafted.o");
  execFileSync("as", [source, "-o", object]);
  return openFile(object);
}

test("reads units by number, owners, type units of this and of split files, and names without a hash table", () => {
  const [index] = nameIndexes(crafted());
  if (index === undefined) throw new Error("no index");
  expect([index.unitCount, index.localTypeCount, index.foreignTypeCount]).toEqual([2, 1, 1]);
  expect([index.augmentation, index.hash(0), index.find("m"), index.find("x")]).toEqual([
    "GNUish",
    undefined,
    1,
    -1,
  ]);
  expect([...index.findFolded("T")]).toEqual([2]);
  expect(dies(index, "s").map((die) => [die?.name, die?.unit.header.offset])).toEqual([["s", 14]]);
  expect(dies(index, "m").map((die) => die?.name)).toEqual(["m"]);
  expect(dies(index, "t").map((die) => die?.name)).toEqual(["t", undefined]);

  const s = new NameEntryCursor(index, index.entries(0));
  expect(s.next()).toBe(true);
  expect([s.typeHash, s.parent]).toEqual([0x123456789abcdef0n, -1]);
  const m = new NameEntryCursor(index, index.entries(1));
  expect(m.next()).toBe(true);
  expect(m.parent).toBe(s.offset);
  const owner = new NameEntryCursor(index, m.parent);
  expect([owner.next(), owner.die?.name]).toEqual([true, "s"]);
  const t = new NameEntryCursor(index, index.entries(2));
  expect([t.next(), t.typeUnitIndex, t.unit?.header.signature]).toEqual([true, 0, 0x1122334455667788n]);
  expect([t.next(), t.typeUnitIndex, t.unitIndex, t.entry, t.unit]).toEqual([true, 1, 1, 0x42, undefined]);
  expect(index.foreignSignature(0)).toBe(0xaabbccdd00112233n);
  expect(() => index.unit(2)).toThrow(/unit 2: the name index has 2/);
});

test("damage is refused with a place", () => {
  const read = (dwarf: Dwarf) => {
    buckets(dwarf);
    for (const index of nameIndexes(dwarf)) dies(index, "record");
  };
  expect(refusals(compileNames(scratch, CLANG), /debug_names$/, 1000, read)).toBeGreaterThan(200);
  crafted();
  expect(refusals(join(scratch, "crafted.o"), /debug_names$/, 1000, read)).toBeGreaterThan(200);
});

function dies(index: NameIndex, name: string) {
  const number = index.find(name);
  if (number < 0) return [];
  const found = [];
  const at = new NameEntryCursor(index, index.entries(number));
  while (at.next()) found.push(at.die);
  return found;
}

/** A line for each name and entry: bucket, name, hash; abbreviation, tag, place, unit. */
function buckets(dwarf: Dwarf): string[] {
  const lines: string[] = [];
  for (const index of nameIndexes(dwarf)) {
    const from = new Map(Array.from({ length: index.bucketCount }, (_, i) => [index.bucket(i), i]));
    for (let i = 0; i < index.length; i++) {
      if (from.has(i)) lines.push(`bucket ${from.get(i)}`);
      lines.push(`${i + 1} 0x${index.hash(i)?.toString(16)} ${index.name(i)}`);
      const at = new NameEntryCursor(index, index.entries(i));
      while (at.next()) {
        lines.push(
          `0x${at.offset.toString(16)} 0x${at.code.toString(16)} ${tagName(at.tag)} 0x${at.entry.toString(16)}`,
        );
      }
    }
  }
  return lines;
}

function checkedEntries(dwarf: Dwarf): number {
  let count = 0;
  for (const index of nameIndexes(dwarf)) {
    for (let i = 0; i < index.length; i++) {
      const at = new NameEntryCursor(index, index.entries(i));
      while (at.next()) {
        expect([at.die?.name, at.die?.tag]).toEqual([index.name(i), at.tag]);
        count++;
      }
    }
  }
  return count;
}

function printedBuckets(file: string): string[] {
  const lines: string[] = [];
  let bucket = "";
  let parts: string[] = [];
  for (const line of printed("llvm-dwarfdump", "--debug-names", file).split("\n")) {
    const found =
      /^ +(Bucket(?= \d)|Name(?= \d)|Hash:|String:|Entry @|Abbrev:|Tag:|DW_IDX_die_offset:) (.*)$/.exec(line);
    if (found === null) continue;
    const [, what = "", value = ""] = found;
    const number = value.toLowerCase().replace(/^0x0*(?=.)| .*$/g, "");
    if (what === "Bucket") bucket = number;
    else if (what === "Name") {
      if (bucket !== "") lines.push(`bucket ${bucket}`);
      bucket = "";
      parts = [number];
    } else if (what === "String:") lines.push(`${parts.join(" ")} ${/"(.*)"/.exec(value)?.[1]}`);
    else if (what === "Entry @") parts = [`0x${number}`];
    else if (what === "Tag:" && line.startsWith("        ")) parts.push(value);
    else if (what === "DW_IDX_die_offset:" && value.startsWith("0x"))
      lines.push(`${parts.join(" ")} 0x${number}`);
    else if (what !== "Tag:" && what !== "DW_IDX_die_offset:") parts.push(`0x${number}`);
  }
  return lines;
}
