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
import { ADD, Target } from "../debugger/target.ts";

/** Where the kernel's tracing files are; `undefined` with the reason when they can't be had. */
let tracing: string | undefined;
let refused = "";
let mounted: string | undefined;

beforeAll(() => {
  tracing = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"].find((path) =>
    existsSync(`${path}/uprobe_events`),
  );
  if (tracing !== undefined) return;
  const place = mkdtempSync(join(tmpdir(), "bindery-tracefs-"));
  const { status, stderr } = spawnSync("mount", ["-t", "tracefs", "tracefs", place], { encoding: "utf8" });
  mounted = status === 0 ? place : undefined;
  if (status !== 0) {
    refused = stderr;
    rmSync(place, { recursive: true });
  } else if (existsSync(join(place, "uprobe_events"))) {
    tracing = place;
  } else {
    refused = "tracefs has no uprobe_events";
  }
});

afterAll(() => {
  if (mounted === undefined) return;
  execFileSync("umount", [mounted]);
  rmSync(mounted, { recursive: true });
});

/** What the kernel recorded of the probe on `jit_add`, while `act` ran. */
async function probe(target: Target, path: string, act: () => Promise<void>): Promise<string[]> {
  if (tracing === undefined) throw new Error("no tracefs");
  const events = join(tracing, "uprobe_events");
  const event = `bindery_test_${process.pid}/add`;
  // An instance of its own: its buffer is ours alone.
  const instance = join(tracing, "instances", `bindery-test-${process.pid}`);
  const offset = await target.ask<number>("fileOffset", "live", "jit_add");
  appendFileSync(events, `p:${event} ${path}:0x${offset.toString(16)} a=%di:s32 b=%si:s32\n`);
  try {
    mkdirSync(instance);
    const enable = join(instance, "events", event, "enable");
    writeFileSync(enable, "1");
    try {
      await act();
    } finally {
      writeFileSync(enable, "0");
    }
    const trace = readFileSync(join(instance, "trace"), "utf8");
    return trace.split("\n").filter((line) => line.includes(` add: `));
  } finally {
    if (existsSync(instance)) execFileSync("rmdir", [instance]);
    appendFileSync(events, `-:${event}\n`);
  }
}

const BACKINGS = ["memfd", "file"] as const;

describe("the kernel's uprobes", () => {
  it.each(BACKINGS)(
    "count the calls of a function bound a moment before, with its arguments: %s",
    async (backing) => {
      if (tracing === undefined) {
        console.error(`NOT EXERCISED: tracefs can't be had: ${refused}`);
        return;
      }
      const directory = mkdtempSync(join(tmpdir(), "bindery-uprobe-"));
      const target = await Target.start();
      try {
        const options = backing === "file" ? { backing: { directory } } : {};
        const { path } = await target.ask<{ path: string }>("create", "live", options);
        const first = await target.ask<string>("define", "live", "jit_add", ADD);
        const lines = await probe(target, path, async () => {
          for (let i = 0; i < 5; i++)
            expect(await target.ask("call", "live", "jit_add", i, 100)).toBe(100 + i);
          // The probe gave the page a copy of its own; new code in it runs all the same.
          const second = await target.ask<string>("define", "live", "jit_later", "mov eax, 22\nret");
          expect(BigInt(second) >> 12n).toBe(BigInt(first) >> 12n);
          await target.ask("publish", "live");
          expect(await target.ask("call", "live", "jit_later")).toBe(22);
          // Another name leaves the probe alone.
          expect(await target.ask("alias", "live", "jit_plus", "jit_add")).toBe(first);
          expect(await target.ask("call", "live", "jit_plus", 5, 100)).toBe(105);
        });
        expect(lines.map((line) => /a=(\d+) b=(\d+)/.exec(line)?.slice(1).join())).toEqual(
          [0, 1, 2, 3, 4, 5].map((i) => `${i},100`),
        );
        expect(lines[0]).toContain(`(${first})`);
        expect(await target.ask("call", "live", "jit_add", 6, 100)).toBe(106);
      } finally {
        await target.close();
        rmSync(directory, { recursive: true });
      }
    },
  );
});
