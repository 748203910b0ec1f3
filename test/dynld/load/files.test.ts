/** Large files, of which only what is needed is read: the same comes of them as of their bytes. */
import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { BinderyError, DynldError, HostError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";
import { compileTo, pathOf } from "../support/compile.ts";

/** Functions that call each other and libc, read variables through the table, and lie far apart. */
const MANY = 400;
const SOURCE = `
  #include <string.h>
  struct pair { long a, b; };
  ${Array.from({ length: MANY }, (_, i) => `extern long v${i}; long f${i}(long);`).join("\n")}
  ${Array.from({ length: MANY }, (_, i) => `long v${i} = ${i};`).join("\n")}
  ${Array.from(
    { length: MANY },
    (_, i) => `long f${i}(long x) {
      long y[4];
      memset(y, 0, sizeof y);
      return x == 0 ? y[0] + v${(i * 7) % MANY} : f${(i + 1) % MANY}(x - 1) + v${(i * 3) % MANY};
    }`,
  ).join("\n")}
  long (*const table[])(long) = { ${Array.from({ length: MANY }, (_, i) => `f${i}`).join(",")} };
  char bulk[1 << 18] = { 1 };
  int common_one;
  long run(int i, long x) { common_one++; return table[i](x); }
  long sum(struct pair p) { return p.a + p.b; }`;

/** What `run(i, x)` gives. */
function expected(i: number, x: number): bigint {
  let sum = 0;
  for (; x > 0; x--, i = (i + 1) % MANY) sum += (i * 3) % MANY;
  return BigInt(sum + ((i * 7) % MANY));
}

const table = () => new ExportTable().addLibrary("libc.so.6", ["memset"]);

function openFiles(path: string): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
    } catch {
      return false;
    }
  }).length;
}

/** What comes of loading: the exports, or the refusal. */
function outcome(load: () => NativeModule): string {
  try {
    using module = load();
    return module.export.map(({ name, addr }) => `${name}+${addr - module.base}`).join(" ");
  } catch (error) {
    if (error instanceof BinderyError) return `${error.name} ${error.code} ${error.message}`;
    throw error;
  }
}

describe("a large file", () => {
  it.each([
    ["gcc", ["-O1", "-fPIC"]],
    ["gcc", ["-O1", "-fPIC", "-ffunction-sections", "-fdata-sections", "-fcommon"]],
    ["gcc", ["-O0", "-fPIC", "-Wa,-mrelax-relocations=no"]],
    ["clang", ["-O1", "-fPIC"]],
    ["clang", ["-O1", "-mcmodel=large"]],
  ] as const)("runs, and is let go of once it is loaded: %s %j", (compiler, flags) => {
    const path = compileTo(SOURCE, compiler, flags);
    expect(readFileSync(path).length).toBeGreaterThan(1 << 18);
    using module = NativeModule.open(path, { table: table() });
    expect(openFiles(path)).toBe(0);
    const run = module.function("int64_t run(int, int64_t)");
    for (const [i, x] of [
      [0, 0],
      [3, 1],
      [399, 700],
      [177, 1400],
    ] as const) {
      expect(BigInt(run(i, x) as number | bigint)).toBe(expected(i, x));
    }
  });

  it("stays open while its types may be asked for, whatever takes its place", () => {
    const path = compileTo(SOURCE, "gcc", ["-g", "-O1", "-fPIC"]);
    const module = NativeModule.open<{
      fn: { sum(p: { a: number; b: number }): bigint };
      data: Record<string, unknown>;
    }>(path, { table: table() });
    expect(openFiles(path)).toBe(1);
    writeFileSync(`${path}.new`, "something else");
    renameSync(`${path}.new`, path);
    expect(module.fn.sum({ a: 40, b: 2 })).toBe(42n);
    module.unload();
    expect(openFiles(path)).toBe(0);
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain(path);
  });

  it("that is damaged is refused as its bytes are, and not kept open", () => {
    const good = readFileSync(compileTo(SOURCE, "gcc", ["-O1", "-fPIC", "-g"]));
    const elf = ElfFile.open(good);
    const parts = elf.sections
      .filter(({ name }) => /^\.(symtab|strtab|rela\.text|rela\.data|eh_frame)/.test(name))
      .map(({ offset, size }): [number, number] => [offset, offset + size]);
    const { shoff, shnum, shentsize } = elf.header;
    parts.push([16, 64], [shoff, shoff + shnum * shentsize], [shoff, shoff + shnum * shentsize]);
    const random = new Random(20_261_121);
    const path = pathOf("damaged.o");
    let refused = 0;
    for (let round = 0; round < 50; round++) {
      const bytes = mutate(good, random, ...random.pick(parts));
      const cut = random.below(4) === 0 ? bytes.subarray(0, random.below(bytes.length)) : bytes;
      rmSync(path, { force: true });
      writeFileSync(path, cut);
      const options = { table: table(), run: false, name: "damaged" };
      const whole = outcome(() => NativeModule.load({ name: path, bytes: cut }, options));
      expect(
        outcome(() => NativeModule.open(path, options)),
        `round ${round}`,
      ).toBe(whole);
      if (/^\w+Error /.test(whole)) refused++;
      expect(openFiles(path)).toBe(0);
    }
    expect(refused).toBeGreaterThan(15);
    expect(refused).toBeLessThan(50);
  });

  it("that is not there, or no file, is told by name", () => {
    expect(() => NativeModule.open("/nowhere/plugin.o")).toThrow(HostError);
    expect(() => NativeModule.open("/nowhere/plugin.o")).toThrow(/ENOENT.*\/nowhere\/plugin\.o/);
    expect(() => NativeModule.open("/dev")).toThrow(/\/dev.*no regular file/);
    const path = compileTo("int f(void) { return missing(); } int missing(void);", "gcc", ["-w"]);
    expect(() => NativeModule.open([path, "/nowhere/plugin.o"])).toThrow(HostError);
    expect(openFiles(path)).toBe(0);
    expect(() => NativeModule.open(path)).toThrow(DynldError);
    expect(openFiles(path)).toBe(0);
  });
});
