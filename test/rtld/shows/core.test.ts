/** Core files that gcore(1) makes, of the very moment at which a process was looked at alive. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CoreProcess, LiveProcess, ObservedProcess, RtldAgent, RtldError } from "../../../src/rtld/index.ts";
import { BUSY, PLUGIN } from "../programs.ts";
import { RtldWorkshop } from "../workshop.ts";

/** Opens its argument twice, once in a namespace of its own where there are such, says so, and waits. */
const WAITER = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>
int main(int argc, char **argv) {
  if (dlopen(argv[1], RTLD_NOW) == 0) return 1;
#ifdef __GLIBC__
  if (dlmopen(LM_ID_NEWLM, argv[1], RTLD_NOW) == 0) return 2;
#endif
  puts("ready"); fflush(stdout);
  for (;;) pause();
}
`;

/** Needs the C library, also in a namespace of its own; and has thread-local storage. */
const TALKER = `
#include <stdio.h>
__thread int own = 1;
int plugin(int x) { return puts("") + own; }
`;

const workshop = new RtldWorkshop();
const programs = { busy: "", plugin: "" };
beforeAll(() => {
  programs.busy = workshop.compile("busy", BUSY, "-pthread");
  programs.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
});
afterAll(() => workshop.remove());

function dump(pid: number): string {
  execFileSync("gcore", ["-o", workshop.path("core"), String(pid)], { stdio: "pipe" });
  return workshop.path(`core.${pid}`);
}

/** All fields of all objects, or the code of the error. */
function loadObjects(agent: RtldAgent): unknown {
  try {
    return agent.objects.map((one) => ({
      name: one.name,
      nameAddr: one.nameAddr,
      base: one.base,
      dataBase: one.dataBase,
      end: one.end,
      lmIdent: one.lmIdent,
      refName: one.refName,
      plt: [one.pltBase, one.pltSize],
      pad: [one.padStart, one.padEnd],
      dynamic: one.dynamic,
      tlsModId: one.tlsModId,
      flags: one.flags,
      linkMap: one.linkMap,
      needed: one.needed,
      soname: one.soname,
    }));
  } catch (error) {
    if (error instanceof RtldError) return error.code;
    throw error;
  }
}

describe("a core file has the link maps of its moment", () => {
  it.each([
    ["glibc, lazily bound", "gcc", ["-Wl,-z,lazy"]],
    ["glibc, bound at once", "gcc", ["-Wl,-z,now", "-s"]],
    ["glibc, at a fixed address", "gcc", ["-no-pie"]],
    ["musl", "musl-gcc", ["-no-pie"]],
    ["musl, position-independent", "musl-gcc", ["-s"]],
  ] as const)("%s", async (name, compiler, flags) => {
    const file = name.replaceAll(/\W+/g, "-");
    const program = workshop.compileBy(compiler, file, WAITER, ...flags);
    const plugin = workshop.compileBy(compiler, `${file}.so`, TALKER, "-shared", "-fPIC");
    const { pid } = await workshop.start(program, plugin);
    using alive = new ObservedProcess(pid);
    using core = CoreProcess.open(dump(pid), { executable: program });
    const live = loadObjects(RtldAgent.new(alive));
    expect(live).toHaveLength(compiler === "gcc" ? 8 : 4);
    expect(loadObjects(RtldAgent.new(core))).toEqual(live);
  });

  it("also while a thread is loading or unloading: they are told then as consistent only where they are", async () => {
    const { pid, ended } = await workshop.start(programs.busy, programs.plugin);
    for (const wanted of ["RD_ADD", "RD_CONSISTENT", "RD_DELETE"] as const) {
      const target = workshop.attach(pid);
      const service = new LiveProcess(target);
      const agent = RtldAgent.new(service);
      const notify = agent.eventAddr("RD_DLACTIVITY");
      if (notify.type !== "RD_NOTIFY_BPT") throw new Error("expected a breakpoint");
      target.insertBreakpoint(notify.bptaddr);
      target.continue();
      for (let isThere = false; !isThere; ) {
        const event = await target.next();
        if (event.kind !== "breakpoint") continue;
        service.lwp = event.tid;
        isThere = agent.eventGetmsg().state === wanted;
        if (!isThere) target.continue(event.tid);
      }
      const live = loadObjects(RtldAgent.new(service));
      expect(live === "RD_NOMAPS").toBe(wanted !== "RD_CONSISTENT");
      // Stopped by a signal, all of it, it stays at this very moment when it is let go of.
      process.kill(pid, "SIGSTOP");
      for (let event = await target.next(); event.kind !== "signal" || event.signal !== 19; )
        event = await target.next();
      while (/[^tT]/.test(threadStates(pid))) await sleep(1);
      target.detach();
      using core = CoreProcess.open(dump(pid), { executable: programs.busy });
      expect(loadObjects(RtldAgent.new(core))).toEqual(live);
      process.kill(pid, "SIGCONT");
    }
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });
});

/** The states of all threads of a process. */
function threadStates(pid: number): string {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const text = (tid: string) => readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
  return tasks.map((tid) => /^State:\s*(\w)/m.exec(text(tid))?.[1] ?? "").join("");
}
