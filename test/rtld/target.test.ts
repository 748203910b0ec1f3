/** Control of processes, checked by what they print of themselves, by their exit codes and by /proc. */
import { execFile } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ControlledProcess, HostError, type TargetEvent } from "../../src/rtld/index.ts";
import { BUSY, CHURN, HEADLESS, PLUGIN } from "./programs.ts";
import { RtldWorkshop } from "./workshop.ts";

/** Threads that come to one function while alarms go off, and children by fork and vfork that come there, too. */
const CROWD = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
volatile long hits, alarms;
__attribute__((noinline)) int visit(int x) {
  __asm__ volatile("lea 1(%0),%0" : "+r"(x));
  __atomic_fetch_add(&hits, 1, 5);
  return x;
}
static void *work(void *unused) { long s = 0; for (int i = 0; i < 150; i++) s = visit(s); return (void *)s; }
static void on_alarm(int s) { alarms++; }
int main(void) {
  signal(SIGALRM, on_alarm);
  ualarm(300, 300);
  pthread_t threads[6];
  long sum = 0;
  for (int i = 0; i < 6; i++) pthread_create(threads + i, 0, work, 0);
  if (fork() == 0) _exit(visit(4));
  if (vfork() == 0) { execl("/bin/sh", "sh", "-c", "exit 5", (char *)0); _exit(1); }
  for (int i = 0; i < 6; i++) { void *r; pthread_join(threads[i], &r); sum += (long)r; }
  ualarm(0, 0);
  for (int status; wait(&status) > 0;) sum += WIFEXITED(status) ? 1000 * WEXITSTATUS(status) : 1000000;
  printf("%ld %ld\\n", sum, hits);
  return alarms > 0 ? 42 : 1;
}
`;

const STEPS = `
int counter;
__attribute__((naked)) void start_here(void) { __asm__("nop\\nincl counter(%rip)\\nnop\\nret"); }
int main(void) { start_here(); start_here(); return counter; }
`;

/** Has breakpoint instructions of its own, of one byte and of two, and counts what comes of them. */
const OWN = `
#include <signal.h>
volatile int traps;
static void on_trap(int s) { traps++; }
__attribute__((naked)) void trap(void) { __asm__("first: int3\\nsecond: .byte 0xcd, 3\\nret"); }
int main(void) {
  signal(SIGTRAP, on_trap);
  for (int i = 0; i < 3; i++) trap();
  return traps;
}
`;

const TALK = `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
  char here[4096];
  printf("%s|%s|%s|%s|%d\\n", argv[0], argv[1], getenv("GREETING"), getcwd(here, sizeof here),
         signal(SIGPIPE, SIG_DFL) == SIG_DFL);
  fprintf(stderr, "and the errors\\n");
  return argc;
}
`;

const workshop = new RtldWorkshop();
const devNull = openSync("/dev/null", "w");
const programs = { crowd: "", steps: "", talk: "", busy: "", plugin: "", churn: "", headless: "", own: "" };
beforeAll(() => {
  programs.crowd = workshop.compile("crowd", CROWD, "-no-pie", "-pthread");
  programs.steps = workshop.compile("steps", STEPS, "-no-pie");
  programs.own = workshop.compile("own", OWN, "-no-pie");
  programs.talk = workshop.compile("talk", TALK);
  programs.busy = workshop.compile("busy", BUSY, "-pthread");
  programs.churn = workshop.compile("churn", CHURN, "-pthread");
  programs.headless = workshop.compile("headless", HEADLESS, "-pthread");
  programs.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
});
afterAll(() => {
  closeSync(devNull);
  workshop.remove();
});

/** All events up to the end, with each stopped thread let run after `each` saw it. */
async function runToEnd(
  target: ControlledProcess,
  each: (event: TargetEvent) => void = () => {},
): Promise<TargetEvent> {
  for (;;) {
    const event = await target.next();
    each(event);
    if (event.kind === "exit") return event;
    if (event.kind === "breakpoint" || event.kind === "exec" || event.kind === "step") {
      target.continue(event.tid);
    }
  }
}

describe("a program started under control", () => {
  it("gets its arguments, environment, directory and files, and tells its exit code", async () => {
    const out = workshop.output();
    const errors = workshop.output();
    const [a, b] = [openSync(out.path, "w"), openSync(errors.path, "w")];
    const target = workshop.spawn(programs.talk, ["a 'b' $c"], {
      argv0: "other",
      cwd: "/usr",
      env: { GREETING: "hello world", LD_DEBUG: "none" },
      stdio: [0, a, b],
    });
    closeSync(a);
    closeSync(b);
    expect(out.read()).toBe("");
    target.continue();
    expect(await runToEnd(target)).toEqual({ kind: "exit", code: 2, signal: undefined });
    expect(out.read()).toBe("other|a 'b' $c|hello world|/usr|1\n");
    // The loader of the program complains of LD_DEBUG, once: nothing else ran with it.
    expect(errors.read().match(/unknown/g)).toHaveLength(1);
    expect(errors.read()).toMatch(/and the errors\n$/);
  });

  it("has executed nothing when it is there: not even its run-time linker", () => {
    const target = workshop.spawn(programs.talk);
    const maps = readFileSync(`/proc/${target.pid}/maps`, "utf8");
    expect(maps).toContain("/talk");
    expect(maps).not.toContain("libc.so");
    const line = maps.split("\n").find((one) => one.includes("/ld-linux") && one.includes(" r-xp "));
    const [start, end] = (line?.split(" ")[0] ?? "").split("-").map((one) => BigInt(`0x${one}`));
    const pc = target.registers(target.pid)?.pc ?? 0n;
    expect(pc >= (start ?? 0n) && pc < (end ?? 0n)).toBe(true);
    target.kill();
  });

  it("is refused with the error of execve", () => {
    expect(() => workshop.spawn("/nowhere/to/be/found")).toThrow(/execve: .*ENOENT/);
    expect(() => workshop.spawn("/etc/passwd")).toThrow(/execve: .*EACCES/);
    expect(() => workshop.spawn("true", [], { cwd: "/nowhere" })).toThrow(HostError);
  });

  it("brings its children with it, where that is wanted: stopped, and without breakpoints", async () => {
    const target = workshop.spawn(programs.crowd, [], { followChildren: true, stdio: [0, devNull, 2] });
    const address = workshop.symbol(programs.crowd, "visit");
    target.insertBreakpoint(address);
    target.continue();
    const ends: Promise<TargetEvent>[] = [];
    const seen: string[] = [];
    const end = await runToEnd(target, (event) => {
      if (event.kind !== "fork") return;
      const { child } = event;
      workshop.keep(child);
      seen.push(`${readFileSync(`/proc/${child.pid}/comm`, "utf8").trim()} ${states(child.pid)}`);
      expect(child.stoppedThreads).toEqual([child.pid]);
      expect(child.breakpoints).toEqual([]);
      child.continue();
      ends.push(runToEnd(child));
    });
    expect(end).toMatchObject({ code: 42 });
    // By fork, as it was; by vfork, with the program that it executes.
    expect(seen.sort()).toEqual(["crowd t", "sh t"]);
    expect(await Promise.all(ends)).toEqual([
      { kind: "exit", code: 5, signal: undefined },
      { kind: "exit", code: 5, signal: undefined },
    ]);
  });

  it("leaves Node's own children and its event loop alone", async () => {
    const target = workshop.spawn("/bin/sleep", ["60"]);
    target.continue();
    const { stdout } = await promisify(execFile)("sh", ["-c", "echo from a child; exit 0"]);
    expect(stdout).toBe("from a child\n");
    await expect(promisify(execFile)("sh", ["-c", "exit 3"])).rejects.toMatchObject({ code: 3 });
    target.kill();
    expect(await runToEnd(target)).toEqual({ kind: "exit", code: undefined, signal: 9 });
  });
});

describe("breakpoints", () => {
  it("stop each thread once each time, while signals come and children are made", async () => {
    const out = workshop.output();
    const fd = openSync(out.path, "w");
    const target = workshop.spawn(programs.crowd, [], { stdio: [0, fd, 2] });
    closeSync(fd);
    const address = workshop.symbol(programs.crowd, "visit");
    target.insertBreakpoint(address);
    target.continue();
    const hits = new Map<number, number>();
    const end = await runToEnd(target, (event) => {
      if (event.kind !== "breakpoint") return;
      expect(event.address).toBe(address);
      hits.set(event.tid, (hits.get(event.tid) ?? 0) + 1);
    });
    expect(end).toEqual({ kind: "exit", code: 42, signal: undefined });
    // Six threads; then the children's exit codes, 5 each.
    expect(out.read()).toBe(`${6 * 150 + 10_000} 900\n`);
    expect([...hits.values()]).toEqual([150, 150, 150, 150, 150, 150]);
  });

  it("may be where the program has its own, which it gets all the same, as without", async () => {
    const [first, second] = ["first", "second"].map((name) => workshop.symbol(programs.own, name));
    for (const addresses of [[], [first ?? 0n], [first ?? 0n, second ?? 0n]]) {
      const target = workshop.spawn(programs.own);
      for (const address of addresses) target.insertBreakpoint(address);
      target.continue();
      const seen: bigint[] = [];
      const each = (event: TargetEvent) => event.kind === "breakpoint" && seen.push(event.address);
      expect(await runToEnd(target, each)).toMatchObject({ code: 6 });
      expect(seen).toEqual([...addresses, ...addresses, ...addresses]);
    }
  });

  it("are not seen in memory, and are kept where code is written", () => {
    const target = workshop.spawn(programs.steps);
    const address = workshop.symbol(programs.steps, "start_here");
    const before = target.read(address, 8);
    target.insertBreakpoint(address);
    expect(target.read(address, 8)).toEqual(before);
    const memory = openSync(`/proc/${target.pid}/mem`, "r");
    const there = new Uint8Array(1);
    readSync(memory, there, 0, 1, address);
    closeSync(memory);
    expect(there).toEqual(Uint8Array.of(0xcc));
    expect(target.write(address, Uint8Array.of(0x66, 0x90))).toBe(true);
    expect(target.read(address, 2)).toEqual(Uint8Array.of(0x66, 0x90));
    expect(target.breakpoints).toEqual([address]);
    expect(() => target.insertBreakpoint(0x10n)).toThrow(/nothing mapped at 0x10/);
    target.kill();
  });

  it("let single steps pass, instruction by instruction", async () => {
    const target = workshop.spawn(programs.steps);
    const address = workshop.symbol(programs.steps, "start_here");
    const counter = workshop.symbol(programs.steps, "counter");
    target.insertBreakpoint(address);
    target.continue();
    for (let event = await target.next(); event.kind !== "breakpoint"; ) event = await target.next();
    const places: bigint[] = [];
    for (let i = 0; i < 3; i++) {
      target.step(target.pid);
      expect(await target.next()).toEqual({ kind: "step", tid: target.pid });
      places.push((target.registers(target.pid)?.pc ?? 0n) - address);
    }
    // nop, incl counter(%rip), nop
    expect(places).toEqual([1n, 7n, 8n]);
    expect(target.read(counter, 4)).toEqual(Uint8Array.of(1, 0, 0, 0));
    const registers = target.registers(target.pid);
    if (registers === undefined) throw new Error("the thread is not stopped");
    // Once more from the second instruction on: it counts to 2 here, and to 3 at the second call.
    registers.pc = address + 1n;
    expect(target.setRegisters(target.pid, registers)).toBe(true);
    target.continue();
    expect(await runToEnd(target)).toMatchObject({ code: 3 });
  });
});

describe("attaching", () => {
  it("to a busy program and leaving it changes nothing of what it does", async () => {
    const { pid, ended } = await workshop.start(programs.busy, programs.plugin);
    const brk = debugState(pid);
    for (let i = 0; i < 40; i++) {
      const target = workshop.attach(pid);
      expect(target.stoppedThreads).toEqual(target.threads);
      target.insertBreakpoint(brk);
      target.continue();
      if (i % 2 === 0) while ((await target.next()).kind !== "breakpoint");
      target.detach();
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(status).toMatch(/^TracerPid:\t0$/m);
    }
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it("while threads come and go leaves none of them behind", async () => {
    const { pid, ended } = await workshop.start(programs.churn);
    for (let i = 0; i < 30; i++) {
      const target = workshop.attach(pid);
      expect(target.stoppedThreads).toEqual(target.threads);
      target.continue();
      if (i % 3 === 0) await sleep(2);
      target.detach();
    }
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it("keeps a process stopped that a signal stopped, until it is continued", async () => {
    const { pid, ended } = await workshop.start(programs.churn);
    const target = workshop.attach(pid);
    target.continue();
    process.kill(pid, "SIGSTOP");
    for (let event = await target.next(); event.kind !== "signal" || event.signal !== 19; )
      event = await target.next();
    target.detach();
    // Each thread on its own comes to its stop.
    while (states(pid) !== "T") await sleep(1);
    const again = workshop.attach(pid);
    again.continue();
    again.detach();
    while (states(pid) !== "T") await sleep(1);
    const third = workshop.attach(pid);
    third.continue();
    process.kill(pid, "SIGCONT");
    process.kill(pid, "SIGTERM");
    expect(await runToEnd(third)).toMatchObject({ code: 7 });
    expect(await ended).toMatchObject({ code: 7 });
  });

  it("to a process whose first thread ended, and of which another executes a program", async () => {
    const { pid, ended } = await workshop.start(programs.headless);
    while (!/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) await sleep(1);
    const target = workshop.attach(pid);
    target.continue();
    process.kill(pid, "SIGUSR1");
    const kinds: string[] = [];
    expect(await runToEnd(target, ({ kind }) => kinds.push(kind))).toMatchObject({ code: 6 });
    expect(kinds).toContain("exec");
    expect(await ended).toMatchObject({ code: 6 });
  });

  it("is refused where it can't be", () => {
    expect(() => workshop.attach(2 ** 22 - 1)).toThrow(HostError);
    expect(() => workshop.attach(process.pid)).toThrow(HostError);
  });
});

/** The states of all threads of a process, each once. */
function states(pid: number): string {
  const all = readdirSync(`/proc/${pid}/task`).map((tid) => {
    const text = readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
    return /^State:\s*(\w)/m.exec(text)?.[1] ?? "";
  });
  return [...new Set(all)].sort().join("");
}

/** Where the run-time linker of a process stops for debuggers, by nm(1) and /proc/PID/maps. */
function debugState(pid: number): bigint {
  const maps = readFileSync(`/proc/${pid}/maps`, "utf8");
  const line = maps.split("\n").find((one) => one.includes("/ld-linux")) ?? "";
  const base = BigInt(`0x${line.split("-")[0]}`);
  const symbols = workshop.run("readelf", "--dyn-syms", "-W", "/lib64/ld-linux-x86-64.so.2");
  const [, value = "0"] = /: (\w+) .* _dl_debug_state@/.exec(symbols) ?? [];
  return base + BigInt(`0x${value}`);
}
