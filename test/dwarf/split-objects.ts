/** Programs of two files, compiled whole and with split DWARF, with packages of their split files. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dwarf } from "../../src/dwarf/dwarf.ts";
import { ElfFile } from "../../src/elf/file.ts";

/** Optimised, this has inlined calls, values in registers, cold parts, a thread's variable. */
const C_SOURCE = `
struct pair { int a, b; };
struct pair table[3];
__thread int local;
int other(int, const void *);
static inline int inner(int a, int b) { int c = other(a, &table[b & 1]); if (c > 3) c += other(c, 0); return c * 2; }
int first(int a, int b) {
  struct pair v = { a, b };
  int r = local;
  for (int i = 0; i < a; i++) { v.a += i; r += inner(v.a, v.b); }
  return r + v.b;
}
__attribute__((cold, section(".text.cold"))) int second(int n) { int k = inner(n * 3, n); return k; }
`;
/** Its types go to type units. */
const CXX_SOURCE = `
namespace space { struct node { int value; node *next; int total() const; }; enum class color { red, green }; }
int space::node::total() const { int sum = 0; for (auto at = this; at; at = at->next) sum += at->value; return sum; }
space::color paint(int x) { return x ? space::color::red : space::color::green; }
extern "C" int other(int a, const void *) { return a + 1; }
extern "C" int first(int, int);
int main(int c, char **) { space::node n{c, nullptr}; return n.total() + first(1, 2); }
`;

export interface SplitBuild {
  readonly compiler: "gcc" | "clang";
  readonly version: 4 | 5;
}

export const SPLIT_BUILDS: SplitBuild[] = [
  { compiler: "gcc", version: 4 },
  { compiler: "gcc", version: 5 },
  { compiler: "clang", version: 4 },
  { compiler: "clang", version: 5 },
];

/** A directory of one build: `whole`, `split`, `split.dwp`, `mixed` of which one is split, and the objects with their `.dwo` files. */
export function buildSplit(scratch: string, { compiler, version }: SplitBuild): string {
  const directory = join(scratch, `${compiler}-${version}`);
  mkdirSync(directory);
  writeFileSync(join(directory, "a.c"), C_SOURCE);
  writeFileSync(join(directory, "b.cc"), CXX_SOURCE);
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: directory, stdio: "pipe" });
  const options = ["-g", `-gdwarf-${version}`, "-O2", "-c"];
  for (const [suffix, more] of [
    ["w", []],
    ["s", ["-gsplit-dwarf"]],
  ] as const) {
    run(compiler, ...options, ...more, "a.c", "-o", `a${suffix}.o`);
    run(
      compiler === "gcc" ? "g++" : "clang++",
      ...options,
      ...more,
      "-fdebug-types-section",
      "b.cc",
      "-o",
      `b${suffix}.o`,
    );
  }
  run(compiler, "aw.o", "bw.o", "-o", "whole");
  run(compiler, "as.o", "bs.o", "-o", "split");
  run(compiler, "as.o", "bw.o", "-o", "mixed");
  run("llvm-dwp", "-e", "split", "-o", "split.dwp");
  return directory;
}

export function openDwarf(...path: string[]): Dwarf {
  const name = join(...path);
  return Dwarf.open(ElfFile.open(readFileSync(name), { name }));
}

/** An entry as `llvm-dwarfdump` prints it. */
export interface PrintedEntry {
  readonly offset: number;
  readonly tag: string;
  readonly name: string | undefined;
}

/** All entries of `.debug_info` and `.debug_types`, in the order of the print. */
export function printedEntries(path: string): PrintedEntry[] {
  // It fails when ranges are in the skeleton's file, and prints everything else.
  const { stdout } = spawnSync("llvm-dwarfdump", ["--debug-info", "--debug-types", path], {
    encoding: "utf8",
  });
  const found: PrintedEntry[] = [];
  for (const block of stdout.split(/\n\n(?=0x)/)) {
    const head = /^0x([0-9a-f]+): +(DW_TAG_\w+)/.exec(block);
    if (head === null) continue;
    const name = /^ +DW_AT_name\t\("(.*)"\)$/m.exec(block)?.[1];
    found.push({ offset: Number.parseInt(head[1] ?? "", 16), tag: head[2] ?? "", name });
  }
  return found;
}
