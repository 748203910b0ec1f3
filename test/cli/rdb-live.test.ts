/** The house meets itself: a process that uses `bindery/dlbind` and `bindery/dynld` runs under `bindery rdb`. */
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { between, rdb } from "./rdb-support.ts";

const HOUSE = fileURLToPath(new URL("../fixtures/rdb/house.mjs", import.meta.url));
const LINKED = `
__attribute__((noinline)) int inner_linked(int x) { volatile int y = x * 3; return y; }
static inline int between(int x) { return inner_linked(x) + 1; }
int outer_linked(int x) { return between(x) * 2; }
`;

const workshop = new RtldWorkshop();
afterAll(() => workshop.remove());

it("stops at functions that are bound at run time, names them, and lists live objects", () => {
  const object = workshop.compile("linked.o", LINKED, "-c", "-O2", "-fPIC");
  const script = `
break add_live
break inner_linked
event on
cont
echo "live"
where
value add_live
dis add_live 2
echo "maps"
linkmaps
echo "step"
step 2
event off
cont
echo "linked"
where
step
echo "end"
cont
break`;
  const { status, stdout, stderr } = rdb(workshop, script, process.execPath, HOUSE, object);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });

  // Both are waited for, and are there before their code runs.
  const before = stdout.slice(0, stdout.indexOf("live\n"));
  expect(before).toMatch(
    /pending: add_live is not loaded yet\nbreak point pending: inner_linked is not loaded yet\n/,
  );
  const [, made = ""] = /^break point set at: (0x\w+) \(add_live\)$/m.exec(before) ?? [];
  // The live object and what tells debuggers of it are loaded as any library is.
  expect(before.match(/RD_ADD\ndlactivity: state changed to: RD_CONSISTENT/g)?.length).toBeGreaterThan(1);
  expect(before).toContain(`break point reached at addr: ${made}\n`);

  const live = between(stdout, "live", "maps");
  expect(live[1]).toBe(` ${made}:made.so:add_live`);
  // Past what has no call frame information, koffi calls it; below is the program.
  expect(live.some((line) => line.includes(":koffi.node"))).toBe(true);
  expect(live.some((line) => /:node:node::Start\(int, char\*\*\)\+0x/.test(line))).toBe(true);
  expect(live.some((line) => line.includes(":node:_start"))).toBe(true);
  expect(live).toContain(`value: ${made}`);
  expect(live.at(-2)).toMatch(/^made\.so:add_live +: lea eax, \[rdi\+rsi\]$/);
  expect(live.at(-1)).toMatch(/^made\.so:add_live\+0x3 +: ret$/);

  const maps = between(stdout, "maps", "step").filter((line) => line.startsWith("link-map: "));
  expect(maps.some((line) => line.endsWith("/made.so"))).toBe(true);
  expect(between(stdout, "step").slice(1, 3)).toEqual(live.slice(-2));

  expect(stdout).toContain("add_live 5\n");
  const linked = between(stdout, "linked", "end");
  const place = (name: string, line: number) =>
    expect.stringMatching(`:${name} at \\S*linked\\.o\\.c:${line}$`);
  expect(linked.slice(1, 4)).toEqual([
    place("inner_linked", 2),
    place("between \\(inlined\\)", 3),
    place("outer_linked\\+0x\\w+", 4),
  ]);
  expect(linked.some((line) => line.includes(":koffi.node"))).toBe(true);

  // 5 * 3 is 15, and (15 + 1) * 2 is 32.
  expect(stdout).toContain("outer_linked 32\n");
  const after = between(stdout, "end").join("\n");
  expect(after).toMatch(
    /pending: inner_linked is not loaded any more[\s\S]*pending: add_live is not loaded any more/,
  );
  expect(after).toMatch(
    /done\n[\s\S]*exit code 0\nactive breakpoints:\n\tpending +- add_live\n\tpending +- inner_linked$/,
  );
});
