/** `bindery rdb` and what processes do: threads, signals, interrupts, other programs; and at a terminal. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUSY, PLUGIN } from "../rtld/programs.ts";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { between, rdb, Said } from "./rdb-support.ts";
import { atTerminal, bindery, MAIN } from "./run.ts";

const CROWD = `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/wait.h>
__attribute__((noinline)) void visit(long i) { __asm__ volatile("" :: "r"(i)); }
static void on_usr(int s) { puts("handled"); fflush(stdout); }
static void *work(void *p) { for (int i = 0; i < 3; i++) visit((long)p); return 0; }
int main(void) {
  signal(SIGUSR1, on_usr);
  pthread_t t[3];
  for (long i = 0; i < 3; i++) pthread_create(t + i, 0, work, (void *)i);
  for (int i = 0; i < 3; i++) pthread_join(t[i], 0);
  if (fork() == 0) { visit(9); _exit(0); }
  wait(0);
  raise(SIGUSR1);
  *(volatile int *)0 = 1;
}
`;
const EXEC = `
#include <unistd.h>
#include <stdlib.h>
#include <stdio.h>
__attribute__((noinline)) int twice(int x) { __asm__ volatile(""); return 2 * x; }
int main(int argc, char **argv) {
  int value = twice(argc);
  if (argc > 1) execl(argv[0], argv[0], (char *)0);
  return value;
}
`;
const LOOP = `
#include <stdio.h>
#include <unistd.h>
#include <termios.h>
volatile int ticks;
__attribute__((noinline)) void tick_once(void) { ticks++; }
int main(int argc, char **argv) {
  struct termios modes;
  if (argc > 1 && tcgetattr(0, &modes) == 0) {
    modes.c_lflag &= ~ECHO;
    tcsetattr(0, TCSANOW, &modes);
  }
  puts("runs"); fflush(stdout); for (;;) { tick_once(); usleep(1000); if (argc > 1 && ticks % 100 == 0) { tcgetattr(0, &modes); puts(modes.c_lflag & ECHO ? "echoes" : "silent"); fflush(stdout); } } }
`;

const workshop = new RtldWorkshop();
const files = { crowd: "", exec: "", loop: "", busy: "", plugin: "" };
beforeAll(() => {
  files.crowd = workshop.compile("crowd", CROWD, "-pthread");
  files.exec = workshop.compile("exec", EXEC);
  files.loop = workshop.compile("loop", LOOP);
  files.busy = workshop.compile("busy", BUSY, "-pthread");
  files.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
});
afterAll(() => workshop.remove());

describe("bindery rdb", () => {
  it("stops each thread that comes to a break point, once each time; children that a fork makes run free", () => {
    const hits = 9;
    const script = `break visit\n${"cont\n".repeat(hits)}thread\ncont\nwhere\nbreak on_usr\ncont\nwhere\ncont\ncont`;
    const { status, stdout } = rdb(workshop, script, files.crowd);
    expect(status).toBe(0);
    const threads = [...stdout.matchAll(/^ {2}thread (\d+): crowd:visit at /gm)].map(([, tid]) => tid);
    expect(threads.length + (stdout.match(/^ {2}crowd:visit at /gm)?.length ?? 0)).toBe(hits);
    expect(new Set(threads).size).toBe(3);
    expect(stdout).toMatch(/^\* \d+ crowd:visit/m);
    // The signal stops it before its handler, and is passed on.
    expect(stdout).toMatch(/signal SIGUSR1 \(10\) at addr: 0x\w+\n/);
    const [handler, trampoline, ...interrupted] =
      stdout.split("printing stack trace\n")[2]?.split("\n") ?? [];
    expect(handler).toMatch(/:crowd:on_usr at /);
    expect(trampoline).toMatch(/:<signal handler called>$/);
    expect(interrupted.some((line) => line.includes(":crowd:main+"))).toBe(true);
    expect(stdout).toMatch(
      /handled\nsignal SIGSEGV \(11\) at addr: 0x\w+\n {2}crowd:main\+0x\w+ at \S+:18\n/,
    );
    expect(stdout).toMatch(/process terminated\. signal SIGSEGV \(11\)\n$/);
  });

  it("goes on with its break points in a program that is executed", () => {
    const script = "break twice\ncont\nevent on\ncont\nwhere\ncont";
    const { status, stdout } = rdb(workshop, script, files.exec, "more");
    expect(status).toBe(0);
    expect(stdout).toContain("the process executes another program\n");
    expect(stdout.match(/^break point reached at addr: /gm)).toHaveLength(2);
    // Of the new program, another time.
    expect(stdout.split("executes another program")[1]).toMatch(/preinit reached\n[\s\S]*postinit reached\n/);
    expect(stdout).toMatch(/process terminated\. exit code 2\n$/);
  });

  it("takes a running process, and leaves it as it was", async () => {
    const { pid, ended } = await workshop.start(files.busy, files.plugin);
    const script = "break plugin\ncont\nwhere\nlinkmaps\ndelete plugin\nevent on\nstep 50 silent\n";
    const { status, stdout, stderr } = bindery(["rdb", "-p", String(pid)], script);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/break point reached at addr: 0x\w+\n {2}thread \d+: plugin\.so:plugin at /);
    expect(between(stdout, "printing stack trace")[1]).toMatch(/:busy:work\+0x/);
    expect(stdout).toContain(`process ${pid} goes on without rdb\n`);
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it("stops a running program when it is interrupted, which the program does not notice", async () => {
    const child = spawn(process.execPath, [MAIN, "rdb", files.loop], { stdio: ["pipe", "pipe", "inherit"] });
    const said = new Said(child);
    try {
      child.stdin.write("cont\n");
      await said.until(/runs\n/);
      child.kill("SIGINT");
      await said.until(/interrupted at addr: 0x\w+\n {2}\S+.*\n/);
      child.stdin.write("where\nbreak tick_once\ncont\n");
      await said.until(/:loop:main\+0x[\s\S]*break point reached at addr: [\s\S]*loop:tick_once at /);
      said.text = "";
      child.stdin.write("delete\nstep 99999999 silent\n");
      await said.until(/stepping 99999999\n/);
      child.kill("SIGINT");
      await said.until(/interrupted at addr: 0x\w+\n {2}\S+.*\n/);
      child.stdin.end("kill\n");
      await said.until(/process terminated\. signal SIGKILL \(9\)\n/);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("at a terminal", () => {
  it("has a prompt, a history that is kept, completion, and Ctrl-C", async () => {
    const state = workshop.path("state");
    mkdirSync(state);
    const env = { ...process.env, XDG_STATE_HOME: state };
    const child = atTerminal(`rdb ${files.loop} quiet`, { env });
    const said = new Said(child);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const type = async (keys: string, answer: RegExp): Promise<void> => {
      said.text = "";
      child.stdin.write(keys);
      await said.until(answer);
    };
    try {
      await said.until(/<rdb> /);
      await type("val", /val/);
      // The one command that begins so, and the one symbol.
      await type("\t", /ue /);
      await type("tick_o", /tick_o/);
      await type("\t", /nce/);
      await type("\r", /value: 0x\w+\r?\n[\s\S]*<rdb> /);
      await type("\x1b[A", /value tick_once/);
      await type("\r", /value: 0x\w+\r?\n[\s\S]*<rdb> /);
      await type("nonsense", /nonsense/);
      await type("\x03", /<rdb> /);
      await type("nonsense\r", /unknown command: nonsense[\s\S]*<rdb> /);
      await type("cont\r", /runs/);
      await type("\x03", /interrupted at addr: 0x\w+[\s\S]*<rdb> /);
      await type("\r", /: \w+[\s\S]*<rdb> /);
      await type("where\r", /loop:main\+0x[\s\S]*<rdb> /);
      // The program was spared the signal.
      // It set the terminal, and finds it so again.
      await type("cont\r", /silent/);
      await type("\x03", /interrupted at addr: 0x\w+[\s\S]*<rdb> /);
      expect(said.text).not.toContain("echoes");
      await type("break tick_once\r", /set at[\s\S]*<rdb> /);
      await type("cont\r", /loop:tick_once at [\s\S]*<rdb> /);
      await type("kill\r", /SIGKILL[\s\S]*<rdb> /);
      child.stdin.write("\x04");
      expect(await ended).toBe(0);
      const history = readFileSync(`${state}/bindery/rdb_history`, "utf8");
      expect(history).toMatch(/^value tick_once\n[\s\S]*\nkill\n$/);
    } finally {
      child.kill("SIGKILL");
    }
  });
});
