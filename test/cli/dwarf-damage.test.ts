/** What is wrong, with files or with command lines: `bindery dwarf` says so with the place, and shows the rest. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ElfFile } from "../../src/elf/file.ts";
import { compile } from "../dwarf/read/location-objects.ts";
import { groupsOf, type Shown, shown } from "./dwarf-support.ts";
import { bindery } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "bindery-cli-damage-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const SUBCOMMANDS = ["info", "lines", "ranges", "locs", "frames", "aranges", "names", "types", "macros"];
const object = compile(scratch, { compiler: "gcc", options: ["-gdwarf-5", "-O2", "-ggnu-pubnames"] }, "a.o");
const linked = join(scratch, "linked");
{
  const other = compile(scratch, { compiler: "gcc", options: ["-gdwarf-5", "-O2", "-ggnu-pubnames"] }, "b.o");
  const options = ["--unresolved-symbols=ignore-all", "-z", "muldefs", "-e", "0", "--no-warn-rwx-segments"];
  execFileSync("ld", [...options, object, other, "-o", linked], { stdio: "pipe" });
}

/** The linked file with one byte of a section changed. */
function damaged(section: string, offset: number, byte: number): string {
  const image = readFileSync(linked);
  const [found] = ElfFile.open(image).sectionsNamed(section);
  if (found === undefined) throw new Error(`no ${section}`);
  image[found.offset + offset] = byte;
  const path = join(scratch, "damaged");
  writeFileSync(path, image);
  return path;
}

interface Covering {
  readonly list?: string;
  readonly ranges: readonly unknown[];
}

describe("damage does not end a dump", () => {
  const units = groupsOf<{ entries: readonly Covering[] }>(shown("ranges", linked)[0]);
  const [first] = units;
  const list = first?.entries.find((entry) => entry.list !== undefined && entry.ranges.length > 1)?.list;
  const listAt = Number(list?.replace(/^.*\+/, ""));
  const cases = [
    { subcommand: "info", section: ".debug_info", offset: 4, byte: 9, left: 1 },
    { subcommand: "locs", section: ".debug_info", offset: 4, byte: 9, left: 1 },
    { subcommand: "types", section: ".debug_info", offset: 12, byte: 0x7f, left: 2 },
    { subcommand: "lines", section: ".debug_line", offset: 4, byte: 9, left: 1 },
    { subcommand: "aranges", section: ".debug_aranges", offset: 4, byte: 9, left: 1 },
    { subcommand: "names", section: ".debug_gnu_pubnames", offset: 4, byte: 9, left: 3 },
    { subcommand: "frames", section: ".eh_frame", offset: 8, byte: 9, left: 1 },
  ];

  test.each(cases)("$subcommand: $section+$offset", ({ subcommand, section, offset, byte, left }) => {
    const path = damaged(section, offset, byte);
    const { status, stdout, stderr } = bindery(["dwarf", subcommand, "--json", path, linked]);
    const [broken, whole] = JSON.parse(stdout) as Shown[];
    expect([status, stderr]).toEqual([1, ""]);
    expect(groupsOf(broken)).toHaveLength(left);
    expect(JSON.stringify(broken).length).toBeLessThan(JSON.stringify(whole).length);
    expect(whole?.errors).toBeUndefined();
    const messages = broken?.errors?.map(({ message }) => message) ?? [];
    expect(messages.length).toBeGreaterThan(0);
    for (const message of messages) expect(message).toContain(`${path}: ${section}+0x`);
  });

  test("one list that is damaged leaves the others of its unit", () => {
    const path = damaged(".debug_rnglists", listAt, 0x77);
    const [document] = JSON.parse(bindery(["dwarf", "ranges", "--json", path]).stdout) as Shown[];
    const [broken, whole] = groupsOf<{ entries: readonly Covering[] }>(document);
    expect(whole).toEqual(units[1]);
    const differing = first?.entries.filter(
      ({ ranges }, index) => ranges.length !== broken?.entries[index]?.ranges.length,
    );
    expect(differing?.map((entry) => entry.list)).toEqual([list]);
  });

  test("text and counts go on too, and say the same on standard error", () => {
    const path = damaged(".debug_info", 4, 9);
    const text = bindery(["dwarf", "ranges", path]);
    const counted = bindery(["dwarf", "ranges", "--stats", "--json", path]);
    expect([text.status, counted.status]).toEqual([1, 1]);
    expect(text.stderr).toBe(`bindery: ${path}: .debug_info+0x4: unit version 9: expected 2 to 5\n`);
    expect(counted.stderr).toBe(text.stderr);
    const { units: found, entries, ranges } = JSON.parse(counted.stdout);
    const lines = text.stdout.split("\n");
    expect([found, entries, ranges]).toEqual(
      [/^\.debug_info/, /^0x/, /^ {4}\[/].map((kind) => lines.filter((line) => kind.test(line)).length),
    );
    expect(ranges).toBeGreaterThan(5);
  });
});

describe("files", () => {
  const bad = ["none", "empty", "cut.o"].map((name) => join(scratch, name));
  const plain = join(scratch, "plain.o");
  writeFileSync(join(scratch, "empty"), "");
  writeFileSync(join(scratch, "cut.o"), readFileSync(object).subarray(0, 2000));
  execFileSync("objcopy", ["--strip-debug", "--remove-section=.eh_frame", object, plain]);

  test.each(SUBCOMMANDS)(
    "%s says which can't be read and which have nothing, and shows the others",
    (subcommand) => {
      const { status, stdout, stderr } = bindery(["dwarf", subcommand, ...bad, plain, object]);
      expect(status).toBe(1);
      expect(stderr.trim().split("\n")).toEqual(
        bad.map((file) => expect.stringContaining(`bindery: ${file}`)),
      );
      const [, without = "", whole = ""] = stdout.split(/^File: /m);
      expect(without).toMatch(/^\S+\n\nThere (is|are) no .* in this file\.\n\n$/);
      expect(whole).toMatch(/^\S+\n\n(\/\* )?\.(debug_\w+|eh_frame)[+:]/);
    },
  );

  test("all members of an archive are shown, or one", () => {
    const archive = join(scratch, "both.a");
    execFileSync("ar", ["rc", archive, object, join(scratch, "b.o")]);
    const [alone, first, second, named] = shown("ranges", object, archive, `${archive}(b.o)`);
    expect([first?.file, second?.file]).toEqual([`${archive}(a.o)`, `${archive}(b.o)`]);
    for (const member of [first, second]) expect(groupsOf(member)).toEqual(groupsOf(alone));
    expect(named).toEqual(second);
    const placed = shown("ranges", "--place", ".text=0x1000", archive);
    expect(JSON.stringify(placed)).toContain('"begin":"0x1000"');
  });

  test.each([
    { target: "s390x", register: /DW_OP_reg2 R2\b/, frame: /^r15\+160$/ },
    { target: "aarch64", register: /DW_OP_reg0 [XW]0\b/, frame: /^w?sp\+0$/ },
  ])("of other machines, $target, have their registers", ({ target, register, frame }) => {
    const options = [`--target=${target}-linux-gnu`, "-gdwarf-4", "-O2"];
    const file = compile(scratch, { compiler: "clang", options }, `${target}.o`);
    expect(JSON.stringify(shown("locs", file))).toMatch(register);
    const [section] = groupsOf<{ entries: { rows?: { cfa: string }[] }[] }>(shown("frames", file)[0]);
    const rows = section?.entries.flatMap((entry) => entry.rows ?? []);
    expect(rows?.[0]?.cfa).toMatch(frame);
  });
});

describe("command lines", () => {
  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["an unknown option", ["ranges", "--sideways", object], /unknown option '--sideways'/],
    ["a unit that is no number", ["types", "--unit", "x", object], /whole number/],
    ["a place without an address", ["info", "--place", ".text", object], /expected SECTION=ADDRESS/],
    [
      "an address past the end",
      ["info", "--place", ".text=0x10000000000000000", object],
      /expected SECTION=/,
    ],
    [
      "a section that is not there",
      ["lines", "--place", ".txt=1", object],
      /\.txt: no such section; there are \.text, /,
    ],
    ["places in a linked file", ["lines", "--place", ".text=1", linked], /no relocatable file is named/],
    ["places and none", ["frames", "--place", ".text=1", "--relocatable", object], /cannot be used with/],
    ["a pc that is no place", ["frames", "--pc", "main", object], /--pc main: expected an address/],
    ["a pc in a section that is not there", ["frames", "--pc", ".txt+0", object], /has no such section/],
    ["a subcommand that is none", ["lies", object], /unknown command 'lies'/],
  ];

  test.each(refused)("%s is refused", (_, args, message) => {
    const { status, stdout, stderr } = bindery(["dwarf", ...args]);
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(message);
  });

  test("a section of which there are several is placed by its number", () => {
    const source = join(scratch, "several.s");
    writeFileSync(
      source,
      `.section .text,"ax",@progbits\n.cfi_startproc\nnop\n.cfi_endproc
.section .text,"ax",@progbits,unique,1\n.cfi_startproc\nnop\nnop\n.cfi_endproc\n`,
    );
    const several = join(scratch, "several.o");
    execFileSync("clang", ["-c", source, "-o", several]);
    const ambiguous = bindery(["dwarf", "frames", "--place", ".text=1", several]);
    expect(ambiguous.status).toBe(2);
    const [, first = "", second = ""] = /numbers (\d+), (\d+)/.exec(ambiguous.stderr) ?? [];
    const places = ["--place", `${first}=0x1000`, "--place", `${second}=0x2000`];
    const { stdout } = bindery(["dwarf", "frames", ...places, several]);
    expect([...stdout.matchAll(/\[(0x\d+), (0x\d+)\)/g)].map(([bounds]) => bounds)).toEqual([
      "[0x1000, 0x1001)",
      "[0x2000, 0x2002)",
    ]);
  });

  test("units and entries that are not there are no success", () => {
    for (const args of [
      ["--unit", "7"],
      ["--die", "0x999999"],
    ]) {
      const { status, stderr } = bindery(["dwarf", "ranges", ...args, object]);
      expect(status).toBe(1);
      expect(stderr).toMatch(/: no (unit 7|entry 0x999999): found 1 units$/m);
    }
    expect(bindery(["dwarf", "frames", "--pc", "0x7", object]).stderr).toBe(
      `bindery: ${object}: no frame covers 0x7\n`,
    );
  });

  test.each(["info", "frames", "types"])("%s has a page of help", (subcommand) => {
    const { status, stdout } = bindery(["dwarf", subcommand, "--help"]);
    expect(status).toBe(0);
    for (const part of [
      "Options:",
      "--place <section=address>",
      "Addresses:",
      "JSON:",
      "Examples:",
      "Exit status:",
    ])
      expect(stdout).toContain(part);
    expect(stdout.split("\n").filter((line) => line.length > 130)).toEqual([]);
  });
});
