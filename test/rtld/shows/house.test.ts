/** The house meets itself: a process that makes live objects and loads object files, under `bindery trace`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { bindery } from "../../cli/run.ts";
import { RtldWorkshop } from "../workshop.ts";

const MEASURE = `
#include <string.h>
int measure(const char *text) { return strlen(text) + 1; }
`;

interface Line {
  readonly event: string;
  readonly state: string;
  readonly added: readonly { readonly name: string; readonly base: string }[];
  readonly removed: readonly { readonly name: string; readonly base: string }[];
}

const workshop = new RtldWorkshop();
afterAll(() => workshop.remove());

it("creating, loading and unloading live objects are events, and they are in the link map", () => {
  const file = workshop.compile("measure.o", MEASURE, "-c", "-fPIC");
  const log = workshop.output();
  const house = join(import.meta.dirname, "house.mjs");
  const run = bindery(["trace", "--json", "-o", log.path, "--", process.execPath, house, file]);
  expect(run.stderr).toBe("");
  expect(run.status).toBe(0);
  expect(run.stdout).toContain("called 6\n");
  const said = (what: string) =>
    new RegExp(`^${what} (\\S+) (0x\\w+)$`, "m").exec(run.stdout)?.slice(1) ?? [];
  const lines = readFileSync(log.path, "utf8")
    .trimEnd()
    .split("\n")
    .map((one) => JSON.parse(one) as Line);
  for (const what of ["created", "loaded"]) {
    const [name = "", base = ""] = said(what);
    expect(name).toMatch(/\/bindery-.*\.so$/);
    const at = lines.findIndex((one) => one.added.some((object) => object.name === name));
    const gone = lines.findIndex((one) => one.removed.some((object) => object.name === name));
    // One event each, with nothing else in it, of which the link map's beginning to change was told first.
    expect(lines[at]).toMatchObject({ event: "RD_DLACTIVITY", state: "RD_CONSISTENT", removed: [] });
    expect(lines[at]?.added).toMatchObject([{ name, base, lmid: 0 }]);
    expect(lines[at - 1]).toMatchObject({ event: "RD_DLACTIVITY", state: "RD_ADD" });
    expect(gone).toBeGreaterThan(at);
    expect(lines[gone]).toMatchObject({ event: "RD_DLACTIVITY", state: "RD_CONSISTENT", added: [] });
    expect(lines[gone]?.removed).toMatchObject([{ name, base }]);
    expect(lines[gone - 1]).toMatchObject({ event: "RD_DLACTIVITY", state: "RD_DELETE" });
    // While it was there, `bindery maps` listed it.
    const listed = run.stdout.split("\n").filter((one) => one.startsWith("maps ") && one.includes(name));
    expect(listed).toHaveLength(1);
    expect(listed[0]).toContain(base);
  }
});
