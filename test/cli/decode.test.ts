/** `bindery decode` over a kernel in small, its modules, and programs that print their own backtraces. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bindery, type Run } from "./run.ts";

const KERNEL = `
static inline __attribute__((always_inline)) int twice(int a) { volatile int b = a; return b + b; }
__attribute__((noinline)) int leaf(int a) { return twice(a) + twice(a + 1); }
__attribute__((noinline)) int vfs_write(int a) {
  int r = leaf(a);
  return r + 1; }
__attribute__((noinline)) int do_syscall(int a) {
  return vfs_write(a) * 3;
}
void _start(void) { do_syscall(1); }
`;
/** Two local functions of one name, of different sizes. */
const OTHER = `
extern int leaf(int);
static __attribute__((noinline)) int show(int a) { return leaf(a) + 5; }
int first_user(int a) { return show(a) * 2; }
`;
const ANOTHER = `
extern int leaf(int);
static __attribute__((noinline)) int show(int a) { int r = 0; for (int i = 0; i < a; i++) r += leaf(i) * a + leaf(r); return r; }
int second_user(int a) { return show(a) * 2; }
`;
const MODULE = `
extern int vfs_write(int);
static inline __attribute__((always_inline)) int checked(int a) { return a > 3 ? vfs_write(a) : 0; }
int my_open(int a) {
  int r = checked(a);
  return r + 2; }
__attribute__((section(".init.text"))) int my_init(void) {
  return my_open(9) + 1; }
`;
const PROGRAM = `
#include <execinfo.h>
static inline __attribute__((always_inline)) void inner(void) { void *at[8]; backtrace_symbols_fd(at, backtrace(at, 8), 1); }
__attribute__((noinline)) void outer(void) {
  inner();
  __asm__ volatile(""); }
static __attribute__((noinline)) int hidden(void) {
  outer();
  return 1; }
int main(void) {
  return hidden() - 1; }
`;

let scratch = "";
const sources: Record<string, string> = {
  "kernel.c": KERNEL,
  "other.c": OTHER,
  "another.c": ANOTHER,
  "module.c": MODULE,
  "program.c": PROGRAM,
};

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { cwd: scratch, encoding: "utf8", stdio: "pipe" });
}

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "bindery-decode-"));
  for (const [name, text] of Object.entries(sources)) writeFileSync(join(scratch, name), text);
  const freestanding = ["-g", "-O2", "-ffreestanding", "-fno-pic", "-mcmodel=kernel", "-fcf-protection=none"];
  run("gcc", ...freestanding, "-c", "kernel.c", "other.c", "another.c", "module.c");
  const at = ["-no-pie", "-static", "-nostdlib", "-Wl,-Ttext=0xffffffff81000000", "-Wl,--build-id=none"];
  run("gcc", ...at, "kernel.o", "other.o", "another.o", "-o", "vmlinux");
  mkdirSync(join(scratch, "modules/kernel/fs"), { recursive: true });
  writeFileSync(
    join(scratch, "modules/kernel/fs/my-mod.ko.gz"),
    gzipSync(execFileSync("cat", [join(scratch, "module.o")])),
  );
  for (let i = 0; i < 2000; i++) writeFileSync(join(scratch, `modules/broken${i}.ko`), "no ELF file");
  for (const [name, ...flags] of [
    ["pie", "-rdynamic"],
    ["fixed", "-no-pie"],
  ] as const) {
    run("gcc", "-g", "-O2", "program.c", ...flags, "-o", name);
  }
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Functions by name: address, and size. */
function symbols(file: string): Map<string, { address: bigint; size: bigint }[]> {
  const found = new Map<string, { address: bigint; size: bigint }[]>();
  for (const [, address, size, name = ""] of run("nm", "-S", file).matchAll(/^(\w+) (\w+) [Tt] (\S+)$/gm)) {
    found.set(name, [
      ...(found.get(name) ?? []),
      { address: BigInt(`0x${address}`), size: BigInt(`0x${size}`) },
    ]);
  }
  return found;
}

function symbol(file: string, name: string): { address: bigint; size: bigint } {
  return symbols(file).get(name)?.[0] ?? { address: -1n, size: 0n };
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** What GNU says of a place, written as the command does, without columns. */
function gnu(file: string, address: bigint, ...flags: string[]): string[] {
  const text = run("addr2line", "-e", file, "-fip", ...flags, hex(address));
  return text
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/^ \(inlined by\)/, "(inlined by)").replace(/ \(discriminator \d+\)/, ""));
}

function decode(input: string, ...options: string[]): Run {
  const kernel = ["--vmlinux", join(scratch, "vmlinux"), "--modules", join(scratch, "modules")];
  return bindery(["decode", ...kernel, ...options], input);
}

/** The lines that were put in behind each, columns taken off. */
function added(output: string, input: string): string[][] {
  const lines = output.trimEnd().split("\n");
  const behind: string[][] = [];
  for (const line of input.trimEnd().split("\n")) {
    expect(lines.shift()).toBe(line);
    const mine: string[] = [];
    while (lines[0]?.startsWith("        "))
      mine.push((lines.shift() ?? "").trim().replace(/:(\d+|\?):\d+$/, ":$1"));
    behind.push(mine);
  }
  return behind;
}

describe("a kernel's trace", () => {
  it("has the lines that GNU finds: before return addresses, at what was executed", () => {
    const [leaf, write, call] = ["leaf", "vfs_write", "do_syscall"].map((name) => symbol("vmlinux", name));
    if (leaf === undefined || write === undefined || call === undefined) throw new Error("no symbols");
    const input = [
      "[  1.000000] Oops: 0000 [#1] SMP",
      `[  1.000001] RIP: 0010:leaf+0x3/${hex(leaf.size)}`,
      "[  1.000002] Call Trace:",
      `[  1.000003]  vfs_write+0x5/${hex(write.size)}`,
      `[  1.000004]  ? do_syscall+0x9/${hex(call.size)}`,
      `[  1.000005]  [<${(call.address + 9n).toString(16)}>]`,
      `[  1.000006]  do_syscall+0x0/${hex(call.size)}`,
      "[  1.000007] ---[ end trace 0000000000000000 ]---",
    ].join("\n");
    const { stdout, stderr, status } = decode(input);
    expect([stderr, status]).toEqual(["", 0]);
    expect(added(stdout, input)).toEqual([
      [],
      gnu("vmlinux", leaf.address + 3n),
      [],
      gnu("vmlinux", write.address + 4n),
      gnu("vmlinux", call.address + 8n),
      gnu("vmlinux", call.address + 8n),
      gnu("vmlinux", call.address),
      [],
    ]);
    const exact = added(decode(input, "--exact").stdout, input);
    expect(exact[3]).toEqual(gnu("vmlinux", write.address + 5n));
  });

  it("finds modules whatever their name's dashes, compressed, by section and offset; thousands of others are left alone", () => {
    const [open, init] = [symbol("module.o", "my_open"), symbol("module.o", "my_init")];
    const input = `  my_open+0xa/${hex(open.size)} [my_mod]\n  my_init+0xa/${hex(init.size)} [my_mod 0123456789abcdef]`;
    const { stdout, stderr, status } = decode(input);
    expect([stderr, status]).toEqual(["", 0]);
    expect(added(stdout, input)).toEqual([
      gnu("module.o", open.address + 9n, "-j", ".text"),
      gnu("module.o", init.address + 9n, "-j", ".init.text"),
    ]);
    expect(stdout).toContain("checked at");
  });

  it("chooses among functions of one name by their size", () => {
    const all = symbols("vmlinux").get("show") ?? [];
    expect(all.length).toBe(2);
    for (const { address, size } of all) {
      const input = ` show+0x8/${hex(size)}`;
      const { stdout, status } = decode(input);
      expect([added(stdout, input), status]).toEqual([[gnu("vmlinux", address + 7n)], 0]);
    }
  });

  it("takes sizes as the kernel counts them, up to the next function", () => {
    const all = [...symbols("vmlinux").values()].flat().sort((a, b) => (a.address < b.address ? -1 : 1));
    const { address } = symbol("vmlinux", "vfs_write");
    const next = all.find((one) => one.address > address)?.address ?? 0n;
    expect(decode(` vfs_write+0x5/${hex(next - address)}`).status).toBe(0);
    const other = decode(` vfs_write+0x5/${hex(next - address + 1n)}`);
    expect([other.status, other.stdout]).toEqual([1, expect.stringContaining("this is another build")]);
  });

  it("says what is missing, and goes on", () => {
    const { size } = symbol("vmlinux", "leaf");
    const input = ` gone+0x1/0x2\n gone+0x1/0x2 [absent]\n f+0x1/0x2 [broken7]\n leaf+0x4/${hex(size)}`;
    const { stdout, status } = decode(input);
    const lines = added(stdout, input);
    expect(lines.slice(0, 2)).toEqual([
      [`(${join(scratch, "vmlinux")}: found no symbol gone)`],
      ["(found no module absent)"],
    ]);
    expect(lines[2]?.join()).toContain("broken7.ko");
    expect(lines[3]).toEqual(gnu("vmlinux", symbol("vmlinux", "leaf").address + 3n));
    expect(status).toBe(1);
  });

  it("shows shorter paths, and all as JSON", () => {
    const { address, size } = symbol("vmlinux", "vfs_write");
    const input = ` vfs_write+0x5/${hex(size)}`;
    expect(decode(input, "--strip-path", scratch).stdout).toContain("vfs_write at kernel.c:5:");
    expect(decode(input, "-s").stdout).toContain("vfs_write at kernel.c:5:");
    const document = JSON.parse(decode(`${input}\nhello`, "--json", "-s").stdout);
    expect(document).toEqual([
      {
        line: input,
        references: [
          {
            text: input.trim(),
            isReturn: true,
            frames: [
              {
                function: "vfs_write",
                file: "kernel.c",
                line: 5,
                column: 11,
                discriminator: 0,
                inlined: false,
              },
            ],
          },
        ],
      },
      { line: "hello", references: [] },
    ]);
    expect(gnu("vmlinux", address + 4n)).toEqual([`vfs_write at ${join(scratch, "kernel.c")}:5`]);
  });
});

describe("a program's backtrace", () => {
  it.each(["pie", "fixed"])("of the %s program has its own lines, inlined functions first", (name) => {
    const input = execFileSync(join(scratch, name), { encoding: "utf8" });
    const lines = added(bindery(["decode"], input).stdout, input);
    const line = (text: string) => PROGRAM.split("\n").findIndex((one) => one.includes(text)) + 1;
    const file = join(scratch, "program.c");
    expect(lines.slice(0, 3)).toEqual([
      [`inner at ${file}:${line("void inner")}`, `(inlined by) outer at ${file}:${line("  inner();")}`],
      [`hidden at ${file}:${line("  outer();")}`],
      [`main at ${file}:${line("return hidden()")}`],
    ]);
  });

  it("as coredumpctl and gdb write it: from the start of the mapping, and by what pages leave possible", () => {
    const outer = symbol("pie", "outer");
    const path = join(scratch, "pie");
    const [before] = gnu("pie", outer.address + 7n);
    const input = [
      `#1  0x00007f0000001000 n/a (${path} + ${hex(outer.address + 8n)})`,
      `#1  0x00007f00${(0x5000n + outer.address + 8n).toString(16).padStart(8, "0")} in outer () from ${path}`,
    ].join("\n");
    const lines = added(bindery(["decode"], input).stdout, input);
    expect(lines.map(([first]) => first)).toEqual([before, before]);
  });
});
