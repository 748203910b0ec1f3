/** Objects to load, and the same code linked as shared objects, kept from run to run: those of a million relocations take a while. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeModule } from "../../src/dynld/index.ts";
import { ElfFile } from "../../src/elf/file.ts";

/** An object, and what was made of it beforehand: a module, and a shared object. */
export interface Pair {
  readonly object: string;
  readonly module: string;
  readonly shared: string;
  /** Relocation records that loading applies, in each. */
  readonly relocations: number;
  readonly dynamic: number;
  /** What linking took, in milliseconds. */
  readonly linked: number;
}

/** What the code is like. */
export type Shape = "calls" | "pointers";

const FOLDER = ".cache/bench/dynld";
/** What the compiler is given at once; more of the same is its output again, under other names. */
const UNIT = 10_000;

/** Code of a shape with about so many relocations, by gcc -O1 -fPIC. */
export function generated(shape: Shape, relocations: number): Pair {
  const stem = join(FOLDER, `${shape}-${relocations}`);
  return pairOf(stem, (object) => {
    const copies = Math.max(1, Math.round(relocations / UNIT));
    const source = `${stem}.c`;
    writeFileSync(source, (shape === "calls" ? callsSource : pointersSource)(relocations / copies));
    const assembly = execFileSync("gcc", ["-O1", "-fPIC", "-S", "-o", "-", source], {
      encoding: "utf8",
      maxBuffer: 1 << 28,
    });
    const whole = Array.from({ length: copies }, (_, copy) =>
      assembly.replace(/\b([fv]\d+|table)\b/g, `$1_${copy}`).replaceAll(".L", `.L${copy}_`),
    );
    writeFileSync(`${stem}.s`, whole.join(""));
    execFileSync("as", ["-o", object, `${stem}.s`]);
    rmSync(source);
    rmSync(`${stem}.s`);
  });
}

/** One C file as it is. */
export function compiled(name: string, source: string, flags: readonly string[]): Pair {
  return pairOf(join(FOLDER, name), (object) => {
    execFileSync("gcc", ["-c", "-w", "-fPIC", ...flags, "-o", object, source]);
  });
}

function pairOf(stem: string, make: (object: string) => void): Pair {
  const [object, module, shared] = [`${stem}.o`, `${stem}.module`, `${stem}.so`];
  mkdirSync(FOLDER, { recursive: true });
  if (!existsSync(object)) {
    make(`${object}.new`);
    renameSync(`${object}.new`, object);
  }
  writeFileSync(module, makeModule([{ name: object, bytes: readFileSync(object) }]).bytes);
  const from = performance.now();
  execFileSync("gcc", ["-shared", "-Wl,-z,now", "-o", shared, object, "-lm"]);
  const linked = performance.now() - from;
  return {
    object,
    module,
    shared,
    relocations: relocationsOf(object),
    dynamic: relocationsOf(shared),
    linked,
  };
}

function relocationsOf(path: string): number {
  const elf = ElfFile.open(readFileSync(path), { name: path });
  const tables = elf.sections.filter(({ name }) => name.startsWith(".rela") && !name.includes(".debug"));
  return tables.reduce((sum, { size }) => sum + size / 24, 0);
}

/** Functions that call one another, read variables by way of the global offset table, and call libc: 17 relocations each. */
function callsSource(relocations: number): string {
  const count = Math.max(1, Math.round(relocations / 17));
  const each = (text: (i: number) => string): string =>
    Array.from({ length: count }, (_, i) => text(i)).join("");
  const calls = (i: number): string =>
    Array.from({ length: 9 }, (_, k) => `x += f${(i * 7 + k * 131 + 1) % count}(x);\n`).join("");
  const reads = (i: number): string =>
    Array.from({ length: 4 }, (_, k) => `x += v${(i * 3 + k * 17) % count};\n`).join("");
  return [
    "void *memset(void *, int, unsigned long);\n",
    each((i) => `int f${i}(int); int v${i};\n`),
    each((i) => `int f${i}(int x) {\n${calls(i)}${reads(i)}memset(&v${i}, x, 4); return x; }\n`),
  ].join("");
}

/** A table of pointers to a hundred functions that are static, as tables of methods and of devices are. */
function pointersSource(relocations: number): string {
  const functions = Array.from({ length: 100 }, (_, i) => `static int f${i}(int x) { return x + ${i}; }\n`);
  const pointers = Array.from({ length: relocations }, (_, i) => `f${(i * 37) % 100},\n`);
  return `${functions.join("")}int (*const table[])(int) = {\n${pointers.join("")}};\n`;
}
