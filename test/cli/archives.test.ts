/** `bindery sig` and `bindery dts` of archives: members by their names, and all of them together. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Workshop } from "../dynld/signature/compile.ts";
import { bindery } from "./run.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const ADD = "struct point { int x, y; }; int add(struct point *p) { return p->x + p->y; }";
const SUB = "struct point { int x, y; }; int sub(struct point *p) { return p->x - p->y; } int count;";

/** Path of an archive of members by name, with ar(1)'s own options. */
function archive(name: string, sources: Readonly<Record<string, string>>, options = "rcs"): string {
  const members = Object.entries(sources).map(([member, text]) =>
    workshop.run("gcc", [
      "-g",
      "-fPIC",
      "-c",
      "-x",
      "c",
      workshop.write(`${name}-${member}.c`, text),
      "-o",
      "OUT",
    ]),
  );
  const path = join(workshop.directory, name);
  execFileSync("ar", [options, path, ...members]);
  return path;
}

/** Path of a shared library of all members of an archive. */
function linked(path: string): string {
  const whole = ["-Wl,--whole-archive", path, "-Wl,--no-whole-archive"];
  return workshop.run("gcc", ["-shared", ...whole, "-o", "OUT"], ".so");
}

const old = archive("old.a", { add: ADD, sub: SUB });

/** What nm(1) has in an archive: `member name`. */
function byNm(path: string): string[] {
  const lines = execFileSync("nm", ["-A", "--defined-only", "--extern-only", path], { encoding: "utf8" })
    .trimEnd()
    .split("\n");
  return lines.map((line) => line.replace(/^.*\.a:([^:]*):.* (\w+)$/, "$1 $2")).sort();
}

interface Listing {
  readonly file: string;
  readonly symbols: readonly { readonly name: string; readonly signature: string }[];
}

describe("bindery sig of an archive", () => {
  it("has the members that nm has, each with what bindery sig says of its object", () => {
    const { status, stdout, stderr } = bindery(["sig", "--json", old]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const listings: Listing[] = JSON.parse(stdout);
    const member = ({ file }: Listing): string => /\((.*)\)$/.exec(file)?.[1] ?? "";
    expect(listings.flatMap((one) => one.symbols.map(({ name }) => `${member(one)} ${name}`)).sort()).toEqual(
      byNm(old),
    );
    for (const one of listings) {
      const object = join(workshop.directory, member(one));
      expect(JSON.parse(bindery(["sig", "--json", object]).stdout).symbols).toEqual(one.symbols);
      // A member alone is shown as a file is.
      expect(bindery(["sig", one.file]).stdout).toBe(bindery(["sig", object]).stdout);
    }
    const titles = bindery(["sig", old])
      .stdout.split("\n")
      .filter((line) => line.startsWith("File: "));
    expect(titles).toEqual(listings.map(({ file }) => `File: ${file}`));
  });

  it("finds names in whichever member has them, also of thin archives, and says which there are", () => {
    const thin = archive("thin.a", { add: ADD, sub: SUB }, "rcsT");
    for (const path of [old, thin]) {
      const { status, stdout, stderr } = bindery(["sig", path, "sub", "adds"]);
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `bindery: ${path}: adds: is not exported; there is add\n`,
      });
      expect(stdout).toContain("  int sub(struct point *p)\n");
      expect(stdout).not.toContain("int count");
    }
  });

  it("says once that there is no debug information when no member has some", () => {
    const bare = join(workshop.directory, "bare.a");
    execFileSync("objcopy", ["--strip-debug", old, bare]);
    const told = `bindery: ${bare}: has no debug information, and no debug file of it was found\n`;
    const { status, stdout, stderr } = bindery(["sig", bare]);
    expect({ status, stderr }).toEqual({ status: 1, stderr: told });
    expect(stdout.match(/^-{16} {2}\w+$/gm)).toHaveLength(byNm(old).length);
    expect(bindery(["dts", bare])).toEqual({ status: 1, stdout: "", stderr: told });
    expect(bindery(["sig", "--diff", bare, old])).toMatchObject({ status: 0, stderr: told });
  });

  it("shows the other members of one with a member that is no object, and fails", () => {
    const path = archive("mixed.a", { add: ADD });
    execFileSync("ar", ["rc", path, workshop.write("notes.txt", "no object")]);
    const { status, stdout, stderr } = bindery(["sig", path]);
    expect(status).toBe(1);
    expect(stdout).toContain("int add(struct point *p)");
    expect(stderr).toContain("mixed.a(notes.txt): ELF header+0x0: not an ELF file");
    expect(bindery(["sig", "--diff", path, old]).status).toBe(2);
    expect(bindery(["sig", `${old}(absent.o)`])).toMatchObject({ status: 1, stdout: "" });
    expect(bindery(["dts", path])).toMatchObject({ status: 1, stdout: "" });
  });

  it("compares two by what they export, wherever that is in them", () => {
    const moved = archive("moved.a", { both: `${ADD} ${SUB.replace(/^.*?;.*?;/, "")}` });
    expect(bindery(["sig", "--diff", old, moved])).toMatchObject({ status: 0, stdout: "", stderr: "" });
    const next = archive("new.a", {
      sub: SUB.replace("y; }", "y, z; }"),
      add: ADD.replace("int add", "long add"),
    });
    const { status, stdout } = bindery(["sig", "--diff", old, next]);
    expect(status).toBe(1);
    expect(stdout.split("\n")).toEqual([
      "! int add(struct point *)",
      "  long add(struct point *)",
      "! int sub(struct point *)",
      "    in parameter 1: struct point: was nothing, is int z at 8",
      "",
    ]);
    const shared = linked(archive("pic.a", { add: ADD, sub: SUB }));
    expect(bindery(["sig", "--diff", old, shared])).toMatchObject({ status: 0, stdout: "" });
  });
});

describe("bindery dts of an archive", () => {
  it("declares what all members export, as of a library that is made of them", () => {
    const shared = linked(old);
    const text = (path: string): string => bindery(["dts", path]).stdout.replace(/^.*made by.*\n/, "");
    expect(text(old)).toBe(text(shared));
    expect(text(old)).toContain("  sub(p: point | bigint | null): number;");
    const out = join(workshop.directory, "one.d.ts");
    expect(bindery(["dts", old, "count", "-o", out]).status).toBe(0);
    expect(readFileSync(out, "utf8")).toContain("  count: number;");
  });
});
