/** `bindery rdb`: each of its commands in scripts, against what nm, objdump and gdb say. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RtldWorkshop } from "../rtld/workshop.ts";
import { between, gdbFrames, rdb, rdbFrames } from "./rdb-support.ts";
import { bindery } from "./run.ts";

const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
struct node { int value; struct node *next; };
int table[8] = { 0x11223344, 2, 3, 4, 5, 6, 7, 0x7fffffff };
const char *text = "a text";
const char words[] = "words in a row";
__attribute__((noinline)) int leaf(int x) { __asm__ volatile(""); return x + table[1]; }
static inline int weight(const struct node *at) { return leaf(at->value) * 3; }
__attribute__((noinline)) int sum(const struct node *list) {
  int total = 0;
  for (; list; list = list->next)
    total += weight(list);
  return total;
}
int main(int argc, char **argv) {
  struct node last = { 2, 0 }, first = { 1, &last };
  int total = sum(&first);
  if (argc > 1) {
    void *m = dlopen(argv[1], RTLD_NOW);
    int (*f)(int) = (int (*)(int))dlsym(m, "plugin");
    total += f(1);
    dlclose(m);
  }
  printf("total %d\\n", total);
  return total;
}
`;
const PLUGIN = "int plugin_calls; int plugin(int x) { plugin_calls++; return x + 100; }";

const workshop = new RtldWorkshop();
const files = { program: "", pie: "", plugin: "", static: "" };
beforeAll(() => {
  files.program = workshop.compile("program", PROGRAM, "-O2", "-no-pie", "-fcf-protection=none");
  files.pie = workshop.compile("pie", PROGRAM, "-O2", "-pie");
  files.plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
  files.static = workshop.compile("static", "int main(void) { return 4; }", "-static");
});
afterAll(() => workshop.remove());

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const gdb = (...args: string[]): string =>
  execFileSync("gdb", ["-nx", "-q", "-batch", ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, DEBUGINFOD_URLS: "" },
  });

describe("bindery rdb", () => {
  it("sets break points, lists them, reaches and deletes them", () => {
    const [leaf, sum] = [workshop.symbol(files.program, "leaf"), workshop.symbol(files.program, "sum")];
    const script = `
break   # nothing yet
break leaf
break ${hex(sum)}
break leaf+1
break
cont
delete sum
delete leaf+0x1
cont
break
delete
break
cont`;
    const { status, stdout, stderr } = rdb(workshop, script, files.program);
    const source = files.program;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n").slice(1)).toEqual([
      "no active breakpoints.",
      `break point set at: ${hex(leaf)}`,
      `break point set at: ${hex(sum)}`,
      `break point set at: ${hex(leaf + 1n)}`,
      "active breakpoints:",
      `\t${hex(leaf).padEnd(14)} - program:leaf at ${source}.c:9`,
      `\t${hex(sum).padEnd(14)} - program:sum at ${source}.c:11`,
      expect.stringMatching(/^\t0x\w+ +- program:leaf\+0x1 at /),
      `break point reached at addr: ${hex(sum)}`,
      `  program:sum at ${source}.c:11`,
      `breakpoint deleted at ${hex(sum)}`,
      `breakpoint deleted at ${hex(leaf + 1n)}`,
      `break point reached at addr: ${hex(leaf)}`,
      `  program:leaf at ${source}.c:9`,
      "active breakpoints:",
      `\t${hex(leaf).padEnd(14)} - program:leaf at ${source}.c:9`,
      "all breakpoints deleted",
      "no active breakpoints.",
      "total 21",
      "process terminated. exit code 21",
      "",
    ]);
  });

  it("has break points at source lines", () => {
    const { status, stdout } = rdb(workshop, "break program.c:14\ncont\nwhere\nkill", files.program);
    expect(status).toBe(0);
    expect(rdbFrames(between(stdout, "printing stack trace"))[0]).toMatch(
      /^(weight|sum) .*program\.c:1[04]$/,
    );
    expect(stdout).toMatch(/process terminated\. signal SIGKILL \(9\)\n$/);
  });

  it("waits for symbols that are loaded later, and lets go of them when they are unloaded", () => {
    const script =
      "event on\nbreak plugin\nbreak\ncont\nwhere\nvalue plugin_calls\nprint plugin_calls 1\ncont";
    const { status, stdout } = rdb(workshop, script, files.program, files.plugin);
    expect(status).toBe(0);
    const lines = stdout.split("\n").slice(1);
    const address = /^break point set at: (0x\w+) \(plugin\)$/m.exec(stdout)?.[1] ?? "";
    // Two libraries from the start; then the plugin, whose break point is there before any of its code runs.
    expect(lines.filter((line) => !/^ 0x|^value|^plugin\.so:plugin_calls|^ {2}0x/.test(line))).toEqual([
      "rdb: event information enabled.",
      "break point pending: plugin is not loaded yet",
      "active breakpoints:",
      "\tpending        - plugin",
      "dlactivity: state changed to: RD_ADD",
      "preinit reached",
      "postinit reached",
      "dlactivity: state changed to: RD_ADD",
      `break point set at: ${address} (plugin)`,
      "dlactivity: state changed to: RD_CONSISTENT",
      `break point reached at addr: ${address}`,
      `  plugin.so:plugin at ${files.plugin}.c:1`,
      "printing stack trace",
      "dlactivity: state changed to: RD_DELETE",
      "break point pending: plugin is not loaded any more",
      "dlactivity: state changed to: RD_CONSISTENT",
      "total 122",
      "process terminated. exit code 122",
      "",
    ]);
    const [, calls = ""] = /^value: (0x\w+)$/m.exec(stdout) ?? [];
    const offset = workshop.symbol(files.plugin, "plugin_calls") - workshop.symbol(files.plugin, "plugin");
    expect(BigInt(calls) - BigInt(address)).toBe(offset);
    expect(stdout).toMatch(/^ {2}0x\w+: {3}0x00000000$/m);
  });

  it("says no more of events than is wanted", () => {
    const { stdout } = rdb(workshop, "event on\nevent off\ncont", files.program, files.plugin);
    expect(stdout).toContain("rdb: event information disabled.\n");
    expect(stdout).not.toContain("dlactivity");
  });

  it("knows symbols as nm does, in programs that are anywhere", () => {
    const names = ["main", "sum", "leaf", "table", "text", "words"];
    const script = [...names, "main+0x10", "0x1000+16+main"].map((one) => `value ${one}`).join("\n");
    for (const file of [files.program, files.pie]) {
      const { status, stdout } = rdb(workshop, `${script}\nmaps\ngetmaps\nlinkmaps`, file);
      const base = file === files.pie ? BigInt(/^ *(0x\w+) /m.exec(stdout)?.[1] ?? "") : 0n;
      const values = [...stdout.matchAll(/^value: (0x\w+)$/gm)].map(([, value]) => BigInt(value ?? ""));
      const main = workshop.symbol(file, "main");
      const expected = [...names.map((name) => workshop.symbol(file, name)), main + 16n, main + 0x1010n];
      expect(values).toEqual(expected.map((value) => value + base));
      // Before the run-time linker ran there are no link maps.
      expect(status).toBe(1);
    }
  });

  it("shows memory as gdb does", () => {
    const script =
      'echo "X"\nprint table 6\necho "b"\nprint table 11 b\necho "s"\nprint words 1 s\necho "end"';
    const { status, stdout } = rdb(workshop, script, files.program);
    expect(status).toBe(0);
    const cells = (text: string) =>
      text
        .split("\n")
        .flatMap((line) => [...line.replace(/^[^:]*:/, "").matchAll(/\S+/g)].map(([one]) => one));
    const [head, ...words] = between(stdout, "X", "b");
    expect(head).toBe("program:table:");
    expect(cells(words.join("\n"))).toEqual(cells(gdb("-ex", "x/6xw &table", files.program)));
    const bytes = between(stdout, "b", "s").slice(1);
    expect(cells(bytes.join("\n")).map((byte) => `0x${byte}`)).toEqual(
      cells(gdb("-ex", "x/11xb &table", files.program)),
    );
    expect(between(stdout, "s", "end")).toEqual(["program:words:", " words in a row"]);
  });

  it("shows registers as gdb does", () => {
    const { stdout } = rdb(workshop, "break leaf\ncont\nprint $regs\nprint $rip\nprint $rdi", files.program);
    const registers = new Map([...stdout.matchAll(/(\w+): (0x[0-9a-f]{16})/g)].map(([, a, b]) => [a, b]));
    const leaf = workshop.symbol(files.program, "leaf");
    const commands = ["break *leaf", "run", "info registers"].flatMap((one) => ["-ex", one]);
    const theirs = new Map(
      [...gdb(...commands, files.program).matchAll(/^(\w+) +(0x[0-9a-f]+)/gm)].map(([, a, b]) => [a, b]),
    );
    // What does not depend on where the stack is.
    for (const name of ["rip", "rdi", "cs", "ss"])
      expect([name, BigInt(registers.get(name) ?? "")]).toEqual([name, BigInt(theirs.get(name) ?? "")]);
    expect(stdout).toContain(`\n$rip: ${hex(leaf)} leaf\n$rdi: 0x1\n`);
  });

  it("shows the calls that led here as gdb does, inlined ones included", () => {
    for (const file of [files.program, files.pie]) {
      const { status, stdout } = rdb(workshop, "break leaf\ncont\nwhere", file);
      expect(status).toBe(0);
      const ours = rdbFrames(between(stdout, "printing stack trace"));
      expect(ours).toEqual(gdbFrames(gdb("-ex", "break *leaf", "-ex", "run", "-ex", "bt", file)));
      expect(ours.map((one) => one.split(" ")[0])).toEqual(["leaf", "weight", "sum", "main"]);
    }
  });

  it("disassembles as objdump does", () => {
    const [, theirs = ""] =
      /<main>:\n([\s\S]*?\tret)/.exec(
        workshop.run("objdump", "-d", "-M", "intel", "--no-show-raw-insn", files.program),
      ) ?? [];
    const expected = [...theirs.matchAll(/^ +(\w+):\t(\S+)/gm)].map(([, at, name]) => `0x${at} ${name}`);
    expect(expected.length).toBeGreaterThan(20);
    const { stdout } = rdb(workshop, `dis main ${expected.length}`, files.program);
    const main = workshop.symbol(files.program, "main");
    const ours = [...stdout.matchAll(/^program:main(?:\+(0x\w+))? *: (\S+)/gm)].map(
      ([, offset = "0"]: string[], i) =>
        `${hex(main + BigInt(offset))} ${stdout.split("\n")[i + 1]?.split(": ")[1]?.split(" ")[0]}`,
    );
    expect(ours).toEqual(expected);
    expect(stdout).toContain(" <sum>\n");
    expect(stdout).toContain(" <printf@plt>\n");
  });

  it("steps, shows each instruction unless it is to be silent, and stops at break points", () => {
    const script = `
break sum
cont
step
step 2
step 1 silent
break leaf
step 100
where`;
    const { status, stdout } = rdb(workshop, script, files.program);
    expect(status).toBe(0);
    const sum = workshop.symbol(files.program, "sum");
    const addresses = [
      ...workshop.run("objdump", "-d", "--no-show-raw-insn", files.program).matchAll(/^ +(\w+):\t/gm),
    ].map(([, at]) => BigInt(`0x${at}`));
    const first = addresses.indexOf(sum);
    // Straight-line code: the first four instructions, the last of them not shown.
    const shown = between(stdout, "single step").filter((line) => line.startsWith("program:sum"));
    const at = shown.map((line) => sum + BigInt(/^program:sum\+(0x\w+)/.exec(line)?.[1] ?? 0));
    expect(at.slice(0, 3)).toEqual(addresses.slice(first, first + 3));
    expect(at[3]).toBe(addresses[first + 4]);
    expect(stdout).toContain("single step\n");
    expect(stdout).toContain("stepping 2\n");
    expect(stdout).toMatch(/stepping 100\n[\s\S]*break point reached at addr/);
    expect(rdbFrames(between(stdout, "printing stack trace"))[0]).toMatch(/^leaf /);
  });

  it("shows what is loaded, and what is mapped", () => {
    const script = 'break plugin\ncont\necho "maps"\nmaps\necho "end"\nlinkmaps';
    const { status, stdout } = rdb(workshop, script, files.program, files.plugin);
    expect(status).toBe(0);
    const names = [...stdout.matchAll(/^link-map: id: BASE name: (.*)$/gm)].map(([, name]) => name);
    expect(names.at(0)).toBe(files.program);
    expect(names.at(-1)).toBe(files.plugin);
    expect(names.some((name) => name?.endsWith("/libc.so.6"))).toBe(true);
    const maps = between(stdout, "maps", "end");
    expect(maps.slice(0, 2)).toEqual(["Mappings", "--------"]);
    for (const [, base = "", end = ""] of stdout.matchAll(/ base: (0x\w+) [\s\S]*?\n +end: (0x\w+) /g)) {
      expect(maps.some((line) => line.includes(hex(BigInt(base))))).toBe(true);
      expect(BigInt(end)).toBeGreaterThan(BigInt(base));
    }
    expect(stdout).toMatch(/name: linux-vdso\.so\.1\n(?:.*\n){3}.*\[ MEMOBJECT \]/);
  });

  it("runs programs without a run-time linker, too", () => {
    const { status, stdout, stderr } = rdb(workshop, "break main\ncont\nlinkmaps\ncont", files.static);
    expect(status).toBe(1);
    expect(stdout).toContain("is linked statically");
    expect(stderr).toMatch(/linked statically/);
    expect(stdout).toMatch(/break point reached [\s\S]*process terminated\. exit code 4\n$/);
  });
});

describe("scripts", () => {
  it("go on in the next line, and have comments", () => {
    const { status, stdout } = rdb(
      workshop,
      '# one\n  echo "a # b" # c\nbreak \\\nleaf\n\nhelp step',
      files.static,
    );
    expect(status).toBe(0);
    const lines = stdout.split("\n").filter((line) => !/^parent|linked statically|goes on/.test(line));
    expect(lines.slice(0, 3)).toEqual([
      "a # b",
      "break point pending: leaf is not loaded yet",
      "step [COUNT [silent]]",
    ]);
  });

  it("come from a pipe as well, of which the program reads the rest", () => {
    const cat = workshop.compile(
      "reads",
      '#include <stdio.h>\nint main(void) { char line[99]; while (fgets(line, 99, stdin)) printf("got %s", line); }',
    );
    const { status, stdout } = bindery(["rdb", cat], "break main\ncont\ncont\nfor the\nprogram\n");
    expect(status).toBe(0);
    expect(stdout).toMatch(/got for the\ngot program\nprocess terminated\. exit code 0\n$/);
  });

  it("end with a program that goes on", () => {
    const { status, stdout } = rdb(workshop, "break main\ncont", files.program);
    expect(status).toBe(0);
    expect(stdout).toMatch(/process \d+ goes on without rdb\n/);
    expect(stdout).toContain("total 21\n");
  });

  it("fail with the place of each command that could not be carried out, and do the others", () => {
    const wrong = [
      "nonsense",
      "break nothing more",
      "delete main",
      "echo unquoted",
      "event maybe",
      "step 1 loud",
      "value no_such_symbol",
      "print 8",
      "print table 4 q",
      "print $nothing",
      "objpad 16",
      "linkmaps",
      "help nonsense",
      "break 0x8",
      "thread 1",
      "break +",
      "break program.c:9999",
      "value ;",
    ];
    const { status, stdout, stderr } = rdb(
      workshop,
      `${wrong.join("\n")}\necho "after"\ncont\ncont`,
      files.program,
    );
    expect(status).toBe(1);
    expect(stdout).toMatch(/after\ntotal 21\nprocess terminated\. exit code 21\n$/);
    const messages = stderr.trimEnd().split("\n");
    expect(messages).toHaveLength(wrong.length + 1);
    messages.forEach((message, i) => {
      expect(message).toMatch(new RegExp(`^bindery: \\S*script\\d+:${i === wrong.length ? i + 3 : i + 1}: `));
    });
    expect(stderr).toContain("unknown command: nonsense");
    expect(stderr).toContain("unknown symbol: no_such_symbol");
    expect(stderr).toMatch(/:2: break: found 'more', expected nothing more/);
    expect(stderr).toMatch(/:21: the process has terminated/);
  });

  it("are refused where they, the program or the process are not there", () => {
    const missing = bindery(["rdb", "-f", "/nowhere/script", files.program]);
    expect(missing).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining("/nowhere/script"),
    });
    expect(bindery(["rdb", "/nowhere"])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/ENOENT/),
    });
    expect(bindery(["rdb", "/etc/passwd"])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/EACCES/),
    });
    expect(bindery(["rdb", "-p", "4194303"]).status).toBe(1);
    expect(bindery(["rdb"]).status).toBe(2);
    expect(bindery(["rdb", "-p", "1", "ls"]).status).toBe(2);
    expect(bindery(["rdb", "-p", "0"]).status).toBe(2);
  });
});
