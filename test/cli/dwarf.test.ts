/** `bindery dwarf info`, as a person runs it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compile, printedAttributes } from "../dwarf/read/location-objects.ts";
import { readelfEntries } from "../dwarf/read/readelf-info.ts";
import { groupsOf, shown } from "./dwarf-support.ts";
import { bindery, MAIN } from "./run.ts";

interface Entry {
  readonly offset: number;
  readonly attributes: readonly { readonly name: string; readonly form: string; readonly value: string }[];
  readonly children: readonly Entry[];
}

let scratch = "";
let object = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-cli-dwarf-"));
  const source = join(scratch, "a.c");
  object = join(scratch, "a.o");
  writeFileSync(
    source,
    "struct s { int a; struct s *next; };\nint total(struct s *p) { return p ? p->a + total(p->next) : 0; }\n",
  );
  execFileSync("gcc", ["-g", "-O1", "-gdwarf-5", "-c", source, "-o", object]);
});
afterAll(() => rmSync(scratch, { recursive: true }));

test("prints entries with relocatable addresses", () => {
  const { stdout, status } = bindery(["dwarf", "info", object]);
  expect(status).toBe(0);
  const offsets = [...stdout.matchAll(/^0x([0-9a-f]{8}): *(DW_TAG_\w+)$/gm)].map(
    ([, at, tag]) => `${Number(`0x${at}`)} ${tag}`,
  );
  expect(offsets).toEqual(readelfEntries(object).map(({ offset, tag }) => `${offset} ${tag}`));
  expect(stdout).toMatch(/DW_AT_name\s+"total"/);
  expect(stdout).toMatch(/DW_AT_low_pc\s+\.text\+0x0/);
});

test("counts what readelf prints, over several files", () => {
  const entries = readelfEntries(object);
  const attributes = entries.reduce((sum, entry) => sum + entry.attributes.length, 0);
  const { stdout, status } = bindery(["dwarf", "info", "--stats", "--json", object, object]);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ units: 2, dies: 2 * entries.length, attributes: 2 * attributes });
});

test("shows one entry with what it owns, and no deeper than asked", () => {
  const structure = readelfEntries(object).find(({ tag }) => tag === "DW_TAG_structure_type");
  const at = `0x${structure?.offset.toString(16)}`;
  const [document] = JSON.parse(bindery(["dwarf", "info", "--die", at, "--json", object]).stdout);
  expect(document.units[0].dies).toHaveLength(1);
  const [die] = document.units[0].dies;
  expect([die.offset, die.tag]).toEqual([structure?.offset, "DW_TAG_structure_type"]);
  expect(die.children.map(({ tag }: { tag: string }) => tag)).toEqual(["DW_TAG_member", "DW_TAG_member"]);
  const shallow = bindery(["dwarf", "info", "--die", at, "--depth", "0", object]).stdout;
  expect(shallow.match(/DW_TAG_/g)).toHaveLength(1);
});

test("says what is wrong, with the place, and shows the rest", () => {
  const inside = bindery(["dwarf", "info", "--die", "0x11", object]);
  expect([inside.status, inside.stderr]).toEqual([
    1,
    `bindery: ${object}: .debug_info+0x11: no entry begins here\n`,
  ]);
  const cut = join(scratch, "cut.o");
  writeFileSync(cut, readFileSync(object).subarray(0, 200));
  const both = bindery(["dwarf", "info", "--stats", cut, object, join(scratch, "none.o")]);
  expect(both.status).toBe(1);
  expect(both.stdout).toMatch(/^1 units, /);
  expect(both.stderr.split("\n").filter((line) => line.startsWith("bindery: "))).toHaveLength(2);
  expect(bindery(["dwarf", "info", "--unit", "x", object]).status).toBe(2);
});

test("prints and counts the rows that llvm-dwarfdump prints", () => {
  const printed = execFileSync("llvm-dwarfdump", ["--debug-line", object], { encoding: "utf8" });
  const expected = [...printed.matchAll(/^0x([0-9a-f]{16}) +(\d+) +(\d+) /gm)].map(
    ([, address, line, column]) => `${BigInt(`0x${address}`)} ${line}:${column}`,
  );
  const ends = printed.match(/end_sequence$/gm)?.length ?? 0;
  const { stdout, status } = bindery(["dwarf", "lines", object]);
  expect(status).toBe(0);
  const ours = [...stdout.matchAll(/^\.text\+(0x[0-9a-f]+) +\S+:(\d+):(\d+)/gm)].map(
    ([, address = "", line, column]) => `${BigInt(address)} ${line}:${column}`,
  );
  expect(ours).toEqual(expected);
  const counted = JSON.parse(bindery(["dwarf", "lines", "--stats", "--json", object]).stdout);
  expect(counted).toEqual({ sequences: ends, rows: expected.length });
});

test("says what references lead to as llvm-dwarfdump does, and where entries end and are declared", () => {
  const file = compile(scratch, { compiler: "gcc", options: ["-gdwarf-5", "-O2"] }, "names.o");
  const expected = printedAttributes(file).flatMap(({ entry, name, form, text }) => {
    const [, at = "", called] =
      /(0x[0-9a-f]+)\}? "([^"]*)"$/.exec(text.replace(/^cu \+ 0x\w+ => /, "")) ?? [];
    return called === undefined || name === "DW_AT_type" || !/ref/.test(form)
      ? []
      : [`${entry} ${name} {0x${Number(at).toString(16)}} "${called}"`];
  });
  const [document] = shown("info", file);
  const ours: string[] = [];
  const visit = ({ offset, attributes, children }: Entry): void => {
    for (const { name, form, value } of attributes)
      if (/ref/.test(form) && !/_type$|_call_origin$/.test(name) && value.includes('"'))
        ours.push(`${offset} ${name} ${value}`);
    children.forEach(visit);
  };
  for (const { dies } of groupsOf<{ dies: Entry[] }>(document)) dies.forEach(visit);
  expect(expected.length).toBeGreaterThan(8);
  expect(ours).toEqual(expected);
  const text = bindery(["dwarf", "info", file]).stdout;
  expect(text).toMatch(/DW_AT_high_pc +\.text\+0x[0-9a-f]+ \(\d+ bytes\)/);
  expect(text).toMatch(/DW_AT_decl_file +1 ".*a\.c"/);
  expect(text).toMatch(/DW_AT_type +\{0x[0-9a-f]+\} "struct pair"/);
  expect(text).toMatch(/DW_AT_inline +DW_INL_\w+/);
});

test("waits for a reader that is slow, and ends with one that has seen enough", () => {
  const files = new Array(120).fill(object);
  const { stdout } = bindery(["dwarf", "info", ...files]);
  // A pipe holds 64 KiB.
  expect(stdout.length).toBeGreaterThan(1 << 18);
  const piped = (reader: string): string => {
    const command = `set -o pipefail; "${process.execPath}" "${MAIN}" dwarf info "$@" | ${reader}`;
    return execFileSync("bash", ["-c", command, "bash", ...files], { encoding: "utf8", maxBuffer: 1 << 28 });
  };
  expect(piped("(sleep 0.5; cat)")).toBe(stdout);
  expect(piped("head -2")).toBe(`${stdout.split("\n", 2).join("\n")}\n`);
});
