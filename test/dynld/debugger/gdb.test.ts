/** gdb on a process with modules: source lines, variables, frames. */
import { describe, expect, it } from "vitest";
import { Gdb } from "../../support/gdb.ts";
import { type Compiler, compileTo } from "../support/compile.ts";
import { Target } from "./target.ts";

async function play(
  act: (target: Target, gdb: Gdb) => Promise<void>,
  before?: (target: Target) => Promise<void>,
) {
  const { target, pid } = await Target.start();
  let gdb: Gdb | undefined;
  try {
    await before?.(target);
    gdb = await Gdb.attach(pid);
    await act(target, gdb);
  } finally {
    await gdb?.close();
    await target.close();
  }
}

const SOURCE = `struct point { int x, y; };
int common_total;
static int scale = 3;
__attribute__((noinline)) static int inner(struct point *p, int factor)
{
  int product = p->x * factor;
  common_total += product;
  return product + p->y;
}
int outer(int x)
{
  struct point here = { x, 7 };
  return inner(&here, scale) + 1;
}
#ifdef BULK
char bulk[1 << 18] = { 1 };
#endif
`;

const OBJECTS: readonly [string, Compiler, string[]][] = [
  ["gcc, DWARF 5", "gcc", ["-g", "-O0"]],
  [
    "gcc -fcommon, DWARF 4, sections of their own",
    "gcc",
    ["-gdwarf-4", "-fPIC", "-ffunction-sections", "-fcommon"],
  ],
  ["gcc -fno-pic", "gcc", ["-g", "-fno-pic"]],
  ["clang, DWARF 5", "clang", ["-g", "-fPIC"]],
  ["so large that it is not read", "gcc", ["-g", "-fPIC", "-fcommon", "-DBULK"]],
];

/** With the process stopped at a breakpoint in `inner`, called through `outer(5)`. */
async function expectSource(gdb: Gdb): Promise<void> {
  expect(await gdb.stopped()).toMatchObject({ reason: "breakpoint-hit", func: "inner" });
  expect(await gdb.run("print product")).toContain("= 15");
  expect(await gdb.run("print *p")).toContain("{x = 5, y = 7}");
  expect(await gdb.run("print scale")).toContain("= 3");
  expect(await gdb.run("print common_total")).toContain("= 0");
  expect(await gdb.run("info source")).toMatch(/Current source file is .*unit\d+\.c/);
  expect(await gdb.run("info line *$pc")).toMatch(/Line 7 of /);
  expect((await gdb.backtrace()).slice(0, 2)).toEqual(["inner", "outer"]);
  expect(await gdb.run("frame 1")).toMatch(/outer \(x=5\) at .*unit\d+\.c:13/);
  expect(await gdb.run("print here")).toContain("{x = 5, y = 7}");
}

describe("gdb shows source lines and variables of a module", () => {
  it.each(OBJECTS)("that was loaded before it came: %s", (_, compiler, flags) =>
    play(
      async (target, gdb) => {
        await gdb.run(`break ${source}:7`);
        await gdb.continue();
        const result = target.ask("call", "shown", "int outer(int)", 5);
        await expectSource(gdb);
        await gdb.run("delete");
        await gdb.continue();
        expect(await result).toBe(23);
        expect(gdb.complaints).toEqual([]);
      },
      async (target) => {
        const path = compileTo(SOURCE, compiler, flags);
        source = path.replace(/\.o$/, ".c");
        await target.ask("load", "shown", path);
      },
    ),
  );
  let source = "";

  it("that is loaded while it is there, and forgets it with the module", () =>
    play(async (target, gdb) => {
      await gdb.run("break inner");
      await gdb.continue();
      const path = compileTo(SOURCE, "gcc", ["-g", "-O1", "-fno-inline", "-fPIC"]);
      await target.ask("load", "later", path);
      const result = target.ask("call", "later", "int outer(int)", 5);
      expect(await gdb.stopped()).toMatchObject({ reason: "breakpoint-hit", func: "inner" });
      expect(await gdb.run("print *p")).toContain("{x = 5, y = 7}");
      expect((await gdb.backtrace()).slice(0, 2)).toEqual(["inner", "outer"]);
      await gdb.run("delete");
      await gdb.continue();
      expect(await result).toBe(23);
      await target.ask("unload", "later");
      await gdb.interrupt();
      expect(await gdb.refusal("info address inner")).toContain("No symbol");
      await gdb.continue();
      expect(gdb.complaints).toEqual([]);
    }));

  it("made of C++ objects with code in common, once each", () =>
    play(
      async (target, gdb) => {
        await gdb.run("break twice<int>");
        await gdb.continue();
        const result = target.ask("call", "shared", "int use_b(int)", 21);
        expect(await gdb.stopped()).toMatchObject({ reason: "breakpoint-hit", func: "twice<int>" });
        expect(await gdb.run("print value")).toContain("= 21");
        expect((await gdb.backtrace()).slice(0, 2)).toEqual(["twice<int>", "use_b"]);
        await gdb.run("delete");
        await gdb.continue();
        expect(await result).toBe(42);
        expect(gdb.complaints).toEqual([]);
      },
      async (target) => {
        const part = (name: string) =>
          `template <class T> T twice(T value) { return value + value; }\nextern "C" int use_${name}(int x) { return twice(x); }`;
        const paths = ["a", "b"].map((name) => compileTo(part(name), "g++", ["-g"]));
        await target.ask("load", "shared", ...paths);
      },
    ));
});
