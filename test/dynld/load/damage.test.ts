/**
 * Thousands of damaged objects and modules: each is loaded or refused with a reason, and nothing of any is left. None is
 * run. `npm run test:damage` has more of them, 20,000 with those of Inferno's format.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { symbolDeclaration } from "../../../src/dynld/ctype/declaration.ts";
import { ElfContents } from "../../../src/dynld/elf-contents.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { readingModule } from "../../../src/dynld/link/fault.ts";
import { linkImage } from "../../../src/dynld/link/image.ts";
import type { ModuleFile } from "../../../src/dynld/link/input.ts";
import { ModuleLink } from "../../../src/dynld/link/link.ts";
import { PRELINK_SECTION } from "../../../src/dynld/link/prelink.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { DynldError } from "../../../src/errors.ts";
import { mutate } from "../../support/elf-mutate.ts";
import { Random } from "../../support/elf-random.ts";
import { compile } from "../support/compile.ts";

/** Of each kind. */
const ROUNDS = Number(process.env.BINDERY_FUZZ ?? 600);
/** Into memory only one in so many, since that takes longer. */
const LOADED = 8;

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

const TYPED = `
  struct node { struct node *next; enum { LOW, HIGH } kind; union { int i; double d; } value; int (*visit)(struct node *); };
  extern int other(const struct node *);
  struct node first; const char *names[4] = {"one"};
  int walk(struct node *n, unsigned by) { return n->visit(n) + other(n) + first.kind + by; }`;

/** A module of two objects. @param debug whether it keeps their debug information */
function made(debug: boolean): ModuleFile {
  const files = [compile(TYPED, "gcc", ["-g", "-fPIC"]), compile(C, "clang", ["-g", "-O1", "-fPIC"])];
  return { name: "made.o", bytes: makeModule(files, { debug }).bytes };
}

/** Parts of an object worth damaging: its headers, its symbols, its relocations, all of it. */
function targets(file: ModuleFile): [from: number, to: number][] {
  const elf = ElfFile.open(file.bytes);
  const parts: [number, number][] = elf.sections
    .filter(({ name }) =>
      /^\.(symtab|rela\.text|rela\.data|rela\.eh_frame|eh_frame|group|rela\.init_array|bindery)/.test(name),
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

/** Reads what `bindery modinfo` shows. */
function look(file: ModuleFile): void {
  const contents = ElfContents.read(file);
  for (const one of [...contents.exports, ...contents.imports])
    if (one.type !== undefined) symbolDeclaration(one.type);
  readingModule(() => expect(Array.from(contents.relocations(), ({ type }) => type)).not.toContain(""));
}

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
    ["C for aarch64", () => compile(C, "clang", ["--target=aarch64-linux-gnu", "-O1"])],
    ["C for i386", () => compile(C, "clang", ["-m32", "-O1"])],
    ["mkmod, with debug information", () => made(true)],
    ["mkmod, with texts of types", () => made(false)],
  ] as const)("of %s is loaded or refused, whole", async (_, make) => {
    const file = make();
    const parts = targets(file);
    const isSettled = ElfFile.open(file.bytes).sectionsNamed(PRELINK_SECTION).length > 0;
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
      outcome(() => look(damaged));
      if (seed % LOADED !== 0) continue;
      const loaded = outcome(() => {
        using module = NativeModule.load(damaged, { name: "damaged", table, run: false });
        for (const { name, sig } of module.export)
          expect(sig === 0n || module.typeOf(name) !== undefined).toBe(true);
      });
      // What an image can't have, or not at its address, a module in memory may.
      const differ = [
        "DYNLD_UNSUPPORTED",
        "DYNLD_OVERFLOW",
        "DYNLD_UNDEFINED_SYMBOL",
        "DYNLD_SIGNATURE_MISMATCH",
      ];
      // Records of what mkmod has settled are not read.
      const planned = isSettled ? outcome(() => void plan(damaged)) : image;
      if (planned !== "loaded" && !differ.includes(planned))
        expect(`${seed}: ${loaded}`).not.toBe(`${seed}: loaded`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(outcomes.get("loaded")).toBeGreaterThan(ROUNDS / 50);
    expect(outcomes.size).toBeGreaterThan(4);
    expect(readdirSync("/proc/self/fd").length).toBe(objects);
    expect(readFileSync("/proc/self/maps", "utf8")).not.toContain("bindery:damaged");
  });
});

/** As loading begins. */
function plan(file: ModuleFile): ModuleLink {
  return ModuleLink.plan([file], { imports: importsOf(table), isLive: true });
}

/** The table's names; what they stand for is told once for all rounds. */
function importsOf(from: ExportTable) {
  return { find: (name: string) => from.find(name), names: () => [] };
}
