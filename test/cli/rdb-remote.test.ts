/** `bindery rdb` of processes behind stubs: against the same here, and against what gdb says through the same stub. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AARCH64, compileCross, sysrootOf } from "../rtld/cross.ts";
import { CALLED } from "../rtld/linkage.ts";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { between, gdbFrames, rdbFrames, Said } from "./rdb-support.ts";
import { bindery, MAIN } from "./run.ts";

const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
int plain(int);
int table[4] = { 0x11223344, 2, 3, 4 };
__attribute__((noinline)) int leaf(int x) { __asm__ volatile(""); return x + table[1]; }
__attribute__((noinline)) int call_plain(int x) { return plain(x) + leaf(x) + 1; }
static void show_maps(void) {
  char line[500];
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) fputs(line, stdout);
  fflush(stdout);
}
int main(int argc, char **argv) {
  if (argc > 2) show_maps();
  int r = call_plain(1) + call_plain(argc);
  dlclose(dlopen("libm.so.6", RTLD_NOW));
  return r;
}
`;
const LOOP = `
#include <stdio.h>
#include <unistd.h>
int main(void) { printf("runs\\n"); fflush(stdout); for (;;) usleep(1000); }
`;

const SCRIPT = `
event on
value call_plain
break call_plain
break leaf
break
echo "first"
cont
where
step 8
echo "memory"
print table 4
print table 5 b
print $pc
getmaps
linkmaps
echo "in leaf"
cont
where
echo "later"
cont
step 8
echo "through"
pltskip
delete
maps
break dlclose
cont
where
kill
`;

const workshop = new RtldWorkshop();
const files = { program: "", cross: "", loop: "" };
let script = "";
beforeAll(() => {
  const find = ["-L.", "-lcalled", `-Wl,-rpath,${workshop.directory}`, "-Wl,-z,lazy"];
  workshop.compile("libcalled.so", CALLED, "-shared", "-fPIC");
  files.program = workshop.compile("program", PROGRAM, "-fcf-protection=none", ...find);
  files.loop = workshop.compile("loop", LOOP);
  const library = compileCross(
    workshop,
    AARCH64,
    "libcross.so",
    CALLED.replace(/static[\s\S]*/, ""),
    "-shared",
    "-fPIC",
  );
  const here = [library, `-Wl,-rpath,${workshop.directory}`, "-Wl,-z,lazy"];
  files.cross = compileCross(workshop, AARCH64, "cross", PROGRAM, ...here);
  script = workshop.path("script");
  writeFileSync(script, SCRIPT.replace("$pc", "$rip"));
});

const children: ChildProcess[] = [];
afterEach(() => {
  for (const one of children.splice(0)) one.kill("SIGKILL");
});
afterAll(() => workshop.remove());

const gdbserver = (file: string) => `| gdbserver --once - ${file} 2>/dev/null`;

/** Starts a program under an emulator that waits for a debugger. */
async function qemu(machine: string, options: readonly string[], program: string, ...args: string[]) {
  const place = workshop.path(`${basename(program)}-${machine}-${children.length}.socket`);
  const command = ["-g", place, ...options, program, ...args];
  const child = spawn(`qemu-${machine}`, command, { stdio: ["ignore", "pipe", "ignore"] });
  children.push(child);
  let text = "";
  child.stdout.on("data", (piece: Buffer) => {
    text += piece;
  });
  const printed = new Promise<string>((resolve) => child.once("close", () => resolve(text)));
  while (!existsSync(place)) {
    if (child.exitCode !== null) throw new Error(`qemu ended: ${child.exitCode}`);
    await sleep(2);
  }
  return { place, printed };
}

/** Places and first words of the instructions that were shown. */
const shown = (lines: readonly string[]): string[] =>
  lines.flatMap((line) => {
    const [, place, word] = /^([\w.-]+:[\w@.]+)\S* +: (\S+)/.exec(line) ?? [];
    return place === undefined ? [] : [`${place} ${word}`];
  });

const gdb = (program: string, ...commands: string[]): string =>
  spawnSync("gdb", ["-nx", "-q", "-batch", ...commands.flatMap((one) => ["-ex", one]), program], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, DEBUGINFOD_URLS: "" },
  }).stdout;

describe("bindery rdb of a process behind a stub", () => {
  it("says all that it says of the same program here, at the same addresses", () => {
    // gdbserver leaves nothing to chance; here that has to be asked for.
    const here = spawnSync("setarch", ["-R", process.execPath, MAIN, "rdb", "-f", script, files.program], {
      encoding: "utf8",
    });
    const { status, stdout, stderr } = bindery(["rdb", "-f", script, "--remote", gdbserver(files.program)]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [first = "", ...lines] = stdout.split("\n");
    expect(first).toMatch(/^parent: \d+ child: \d+ stub: \| gdbserver --once - /);
    const stack = (one: string) => !one.endsWith("[stack]");
    expect(lines.filter(stack)).toEqual(here.stdout.split("\n").slice(1).filter(stack));
    expect(stdout).toMatch(/break point reached at addr: 0x\w+\n {2}libc\.so\.6:dlclose at /);
    expect(stdout).toContain("[stack]");
    expect(stdout).toMatch(/process terminated\. signal SIGKILL \(9\)\n$/);
    // From the call into the function, also the first time, when the run-time linker binds it.
    for (const [from, to] of [
      ["first", "memory"],
      ["later", "through"],
    ] as const) {
      const steps = shown(between(stdout, from, to));
      expect(steps[steps.findIndex((one) => one.endsWith(" call")) + 1]).toBe("libcalled.so:plain lea");
    }
  });

  it("starts what the stub is to start, attaches to what it is to attach to, and leaves that alone", async () => {
    const multi = "| gdbserver --multi - 2>/dev/null";
    const begun = bindery(["rdb", "--remote", multi, files.program, "more"], "break main\ncont\ncont\n");
    expect({ status: begun.status, stderr: begun.stderr }).toEqual({ status: 0, stderr: "" });
    // plain(1) + leaf(1) + 1 and the same of 2
    expect(begun.stdout).toMatch(/program:main at \S+:14\n[\s\S]*process terminated\. exit code 14\n$/);
    const { pid } = await workshop.start(files.loop);
    const attached = bindery(["rdb", "--remote", multi, "-p", String(pid)], "where\nlinkmaps\n");
    expect({ status: attached.status, stderr: attached.stderr }).toEqual({ status: 0, stderr: "" });
    expect(attached.stdout).toMatch(new RegExp(`^parent: \\d+ process: ${pid} stub: `));
    expect(attached.stdout).toMatch(/:loop:main\+0x\w+ at \S+:4\n/);
    expect(attached.stdout).toContain(`process ${pid} goes on without rdb\n`);
    expect(workshop.run("cat", `/proc/${pid}/status`)).toMatch(/^TracerPid:\t0$/m);
  });

  it("is interrupted, which the program does not notice; and says it when the stub is gone", async () => {
    const stub = `| echo $$ > ${workshop.path("stub")}; exec gdbserver --once - ${files.loop} 2>/dev/null`;
    const child = spawn(process.execPath, [MAIN, "rdb", "--remote", stub], { stdio: "pipe" });
    children.push(child);
    const said = new Said(child);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const running = async (pid: string) => {
      while (!/^State:\t[SR]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) await sleep(5);
    };
    child.stdin.write("break usleep\ncont\ndelete\n");
    const [, pid = ""] = /child: (\d+) /.exec(await said.take(/all breakpoints deleted\n/)) ?? [];
    child.stdin.write("cont\n");
    await running(pid);
    child.kill("SIGINT");
    await said.take(/interrupted at addr: 0x\w+\n {2}\S+.*\n/);
    child.stdin.write("where\n");
    await said.take(/:loop:main\+0x.*\n[\s\S]*:loop:_start\+0x.*\n/);
    child.stdin.write("cont\n");
    await running(pid);
    process.kill(Number(readFileSync(workshop.path("stub"), "utf8")), "SIGKILL");
    await said.take(/^bindery: -:6: \| echo .*found the connection closed by the stub\n$/);
    child.stdin.end("where\n");
    expect(await ended).toBe(1);
    expect(said.text).toBe("bindery: -:7: the process has terminated; cont tells how\n");
  });
});

describe("bindery rdb of a program under an emulator", () => {
  it("of this machine says where it is as gdb does through the same stub, and what is mapped as the program does", async () => {
    const { place, printed } = await qemu("x86_64", [], files.program, "show", "maps");
    const { status, stdout, stderr } = bindery(["rdb", "-f", script, "--remote", place]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const other = await qemu("x86_64", [], files.program, "show", "maps");
    // It does not find the libraries of a program under an emulator, which serves no files.
    const said = gdb(
      files.program,
      `target remote ${other.place}`,
      ...["break leaf", "continue", "bt", "print &table"],
    );
    expect(gdbFrames(said).map((one) => one.split(" ")[0])).toEqual(["leaf", "call_plain", "main"]);
    expect(rdbFrames(between(stdout, "in leaf", "later"))).toEqual(gdbFrames(said));
    const [, table] = /\(int \(\*\)\[4\]\) (0x\w+) <table>/.exec(said) ?? [];
    expect(between(stdout, "memory", "in leaf")[1]).toBe(
      `  ${table}:   0x11223344  0x00000002  0x00000003  0x00000004`,
    );
    expect(stdout).toMatch(/\n {2}libc\.so\.6:dlclose at [\s\S]*program:main\+0x\w+ at \S+:17\n/);
    // The emulator says nothing of what may be executed.
    const own = (await printed).matchAll(/^0*(\w+)-0*(\w+) \S{4} \S+ \S+ \d+ +\S*\/(\S+)$/gm);
    const theirs = [...own].map(([, from, to, name = ""]) => range(`0x${from}`, `0x${to}`, name));
    const code = mapped(stdout).filter(({ mode, name }) => mode === "r-xp" && name !== "vsyscall");
    expect(code.map(({ name }) => name).sort()).toEqual([
      "ld-linux-x86-64.so.2",
      "libc.so.6",
      "libcalled.so",
      "program",
    ]);
    for (const { name, from, to } of code) {
      expect(theirs.some((one) => one.name === name && one.from <= from && to <= one.to)).toBe(true);
      expect(lowest(mapped(stdout), name)).toBe(lowest(theirs, name));
    }
  });

  it("of another machine goes past its linkage tables, and shows its instructions as they are", async () => {
    const { place } = await qemu("aarch64", ["-L", sysrootOf(AARCH64)], files.cross);
    writeFileSync(script, SCRIPT);
    const args = ["rdb", "-f", script, "--sysroot", sysrootOf(AARCH64), "--remote", place];
    const { status, stdout, stderr } = bindery(args);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const source = `${files.cross}.c`;
    expect(rdbFrames(between(stdout, "in leaf", "later"))).toEqual([
      `leaf ${source}:6`,
      `call_plain ${source}:7`,
      `main ${source}:16`,
    ]);
    expect(stdout).toMatch(/\n {2}libc\.so\.6:dlclose\n[\s\S]*cross:main\+0x\w+ at \S+:17\n/);
    expect(stdout).toContain(":   0x11223344  0x00000002  0x00000003  0x00000004\n");
    expect(stdout).toMatch(/: {3}44 {2}33 {2}22 {2}11 {2}02\n/);
    // Instructions as objdump has them, by function; the last of the caller is the call.
    const code = ["cross", "libcross.so"]
      .map((name) => workshop.run("aarch64-linux-gnu-objdump", "-d", workshop.path(name)))
      .join("");
    for (const [from, to] of [
      ["first", "memory"],
      ["later", "through"],
    ] as const) {
      const lines = between(stdout, from, to).filter((line) => line.includes(": .inst 0x"));
      expect(lines).toHaveLength(8);
      for (const line of lines) {
        const [, file = "", name = "", offset = "0x0", word = ""] =
          /^(\S+):(\w+)(?:\+(0x\w+))? +: \.inst 0x(\w{8})/.exec(line) ?? [];
        const address = workshop.symbol(workshop.path(file), name) + BigInt(offset);
        expect(code).toMatch(new RegExp(`^ *${address.toString(16)}:\\t${word} `, "m"));
      }
      const places = lines.map((line) => line.split(" ")[0] ?? "");
      const into = places.findIndex((one) => one.startsWith("libcross.so:"));
      expect(places[into]).toBe("libcross.so:plain");
      expect(code).toMatch(new RegExp(`\\t${wordOf(lines[into - 1])} +\\tbl\\t`));
    }
  });
});

const wordOf = (line = "") => /\.inst 0x(\w+)/.exec(line)?.[1] ?? "";

interface Range {
  readonly name: string;
  readonly from: bigint;
  readonly to: bigint;
}

const range = (from: string, to: string, name: string): Range => ({
  name,
  from: BigInt(from),
  to: BigInt(to),
});

const lowest = (rows: readonly Range[], wanted: string) =>
  rows.filter(({ name }) => name === wanted).reduce((a, b) => (a.from < b.from ? a : b)).from;

/** Rows of `maps`, by the names of files without directories. */
function mapped(text: string): (Range & { readonly mode: string })[] {
  const rows = text.matchAll(/^ *(0x\w+) +(0x\w+) (\S{4}) 0x\w+ +(\S+)$/gm);
  return [...rows].map(([, from = "0", size = "0", mode = "", name = ""]) => {
    return { ...range(from, from, basename(name)), to: BigInt(from) + BigInt(size), mode };
  });
}
