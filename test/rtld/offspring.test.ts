/** Children that are made in unusual ways, at unusual moments, or killed at once: what they print and how they end says all. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pollThread } from "../../src/host/wait.ts";
import type { ControlledProcess } from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

const VISIT = `
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
__attribute__((noinline)) int visit(int x) { __asm__ volatile("lea 1(%0),%0" : "+r"(x)); return x; }
`;

/** Makes children all the time until SIGTERM, and exits with how many of them did not end as they should, and 7. */
const MANY = `${VISIT}
static volatile int over;
static void on_term(int s) { over = 1; }
int main(void) {
  int bad = 0;
  signal(SIGTERM, on_term);
  puts("begins"); fflush(stdout);
  while (!over) {
    int status = 0, child = fork();
    if (child == 0) { for (int i = 0; i < 20; i++) visit(i); _exit(3); }
    if (waitpid(child, &status, 0) != child || status != 3 << 8) bad++;
    child = vfork();
    if (child == 0) { execl("/nowhere", "nothing", (char *)0); _exit(4); }
    if (waitpid(child, &status, 0) != child || status != 4 << 8) bad++;
  }
  return bad > 90 ? 97 : bad + 7;
}
`;

/** Makes a child by clone(2) with flags; both come to visit. Prints how that ended, and how often it visited itself. */
const CLONE = `${VISIT}
static int child(void *unused) { for (int i = 0; i < 5; i++) visit(i); _exit(6); }
int main(int argc, char **argv) {
  char *stack = malloc(65536);
  int status = 0, sum = 0, made = clone(child, stack + 65536, strtol(argv[1], 0, 0), 0);
  for (int i = 0; i < 5; i++) { sum += visit(i); usleep(500); }
  if (waitpid(made, &status, __WALL) != made) return 1;
  printf("%d %d\\n", status, sum);
  return 8;
}
`;

/** Kills each child that it makes at once, or soon. */
const KILLER = `${VISIT}
int main(void) {
  int bad = 0;
  for (int i = 0; i < 200; i++) {
    int status, child = i % 2 ? fork() : vfork();
    if (child == 0) { if (i % 2) pause(); execl("/bin/true", "true", (char *)0); _exit(1); }
    if (i % 3) usleep(i);
    kill(child, SIGKILL);
    if (waitpid(child, &status, 0) != child || (status != 0 && status != SIGKILL)) bad++;
  }
  return bad == 0 ? 9 : 1;
}
`;

/** Ends, or executes another program, while a child has its memory still, which prints and ends then. */
const LEAVER = `${VISIT}
static int child(void *unused) {
  int sum = 0;
  for (int i = 0; i < 100; i++) { sum += visit(i); usleep(300); }
  write(1, sum == 5050 ? "right\\n" : "wrong\\n", 6);
  _exit(0);
}
int main(int argc, char **argv) {
  char *stack = malloc(65536);
  if (clone(child, stack + 65536, CLONE_VM, 0) < 0) return 1;
  usleep(3000);
  if (argc > 1) execl("/bin/sh", "sh", "-c", "exit 5", (char *)0);
  _exit(5);
}
`;

/** Its child by vfork takes its time, and ends when it is told to. */
const WAITER = `${VISIT}
static void on_term(int s) { _exit(4); }
int main(void) {
  int status = 0, child = vfork();
  if (child == 0) {
    signal(SIGTERM, on_term);
    printf("%d\\n", getpid()); fflush(stdout);
    for (;;) pause();
  }
  signal(SIGTERM, SIG_DFL);
  if (waitpid(child, &status, 0) != child) return 1;
  return visit(WEXITSTATUS(status));
}
`;

/** Executes itself all the time. */
const AGAIN = `${VISIT}
int main(int argc, char **argv) {
  if (argc == 1) puts("begins");
  fflush(stdout);
  execl("/proc/self/exe", argv[0], "again", (char *)0);
  return 1;
}
`;

const workshop = new RtldWorkshop();
const programs = { many: "", clone: "", killer: "", leaver: "", waiter: "", again: "" };
beforeAll(() => {
  programs.many = workshop.compile("many", MANY, "-no-pie");
  programs.clone = workshop.compile("clone", CLONE, "-no-pie");
  programs.killer = workshop.compile("killer", KILLER);
  programs.leaver = workshop.compile("leaver", LEAVER, "-no-pie");
  programs.waiter = workshop.compile("waiter", WAITER, "-no-pie");
  programs.again = workshop.compile("again", AGAIN);
});
afterAll(() => workshop.remove());

/** Starts a program that prints into a file. */
function spawnInto(
  path: string,
  program: string,
  args: string[],
  followChildren: boolean,
): ControlledProcess {
  const output = openSync(path, "w");
  try {
    return workshop.spawn(program, args, { followChildren, stdio: [0, output, 2] });
  } finally {
    closeSync(output);
  }
}

/** The code that a child exits with that is not under control any more. */
async function endOfChild(pid: number): Promise<number | undefined> {
  while (!/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) await sleep(2);
  const status = pollThread(pid);
  return status?.kind === "exited" ? status.code : undefined;
}

/** Lets a process, and the children that come under control, run to their ends. @returns its code, and how often each came to a breakpoint */
async function runToEnd(
  target: ControlledProcess,
  address?: bigint,
): Promise<[number | undefined, number[]]> {
  const children: Promise<[number | undefined, number[]]>[] = [];
  let [count, code]: [number, number | undefined] = [0, undefined];
  for (let isOver = false; !isOver; ) {
    const event = await target.next();
    if (event.kind === "fork") {
      if (address !== undefined) event.child.insertBreakpoint(address);
      event.child.continue();
      children.push(runToEnd(event.child, address));
    } else if (event.kind === "exit") [code, isOver] = [event.code, true];
    else if (event.kind === "breakpoint") {
      count++;
      target.continue(event.tid);
    } else if (event.kind === "exec") target.continue(event.tid);
  }
  const ends = await Promise.all(children);
  return [code, [count, ...ends.flatMap(([, counts]) => counts)]];
}

describe("children", () => {
  it("that are being made when their parent is let go of have no breakpoint left", async () => {
    const { pid, ended } = await workshop.start(programs.many);
    const address = workshop.symbol(programs.many, "visit");
    for (let i = 0; i < 150; i++) {
      const target = workshop.attach(pid);
      target.insertBreakpoint(address);
      target.continue();
      for (let turns = i % 5; turns > 0; turns--) await turn();
      target.detach();
      expect(readFileSync(`/proc/${pid}/status`, "utf8")).toMatch(/^TracerPid:\t0$/m);
    }
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\n", code: 7 });
  });

  it.each([
    // The signal that tells of the end, CLONE_VM and CLONE_VFORK: whose the memory is does not depend on the rest.
    ["0x11", false],
    ["0x111", true],
    ["0x100", true],
    ["0", false],
    ["0x4111", true],
    ["0x4011", false],
  ] as const)("by clone with flags %s come to a breakpoint like others", async (flags, isShared) => {
    const address = workshop.symbol(programs.clone, "visit");
    for (const followChildren of [false, true]) {
      const out = workshop.output();
      const target = spawnInto(out.path, programs.clone, [flags], followChildren);
      target.insertBreakpoint(address);
      target.continue();
      // One with the same memory is its parent's until it executes a program.
      const counts = followChildren && !isShared ? [5, 5] : [5];
      expect(await runToEnd(target, address)).toEqual([8, counts]);
      expect(out.read()).toBe("1536 15\n");
    }
  });

  it("that are killed at once, or while they come under control, are no harm to anybody", async () => {
    for (const followChildren of [false, true]) {
      const target = workshop.spawn(programs.killer, [], { followChildren });
      target.continue();
      expect((await runToEnd(target))[0]).toBe(9);
    }
  });

  it("that keep the memory of a process that ends, or executes another program, are let go of", async () => {
    const leave = async (args: string[]) => {
      const out = workshop.output();
      const target = spawnInto(out.path, programs.leaver, args, false);
      target.insertBreakpoint(workshop.symbol(programs.leaver, "visit"));
      target.continue();
      expect((await runToEnd(target))[0]).toBe(5);
      while (out.read() === "") await sleep(5);
      expect(out.read()).toBe("right\n");
    };
    // Several at once: some are stopped between a breakpoint's instruction and its signal.
    for (let i = 0; i < 6; i++) await Promise.all([leave([]), leave([]), leave([]), leave(["executes"])]);
  });
});

it("a process that waits in vfork is let go of at once, and without breakpoints", async () => {
  const out = workshop.output();
  const target = spawnInto(out.path, programs.waiter, [], false);
  target.insertBreakpoint(workshop.symbol(programs.waiter, "visit"));
  target.continue();
  while (!out.read().endsWith("\n")) await sleep(2);
  target.detach();
  expect(target.hasEnded).toBe(true);
  const ended = endOfChild(target.pid);
  process.kill(Number(out.read()), "SIGTERM");
  expect(await ended).toBe(5);
});

describe("a process that executes a program while it is attached to", () => {
  it("is there with that program, and nothing is told of it later", async () => {
    const { pid, ended } = await workshop.start(programs.again);
    for (let i = 0; i < 60; i++) {
      const target = workshop.attach(pid);
      const next = target.next();
      for (let turns = 0; turns < 3; turns++) expect(await Promise.race([next, turn()])).toBeUndefined();
      target.detach();
    }
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\n", code: 128 + 15 });
  });
});
