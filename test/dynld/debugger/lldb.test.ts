/** lldb on a process with modules: source lines, variables, frames. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Lldb } from "../../support/lldb.ts";
import { type Compiler, compileTo } from "../support/compile.ts";
import { Target } from "./target.ts";

const SOURCE = `struct point { int x, y; };
static int scale = 3;
__attribute__((noinline)) static int inner(struct point *p, int factor)
{
  int product = p->x * factor;
  return product + p->y;
}
int outer(int x)
{
  struct point here = { x, 7 };
  return inner(&here, scale) + 1;
}
`;

const OBJECTS: readonly [Compiler, ...string[]][] = [
  ["clang", "-g", "-fPIC"],
  ["gcc", "-gdwarf-4", "-O0"],
];

/** One for all: what it knows of the program it knows once. */
let lldb: Lldb;
beforeAll(() => {
  lldb = new Lldb();
});
afterAll(() => lldb.close());

describe("lldb shows source lines and variables of a module", () => {
  it.each(OBJECTS)(
    "of %s %s %s that was loaded before it came",
    async (...[compiler, ...flags]: [Compiler, ...string[]]) => {
      const { target, pid } = await Target.start();
      try {
        const path = compileTo(SOURCE, compiler, flags);
        await target.ask("load", "shown", path);
        await lldb.createTarget();
        await lldb.attach(pid);
        await lldb.run("breakpoint set --name inner");
        await lldb.continue();
        const result = target.ask("call", "shown", "int outer(int)", 5);
        const stop = await lldb.stopped();
        expect(stop).toMatch(/`inner\(p=0x[0-9a-f]+, factor=3\) at unit\d+\.c:5/);
        expect(await lldb.run("frame variable *p")).toContain("(x = 5, y = 7)");
        expect(await lldb.run("bt 2")).toMatch(/outer\(x=5\) at unit\d+\.c:11/);
        await lldb.run("breakpoint delete --force");
        await lldb.continue();
        expect(await result).toBe(23);
      } finally {
        await lldb.reset();
        await target.close();
      }
    },
  );
});
