/** Processes that gdbserver controls for us, against what ptrace(2), gdb and the programs themselves say of the same. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  LiveProcess,
  type LoadObject,
  RemoteError,
  RemoteTarget,
  RtldAgent,
  RtldError,
} from "../../src/rtld/index.ts";
import { CALLED, CALLER, checkLinkage, stopAt } from "./linkage.ts";
import { BUSY, PLUGIN } from "./programs.ts";
import {
  endStubs,
  gdbserver,
  gdbserverFor,
  gdbserverWithout,
  proxy,
  sequence,
  withoutCrashes,
} from "./stubs.ts";
import { RtldWorkshop } from "./workshop.ts";

const PROGRAM = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static volatile int seen;
static void on_signal(int s) { seen++; }
__attribute__((noinline)) void here(void) { __asm__ volatile(""); }
int main(int argc, char **argv) {
  void *h = dlopen(PLUGIN, RTLD_NOW);
  here();
  dlclose(h);
  signal(SIGUSR1, on_signal);
  raise(SIGUSR1);
#ifdef ALONE
  return seen + 1;
#endif
  int child = fork(), status = 0;
  if (child == 0) {
    h = dlopen(PLUGIN, RTLD_NOW);
    _exit(h ? 4 : 5);
  }
  waitpid(child, &status, 0);
  // By vfork(2), while which the memory is shared.
  int other = system("exit 2");
  dlclose(dlopen(PLUGIN, RTLD_NOW));
  return seen + WEXITSTATUS(status) + WEXITSTATUS(other);
}
`;
const EXEC = `#include <unistd.h>
int main(void) { execl(NEXT, NEXT, (char *)0); return 9; }`;

/** Sends itself all signals that can be caught; then ends by one. */
const SIGNALS = `
#include <signal.h>
#include <stdlib.h>
static void on_signal(int s) { }
int main(void) {
  for (int s = 1; s <= 64; s++) {
    if (s == SIGKILL || s == SIGSTOP || s == 32 || s == 33) continue;
    signal(s, on_signal);
    raise(s);
  }
  signal(SIGABRT, SIG_DFL);
  abort();
}`;

const workshop = new RtldWorkshop();
const files = { program: "", plugin: "", alone: "", exec: "", busy: "", narrow: "" };
const defined = (name: string, value: string) => `-D${name}="${value}"`;
beforeAll(() => {
  files.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
  files.program = workshop.compile("program", PROGRAM, defined("PLUGIN", files.plugin));
  files.alone = workshop.compile("alone", PROGRAM, "-DALONE", defined("PLUGIN", files.plugin));
  files.exec = workshop.compile("exec", EXEC, defined("NEXT", files.program));
  files.busy = workshop.compile("busy", BUSY, "-pthread");
  files.narrow = workshop.compile32("narrow", PROGRAM, defined("PLUGIN", "/lib32/libm.so.6"));
});
afterEach(endStubs);
afterAll(() => workshop.remove());

const connect = async (address: string, options = {}) =>
  workshop.keep(await RemoteTarget.connect(address, options));

/** Threads of a process, as the kernel has them. */
const tasksOf = (pid: number) => readdirSync(`/proc/${pid}/task`).map(Number).toSorted();

const row = ({ name, base }: LoadObject) => ({ name, base });

/** What gdb says is loaded in a process that stopped in `here`: where the code of each library begins. */
function gdbLibraries(program: string): { readonly name: string; readonly base: bigint }[] {
  const args = ["-nx", "-batch", "-ex", "set breakpoint pending on", "-ex", "break here", "-ex", "run"];
  const said = execFileSync("gdb", [...args, "-ex", "info sharedlibrary", "-ex", "kill", program], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return [...said.matchAll(/^(0x\w+)\s+0x\w+\s+Yes.*?(\/\S+)$/gm)].map(([, from = "0", name = ""]) => {
    const [, offset = "0"] = / \.text\s+PROGBITS\s+(\w+)/.exec(workshop.run("readelf", "-SW", name)) ?? [];
    return { name, base: BigInt(from) - BigInt(`0x${offset}`) };
  });
}

describe("through gdbserver", () => {
  it("a program's run-time linker tells the same as under ptrace, by TCP and by a pipe", async () => {
    const expected = await sequence(workshop.spawn(files.program));
    expect(expected).toContain("RD_DLACTIVITY RD_CONSISTENT +plugin.so");
    expect(expected.at(-1)).toBe("exit code 7");
    expect(await sequence(await connect(await gdbserver(files.program)))).toEqual(expected);
    expect(await sequence(await connect(`| gdbserver --once - ${files.program} 2>/dev/null`))).toEqual(
      expected,
    );
  });

  it("the link map is the one that gdb has", async () => {
    const target = await connect(await gdbserver(files.program));
    const process = new LiveProcess(target);
    const here = process.pglobalLookup(undefined, "here");
    expect(here).toBeUndefined();
    const agent = RtldAgent.new(process);
    const entry = agent.eventAddr("RD_POSTINIT");
    if (entry.type !== "RD_NOTIFY_BPT") throw new Error("expected a breakpoint");
    await stopAt(target, entry.bptaddr);
    const address = process.pglobalLookup("program", "here") ?? 0n;
    expect(address).toBe((agent.objects[0]?.bias ?? 0n) + workshop.symbol(files.program, "here"));
    await stopAt(target, address);
    const libraries = agent.objects.filter((one) => !one.isProgram && one.flags === 0);
    // Neither lets addresses be chosen at random.
    expect(new Set(libraries.map(row))).toEqual(new Set(gdbLibraries(files.program)));
    expect(libraries.some((one) => one.name === files.plugin)).toBe(true);
    expect(process.pfile("")).toBe(files.program);
    target.kill();
    expect(await target.next()).toEqual({ kind: "exit", code: undefined, signal: 9 });
  });

  it("linkage tables lead into functions, of 64 and of 32 bits", async () => {
    const library = workshop.compile("libcalled.so", CALLED, "-shared", "-fPIC");
    const library32 = workshop.compile32("libcalled32.so", CALLED, "-shared", "-fPIC");
    const link = (name: string) => ["-L.", `-l${name}`, `-Wl,-rpath,${workshop.directory}`, "-Wl,-z,lazy"];
    const program = workshop.compile("caller", CALLER, "-fcf-protection=none", ...link("called"));
    const target = await connect(await gdbserver(program));
    await checkLinkage(workshop, target, { program, library, lazy: true, nstep: 1 });
    const ibt = ["-fcf-protection=full", "-Wl,-z,ibtplt"];
    const program32 = workshop.compile32("caller32", CALLER, ...ibt, ...link("called32"));
    const target32 = await connect(await gdbserver(program32));
    expect(new LiveProcess(target32).pdmodel()).toMatchObject({ is64: false, machine: 3 });
    await checkLinkage(workshop, target32, { program: program32, library: library32, lazy: true, nstep: 2 });
  });

  it("a 32-bit program's run-time linker tells the same as under ptrace", async () => {
    const expected = await sequence(workshop.spawn(files.narrow));
    expect(expected).toContain("RD_DLACTIVITY RD_CONSISTENT +libm.so.6");
    expect(await sequence(await connect(await gdbserver(files.narrow)))).toEqual(expected);
  });

  it("a program that executes another one is followed into it", async () => {
    const expected = await sequence(workshop.spawn(files.exec));
    expect(expected.filter((one) => one === "exec")).toHaveLength(2);
    expect(await sequence(await connect(await gdbserver(files.exec)))).toEqual(expected);
  });

  it("signals are told and passed on, threads and registers as the kernel has them", async () => {
    const target = await connect(await gdbserver(files.program), { stopSignals: [10] });
    target.continue();
    let event = await target.next();
    while (event.kind !== "signal" || event.signal !== 10) event = await target.next();
    expect(target.threads).toEqual([target.pid]);
    expect(target.stoppedThreads).toEqual([target.pid]);
    // raise(3) sends as tgkill(2) does: SI_TKILL.
    expect(event.code).toBe(-6);
    const registers = target.registers(target.pid);
    const line = workshop.run("cat", `/proc/${target.pid}/syscall`).trim().split(" ");
    expect([registers?.sp, registers?.pc]).toEqual(line.slice(-2).map(BigInt));
    if (registers === undefined) throw new Error("there are no registers");
    const before = registers.get("r15");
    registers.set("r15", before ^ 1n);
    expect(target.setRegisters(target.pid, registers)).toBe(true);
    expect(target.registers(target.pid)?.get("r15")).toBe(before ^ 1n);
    registers.set("r15", before);
    target.setRegisters(target.pid, registers);
    target.dropSignal(target.pid);
    target.continue();
    while (event.kind !== "exit") event = await target.next();
    // The signal that was taken back was not counted.
    expect(event.code).toBe(6);
  });

  it("all signals have the system's numbers, also that by which a program ends", async () => {
    const program = workshop.compile("signals", SIGNALS);
    const target = await connect(await gdbserver(program));
    target.continue();
    const signals: number[] = [];
    let event = await target.next();
    for (; event.kind !== "exit"; event = await target.next())
      if (event.kind === "signal") signals.push(event.signal);
    const all = Array.from({ length: 64 }, (_, i) => i + 1).filter((one) => ![9, 19, 32, 33].includes(one));
    // gdb has no number for SIGSTKFLT, which the stub passes on by itself.
    expect(signals).toEqual([...all.filter((one) => one !== 16), 6]);
    expect(event).toEqual({ kind: "exit", code: undefined, signal: 6 });
  });

  it("programs are started, and processes attached to, by a stub that has none", async () => {
    await expect(connect(await gdbserverWithout())).rejects.toThrow(/expected a process that is stopped/);
    const stub = await gdbserverWithout();
    const here = await sequence(workshop.spawn("/bin/echo", ["a b", "c"], { stdio: [0, 2, 2] }));
    const target = await connect(stub, { run: ["/bin/echo", "a b", "c"] });
    expect(target.origin).toBe("spawn");
    const arguments_ = readFileSync(`/proc/${target.pid}/cmdline`, "utf8");
    expect(arguments_).toBe("/bin/echo\0a b\0c\0");
    expect(await sequence(target)).toEqual(here);
    await expect(connect(stub, { run: ["/nowhere/at/all"] })).rejects.toMatchObject({ code: "RSP_REFUSED" });
    const { pid } = await workshop.start(files.busy, files.plugin);
    const attached = await connect(stub, { attach: pid });
    expect([attached.pid, attached.origin]).toEqual([pid, "attach"]);
    expect(attached.threads.toSorted()).toEqual(tasksOf(pid));
    attached.detach();
    expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^TracerPid:\t0$/m);
  });

  it("a busy program is interrupted where something is read, and let go of: it does what it would have done", async () => {
    await withoutCrashes(async () => {
      const { pid, ended } = await workshop.start(files.busy, files.plugin);
      const target = await connect(await gdbserverFor(pid));
      expect(target.origin).toBe("attach");
      const process_ = new LiveProcess(target);
      const agent = RtldAgent.new(process_);
      const notify = agent.eventAddr("RD_DLACTIVITY");
      if (notify.type !== "RD_NOTIFY_BPT") throw new Error("expected a breakpoint");
      target.insertBreakpoint(notify.bptaddr);
      const code = target.read(notify.bptaddr, 16);
      target.continue();
      let ticks = 0;
      const timer = setInterval(() => ticks++, 1);
      const states = new Set<string>();
      for (let count = 0; count < 60; ) {
        const event = await target.next();
        if (event.kind !== "breakpoint") continue;
        process_.lwp = event.tid;
        states.add(agent.eventGetmsg().state);
        target.continue(event.tid);
        count++;
        // It runs: all is stopped for this, and runs on.
        if (count % 10 === 0) expect(target.read(notify.bptaddr, 16)).toEqual(code);
      }
      clearInterval(timer);
      expect(ticks).toBeGreaterThan(0);
      expect(states).toEqual(new Set(["RD_ADD", "RD_DELETE", "RD_CONSISTENT"]));
      target.stop();
      expect(target.stoppedThreads.toSorted()).toEqual(tasksOf(pid));
      target.detach();
      let event = await target.next();
      while (event.kind !== "detach") event = await target.next();
      await sleep(20);
      process.kill(pid, "SIGTERM");
      expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
    });
  });
});

describe("a stub that knows only what all must", () => {
  it("is served by what it knows: breakpoints are written into the program, one thread steps at a time", async () => {
    const expected = await sequence(workshop.spawn(files.alone));
    const target = await connect(await proxy("poor", files.alone));
    // Without qAttached nobody knows how it came to be.
    expect((await sequence(target)).slice(1)).toEqual(expected.slice(1));
  });
});

describe("files", () => {
  it("are fetched where they are not the same here, and gone afterwards", async () => {
    const target = await connect(await proxy("blind", files.alone));
    const { facts } = target;
    const copy = facts.file("") ?? "";
    expect(copy).not.toBe(files.alone);
    expect(readFileSync(copy)).toEqual(readFileSync(files.alone));
    expect(facts.file("")).toBe(copy);
    const plugin = facts.file(files.plugin) ?? "";
    expect(readFileSync(plugin)).toEqual(readFileSync(files.plugin));
    expect(facts.file("/nowhere/at/all")).toBeUndefined();
    target.detach();
    expect(existsSync(copy)).toBe(false);
    expect(facts.file(files.plugin)).toBeUndefined();
  });
});

describe("a connection that is bad", () => {
  const codeOf = async (address: string, options: object): Promise<string> => {
    try {
      await connect(address, options);
    } catch (error) {
      if (error instanceof RemoteError) return error.code;
      throw error;
    }
    return "none";
  };

  it("is told apart: no address, nobody there, one who says nothing, one who is no stub", async () => {
    expect(await codeOf("somewhere", {})).toBe("RSP_ADDRESS");
    expect(await codeOf("localhost:99999", {})).toBe("RSP_ADDRESS");
    expect(await codeOf("unix:/nowhere", { timeout: 50 })).toBe("RSP_CONNECT");
    expect(await codeOf("| false", {})).toBe("RSP_CLOSED");
    expect(await codeOf("| sleep 10", { timeout: 100 })).toBe("RSP_TIMEOUT");
    expect(await codeOf("| yes 2>/dev/null", { timeout: 100 })).toBe("RSP_TIMEOUT");
    expect(await codeOf("| yes '$OK#00' 2>/dev/null", {})).toBe("RSP_DAMAGED");
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    expect(await codeOf(`127.0.0.1:${port}`, { timeout: 100 })).toBe("RSP_TIMEOUT");
    server.close();
  });

  it("that damages something ends in an error, or all is right all the same", async () => {
    const expected = await sequence(workshop.spawn(files.program));
    const outcomes = { right: 0, error: 0 };
    const run = async (address: string, acknowledge: boolean) => {
      try {
        const target = await connect(address, { acknowledge, timeout: acknowledge ? 600 : 250 });
        const found = await sequence(target);
        if (found.some((one) => one.startsWith("error"))) outcomes.error++;
        else {
          expect(found).toEqual(expected);
          outcomes.right++;
        }
      } catch (error) {
        if (!(error instanceof RemoteError || error instanceof RtldError)) throw error;
        outcomes.error++;
      }
    };
    const [plain, acknowledged] = [
      await proxy("damage", files.program),
      await proxy("damage", files.program),
    ];
    for (let seed = 0; seed < 14; seed++) await run(plain, false);
    expect(outcomes.error).toBeGreaterThan(0);
    outcomes.right = 0;
    for (let seed = 0; seed < 10; seed++) await run(acknowledged, true);
    expect(outcomes.right).toBeGreaterThan(0);
  });
});
