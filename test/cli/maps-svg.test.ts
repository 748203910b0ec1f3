/** `bindery maps --svg`, read by Python's XML parser, against what the kernel has mapped. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { bindery } from "./run.ts";

const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
  dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW);
  puts("ready"); fflush(stdout);
  for (;;) pause();
}
`;

const READ = `
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
n = "{http://www.w3.org/2000/svg}"
rects = [[r.findtext(n + "title"), float(r.get("x")), float(r.get("y")), float(r.get("height"))] for r in root.iter(n + "rect") if r.find(n + "title") is not None]
print(json.dumps({"title": root.findtext(n + "title"), "height": float(root.get("height")), "objects": [g.findtext(n + "title") for g in root.iter(n + "g")],
  "rects": rects, "texts": ["".join(t.itertext()) for t in root.iter(n + "text")]}))
`;

interface Drawn {
  readonly title: string;
  readonly height: number;
  readonly objects: readonly string[];
  readonly rects: readonly (readonly [title: string, x: number, y: number, height: number])[];
  readonly texts: readonly string[];
}

const workshop = new RtldWorkshop();
const files = { program: "", plugin: "" };
beforeAll(() => {
  files.plugin = workshop.compile("plugin.so", "int plugin[99999] = {1};", "-shared", "-fPIC");
  files.program = workshop.compile("a<b>&c", PROGRAM);
});
afterAll(() => workshop.remove());

describe("the drawing of an address space", () => {
  it("shows every segment where it is, to scale, from low to high", async () => {
    const { pid } = await workshop.start(files.program, files.plugin);
    const path = workshop.path("maps.svg");
    expect(bindery(["maps", "-p", String(pid), "--svg", path])).toMatchObject({ status: 0, stdout: "" });
    const drawn = JSON.parse(execFileSync("python3", ["-c", READ, path], { encoding: "utf8" })) as Drawn;
    const known = JSON.parse(bindery(["maps", "-p", String(pid), "--json"]).stdout) as {
      name: string;
      base: string;
    }[];
    expect(drawn.title).toBe(`${files.program}, process ${pid}`);
    expect([...drawn.objects].sort()).toEqual(known.map(({ name }) => name).sort());
    const segments = drawn.rects.map(([title, x, y, height]) => {
      const [, name = "", flags = "", start = "", end = ""] =
        /^(\S+) ([r-][w-][x-]) 0x(\w+)-0x(\w+) /.exec(title) ?? [];
      return { name, flags, start: BigInt(`0x${start}`), end: BigInt(`0x${end}`), x, y, height };
    });
    const maps = [
      ...readFileSync(`/proc/${pid}/maps`, "utf8").matchAll(/^(\w+)-(\w+) (...). .*?(\S*)$/gm),
    ].map(([, start, end, flags, name = ""]) => ({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      flags,
      name,
    }));
    for (const { name, flags, start, end } of segments) {
      const inside = maps.filter((one) => one.start < end && one.end > start);
      expect(inside.length).toBeGreaterThan(0);
      if (flags === "r-x")
        expect(
          inside.every(
            (one) => one.flags === "r-x" && (basename(one.name) === basename(name) || one.name === "[vdso]"),
          ),
        ).toBe(true);
    }
    for (const [i, one] of segments.entries()) {
      const next = segments[i + 1];
      if (next === undefined) continue;
      expect(next.start).toBeGreaterThanOrEqual(one.end);
      expect(next.y).toBeGreaterThan(one.y + one.height - 0.2);
    }
    const large = segments.filter((one) => one.height > 20);
    const scales = large.map((one) => one.height / Number(one.end - one.start));
    expect(large.length).toBeGreaterThan(2);
    for (const scale of scales) expect(scale / (scales[0] ?? 0)).toBeCloseTo(1, 1);
    const apart = new Set(segments.filter((one) => one.name === files.plugin).map(({ x }) => x));
    expect([...apart].every((x) => x > (segments[0]?.x ?? 0))).toBe(true);
    expect(drawn.texts.some((one) => one.includes("plugin.so") && one.includes("in namespace 1"))).toBe(true);
    expect(drawn.texts.some((one) => /^\d+ TiB empty$/.test(one))).toBe(true);
    expect(Math.max(...segments.map((one) => one.y + one.height))).toBeLessThan(drawn.height);
  });
});
