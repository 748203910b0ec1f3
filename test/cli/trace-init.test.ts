/** `bindery trace --init`: whose initializers run when a program starts, against what the run-time linker logs of that. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { bindery } from "./run.ts";

const BEGINS = "__attribute__((constructor)) static void begin(void) { count++; }";
/** Of the libraries one has no initializers, one only an array of them, and one opens another one in its own. */
const LIBRARIES: readonly (readonly [name: string, source: string, ...flags: string[]])[] = [
  ["libempty.so", "int empty(void) { return 1; }", "-nostartfiles"],
  ["libarray.so", `static int count; ${BEGINS} int array(void) { return count; }`, "-nostartfiles"],
  ["libopened.so", "int opened;"],
  [
    "libopens.so",
    `#include <dlfcn.h>
int array(void);
static void *opened;
__attribute__((constructor)) static void begin(void) { opened = dlopen("libopened.so", RTLD_NOW); }
int opens(void) { return opened ? array() : 0; }`,
    "-larray",
  ],
];
const PROGRAM = `static int count; ${BEGINS}
int empty(void), opens(void);
int main(void) { return empty() + opens() + count; }`;

const workshop = new RtldWorkshop();
let program = "";
beforeAll(() => {
  const find = ["-L.", `-Wl,-rpath,${workshop.directory}`, "-Wl,--no-as-needed"];
  for (const [name, source, ...flags] of LIBRARIES) {
    workshop.compile(name, source, "-shared", "-fPIC", ...find, ...flags);
  }
  program = workshop.compile("program", PROGRAM, ...find, "-lopens", "-lempty", "-larray");
});
afterAll(() => workshop.remove());

interface Line {
  readonly pid: number;
  readonly event: string;
  readonly object?: string;
}

describe("bindery trace --init", () => {
  it("tells of each object whose initializers begin, in that order, before the program does", () => {
    const log = workshop.path("log");
    const out = workshop.path("events");
    const run = bindery(["trace", "--init", "--json", "-o", out, "--", program], "", {
      LD_DEBUG: "files",
      LD_DEBUG_OUTPUT: log,
    });
    // 1 of each
    expect(run).toEqual({ status: 3, stdout: "", stderr: "" });
    const lines = readFileSync(out, "utf8").trimEnd().split("\n");
    const events = lines.map((line) => JSON.parse(line) as Line);
    const ours = events.filter(({ event }) => event === "init").map(({ object = "" }) => object);
    const said = readFileSync(`${log}.${events[0]?.pid}`, "utf8");
    const called = [...said.matchAll(/calling init: (\S+)/g)].map(([, name = ""]) => name);
    // It says so also of those that have none, as itself, and of what is opened, which is no part of the start.
    const theirs = called.filter(
      (name) =>
        / \(INIT(_ARRAY)?\)/.test(workshop.run("readelf", "-d", name)) && !name.endsWith("/libopened.so"),
    );
    expect(called.length).toBeGreaterThan(theirs.length);
    expect(ours).toEqual(theirs);
    expect(ours.map((one) => basename(one))).toEqual(["libc.so.6", "libarray.so", "libopens.so"]);
    const order = events.map(({ event }) => event);
    expect(order.indexOf("init")).toBeGreaterThan(order.indexOf("RD_PREINIT"));
    expect(order.lastIndexOf("init")).toBeLessThan(order.indexOf("RD_POSTINIT"));
  });

  it("adds up what they took, library by library; and says nothing of it unasked", () => {
    const { status, stdout } = bindery(["trace", "--init", "--", program]);
    expect(status).toBe(3);
    const listed = [...stdout.matchAll(/^ +[\d.]+ ms +[\d.]+ ms of work {2}initializers of (\S+)$/gm)];
    expect(listed.map(([, name = ""]) => basename(name)).toSorted()).toEqual([
      "libarray.so",
      "libc.so.6",
      "libopens.so",
    ]);
    expect(stdout.match(/^ +[\d.]+ {2}init of \S+$/gm)).toHaveLength(3);
    expect(bindery(["trace", "--", program]).stdout).not.toContain("init of");
  });

  it("tells the same behind a stub, where nobody knows what was work", () => {
    const { status, stdout, stderr } = bindery([
      "trace",
      "--init",
      "--remote",
      `| gdbserver --once - ${program} 2>/dev/null`,
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const listed = [...stdout.matchAll(/^ +[\d.]+ ms {2}initializers of (\S+)$/gm)];
    expect(listed).toHaveLength(3);
  });
});
