/** Types of exports whose names debug information does not have: aliases, indirect functions, assembly. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { declaration } from "../../../src/dynld/ctype/declaration.ts";
import { TypedFile } from "../../../src/dynld/signature/typed-file.ts";
import { Workshop } from "./compile.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const SOURCE = `
static long impl(char *text) { return *text; }
long named(char *text) __attribute__((alias("impl")));
static unsigned hidden_data = 3;
extern unsigned data __attribute__((alias("hidden_data")));
int linker_name(short a) __asm__("other_name");
int linker_name(short a) { return a; }
static int one(double d) { return 1; }
static void *choose(void) { return (void *)one; }
int chosen(double) __attribute__((ifunc("choose")));
_Thread_local short per_thread;
int common;
__asm__(".globl raw\\n.type raw, @function\\nraw: ret\\n.size raw, 1\\n.globl label\\nlabel: .data\\n.text");
`;

/** What is chosen when the program runs is told only where it is used. */
const USER = "int chosen(double); int use(void) { return chosen(1.5); }";

function typesOf(path: string): Record<string, string | undefined> {
  using file = TypedFile.openLocal(path);
  const rows = [...file.typedExports()].map(({ name, typed }) => [
    name,
    typed && declaration(typed.type, name),
  ]);
  return Object.fromEntries(rows);
}

const TYPES = {
  named: "long named(char *)",
  data: "unsigned int data",
  other_name: "int other_name(short)",
  chosen: "int chosen(double)",
  use: "int use(void)",
  per_thread: "short per_thread",
  common: "int common",
  raw: undefined,
};

describe("exports", () => {
  const source = workshop.write("source.c", SOURCE);
  const user = workshop.write("user.c", USER);
  const flags = ["-w", "-g", "-O1", "-fPIC", "-shared", "-fcommon"];
  const library = workshop.run("gcc", [...flags, source, user, "-o", "OUT"], ".so");

  it("of a library have the types of what is where they are", () => {
    const { label, ...types } = typesOf(library);
    expect(types).toEqual(TYPES);
    expect(label).toBeUndefined();
  });

  it("of a stripped one are told by its debug file", () => {
    const stripped = join(workshop.directory, "stripped.so");
    execFileSync("objcopy", ["--only-keep-debug", library, `${stripped}.debug`]);
    execFileSync("objcopy", ["--strip-all", `--add-gnu-debuglink=${stripped}.debug`, library, stripped]);
    const { label: _label, ...types } = typesOf(stripped);
    expect(types).toEqual(TYPES);
  });

  it("of an object file are those of its symbols", () => {
    expect(typesOf(workshop.compile("gcc", source, ["-fcommon"]))).toMatchObject({
      other_name: "int other_name(short)",
      per_thread: "short per_thread",
      common: "int common",
      raw: undefined,
    });
  });

  it("of an executable are all that is global", () => {
    const program = workshop.run(
      "gcc",
      ["-w", "-g", source, user, workshop.write("main.c", "int main(void) { return 0; }"), "-o", "OUT"],
      "",
    );
    expect(typesOf(program)).toMatchObject({
      main: "int main(void)",
      use: "int use(void)",
      common: "int common",
    });
  });

  it("of a kernel module are not the padding before its functions", () => {
    const text = `void work(void) {} void __pfx_other(void) {}
      __asm__(".globl __pfx_work\\n.type __pfx_work, @function\\n__pfx_work: nop\\n.size __pfx_work, 1");`;
    expect(typesOf(workshop.compileText(text))).toEqual({
      __pfx_other: "void __pfx_other(void)",
      work: "void work(void)",
    });
  });
});
