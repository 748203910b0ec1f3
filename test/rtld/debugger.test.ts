/** `Debugger`: stacks where nothing describes them, functions of processes that make their own, and what comes in between. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Debugger, type DebuggerEvent, HostError, type Stop } from "../../src/rtld/index.ts";
import { RtldWorkshop } from "./workshop.ts";

/** Calls `target` from code without call frame information, from a handler on a stack of its own, and calls nothing. */
const ODD = `
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
static const unsigned char framed[] = { 0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3 };
static void (*volatile nowhere)(void);
__attribute__((noinline)) void target(void) { __asm__ volatile(""); }
static void on_usr(int s) { target(); }
void bare(void), pushed(void);
__asm__(".text\\n.type bare,@function\\nbare:\\n call target\\n ret\\n.size bare,.-bare\\n");
__asm__(".type pushed,@function\\npushed:\\n push %rbp\\n mov %rsp,%rbp\\n push %rbx\\n call target\\n pop %rbx\\n pop %rbp\\n ret\\n"
        ".size pushed,.-pushed\\n");
int main(void) {
  unsigned char *code = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(code, framed, sizeof framed);
  ((void (*)(void (*)(void)))code)(target);
  stack_t s = { malloc(65536), 0, 65536 };
  sigaltstack(&s, 0);
  struct sigaction a = { .sa_handler = on_usr, .sa_flags = SA_ONSTACK };
  sigaction(SIGUSR1, &a, 0);
  raise(SIGUSR1);
  bare();
  pushed();
  nowhere();
}
`;
/** Its list of objects for debuggers leads back into itself, and tells of what is no object file. */
const DAMAGED = `
struct entry { struct entry *next, *previous; const char *file; unsigned long long size; };
struct { unsigned version, action; struct entry *relevant, *first; } __jit_debug_descriptor = { 1, 0, 0, 0 };
__attribute__((noinline)) void __jit_debug_register_code(void) { __asm__ volatile(""); }
struct entry a, b;
__attribute__((noinline)) int look(int x) { __asm__ volatile(""); return x + 2; }
int main(void) {
  a.next = &b; b.next = &a;
  a.file = "no object file"; a.size = 15;
  b.file = (const char *)8; b.size = ~0ull;
  __jit_debug_descriptor.first = &a;
  __jit_debug_register_code();
  return look(4);
}
`;

/** `outer` has a frame pointer, which nothing says; of `inner` the call frame information does. */
const NARROW = `
.globl _start
.type inner,@function
inner: .cfi_startproc
 add $2,%eax
 ret
 .cfi_endproc
.size inner,.-inner
.type outer,@function
outer: push %ebp
 mov %esp,%ebp
 call inner
 pop %ebp
 ret
.size outer,.-outer
.type _start,@function
_start: xor %ebp,%ebp
 mov $5,%eax
 call outer
 mov %eax,%ebx
 mov $1,%eax
 int $0x80
.size _start,.-_start
`;

const workshop = new RtldWorkshop();
const files = { odd: "", damaged: "" };
beforeAll(() => {
  files.odd = workshop.compile("odd", ODD);
  files.damaged = workshop.compile("damaged", DAMAGED);
});
afterAll(() => workshop.remove());

function start(program: string, events: DebuggerEvent[] = []): Debugger {
  const made = Debugger.spawn(program, [], {}, (event) => events.push(event));
  workshop.keep(made.target);
  return made;
}

const symbols = (target: Debugger): (string | undefined)[] => {
  const frames = [...target.backtrace()];
  const names = frames.map((one) => (one.isSignalTrampoline ? "(signal)" : one.place.symbol?.name));
  return names.slice(0, names.indexOf("main") + 1);
};

async function until(target: Debugger, test: (stop: Stop) => boolean): Promise<Stop> {
  for (;;) {
    const stop = await target.continue();
    if (test(stop) || stop.kind === "exit") return stop;
  }
}

describe("a stack", () => {
  it("is followed through code that nothing describes, other stacks, and a call of nothing", async () => {
    const target = start(files.odd);
    target.setBreakpoint({ symbol: "target", offset: 0n });
    const next = () => until(target, ({ kind }) => kind === "breakpoint");
    await next();
    expect(symbols(target)).toEqual(["target", undefined, "main"]);
    await next();
    const [first, handler, signal, ...interrupted] = symbols(target);
    expect([first, handler, signal]).toEqual(["target", "on_usr", "(signal)"]);
    expect(interrupted.at(-1)).toBe("main");
    // The handler's stack is elsewhere, below or above.
    const cfas = [...target.backtrace()].map((one) => one.cfa ?? 0n);
    expect((cfas[1] ?? 0n) - (cfas.at(-1) ?? 0n)).not.toBe(0n);
    await next();
    expect(symbols(target)).toEqual(["target", "bare", "main"]);
    await next();
    expect(symbols(target)).toEqual(["target", "pushed", "main"]);
    const fault = await target.continue();
    expect(fault).toMatchObject({ kind: "signal", signal: 11 });
    expect(target.registers?.pc).toBe(0n);
    expect(symbols(target)).toEqual([undefined, "main"]);
    expect(await target.continue()).toMatchObject({ kind: "exit", signal: 11 });
    expect([...target.backtrace()]).toEqual([]);
  });

  it("has the caller at each instruction of a function that nothing describes", async () => {
    const target = start(files.odd);
    target.setBreakpoint({ symbol: "pushed", offset: 0n });
    await until(target, ({ kind }) => kind === "breakpoint");
    // push, mov, push, and the call.
    for (let i = 0; i < 4; i++) {
      const where = symbols(target);
      expect(where).toEqual(["pushed", "main"]);
      await target.step();
    }
    expect(symbols(target)).toEqual(["target", "pushed", "main"]);
    await target.kill();
  });
});

describe("a program of 32 bits", () => {
  it("is debugged as others are, where the kernel runs it", async () => {
    const source = workshop.path("narrow.s");
    writeFileSync(source, NARROW);
    workshop.run("as", "--32", "-o", "narrow.o", source);
    workshop.run("ld", "-m", "elf_i386", "-o", "narrow", "narrow.o");
    const program = workshop.path("narrow");
    if (spawnSync(program).status !== 7) {
      expect(() => start(program)).toThrow(HostError);
      return;
    }
    const target = start(program);
    target.setBreakpoint({ symbol: "inner", offset: 0n });
    await target.continue();
    const names = () => [...target.backtrace()].map((one) => one.place.symbol?.name);
    expect(target.registers?.pc).toBe(workshop.symbol(program, "inner"));
    expect(target.registers?.get("eax")).toBe(5n);
    expect(names()).toEqual(["inner", "outer", "_start"]);
    await target.step();
    expect(target.registers?.get("eax")).toBe(7n);
    expect(names()).toEqual(["inner", "outer", "_start"]);
    expect(await target.continue()).toMatchObject({ kind: "exit", code: 7 });
  });
});

describe("a process", () => {
  it("whose list of objects is damaged is debugged like others", async () => {
    const events: DebuggerEvent[] = [];
    const target = start(files.damaged, events);
    const look = target.setBreakpoint({ symbol: "look", offset: 0n });
    target.setBreakpoint({ symbol: "not_there", offset: 0n });
    expect(await target.continue()).toEqual({ kind: "breakpoint", tid: target.target.pid, breakpoint: look });
    expect(symbols(target)).toEqual(["look", "main"]);
    expect(target.breakpoints.map((one) => one.isPending)).toEqual([false, true]);
    expect(await target.continue()).toEqual({ kind: "exit", code: 6, signal: undefined });
    expect(await target.continue()).toBe(target.end);
    expect(events.some((one) => one.kind === "linker" && one.message.type === "RD_POSTINIT")).toBe(true);
  });

  it("that is killed meanwhile has ended", async () => {
    const target = start(files.damaged);
    target.setBreakpoint({ symbol: "look", offset: 0n });
    await target.continue();
    process.kill(target.target.pid, "SIGKILL");
    expect(await target.step()).toMatchObject({ kind: "exit", signal: 9 });
    expect(target.registers).toBeUndefined();
    target.detach();
    target.detach();
  });

  it("gets its signals after it stopped for them, the ordinary ones without", async () => {
    const program = workshop.compile(
      "signals",
      `#include <signal.h>
      #include <unistd.h>
      volatile int seen;
      static void on(int s) { seen += s; }
      int main(void) {
        signal(SIGUSR2, on); signal(SIGCHLD, on); signal(SIGWINCH, on);
        raise(SIGCHLD); raise(SIGUSR2); raise(SIGWINCH);
        return seen;
      }`,
    );
    const target = start(program);
    expect(await target.continue()).toMatchObject({ kind: "signal", signal: 12 });
    expect(await target.continue()).toEqual({ kind: "exit", code: 12 + 17 + 28, signal: undefined });
  });
});
