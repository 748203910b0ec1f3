/** `bindery sig` as a user runs it: what it prints, and what it exits with. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Workshop } from "../dynld/signature/compile.ts";
import { bindery } from "./run.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const SOURCE = `
struct Dev { int id; long (*read)(struct Dev *, char *); };
__attribute__((visibility("hidden"))) int inside(void) { return 1; }
static int unseen(void) { return 2; }
int devread(struct Dev *dev, void *to, long count) { return inside() + unseen(); }
int other(void) __attribute__((alias("devread_v1")));
int devread_v1(void) { return 3; }
unsigned devcount;
__asm__(".globl raw\\n.type raw, @function\\nraw: ret\\n.size raw, 1");
`;
const object = workshop.compileText(SOURCE);
const library = workshop.run(
  "gcc",
  ["-w", "-g", "-shared", "-fPIC", workshop.write("lib.c", SOURCE), "-o", "OUT"],
  ".so",
);
const NAMES = ["devcount", "devread", "devread_v1", "other", "raw"];

interface Listing {
  readonly debugFile: string | null;
  readonly symbols: readonly {
    name: string;
    kind: string;
    signature: string | null;
    text?: string;
    definitions?: Record<string, string>;
  }[];
}

function listing(...args: string[]): Listing {
  const { status, stdout } = bindery(["sig", "--json", ...args]);
  expect(status).toBe(0);
  return JSON.parse(stdout);
}

describe("bindery sig", () => {
  it("prints signatures and declarations of what is exported, of objects and libraries the same", () => {
    const { status, stdout, stderr } = bindery(["sig", object]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    expect(lines.map((line) => line.slice(18))).toEqual([
      "unsigned int devcount",
      "int devread(struct Dev *dev, void *to, long count)",
      "int devread_v1(void)",
      "int other(void)",
      "raw",
    ]);
    expect(lines[4]).toBe(`${"-".repeat(16)}  raw`);
    expect(bindery(["sig", library]).stdout).toBe(stdout);
  });

  it("prints one symbol, its text, and Inferno's signature", () => {
    const { stdout } = bindery(["sig", "--text", object, "devread"]);
    const [line = "", definition = "", text = ""] = stdout.split("\n");
    const hash = (what: string): string => createHash("sha256").update(what).digest("hex").slice(0, 16);
    expect(line.slice(0, 16)).toBe(hash(text));
    expect(definition.slice(0, 16)).toBe(hash(definition.slice(17)));
    expect(text).toBe(`f8(*@${definition.slice(0, 16)},*v,s8'long')s4'int'`);
    // Of `unsigned`: the table of the format document.
    expect(bindery(["sig", "--inferno", object, "devcount"]).stdout).toBe(
      "5ae707d6  unsigned int devcount\n",
    );
  });

  it("gives JSON", () => {
    const { symbols, debugFile } = listing("--text", object);
    expect(debugFile).toBe(object);
    expect(symbols.map(({ name }) => name)).toEqual(NAMES);
    expect(symbols[4]).toEqual({ name: "raw", kind: "function", signature: null, declaration: null });
    const text = symbols[1]?.text ?? "";
    const [digest = ""] = Object.keys(symbols[1]?.definitions ?? {});
    expect(text).toContain(`@${digest}`);
    expect(symbols[1]?.definitions?.[digest]).toBe("S16'Dev'{0'id's4'int';8'read'*(*#0,*s1'char')s8'long';}");
  });

  it("finds a separate debug file, and says when there is none", () => {
    const debug = join(workshop.directory, "stripped.debug");
    const stripped = join(workshop.directory, "stripped.so");
    execFileSync("objcopy", ["--only-keep-debug", library, debug]);
    execFileSync("objcopy", ["--strip-all", `--add-gnu-debuglink=${debug}`, library, stripped]);
    const found = listing(stripped);
    expect(found.debugFile).toBe(debug);
    expect(found.symbols).toEqual(listing(library).symbols);
    const bare = join(workshop.directory, "bare.so");
    execFileSync("objcopy", ["--strip-all", "--remove-section=.note.gnu.build-id", library, bare]);
    const none = bindery(["sig", bare], "", { DEBUGINFOD_URLS: "" });
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(/bare\.so: has no debug information, and no debug file of it was found/);
    expect(none.stdout.split("\n")[1]).toBe(`${"-".repeat(16)}  devread`);
  });

  it("shows what a kernel module exports: what EXPORT_SYMBOL marks", () => {
    const module = workshop.compileText(
      "int one(void) { return 1; } int two(void) { return 2; } static const int __ksymtab_two = 1;  const void *keep = &__ksymtab_two;",
    );
    expect(bindery(["sig", module]).stdout.trimEnd().slice(18)).toBe("int two(void)");
  });

  it("fails for what is not exported, not there or not ELF, and names it", () => {
    const unknown = bindery(["sig", object, "inside", "devcount"]);
    expect(unknown.status).toBe(1);
    expect(unknown.stderr).toMatch(/inside: is not exported/);
    expect(unknown.stdout).toContain("unsigned int devcount");
    expect(bindery(["sig", "/nonexistent"])).toMatchObject({ status: 1, stdout: "" });
    expect(bindery(["sig", "/etc/passwd"]).status).toBe(1);
    expect(bindery(["sig"]).status).toBe(2);
    expect(bindery(["sig", "--diff", object]).status).toBe(2);
    expect(bindery(["sig", "--diff", "--text", object, object]).status).toBe(2);
    expect(bindery(["sig", "--inferno", "--text", object]).status).toBe(2);
    expect(bindery(["sig", "--completions", object]).status).toBe(2);
  });
});

describe("bindery sig --diff", () => {
  const changed = workshop.compileText(
    SOURCE.replace("long (*read)", "int (*read)")
      .replace("unsigned devcount", "int devcount; int more(void) { return 0; }")
      .replace("int devread_v1(void)", "int devread_v1(int a)")
      .replace('int other(void) __attribute__((alias("devread_v1")));', ""),
  );

  it("says what was added, removed and changed, and how; and exits 1", () => {
    const { status, stdout } = bindery(["sig", "--diff", object, changed]);
    expect(status).toBe(1);
    expect(stdout.split("\n")).toEqual([
      "! unsigned int devcount",
      "  int devcount",
      "! int devread(struct Dev *, void *, long)",
      "    in parameter 1: struct Dev: was long (*read)(struct Dev *, char *) at 8, is int (*read)(struct Dev *, char *) at 8",
      "! int devread_v1(void)",
      "  int devread_v1(int)",
      "+ int more(void)",
      "- int other(void)",
      "? raw",
      "",
    ]);
  });

  it("exits 0 without differences, 2 for what can't be read", () => {
    expect(bindery(["sig", "--diff", object, library])).toMatchObject({ status: 0, stdout: "? raw\n" });
    expect(bindery(["sig", "--diff", object, "/nonexistent"]).status).toBe(2);
  });

  it("gives JSON, and takes declarations for their completions when told", () => {
    const one = workshop.compileText("struct Ops; int use(struct Ops *ops) { return 0; }");
    const two = workshop.compileText("struct Ops { int a; }; int use(struct Ops *ops) { return ops->a; }");
    const { status, stdout } = bindery(["sig", "--diff", "--json", one, two]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual({
      old: one,
      new: two,
      changes: [
        {
          name: "use",
          change: "changed",
          before: "int use(struct Ops *)",
          after: "int use(struct Ops *)",
          difference: {
            kind: "completion",
            path: ["parameter 1", "struct Ops"],
            type: "struct Ops",
            expected: { text: "incomplete" },
            found: { text: "complete" },
          },
        },
      ],
    });
    expect(bindery(["sig", "--diff", "--completions", one, two])).toMatchObject({ status: 0, stdout: "" });
  });
});
