/** What a debugger needs of a process under control, each against what the kernel, or the program itself, says of it. */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  followLinker,
  LiveProcess,
  RtldAgent,
  type Target,
  type TargetEvent,
} from "../../../src/rtld/index.ts";
import { BUSY, PLUGIN } from "../programs.ts";
import { RtldWorkshop } from "../workshop.ts";

/** Gets signals of all kinds, and says what its handlers were told. */
const SIGNALS = `
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
static sigjmp_buf back;
static char *page;
static volatile int got;
static void handler(int s, siginfo_t *info, void *context) {
  char text[200];
  int length = sprintf(text, "%d code %d", s, info->si_code);
  if (info->si_code == SI_QUEUE) length += sprintf(text + length, " value %d", info->si_value.sival_int);
  if (s == SIGSEGV) length += sprintf(text + length, " at %ld", (long)((char *)info->si_addr - page));
  text[length++] = '\\n';
  write(1, text, length);
  got++;
  if (s == SIGSEGV) siglongjmp(back, 1);
}
/* By a signal, or for who controls it. */
static int is_stopped(int pid) {
  char text[400];
  sprintf(text, "/proc/%d/stat", pid);
  FILE *file = fopen(text, "r");
  int length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  char *state = strrchr(text, ')');
  return state != 0 && (state[2] == 'T' || state[2] == 't');
}
static void *sleeper(void *unused) { struct timespec ts = {0, 2000000}; nanosleep(&ts, 0); return 0; }
int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  for (int s = 1; s <= SIGRTMAX; s++) if (s != SIGKILL && s != SIGSTOP && s != 32 && s != 33) sigaction(s, &action, 0);
  page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  raise(SIGUSR1);
  kill(getpid(), SIGUSR2);
  for (int i = 0; i < 3; i++) sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 100 + i});
  /* Both kinds of trap that a debugger could take for its own. */
  raise(SIGTRAP);
  __asm__ volatile("int3");
  __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
  if (sigsetjmp(back, 1) == 0) page[7] = 1;
  /* Blocked ones come once they are let in, of one that is not queued one only. */
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  for (int i = 0; i < 3; i++) raise(SIGUSR1);
  printf("blocked\\n"); fflush(stdout);
  sigprocmask(SIG_UNBLOCK, &set, 0);
  /* Ignored ones are no end, and stops are one until it is continued. */
  signal(SIGHUP, SIG_IGN);
  raise(SIGHUP);
  pthread_t thread;
  pthread_create(&thread, 0, sleeper, 0);
  pthread_join(thread, 0);
  signal(SIGCHLD, SIG_DFL);
  volatile int *stops = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int pid = fork();
  if (pid == 0) {
    while (!*stops || !is_stopped(getppid())) usleep(1000);
    kill(getppid(), SIGCONT);
    _exit(0);
  }
  *stops = 1;
  raise(SIGSTOP);
  waitpid(pid, 0, 0);
  printf("%d\\n", got); fflush(stdout);
  signal(SIGABRT, SIG_DFL);
  raise(SIGABRT);
  return 1;
}
`;

/** Makes threads that wait for each other, and from one of them executes a program. */
const THREADS = `
#include <pthread.h>
#include <unistd.h>
static pthread_barrier_t here;
static void *wait_here(void *unused) { pthread_barrier_wait(&here); pthread_barrier_wait(&here); return 0; }
static void *leave(void *unused) { pthread_barrier_wait(&here); execl("/bin/sh", "sh", "-c", "exit 9", (char *)0); return 0; }
__attribute__((noinline)) void all_here(void) { __asm__ volatile("nop"); }
__attribute__((noinline)) void all_gone(void) { __asm__ volatile("nop"); }
int main(void) {
  pthread_t threads[4];
  pthread_barrier_init(&here, 0, 5);
  for (int i = 0; i < 4; i++) pthread_create(threads + i, 0, wait_here, 0);
  pthread_barrier_wait(&here);
  all_here();
  pthread_barrier_wait(&here);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
  all_gone();
  pthread_barrier_init(&here, 0, 4);
  for (int i = 0; i < 3; i++) pthread_create(threads + i, 0, wait_here, 0);
  pthread_create(threads + 3, 0, leave, 0);
  pause();
}
`;

const DATA = `
#include <stdlib.h>
const int constant = 3;
int variable = 4;
__attribute__((noinline)) int answer(void) { return 5; }
int main(int argc, char **argv) { return *(volatile const int *)&constant * 100 + variable * 10 + answer() - 400; }
`;

const workshop = new RtldWorkshop();
const programs = { signals: "", threads: "", data: "", busy: "", plugin: "" };
const children: ChildProcess[] = [];
beforeAll(() => {
  programs.signals = workshop.compile("signals", SIGNALS, "-pthread");
  programs.threads = workshop.compile("threads", THREADS, "-no-pie", "-pthread");
  programs.data = workshop.compile("data", DATA, "-no-pie");
  programs.busy = workshop.compile("busy", BUSY, "-pthread");
  programs.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
});
afterAll(() => {
  for (const one of children) one.kill("SIGKILL");
  workshop.remove();
});

const status = (pid: number, field: string): string =>
  new RegExp(`^${field}:\\s*(\\S+)`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
const tasks = (pid: number): number[] => readdirSync(`/proc/${pid}/task`).map(Number);

/** The next event of a kind. */
async function until<K extends TargetEvent["kind"]>(
  target: Target,
  kind: K,
): Promise<Extract<TargetEvent, { kind: K }>> {
  for (;;) {
    const event = await target.next();
    if (event.kind === kind) return event as Extract<TargetEvent, { kind: K }>;
    if (event.kind === "exit") throw new Error(`it ended before ${kind}`);
  }
}

/** All events up to the end; who stops is let go on. */
async function runOut(target: Target): Promise<TargetEvent[]> {
  const events: TargetEvent[] = [];
  for (;;) {
    const event = await target.next();
    events.push(event);
    if (event.kind === "exit") return events;
    if (event.kind === "breakpoint" || event.kind === "exec" || event.kind === "step")
      target.continue(event.tid);
  }
}

describe("signals", () => {
  it("come as they would, with all that is told of them, and are passed on once each", async () => {
    const free = await promisify(execFile)("sh", ["-c", 'ulimit -c 0; "$0"; echo $?', programs.signals]);
    const out = workshop.output();
    const fd = openSync(out.path, "w");
    const target = workshop.spawn(programs.signals, [], { stdio: [0, fd, 2] });
    closeSync(fd);
    target.continue();
    const events = await runOut(target);
    expect(`${out.read()}134\n`).toBe(free.stdout);
    expect(out.read()).toMatch(/value 100\n.*value 101\n.*value 102\n/);
    expect(events.at(-1)).toEqual({ kind: "exit", code: undefined, signal: 6 });
    const told = events.flatMap((one) => (one.kind === "signal" && one.signal !== 17 ? [one.signal] : []));
    // Those that handlers got; and one that is ignored, one that stops, and one that ends it.
    const handled = [...out.read().matchAll(/^(\d+) code/gm)].map(([, signal]) => Number(signal));
    expect(handled.filter((one) => one === 5).length).toBeGreaterThan(2);
    expect(told).toEqual([...handled.slice(0, -1), 1, 19, ...handled.slice(-1), 6]);
  });
});

describe("threads", () => {
  it("are told as they come and go, and by a program that one of them executes", async () => {
    const target = workshop.spawn(programs.threads);
    for (const name of ["all_here", "all_gone"])
      target.insertBreakpoint(workshop.symbol(programs.threads, name));
    target.continue();
    const born: number[] = [];
    for (let event = await target.next(); event.kind !== "breakpoint"; event = await target.next()) {
      if (event.kind === "thread-start") born.push(event.tid);
    }
    expect(born).toHaveLength(4);
    expect([...target.threads].sort()).toEqual(tasks(target.pid).sort());
    expect([...target.threads].sort()).toEqual([target.pid, ...born].sort());
    expect(target.stoppedThreads).toEqual([target.pid]);
    target.stop();
    expect([...target.stoppedThreads].sort()).toEqual(tasks(target.pid).sort());
    for (const tid of tasks(target.pid)) {
      expect(status(tid, "State")).toBe("t");
      expect(status(tid, "TracerPid")).toBe(String(process.pid));
    }
    target.continue();
    const gone: number[] = [];
    // Who waits for a thread may be told of its end before it is quite gone.
    for (let isBack = false; !isBack || gone.length < 4; ) {
      const event = await target.next();
      if (event.kind === "thread-end") gone.push(event.tid);
      if (event.kind === "breakpoint") isBack = true;
    }
    expect(gone.sort()).toEqual(born.sort());
    expect(target.threads).toEqual([target.pid]);
    target.continue();
    const exec = await until(target, "exec");
    expect(exec.tid).toBe(target.pid);
    expect(target.threads).toEqual([target.pid]);
    expect(tasks(target.pid)).toEqual([target.pid]);
    expect(target.breakpoints).toEqual([]);
    target.continue();
    expect((await runOut(target)).at(-1)).toEqual({ kind: "exit", code: 9, signal: undefined });
  });
});

describe("memory and registers", () => {
  it("are read and written, also constants and code, and the program goes by them", async () => {
    const free = execFileSync("sh", ["-c", '"$0"; echo $?', programs.data], { encoding: "utf8" });
    expect(free).toBe(`${3 * 100 + 40 + 5 - 400 + 256}\n`);
    const target = workshop.spawn(programs.data);
    const at = (name: string) => workshop.symbol(programs.data, name);
    const answer = at("answer");
    expect(target.write(at("constant"), Uint8Array.of(4, 0, 0, 0))).toBe(true);
    expect(target.write(at("variable"), Uint8Array.of(6, 0, 0, 0))).toBe(true);
    // mov $7, %eax; ret
    expect(target.write(answer, Uint8Array.of(0xb8, 7, 0, 0, 0, 0xc3))).toBe(true);
    expect(target.read(answer, 6)).toEqual(Uint8Array.of(0xb8, 7, 0, 0, 0, 0xc3));
    target.insertBreakpoint(answer + 5n);
    target.continue();
    const { tid } = await until(target, "breakpoint");
    const registers = target.registers(tid);
    expect(registers?.pc).toBe(answer + 5n);
    expect(registers?.get("rax")).toBe(7n);
    registers?.set("rax", 8n);
    if (registers !== undefined) expect(target.setRegisters(tid, registers)).toBe(true);
    expect(target.registers(tid)?.get("rax")).toBe(8n);
    target.continue();
    expect(target.registers(tid)).toBeUndefined();
    expect((await runOut(target)).at(-1)).toMatchObject({ code: 400 + 60 + 8 - 400 });
  });
});

describe("this process, while it controls another one", () => {
  it("does what else it has to do, and its own children are its own", async () => {
    const { pid } = await workshop.start(programs.busy, programs.plugin);
    const target = workshop.attach(pid);
    const service = new LiveProcess(target);
    const notify = RtldAgent.new(service).eventAddr("RD_DLACTIVITY");
    if (notify.type === "RD_NOTIFY_BPT") target.insertBreakpoint(notify.bptaddr);
    target.continue();
    let ticks = 0;
    let isOver = false;
    const timer = setInterval(() => ticks++, 1);
    const own = Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const ended = await promisify(execFile)("sh", ["-c", `echo ${i}; exit ${i}`]).catch((error) => error);
        return [ended.stdout, ended.code ?? 0];
      }),
    ).finally(() => {
      isOver = true;
    });
    let events = 0;
    while (!isOver || ticks < 5 || events < 500) {
      const event = await target.next();
      if (event.kind !== "breakpoint") continue;
      events++;
      target.continue(event.tid);
    }
    clearInterval(timer);
    target.detach();
    expect(await own).toEqual(Array.from({ length: 12 }, (_, i) => [`${i}\n`, i]));
  });
});

describe("a child", () => {
  it("whose listener throws is let go of, so that who waits for it goes on; and the error comes at the end", async () => {
    const target = workshop.spawn("/bin/sh", ["-c", "(exit 4); exit $?"], { followChildren: true });
    const ends: unknown[] = [];
    const followed = followLinker(target, ({ pid, event, code }) => {
      if (pid !== target.pid) throw new Error("on purpose");
      if (event === "exit") ends.push(code);
    });
    await expect(followed).rejects.toThrow("on purpose");
    expect(ends).toEqual([4]);
  });
});

describe("a process that is controlled without a guard", () => {
  async function control(...args: string[]): Promise<{ child: ChildProcess; pid: number }> {
    const fixture = join(import.meta.dirname, "controlled.mjs");
    const child = spawn(process.execPath, [fixture, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    children.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const [, pid] = /^follows (\d+)$/.exec(line) ?? [];
      if (pid !== undefined) return { child, pid: Number(pid) };
    }
    throw new Error("the controlling process ended");
  }

  it.each([
    ["throw", 1],
    ["exit", 3],
    ["SIGINT", "SIGINT"],
    ["SIGTERM", "SIGTERM"],
  ] as const)("is left as it was when the controlling one ends by %s", async (how, end) => {
    const { pid, ended } = await workshop.start(programs.busy, programs.plugin);
    const { child } = await control(String(pid), how);
    if (how !== "throw" && how !== "exit") child.kill(how);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    expect(child.exitCode ?? child.signalCode).toBe(end);
    expect(status(pid, "TracerPid")).toBe("0");
    for (const tid of tasks(pid)) expect(status(tid, "State")).not.toBe("t");
    await sleep(50);
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it.each(["throw", "SIGKILL"] as const)("and was started by it ends with it, by %s", async (how) => {
    const { child, pid } = await control(programs.busy, how, programs.plugin);
    if (how === "SIGKILL") {
      expect(status(pid, "TracerPid")).toBe(String(child.pid));
      child.kill(how);
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    while (existsSync(`/proc/${pid}`) && status(pid, "State") !== "Z") await sleep(2);
  });
});
