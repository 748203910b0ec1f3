/** Files whose debug information goes on in others: `bindery dwarf` shows it as that of files which have it all. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { groupsOf, type Shown, shown } from "./dwarf-support.ts";
import { bindery } from "./run.ts";

const scratch = mkdtempSync(join(tmpdir(), "bindery-cli-companions-"));
afterAll(() => rmSync(scratch, { recursive: true }));
writeFileSync(
  join(scratch, "a.c"),
  `struct node { int value; struct node *next; };
int sum(struct node *list) { int total = 0; for (; list; list = list->next) total += list->value; return total; }
__attribute__((section(".init.text"))) int start(struct node *list) { return sum(list) + 1; }
#ifndef NO_MAIN
int main(void) { return start(0); }
#endif
`,
);

function run(tool: string, ...args: string[]): void {
  execFileSync(tool, args, { cwd: scratch, stdio: "pipe" });
}

interface Entries {
  readonly entries?: readonly { readonly name?: string; readonly tag: string; readonly ranges: unknown }[];
  readonly attributes?: readonly {
    readonly name?: string;
    readonly attribute: string;
    readonly locations: unknown;
  }[];
}

/** What entries cover and where things are, by name; of units' own entries nothing. */
function described(document: Shown | undefined): unknown[] {
  return groupsOf<Entries>(document).flatMap(({ entries = [], attributes = [] }) => [
    ...entries.filter(({ tag }) => !/unit$/.test(tag)).map(({ name, tag, ranges }) => [name, tag, ranges]),
    ...attributes.map(({ name, attribute, locations }) => [name, attribute, locations]),
  ]);
}

// gcc 12 writes lengths in split lists of DWARF 4 two bytes too short.
describe.each([
  ["clang", "-gdwarf-4"],
  ["gcc", "-gdwarf-5"],
])("split files, %s %s", (compiler, format) => {
  const compile = (name: string, ...options: string[]): string => {
    run(compiler, "-g", format, "-O1", "-DNO_MAIN", ...options, "-c", "a.c", "-o", `${name}.o`);
    return join(scratch, `${name}.o`);
  };

  test("units of theirs are shown behind their skeletons, as those of files that are not split", () => {
    const whole = compile(`whole${format}`);
    const split = compile(`split${format}`, "-gsplit-dwarf");
    for (const subcommand of ["ranges", "locs"]) {
      const [expected, ours] = shown(subcommand, "--split", whole, split).map(described);
      expect(expected?.length).toBeGreaterThan(1);
      expect(ours).toEqual(expected);
    }
  });

  test("one that is missing is told with the places where it was looked for, and the rest is shown", () => {
    const object = compile(`lost${format}`, "-gsplit-dwarf");
    renameSync(object.replace(/o$/, "dwo"), join(scratch, `away${format}.dwo`));
    const { status, stdout, stderr } = bindery(["dwarf", "ranges", "--split", object]);
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /\.debug_info\+0x0: split unit 0x[0-9a-f]+ of lost\S+\.dwo: not found; tried .*lost/,
    );
    expect(stdout).toContain("[.text+0x0, ");
  });

  test("alone it has addresses by their numbers", () => {
    compile(`alone${format}`, "-gsplit-dwarf");
    const { stdout, stderr } = bindery(["dwarf", "info", join(scratch, `alone${format}.dwo`)]);
    expect(stdout).toMatch(/DW_AT_low_pc +address \d+\n/);
    expect(stdout).toMatch(/DW_AT_name +"start"/);
    expect(stderr.split("\n").filter((line) => line !== "").length).toBeLessThan(2);
  });
});

test("strings and types of a supplementary file are found", () => {
  for (const name of ["one", "two"]) run("gcc", "-g", "-O1", "a.c", "-o", name);
  for (const name of ["one", "two"]) run("cp", name, `${name}.whole`);
  run("dwz", "-m", "common", "-r", "one", "two");
  const [whole, processed] = [join(scratch, "one.whole"), join(scratch, "one")];
  const names = (text: string): string[] =>
    [...text.matchAll(/DW_AT_(?:name|producer) +(".*")$/gm)].map(([, name = ""]) => name);
  const printed = bindery(["dwarf", "info", processed]);
  const common = bindery(["dwarf", "info", join(scratch, "common")]);
  expect([printed.status, printed.stderr]).toEqual([0, ""]);
  expect(printed.stdout).toMatch(/\{0x[0-9a-f]+\} "struct node \*"/);
  const expected = new Set(names(bindery(["dwarf", "info", whole]).stdout));
  expect(new Set([...names(printed.stdout), ...names(common.stdout)])).toEqual(expected);
  const [first, second] = shown("locs", whole, processed).map(described);
  expect(second).toEqual(first);
});
