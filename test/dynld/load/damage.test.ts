/** Thousands of damaged objects: each is loaded or refused with a reason, and nothing of any is left. None is run. */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { linkImage } from "../../../src/dynld/link/image.ts";
import type { ModuleFile } from "../../../src/dynld/link/input.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DynldError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";
import { compile } from "../support/compile.ts";

const ROUNDS = Number(process.env.BINDERY_FUZZ ?? 1000);

const C = `
  extern int other(const char *);
  static const char *const words[] = {"a", "b"};
  int table[100] = {1}; int zeros[100];
  static int hidden(int x) { return table[x] + zeros[x]; }
  int (*chosen)(int) = hidden;
  __attribute__((constructor)) static void start(void) { zeros[0] = 1; }
  int all(int n) { return other(words[n & 1]) + chosen(n); }`;

const THREADS = `static __thread int own = 4; __thread int zeros[9]; int all(int n) { return own++ + zeros[n]; }`;

const CXX = `
  #include <stdexcept>
  template <class T> T check(T t) { if (t < 0) throw std::range_error("negative"); return t; }
  struct Global { int value; Global(); ~Global(); }; Global::Global() : value(check(3)) {} Global::~Global() {}
  static Global global;
  extern "C" int guarded(int n) { try { return check(n) + global.value; } catch (std::exception &) { return -1; } }`;

/** Parts of an object worth damaging: its headers, its symbols, its relocations, all of it. */
function targets(file: ModuleFile): [from: number, to: number][] {
  const elf = ElfFile.open(file.bytes);
  const parts: [number, number][] = elf.sections
    .filter(({ name }) =>
      /^\.(symtab|rela\.text|rela\.data|rela\.eh_frame|eh_frame|group|rela\.init_array)/.test(name),
    )
    .map(({ offset, size }) => [offset, offset + size]);
  const { shoff, shnum, shentsize } = elf.header;
  return [
    ...parts,
    [16, 64],
    [shoff, shoff + shnum * shentsize],
    [shoff, shoff + shnum * shentsize],
    [0, file.bytes.length],
  ];
}

const table = new ExportTable()
  .addLibrary("libstdc++.so.6")
  .addLibrary("libgcc_s.so.1")
  .addLibrary("libc.so.6");
table.add({ name: "other", sig: 0, addr: 0x1000 });

function outcome(action: () => void): string {
  try {
    action();
    return "loaded";
  } catch (error) {
    if (error instanceof DynldError) return error.code;
    throw error;
  }
}

describe("a damaged object", () => {
  it.each([
    ["C", () => compile(C, "gcc", ["-g", "-fPIC"])],
    ["C with thread-local variables", () => compile(THREADS, "gcc", ["-fPIC"])],
    ["C++", () => compile(CXX, "g++", ["-fPIC", "-O1"])],
  ] as const)("of %s is loaded or refused, whole", async (_, make) => {
    const file = make();
    const parts = targets(file);
    const outcomes = new Map<string, number>();
    const objects = readdirSync("/proc/self/fd").length;
    for (let seed = 0; seed < ROUNDS; seed++) {
      const random = new Random(seed);
      const [from, to] = random.pick(parts);
      const damaged = { name: `seed ${seed}`, bytes: mutate(file.bytes, random, from, to) };
      const image = outcome(() =>
        linkImage([damaged], { base: 0x7000_0000_0000n, imports: importsOf(table) }),
      );
      outcomes.set(image, (outcomes.get(image) ?? 0) + 1);
      const made = outcome(() => makeModule([damaged]));
      outcomes.set(made, (outcomes.get(made) ?? 0) + 1);
      // Into memory only a part of them, since that takes longer.
      if (seed % 8 !== 0) continue;
      const loaded = outcome(() =>
        NativeModule.load(damaged, { name: "damaged", table, run: false }).unload(),
      );
      // What an image can't have, or not at its address, a module in memory may.
      const differ = ["DYNLD_UNSUPPORTED", "DYNLD_OVERFLOW", "DYNLD_UNDEFINED_SYMBOL"];
      if (image !== "loaded" && !differ.includes(image))
        expect(`${seed}: ${loaded}`).not.toBe(`${seed}: loaded`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(outcomes.get("loaded")).toBeGreaterThan(ROUNDS / 50);
    expect(outcomes.size).toBeGreaterThan(4);
    expect(readdirSync("/proc/self/fd").length).toBe(objects);
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("bindery:damaged");
  });
});

/** The table's names; what they stand for is told once for all rounds. */
function importsOf(from: ExportTable) {
  return { find: (name: string) => from.find(name), names: () => [] };
}
