/** Objects that compilers make of one source, and what llvm-dwarfdump says of their ranges and locations. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dwarf } from "../../../src/dwarf/dwarf.ts";
import type { Resolver } from "../../../src/dwarf/relocation/relocatable.ts";
import { ElfFile } from "../../../src/elf/file.ts";

/** Optimised, this has inlined calls in pieces, cold parts, values in registers, and typed expressions. */
const SOURCE = `
struct pair { int a, b; long c; };
static int hidden[4];
__thread int local = 3;
int near = 5;
long far[2] = { 1, 2 };
int other(int, const void *);
static inline int inner(int a, int b) {
  int c = other(a, &hidden[b & 3]);
  if (c > 3) { c += other(c, 0); }
  return c * 2;
}
int first(int a, int b) {
  struct pair v = { a, b, 7 };
  int r = 0;
  for (int i = 0; i < a; i++) { v.a += i; r += inner(v.a, v.b) + local; }
  return r + v.b;
}
__attribute__((cold, section(".text.cold"))) int second(int n) {
  int k = n * 3;
  k = inner(k, n);
  long q = k * 7L;
  if (q > 100) other(n, hidden);
  return k;
}
double third(double x, float y, int n) {
  double z = x * y;
  float w = z * n;
  int m = other(n, 0);
  unsigned char t = m;
  z += t + w;
  return z * m;
}
static int add(const int *p, int b) { int c = *p + b; other(c, 0); return c; }
unsigned long fourth(unsigned long n, short m) {
  int v = n;
  unsigned long d = n / 10;
  struct pair w = { v, v + 1, 7 };
  int r = add(&v, m) + w.a * w.b;
  other(0, 0);
  return d + r;
}
`;

export interface Build {
  readonly compiler: string;
  readonly options: readonly string[];
}

export function compile(scratch: string, { compiler, options }: Build, name: string): string {
  writeFileSync(join(scratch, "a.c"), SOURCE);
  const object = join(scratch, name);
  execFileSync(compiler, ["-g", ...options, "-c", "a.c", "-o", object], { cwd: scratch });
  return object;
}

export function openDwarf(path: string): Dwarf {
  return Dwarf.open(ElfFile.open(readFileSync(path), { name: path }));
}

/** Links an object by itself, its sections kept apart. */
export function link(object: string): string {
  const linked = `${object}.linked`;
  const options = ["--unresolved-symbols=ignore-all", "--unique=.text*", "-e", "0", "--no-warn-rwx-segments"];
  execFileSync("ld", [...options, object, "-o", linked], { stdio: "pipe" });
  return linked;
}

/** Places the sections of an object where they are in a linked file. */
export function placedAs(linked: string): Resolver {
  const { sections } = ElfFile.open(readFileSync(linked), { name: linked });
  return {
    sectionAddress: (elf, index) => sections.find(({ name }) => name === elf.section(index).name)?.addr,
    symbolAddress: () => 0n,
  };
}

/** An attribute with what stands in its parentheses, lines joined. */
export interface PrintedAttribute {
  readonly entry: number;
  readonly name: string;
  readonly form: string;
  readonly text: string;
}

/** What `llvm-dwarfdump --debug-info -v` prints of each attribute. */
export function printedAttributes(object: string): PrintedAttribute[] {
  const args = ["-v", "--debug-info", object];
  // It warns of relocations of thread-local variables that it does not know.
  const printed = execFileSync("llvm-dwarfdump", args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return printedAttributesIn(printed);
}

/** The same of a print that is at hand. */
export function printedAttributesIn(printed: string): PrintedAttribute[] {
  const found: PrintedAttribute[] = [];
  let entry = -1;
  for (const block of printed.split(/\n(?=0x[0-9a-f]+: |\s+DW_AT_)/)) {
    const head = /^0x([0-9a-f]+): +DW_TAG/.exec(block);
    if (head !== null) entry = Number.parseInt(head[1] ?? "", 16);
    const attribute = /^\s+(DW_AT_\w+) \[(DW_FORM_\w+)[^\]]*\]\s*\((.*)\)\s*$/s.exec(block);
    if (attribute === null) continue;
    const [, name = "", form = "", text = ""] = attribute;
    found.push({ entry, name, form, text: text.replace(/\s*\n\s*/g, "\n") });
  }
  return found;
}

/** `[begin, end) "section"` in a text, as `section+0xbegin section+0xend`; bounds without a section as numbers. */
export function printedBounds(text: string): string[] {
  return [...text.matchAll(/\[0x([0-9a-f]+), 0x([0-9a-f]+)\)(?: "([^"]+)")?(?: \[\d+\])?/g)].map(
    ([, begin = "", end = "", section]) => {
      const shown = (number: string): string => {
        const value = `0x${BigInt(`0x${number}`).toString(16)}`;
        return section === undefined ? value : `${section}+${value}`;
      };
      return `${shown(begin)} ${shown(end)}`;
    },
  );
}
