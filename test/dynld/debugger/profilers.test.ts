/** perf and the kernel's uprobes on a process with a module: they know its functions by name and place. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordWhile, samplingRefused } from "../../support/sampling.ts";
import { compileTo } from "../support/compile.ts";
import { Target } from "./target.ts";

const SOURCE = `
  __attribute__((noinline)) static int module_hot(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) { sum += i ^ n; __asm__ volatile(""); }
    return sum;
  }
  int module_cold(int n) { return n; }
  int module_run(int n) { return module_hot(n) & module_cold(-1); }
  __attribute__((noinline)) int module_add(int a, int b) { return a + b; }`;

const directory = mkdtempSync(join(tmpdir(), "bindery-profilers-"));
const litter = [directory];
let path = "";
beforeAll(() => {
  path = compileTo(SOURCE, "gcc", ["-g", "-O1", "-fPIC"]);
});
afterAll(() => {
  for (const one of litter) rmSync(one, { recursive: true, force: true });
});

/** Percentage of the samples by symbol. */
function report(data: string): Map<string, number> {
  const text = execFileSync("perf", ["report", "--stdio", "--sort", "symbol", "-i", data], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = text.matchAll(/^\s+([\d.]+)%\s+\[\S\]\s+(\S+)/gm);
  return new Map(Array.from(lines, ([, share, name]) => [name ?? "", Number(share)]));
}

describe("perf report names a module's functions, static ones too", () => {
  /** Why the kernel does not let us sample; `undefined` when it does. */
  let refused: string | undefined;
  beforeAll(() => {
    refused = samplingRefused(directory);
  });

  it.each([
    ["by the map", { perf: ["map"] }, false],
    ["by the jitdump", { perf: ["jitdump"] }, true],
    ["by the file that it lies in", { backing: { directory } }, false],
  ] as const)("%s", async (what, options, isDump) => {
    if (refused !== undefined) {
      console.error(`NOT EXERCISED: the kernel refuses perf_event_open(2):\n${refused}`);
      return;
    }
    const { target, pid } = await Target.start({ TMPDIR: directory });
    litter.push(`/tmp/perf-${pid}.map`);
    try {
      await target.ask("loadAs", "hot", options, path);
      const data = join(directory, `${what.replaceAll(" ", "-")}.data`);
      await recordWhile(pid, data, () => target.ask("spin", "hot", "int module_run(int)", 250));
      const placed = `${data}.jit`;
      if (isDump) execFileSync("perf", ["inject", "--jit", "-i", data, "-o", placed], { stdio: "ignore" });
      const shares = report(isDump ? placed : data);
      expect(shares.get("module_hot")).toBeGreaterThan(50);
      expect(shares.has("module_cold")).toBe(false);
    } finally {
      await target.close();
    }
  });
});

describe("uprobes", () => {
  let tracing: string | undefined;
  let mounted: string | undefined;
  let refused = "";
  beforeAll(() => {
    tracing = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].find((place) =>
      existsSync(`${place}/uprobe_events`),
    );
    if (tracing !== undefined) return;
    const place = mkdtempSync(join(tmpdir(), "bindery-tracefs-"));
    const { status, stderr } = spawnSync("mount", ["-t", "tracefs", "tracefs", place], { encoding: "utf8" });
    if (status === 0) mounted = place;
    else rmSync(place, { recursive: true });
    if (status === 0 && existsSync(join(place, "uprobe_events"))) tracing = place;
    else refused = status === 0 ? "tracefs has no uprobe_events" : stderr;
  });
  afterAll(() => {
    if (mounted === undefined) return;
    execFileSync("umount", [mounted]);
    rmSync(mounted, { recursive: true });
  });

  it.each([
    ["memory", {}],
    ["a file", { backing: { directory } }],
  ] as const)(
    "count the calls of a module's function, with arguments and result, in %s",
    async (_, options) => {
      if (tracing === undefined) {
        console.error(`NOT EXERCISED: tracefs can't be had: ${refused}`);
        return;
      }
      const events = join(tracing, "uprobe_events");
      const group = `bindery_module_${process.pid}`;
      // An instance of its own: its buffer is ours alone.
      const instance = join(tracing, "instances", group);
      const { target } = await Target.start();
      try {
        const file = await target.ask("loadAs", "probed", options, path);
        const offset = Number(await target.ask("fileOffset", "probed", "module_add")).toString(16);
        appendFileSync(events, `p:${group}/add ${file}:0x${offset} a=%di:s32 b=%si:s32\n`);
        appendFileSync(events, `r:${group}/sum ${file}:0x${offset} sum=%ax:s32\n`);
        try {
          mkdirSync(instance);
          for (const event of ["add", "sum"])
            writeFileSync(join(instance, "events", group, event, "enable"), "1");
          for (let i = 0; i < 4; i++) {
            expect(await target.ask("call", "probed", "int module_add(int, int)", i, 10)).toBe(10 + i);
          }
          for (const event of ["add", "sum"])
            writeFileSync(join(instance, "events", group, event, "enable"), "0");
          const trace = readFileSync(join(instance, "trace"), "utf8");
          const seen = [...trace.matchAll(/ (?:a=(\d+) b=(\d+)|sum=(\d+))$/gm)].map(([text]) => text.trim());
          expect(seen).toEqual([0, 1, 2, 3].flatMap((i) => [`a=${i} b=10`, `sum=${10 + i}`]));
          const address = String(await target.ask("address", "probed", "module_add"));
          expect(trace).toContain(`add: (${address})`);
        } finally {
          if (existsSync(instance)) execFileSync("rmdir", [instance]);
          appendFileSync(events, `-:${group}/add\n-:${group}/sum\n`);
        }
        await target.ask("unload", "probed");
      } finally {
        await target.close();
      }
    },
  );
});
