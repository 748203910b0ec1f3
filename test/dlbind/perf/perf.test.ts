import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RECORD, recordWhile, samplingRefused } from "../../support/sampling.ts";
import { Target } from "../debugger/target.ts";

const directory = mkdtempSync(join(tmpdir(), "bindery-perf-"));
const litter = [directory];
afterAll(() => {
  for (const path of litter) rmSync(path, { recursive: true, force: true });
});

/** Why the kernel does not let us sample; `undefined` when it does. */
let refused: string | undefined;
beforeAll(() => {
  refused = samplingRefused(directory);
});

/** Runs `check`, unless the kernel refuses to be sampled, which is said aloud. */
async function whereAllowed(check: () => Promise<void>): Promise<void> {
  if (refused === undefined) return check();
  console.error(`NOT EXERCISED: the kernel refuses perf_event_open(2):\n${refused}`);
}

/** Runs a program with the jitdump, and what perf makes of it, among our files. */
const HERE = ["env", `TMPDIR=${directory}`];
const HOT = "again:\n dec edi\n jnz again\n ret";

/** A hot and a cold function in an object `hot`. */
async function prepare(target: Target, options: object): Promise<void> {
  litter.push(`/tmp/perf-${target.pid}.map`);
  await target.ask("create", "hot", options);
  await target.ask("define", "hot", "jit_cold", "ret");
  await target.ask("define", "hot", "jit_hot_loop", HOT);
  await target.ask("publish", "hot");
}

/** Samples a process from its start to its end, while `act` has it do something. @returns the data file */
async function recordFromStart(
  name: string,
  options: object,
  act: (target: Target) => Promise<void>,
): Promise<string> {
  const data = join(directory, name);
  const target = await Target.start("", [...HERE, "perf", ...RECORD, "-o", data, "--"]);
  try {
    await prepare(target, options);
    await act(target);
    await target.close();
    return data;
  } finally {
    await target.close();
  }
}

/** Samples a process, which has all its functions already. @returns the data file */
async function recordAttached(name: string, target: Target): Promise<string> {
  const data = join(directory, name);
  await recordWhile(target.pid, data, () => spin(target));
  return data;
}

/** Percentage of the samples by symbol. */
function report(data: string): Map<string, number> {
  const args = ["report", "--stdio", "--sort", "symbol", "-i", data];
  const text = execFileSync("perf", args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = text.matchAll(/^\s+([\d.]+)%\s+\[\S\]\s+(\S+)/gm);
  return new Map(Array.from(lines, ([, share, name]) => [name ?? "", Number(share)]));
}

/** Has perf place the functions of the jitdump among the samples. @returns the new data file */
function inject(data: string): string {
  const out = `${data}.jit`;
  execFileSync("perf", ["inject", "--jit", "-i", data, "-o", out], { stdio: "ignore" });
  return out;
}

const spin = async (target: Target): Promise<void> => {
  await target.ask("spin", "hot", "jit_hot_loop", 250);
};

describe("perf report names bound functions", () => {
  it("by the map, in a process that perf started", () =>
    whereAllowed(async () => {
      const data = await recordFromStart("map.data", { perf: ["map"] }, spin);
      expect(report(data).get("jit_hot_loop")).toBeGreaterThan(10);
    }));

  it("by the map, in a process that perf attached to", () =>
    whereAllowed(async () => {
      const target = await Target.start("", HERE);
      try {
        await prepare(target, { perf: ["map"] });
        expect(report(await recordAttached("map-p.data", target)).get("jit_hot_loop")).toBeGreaterThan(50);
      } finally {
        await target.close();
      }
    }));

  it("by the jitdump, also where one function comes to lie in the place of another", () =>
    whereAllowed(async () => {
      const data = await recordFromStart("dump.data", { perf: ["jitdump"] }, async (target) => {
        await spin(target);
        const first = await target.ask("address", "hot", "jit_hot_loop");
        await target.ask("free", "jit_hot_loop");
        await target.ask("publish", "hot");
        expect(await target.ask("define", "hot", "jit_next_loop", HOT)).toBe(first);
        await target.ask("publish", "hot");
        await target.ask("spin", "hot", "jit_next_loop", 250);
      });
      const shares = report(inject(data));
      expect(shares.get("jit_hot_loop")).toBeGreaterThan(10);
      expect(shares.get("jit_next_loop")).toBeGreaterThan(10);
    }));

  it("by the jitdump, in a process that perf attached to", () =>
    whereAllowed(async () => {
      const target = await Target.start("", HERE);
      try {
        await prepare(target, { perf: ["jitdump"] });
        const data = inject(await recordAttached("dump-p.data", target));
        expect(report(data).get("jit_hot_loop")).toBeGreaterThan(50);
      } finally {
        await target.close();
      }
    }));

  it("by the file behind the object, without either", () =>
    whereAllowed(async () => {
      const place = join(directory, "objects");
      mkdirSync(place);
      const options = { backing: { directory: place, keep: true } };
      const data = await recordFromStart("file.data", options, spin);
      expect(report(data).get("jit_hot_loop")).toBeGreaterThan(10);
    }));
});
