/** What changes a signature, what does not, and what is said of it: against sources that were edited. */
import { spawnSync } from "node:child_process";
import { afterAll, describe, expect, it } from "vitest";
import { diffExports } from "../../../src/dynld/signature/diff.ts";
import { explainMismatch, sentence } from "../../../src/dynld/signature/explain.ts";
import { TypedFile } from "../../../src/dynld/signature/typed-file.ts";
import { Workshop } from "./compile.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const BASE = `
struct Ops;
enum Mode { OFF, ON = 4 };
union Value { int number; float real; };
struct Inner { short a; short b; };
typedef int word;
struct Dev {
  int id;
  unsigned flags : 3;
  unsigned more : 5;
  const char *name;
  struct Inner inner[2];
  union Value value;
  enum Mode mode;
  struct Dev *next;
  int (*read)(struct Dev *, void *, long);
};
static int hidden(int a) { return a; }
int devread(struct Dev *dev, void *to, long count) { return hidden(dev->id); }
unsigned devcount(const struct Ops *ops, word by) { return 1; }
int devtab[4];
`;

/** Names that libabigail finds changed, added or removed. */
function byAbidiff(before: string, after: string): string[] {
  const { status, stdout, error } = spawnSync("abidiff", ["--harmless", before, after], { encoding: "utf8" });
  if (error !== undefined || status === null || (status & 3) !== 0)
    throw new Error(`abidiff: ${error ?? status}`);
  const symbols = stdout.matchAll(
    /^ {2}\[[CAD]\] '(?:function [^']*?(\w+)\(.*'|[^']*?(\w+)(?:\[\d*\])*'(?! of type))/gm,
  );
  return [...symbols].map(([, name, variable]) => name ?? variable ?? "").sort();
}

/** Exports that differ when a text is replaced: name, and what is said. */
function changed(from: string, to: string, base = BASE): Record<string, string> {
  expect(base).toContain(from);
  const paths = [base, base.replace(from, to)].map((text) => workshop.compileText(text)) as [string, string];
  using before = TypedFile.openLocal(paths[0]);
  using after = TypedFile.openLocal(paths[1]);
  const found: Record<string, string> = {};
  for (const { name, change, difference } of diffExports(before, after)) {
    found[name] =
      difference === undefined ? change : `${difference.kind}: ${sentence(difference, ["was", "is"])}`;
  }
  expect(Object.keys(found), "as abidiff has it").toEqual(byAbidiff(...paths));
  return found;
}

describe("a change of", () => {
  it.each([
    [
      "a member's type",
      "int id",
      "unsigned id",
      "type: struct Dev: was int id at 0, is unsigned int id at 0",
    ],
    ["a member's size", "int id", "long id", "type: struct Dev: was int id at 0, is long id at 0"],
    [
      "a member's name",
      "flags : 3",
      "marks : 3",
      "member: struct Dev: was unsigned int flags : 3 at bit 32, is unsigned int marks : 3 at bit 32",
    ],
    [
      "long to long long",
      "void *, long);",
      "void *, long long);",
      "type: struct Dev: was int (*read)(struct Dev *, void *, long) at 40, is int (*read)(struct Dev *, void *, long long) at 40",
    ],
    [
      "the order of members",
      "int id;\n  unsigned flags : 3;",
      "unsigned flags : 3;\n  int id;",
      "member: struct Dev: was int id at 0, is unsigned int flags : 3 at bit 0",
    ],
    [
      "a bit-field's width",
      "flags : 3",
      "flags : 4",
      "member: struct Dev: was unsigned int flags : 3 at bit 32, is unsigned int flags : 4 at bit 32",
    ],
    [
      "a qualifier behind a pointer",
      "const char *name",
      "char *name",
      "type: struct Dev: was const char *name at 8, is char *name at 8",
    ],
    [
      "an array's length",
      "inner[2]",
      "inner[3]",
      "type: struct Dev: was struct Inner inner[2] at 16, is struct Inner inner[3] at 16",
    ],
    [
      "a structure within",
      "short a; short b;",
      "short b; short a;",
      "member: struct Inner: was short a at 0, is short b at 0",
    ],
    [
      "a structure within, and its size",
      "short b;",
      "int b;",
      "member: struct Inner: was short b at 2, is int b at 4",
    ],
    ["a union", "float real;", "double real;", "type: union Value: was float real at 0, is double real at 0"],
    ["an enumerator's value", "ON = 4", "ON = 5", "enumerators: enum Mode: was ON = 4, is ON = 5"],
    ["an enumerator", "ON = 4", "ON = 4, FULL", "enumerators: enum Mode: was nothing, is FULL = 5"],
    [
      "the number of members",
      "struct Dev *next;",
      "struct Dev *next, *last;",
      "member: struct Dev: was int (*read)(struct Dev *, void *, long) at 40, is struct Dev *last at 40",
    ],
    [
      "a member at the end",
      "void *, long);\n",
      "void *, long);\n  int end;\n",
      "member: struct Dev: was nothing, is int end at 48",
    ],
    [
      "the alignment",
      "short b; };",
      "short b; } __attribute__((aligned(16)));",
      "size: struct Inner: was 4 bytes, is 16 bytes",
    ],
    ["a parameter", "void *to", "char *to", "type: parameter 2: was void *, is char *"],
    ["the result", "int devread(", "long devread(", "type: result: was int, is long"],
    ["the number of parameters", ", long count", "", "parameters: was 3 parameters, is 2 parameters"],
    [
      "dots behind parameters",
      "long count)",
      "long count, ...)",
      "parameters: was 3 parameters, is 3 parameters and more",
    ],
    [
      "the sign of a parameter",
      "long count",
      "unsigned long count",
      "type: parameter 3: was long, is unsigned long",
    ],
  ])("%s changes what uses it, and nothing else", (_what, from, to, said) => {
    expect(changed(from, to)).toEqual({ devread: said });
  });

  it("what a typedef is for changes what uses it", () => {
    expect(changed("typedef int word", "typedef short word")).toEqual({
      devcount: "type: parameter 2: was int, is short",
    });
  });

  it("a variable's length, and of what is not exported", () => {
    expect(changed("devtab[4]", "devtab[5]")).toEqual({ devtab: "type: was int [4], is int [5]" });
    expect(changed("static int hidden(int a)", "static long hidden(long a)")).toEqual({});
    expect(changed("static int hidden", "int hidden")).toEqual({ hidden: "added" });
    expect(changed("int devtab[4];", "")).toEqual({ devtab: "removed" });
  });

  it.each([
    ["a typedef's name", "typedef int word;", "typedef int number; typedef number word;"],
    ["a parameter's name", "void *to", "void *into"],
    ["a structure that is only pointed at", "struct Ops;", "struct Ops; struct Unused { int a; };"],
    ["a body", "return hidden(dev->id)", "return hidden(dev->id + 1)"],
    ["a typedef instead of a structure's tag", "struct Dev *next", "__typeof__(struct Dev) *next"],
  ])("%s changes nothing", (_what, from, to) => {
    expect(changed(from, to)).toEqual({});
  });
});

describe("explainMismatch", () => {
  const symbolsOf = (text: string, name: string) => {
    const file = TypedFile.openLocal(workshop.compileText(text));
    return file.typeOf(file.exported(name)) ?? expect.fail();
  };

  it("says what both sides have, in the words of the seed's loader and of C", () => {
    const expected = symbolsOf(BASE, "devread");
    const found = symbolsOf(BASE.replace("long count", "int count"), "devread");
    expect(explainMismatch(expected, found)?.message).toBe(
      "signature mismatch: devread: module expects int (struct Dev *, void *, long), program provides int (struct Dev *, void *, int)",
    );
    expect(explainMismatch(expected, expected)).toBeUndefined();
  });

  it("leads to the first member that differs, with its place in each", () => {
    const expected = symbolsOf(BASE, "devread");
    const found = symbolsOf(BASE.replace("const char *name;", "long pad; const char *name;"), "devread");
    const mismatch = explainMismatch(expected, found, { expects: "old has", provides: "new has" });
    expect(mismatch?.difference).toEqual({
      kind: "member",
      path: ["parameter 1", "struct Dev"],
      type: "struct Dev",
      expected: { text: "const char *name", bitOffset: 64 },
      found: { text: "long pad", bitOffset: 64 },
    });
    expect(mismatch?.message).toBe(
      "signature mismatch: devread: old has int (struct Dev *, void *, long), new has int (struct Dev *, void *, long): " +
        "struct Dev: expected const char *name at 8, found long pad at 8",
    );
  });

  it("takes an incomplete structure for another only when told", () => {
    const expected = symbolsOf("struct Ops; int use(struct Ops *ops) { return 0; }", "use");
    const found = symbolsOf("struct Ops { int a; }; int use(struct Ops *ops) { return ops->a; }", "use");
    expect(explainMismatch(expected, found)?.difference).toMatchObject({
      kind: "completion",
      type: "struct Ops",
      expected: { text: "incomplete" },
      found: { text: "complete" },
    });
    expect(explainMismatch(expected, found, { completions: true })).toBeUndefined();
    const other = symbolsOf("struct Other; int use(struct Other *ops) { return 0; }", "use");
    expect(explainMismatch(expected, other, { completions: true })?.difference.kind).toBe("type");
  });

  it("tells functions from variables", () => {
    const expected = symbolsOf("int thing(void) { return 0; }", "thing");
    const found = symbolsOf("int thing;", "thing");
    expect(explainMismatch(expected, found)?.difference.kind).toBe("symbol");
  });
});
