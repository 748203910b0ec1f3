/** Files that debug information goes on in, found and opened when they are needed: split files, packages, dwz's files. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DW_AT } from "../../src/dwarf/constants/attribute.ts";
import { DW_FORM } from "../../src/dwarf/constants/form.ts";
import { DW_TAG } from "../../src/dwarf/constants/tag.ts";
import { Die, rootEntry } from "../../src/dwarf/die.ts";
import { Dwarf, type DwarfUnit } from "../../src/dwarf/dwarf.ts";
import { declarationPlace, importedUnits, inlineChain } from "../../src/dwarf/entry-facts.ts";
import { unitMacros } from "../../src/dwarf/read/macro/unit.ts";
import { typeDeclaration } from "../../src/dwarf/type/declaration.ts";
import { typeDefinition } from "../../src/dwarf/type/definition.ts";
import { Companions } from "../../src/dwfl/find/companions.ts";
import { DwarfError } from "../../src/errors.ts";
import { openElf } from "../../src/host/file.ts";

const SHARED = `
#include <time.h>
struct shared_shape { int alpha, beta; struct shared_shape *next; double corners[4]; enum { happy, sad } mood; };
static inline int total_of(const struct shared_shape *from) {
  int sum = 0;
  while (from) { sum += from->alpha * from->beta; from = from->next; }
  return sum;
}
`;
const source = (name: string): string => `
#include "shared.h"
extern int sink(int);
int use_${name}(struct shared_shape *s, struct tm *t) { return total_of(s) + sink(t->tm_year + s->mood); }
int sink(int x) { return x + 1; }
int main(int c, char **v) { struct shared_shape s = { c, c + 1, 0 }; struct tm t = { 0 }; return use_${name}(&s, &t); }
`;

let scratch = "";
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd: scratch, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-companions-"));
  writeFileSync(join(scratch, "shared.h"), SHARED);
  for (const name of ["one", "two"]) writeFileSync(join(scratch, `${name}.c`), source(name));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Opens a file with its companions, for one question. */
function withFile<Answer>(
  path: string,
  ask: (dwarf: Dwarf, companions: Companions) => Answer,
  options = {},
): Answer {
  using file = openElf(join(scratch, path));
  const dwarf = Dwarf.open(file.elf);
  using companions = Companions.attach(dwarf, options);
  return ask(dwarf, companions);
}

function* entriesOf(unit: DwarfUnit): IterableIterator<Die> {
  const at = unit.entries();
  while (at.next()) yield new Die(unit, at);
}

/** What is said of functions and of what they own, in words that do not depend on where in a file it is said. */
function facts(dwarf: Dwarf): string[] {
  const lines: string[] = [];
  for (const unit of Array.from(dwarf.units(), (one) => one.split ?? one)) {
    for (const die of entriesOf(unit)) {
      if (die.attribute(DW_AT.DW_AT_low_pc) === undefined || die.offset === unit.header.entries) continue;
      const { file, line, column } = declarationPlace(die) ?? {};
      lines.push(`${die.tagName} ${die.name} ${file}:${line}:${column}`);
      for (const child of die.children()) {
        const type = child.inherited(DW_AT.DW_AT_type);
        if (child.tag === DW_TAG.DW_TAG_formal_parameter && type !== undefined)
          lines.push(`  ${typeDeclaration(child)}`);
        if (child.tag !== DW_TAG.DW_TAG_inlined_subroutine) continue;
        const chain = inlineChain(child).map(
          ({ name, call }) => `${name} from ${call?.file}:${call?.line}:${call?.column}`,
        );
        lines.push(`  ${chain.join(", ")}`);
      }
    }
    for (const die of unitsWith(unit).flatMap((one) => Array.from(entriesOf(one)))) {
      const isShape = die.tag === DW_TAG.DW_TAG_structure_type && die.name === "shared_shape";
      if (isShape) lines.push(typeDefinition(die));
    }
    lines.push(...Array.from(unitMacros(unit), (event) => JSON.stringify(event)));
  }
  return lines;
}

function unitsWith(unit: DwarfUnit): DwarfUnit[] {
  return [unit, ...importedUnits(unit)];
}

describe.each([
  { way: "dwz's own, DWARF 4", flags: ["-gdwarf-4", "-g3"], dwz: [] },
  { way: "the standard's, DWARF 5", flags: ["-gdwarf-5"], dwz: ["-5"] },
])("supplementary files: $way", ({ flags, dwz }) => {
  let expected: string[] = [];
  beforeAll(() => {
    for (const name of ["one", "two"]) run("gcc", "-g", ...flags, "-O2", `${name}.c`, "-o", name);
    expected = withFile("one", facts);
    run("dwz", "-m", "common.debug", "-r", ...dwz, "one", "two");
  });

  test("what dwz moved there is found as it was before", () => {
    const found = withFile("one", (dwarf, companions) => {
      const lines = facts(dwarf);
      expect(companions.tried).toEqual([]);
      return lines;
    });
    expect(expected.filter((line) => line.startsWith("DW_TAG_subprogram")).length).toBe(3);
    expect(expected.join("\n")).toContain("struct shared_shape *next;");
    expect(expected.join("\n")).toContain("total_of from");
    expect(found).toEqual(expected);
  });

  test("without the file, references say what is missing, and strings are not there", () => {
    using file = openElf(join(scratch, "one"));
    const dwarf = Dwarf.open(file.elf);
    const [unit] = dwarf.units();
    if (unit === undefined) throw new Error("no unit");
    expect(rootEntry(unit).attribute(DW_AT.DW_AT_producer)?.string).toBeUndefined();
    const forms: number[] = [DW_FORM.DW_FORM_GNU_ref_alt, DW_FORM.DW_FORM_ref_sup4];
    const reference = Array.from(entriesOf(unit))
      .flatMap(({ attributes }) => attributes)
      .find(({ form }) => forms.includes(form));
    const message =
      /\.debug_info\+0x[0-9a-f]+: DW_AT_import \[DW_FORM_\w+\]: leads to the supplementary file, common\.debug \([0-9a-f]+\): it is not attached$/;
    expect(() => reference?.reference).toThrow(message);
    expect(() => reference?.reference).toThrow(DwarfError);
  });

  test("a file that is missing is told with the places that were tried", () => {
    copyFileSync(join(scratch, "one"), join(scratch, "lonely"));
    mkdirSync(join(scratch, "elsewhere"), { recursive: true });
    copyFileSync(join(scratch, "one"), join(scratch, "elsewhere", "lonely"));
    withFile("elsewhere/lonely", (dwarf, companions) => {
      expect(dwarf.supplementary).toBeUndefined();
      expect(companions.tried[0]).toMatchObject({
        way: "supplementary",
        place: join(scratch, "elsewhere", "common.debug"),
        outcome: "absent",
      });
    });
  });
});

test("strings of a supplementary file are those that readelf shows", () => {
  for (const name of ["one", "two"]) run("gcc", "-g", "-gdwarf-4", "-O2", `${name}.c`, "-o", name);
  run("dwz", "-m", "common.debug", "-r", "one", "two");
  const text = run("readelf", "-wi", "--debug-dump=follow-links", "one");
  const printed = [...text.matchAll(/DW_AT_\w+ *: \(alt indirect string, offset: \w+\) (.*?) *$/gm)].map(
    ([, string]) => string,
  );
  const ours = withFile("one", (dwarf) =>
    Array.from(dwarf.units()).flatMap((unit) =>
      Array.from(entriesOf(unit))
        .flatMap(({ attributes }) => attributes)
        .filter(({ form }) => form === DW_FORM.DW_FORM_GNU_strp_alt)
        .map(({ string }) => string),
    ),
  );
  expect(ours.length).toBeGreaterThan(3);
  expect(ours).toEqual(printed);
});

describe("partial units", () => {
  test("of the same file are imported", () => {
    const two = join(scratch, "both.c");
    writeFileSync(two, `#include "shared.h"\nint both(struct shared_shape *s) { return total_of(s); }\n`);
    run("gcc", "-g", "-gdwarf-4", "-O2", "one.c", "both.c", "-o", "both");
    const expected = withFile("both", facts);
    run("dwz", "both");
    withFile("both", (dwarf) => {
      const partial = Array.from(dwarf.units()).filter(
        (unit) => rootEntry(unit).tag === DW_TAG.DW_TAG_partial_unit,
      );
      expect(partial.length).toBeGreaterThan(0);
      const imported = Array.from(dwarf.units()).flatMap((unit) =>
        Array.from(importedUnits(unit), ({ header }) => header.offset),
      );
      expect(new Set(imported)).toEqual(new Set(partial.map(({ header }) => header.offset)));
      const structures = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("struct"));
      expect(structures(facts(dwarf))).toEqual(structures(expected));
    });
  });
});

describe("split files", () => {
  beforeAll(() => {
    mkdirSync(join(scratch, "build"));
    for (const name of ["one", "two"]) {
      run("gcc", "-g", "-gdwarf-5", "-O2", "-gsplit-dwarf", "-c", `${name}.c`, "-o", `build/${name}.o`);
      run("gcc", `build/${name}.o`, "-o", `build/${name}`);
    }
    run("gcc", "-g", "-gdwarf-5", "-O2", "one.c", "-o", "plain");
  });
  const functions = (dwarf: Dwarf): string[] =>
    facts(dwarf).filter((line) => line.startsWith("DW_TAG_subprogram"));

  test("are found by the path that the compiler gave", () => {
    const expected = withFile("plain", functions);
    expect(expected).toHaveLength(3);
    expect(withFile("build/one", functions)).toEqual(expected);
  });

  test("are found beside a file that was moved, in the search list, and as a package", () => {
    const expected = withFile("build/one", functions);
    for (const directory of ["moved", "found", "lost", "packed"]) mkdirSync(join(scratch, directory));
    for (const directory of ["moved", "lost", "packed"])
      copyFileSync(join(scratch, "build/one"), join(scratch, directory, "one"));
    copyFileSync(join(scratch, "build/one.dwo"), join(scratch, "moved/one.dwo"));
    copyFileSync(join(scratch, "build/one.dwo"), join(scratch, "found/one.dwo"));
    run("llvm-dwp", "-e", "build/one", "-o", "packed/one.dwp");
    rmSync(join(scratch, "build/one.dwo"));
    expect(withFile("moved/one", functions)).toEqual(expected);
    expect(withFile("packed/one", functions)).toEqual(expected);
    expect(withFile("lost/one", functions, { splitDirectories: [join(scratch, "found")] })).toEqual(expected);
    withFile("lost/one", (dwarf, companions) => {
      expect(functions(dwarf)).toEqual([]);
      expect(
        companions.tried.map(({ place, outcome }) => `${place.replace(scratch, "")} ${outcome}`),
      ).toEqual([
        "/lost/one.dwp absent",
        "/build/one.dwo absent",
        "/lost/build/one.dwo absent",
        "/lost/one.dwo absent",
      ]);
    });
  });

  test("of another build are refused, and told", () => {
    copyFileSync(join(scratch, "build/two.dwo"), join(scratch, "build/one.dwo"));
    withFile("build/one", (dwarf, companions) => {
      expect(functions(dwarf)).toEqual([]);
      const id = Array.from(dwarf.units())[0]?.id?.toString(16);
      expect(companions.tried).toContainEqual({
        way: "split",
        place: join(scratch, "build/one.dwo"),
        outcome: "refused",
        what: `found no unit with dwo_id 0x${id}`,
      });
    });
  });
});
