/** Coming to a process that has begun already, at any moment of its start and of its work, and leaving it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followLinker, HostError, type LinkerEvent, type Target } from "../../../src/rtld/index.ts";
import { BUSY, PLUGIN } from "../programs.ts";
import { RtldWorkshop } from "../workshop.ts";

/** Its library's constructor, and itself, load and unload; both take their time. */
const START = `
#include <dlfcn.h>
#include <unistd.h>
int linked(void);
int main(void) {
  usleep(1000);
  void *later = dlopen("later.so", RTLD_NOW);
  usleep(1000);
  dlclose(later);
  return linked();
}
`;
const LINKED = `
#include <dlfcn.h>
#include <unistd.h>
__attribute__((constructor)) void begin(void) {
  usleep(1000);
  void *early = dlopen("early.so", RTLD_NOW);
  usleep(1000);
  dlclose(early);
}
int linked(void) { return 11; }
`;

const workshop = new RtldWorkshop();
const narrow = new RtldWorkshop();
const programs = { busy: "", plugin: "" };
/** The program of {@link START}, what it is linked with, and their run-time linker. */
interface Slow {
  start: string;
  linked: string;
  readonly loader: string;
}
const wide: Slow = { start: "", linked: "", loader: "/lib64/ld-linux-x86-64.so.2" };
const narrowOne: Slow = { start: "", linked: "", loader: "/lib/ld-linux.so.2" };
beforeAll(() => {
  for (const [slow, shop, compile] of [
    [wide, workshop, workshop.compile.bind(workshop)],
    [narrowOne, narrow, narrow.compile32.bind(narrow)],
  ] as const) {
    const find = `-Wl,-rpath,${shop.directory}`;
    for (const name of ["early", "later"]) compile(`${name}.so`, `int ${name};`, "-shared", "-fPIC");
    slow.linked = compile("libslow.so", LINKED, "-shared", "-fPIC", find);
    slow.start = compile("start", START, "-L.", "-lslow", find);
  }
  programs.busy = workshop.compile("busy", BUSY, "-pthread");
  programs.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
});
afterAll(() => {
  workshop.remove();
  narrow.remove();
});

/** All that happens to the program, from its first instruction on. */
const WHOLE = [
  "exec",
  "RD_DLACTIVITY RD_ADD",
  "RD_PREINIT",
  "RD_DLACTIVITY RD_ADD",
  "RD_DLACTIVITY RD_CONSISTENT +early.so",
  "RD_DLACTIVITY RD_DELETE",
  "RD_DLACTIVITY RD_CONSISTENT -early.so",
  "RD_POSTINIT",
  "RD_DLACTIVITY RD_ADD",
  "RD_DLACTIVITY RD_CONSISTENT +later.so",
  "RD_DLACTIVITY RD_DELETE",
  "RD_DLACTIVITY RD_CONSISTENT -later.so",
  "exit 11",
];

/** An event in short, and what came or went by dlopen and dlclose. */
function line({ event, state, code, added, removed }: LinkerEvent): string {
  const names = (sign: string, objects: LinkerEvent["added"]) =>
    objects.map((one) => `${sign}${basename(one.name)}`).filter((one) => /early|later/.test(one));
  const how = [...(event === "RD_DLACTIVITY" ? [state] : []), ...(code === undefined ? [] : [code])];
  return [event, ...how, ...names("+", added), ...names("-", removed)].join(" ");
}

/** Runs until a breakpoint, which is taken away then. */
async function runTo(target: Target, address: bigint): Promise<void> {
  target.insertBreakpoint(address);
  target.continue();
  for (let event = await target.next(); event.kind !== "breakpoint"; ) event = await target.next();
  target.removeBreakpoint(address);
}

async function step(target: Target, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    target.step(target.pid);
    for (let event = await target.next(); event.kind !== "step"; ) event = await target.next();
  }
}

/** Address of a symbol in a process, by nm(1) or readelf(1), and the first mapping of its file. */
function inProcess(pid: number, file: string, symbol: string): bigint {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8").split("\n");
  const base = BigInt(`0x${maps.find((one) => one.endsWith(`/${basename(file)}`))?.split("-")[0] ?? "0"}`);
  const symbols = workshop.run("readelf", "-sW", file);
  const [, value = "0"] = new RegExp(`: (\\w+) .* ${symbol}(@.*)?$`, "m").exec(symbols) ?? [];
  return base + BigInt(`0x${value}`);
}

describe.each([
  ["64", wide],
  ["32", narrowOne],
])("what is still to come of a start of %s bits is told as what it is, from", (_bits, slow) => {
  const moments: readonly (readonly [name: string, go: (target: Target) => Promise<void>, behind: number])[] =
    [
      ["the first instruction on", async () => {}, 0],
      ["within the run-time linker's first steps on", (target) => step(target, 500), 0],
      ["the moment on that the first addition is told", async (target) => atDebugState(target, 1), 1],
      [
        "within loading on",
        async (target) => {
          await atDebugState(target, 1);
          await step(target, 1000);
        },
        1,
      ],
      ["the moment on that all is loaded", async (target) => atDebugState(target, 2), 2],
      [
        "shortly after that on",
        async (target) => {
          await atDebugState(target, 2);
          await step(target, 100);
        },
        2,
      ],
      [
        "within an initializer on",
        async (target) => {
          await atDebugState(target, 2);
          await runTo(target, inProcess(target.pid, slow.linked, "begin"));
        },
        2,
      ],
      ["within what an initializer loads on", async (target) => atDebugState(target, 3), 3],
      [
        "behind what an initializer did on",
        async (target) => {
          await atDebugState(target, 6);
          await step(target, 20);
        },
        6,
      ],
      [
        "the program's own start on",
        async (target) => {
          await atDebugState(target, 2);
          await runTo(target, inProcess(target.pid, slow.start, "_start"));
          await step(target, 1);
        },
        7,
      ],
      [
        "the program's main function on",
        async (target) => {
          await atDebugState(target, 2);
          await runTo(target, inProcess(target.pid, slow.start, "main"));
        },
        7,
      ],
    ];
  it.each(moments)("%s", async (_name, go, behind) => {
    const target = workshop.spawn(slow.start);
    await go(target);
    const lines: string[] = [];
    await followLinker(target, (event) => lines.push(line(event)));
    // What was told to others just now is not told again.
    expect(lines.slice(1)).toEqual(WHOLE.slice(1 + behind));
  });

  /** Goes on to where the run-time linker tells of itself, the given time, and past that instruction. */
  async function atDebugState(target: Target, times: number): Promise<void> {
    const address = inProcess(target.pid, slow.loader, "_dl_debug_state");
    for (let i = 0; i < times; i++) {
      await runTo(target, address);
      await step(target, 1);
    }
  }
});

describe("attaching", () => {
  it("at any moment gives what is still to come, and nothing twice", async () => {
    const tails = new Set<number>();
    for (let i = 0; i < 24 || tails.size === 0; i++) {
      // Below a shell: a child of Node's own can't be attached to.
      const shell = spawn("sh", ["-c", `${wide.start} & echo $!; wait $!`], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      const [number] = (await once(shell.stdout, "data")) as [Buffer];
      for (const end = performance.now() + (i % 12) * 0.6; performance.now() < end; );
      let target: Target;
      try {
        target = workshop.attach(Number(number));
      } catch (error) {
        // It had ended before, which took it some milliseconds.
        if (!(error instanceof HostError)) throw error;
        continue;
      }
      const lines: string[] = [];
      await followLinker(target, (event) => lines.push(line(event)));
      const [first, ...rest] = lines;
      expect(first).toMatch(/^attach/);
      const whole = WHOLE.slice(WHOLE.length - rest.length);
      // What was about to be unloaded is not known of, and can't be missed.
      if (whole[0]?.startsWith(rest[0] ?? "") === true) whole[0] = rest[0] ?? "";
      expect(rest).toEqual(whole);
      tails.add(rest.length);
    }
  });

  it("to a busy program 200 times while it loads and unloads, and leaving it, changes nothing of what it does", async () => {
    const { pid, ended } = await workshop.start(programs.busy, programs.plugin);
    const address = inProcess(pid, wide.loader, "_dl_debug_state");
    const original = firstByte(pid, address);
    for (let i = 0; i < 200; i++) {
      const target = workshop.attach(pid);
      expect(target.stoppedThreads).toEqual(target.threads);
      target.insertBreakpoint(address);
      target.continue();
      // Left before anything happens, after an event, and in the midst of several.
      for (let events = i % 3; events > 0; ) {
        const event = await target.next();
        if (event.kind === "breakpoint" && --events > 0) target.continue(event.tid);
      }
      if (i % 3 === 2) target.continue();
      target.detach();
      expect(firstByte(pid, address)).toBe(original);
      expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^TracerPid:\t0$/m);
    }
    await sleep(20);
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it("and following, 20 times over, tells each time of what is loaded, and leaves as it was", async () => {
    const { pid, ended } = await workshop.start(programs.busy, programs.plugin);
    for (let i = 0; i < 20; i++) {
      const target = workshop.attach(pid);
      let count = 0;
      await followLinker(target, ({ event, added }) => {
        if (event === "attach" && added.length > 0)
          expect(added.map((one) => basename(one.name))).toContain("libc.so.6");
        if (++count === 10 + i) target.detach();
      });
    }
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });
});

/** The byte that is in a process's memory, whatever its controlling process says. */
function firstByte(pid: number, address: bigint): number | undefined {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const bytes = new Uint8Array(1);
  try {
    readSync(memory, bytes, 0, 1, address);
  } finally {
    closeSync(memory);
  }
  return bytes[0];
}
