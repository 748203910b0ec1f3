/** Entries as objects: owners, references across entries and units, names that another entry holds. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { DW_TAG } from "../../src/dwarf/constants/tag.ts";
import { type Die, entryAt, rootEntry } from "../../src/dwarf/die.ts";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import { ElfFile } from "../../src/elf/file.ts";
import { readelfEntries } from "./read/readelf-info.ts";

const SOURCE = `
namespace space { struct node { int value; node *next; int total() const; static int made; }; }
int space::node::made = 3;
int space::node::total() const { int sum = 0; for (auto at = this; at; at = at->next) sum += at->value; return sum; }
static inline int twice(int x) { return 2 * x; }
int four(int x) { return twice(twice(x)) + space::node::made; }
`;

let scratch = "";
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-die-"));
  writeFileSync(join(scratch, "a.cc"), SOURCE);
});
afterAll(() => rmSync(scratch, { recursive: true }));

function compile(...command: string[]): { path: string; dwarf: Dwarf } {
  const path = join(scratch, "a.o");
  const [compiler = "", ...options] = command;
  execFileSync(compiler, ["-g", ...options, "-c", join(scratch, "a.cc"), "-o", path]);
  return { path, dwarf: Dwarf.open(ElfFile.open(readFileSync(path), { name: path })) };
}

function* all(die: Die): IterableIterator<Die> {
  yield die;
  for (const child of die.children()) yield* all(child);
}

function find(dwarf: Dwarf, tag: number, name: string): Die[] {
  const found: Die[] = [];
  for (const unit of dwarf.units()) {
    for (const die of all(rootEntry(unit))) if (die.tag === tag && die.name === name) found.push(die);
  }
  return found;
}

describe.each([
  { command: ["g++", "-O2"] },
  { command: ["g++", "-O2", "-gdwarf-4", "-fdebug-types-section"] },
  { command: ["clang++", "-O2", "-gdwarf-5"] },
  { command: ["clang++", "-O0", "-gdwarf-4"] },
])("$command", ({ command }) => {
  test("are owned as readelf shows it, and lead back to their owners", () => {
    const { path, dwarf } = compile(...command);
    const expected = readelfEntries(path).map(({ offset, depth, tag }) => `${depth} ${offset} ${tag}`);
    const ours: string[] = [];
    for (const unit of dwarf.units()) {
      const visit = (die: Die, depth: number): void => {
        ours.push(`${depth} ${die.offset} ${die.tagName}`);
        for (const child of die.children()) {
          expect(child.parent?.offset).toBe(die.offset);
          visit(child, depth + 1);
        }
      };
      visit(rootEntry(unit), 0);
      expect(rootEntry(unit).parent).toBeUndefined();
    }
    expect(ours.sort()).toEqual(expected.sort());
  });

  test("have the name of the entry that they complete", () => {
    const { dwarf } = compile(...command);
    const definitions = find(dwarf, DW_TAG.DW_TAG_subprogram, "total").filter((die) =>
      die.attribute(DW_AT.DW_AT_low_pc),
    );
    expect(definitions).toHaveLength(1);
    const [definition] = definitions;
    expect(definition?.attribute(DW_AT.DW_AT_name)).toBeUndefined();
    expect(definition?.inherited(DW_AT.DW_AT_external)?.flag).toBe(true);
    expect(definition?.attribute(DW_AT.DW_AT_low_pc)?.address?.toString()).toMatch(/^\.text/);
  });

  test("are reached by their type's references, in type units too", () => {
    const { dwarf } = compile(...command);
    const members = find(dwarf, DW_TAG.DW_TAG_member, "next");
    expect(members.length).toBeGreaterThan(0);
    for (const member of members) {
      const pointer = member.attribute(DW_AT.DW_AT_type)?.reference;
      expect(pointer?.tagName).toBe("DW_TAG_pointer_type");
      const node = pointer?.attribute(DW_AT.DW_AT_type)?.reference;
      expect([node?.tagName, node?.name]).toEqual(["DW_TAG_structure_type", "node"]);
      // A type unit's type completes its declaration, which is in the namespace.
      const declared = node?.attribute(DW_AT.DW_AT_specification)?.reference ?? node;
      expect(declared?.parent?.name).toBe("space");
    }
  });
});

test("an offset where no entry begins is refused with its place", () => {
  const { dwarf } = compile("g++", "-O2");
  const [unit] = dwarf.units();
  if (unit === undefined) throw new Error("no unit");
  expect(unit.parents.has(unit.header.entries)).toBe(true);
  expect(() => entryAt(unit, unit.header.end)).toThrow(
    /\.debug_info\+0x[0-9a-f]+: no entry of the unit begins here/,
  );
});
