/** What mkmod settles beforehand comes to the same bytes as linking at load time, and is left aside where it does not fit. */
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { ModuleLink } from "../../../src/dynld/link/link.ts";
import { PRELINK_SECTION, segmentDistances } from "../../../src/dynld/link/prelink.ts";
import { PrelinkRelocator } from "../../../src/dynld/link/prelink-relocator.ts";
import { RecordRelocator } from "../../../src/dynld/link/record-relocator.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { type Compiler, compile } from "../support/compile.ts";
import { refusal } from "../support/refusal.ts";

const C = `
  extern int outside(const char *, int); extern int weak(void) __attribute__((weak));
  extern int variable;
  struct __attribute__((packed)) odd { char c; const char *name; int (*call)(const char *, int); };
  static const char *const words[] = {"one", "two", "three"};
  struct odd odds[3] = {{1, "first", outside}, {2, 0, 0}, {3, &"third"[2], outside}};
  int zeros[100]; int common_one; int (*chosen)(const char *, int) = outside; const char *before = (char *)zeros - 40;
  long table[70] = {1, (long)&table[3], 3};
  static int hidden(int x) { return words[x % 3][0] + zeros[x] + (int)odds[x % 3].name[0]; }
  static int (*const inside[])(int) = {hidden, hidden};
  int shown(int x) { return hidden(x) + common_one; }
  __attribute__((constructor)) static void begin(void) { common_one = 100; }
  int all(int n) { return shown(n) + inside[n & 1](n) + outside(words[n & 1], n) + (weak ? weak() : 1) + variable; }`;

const CXX = `
  #include <stdexcept>
  struct Base { virtual int value(int) = 0; virtual ~Base() {} };
  struct Derived : Base { int value(int x) override { if (x < 0) throw std::range_error("negative"); return x + 1; } };
  static Derived one; Base *base = &one;
  extern "C" int guarded(int n) { try { return base->value(n); } catch (std::exception &e) { return -1; } }`;

/** Imports that no displacement reaches, each elsewhere. */
function far() {
  const find = (name: string) => {
    const number = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 0xffff, 0);
    return { address: 0x7abc_0000_1230n + BigInt(number) * 0x1_0000_0010n };
  };
  return { find, names: () => [] };
}

/** A module's segments and frames as they are at an address. */
function placed(bytes: Uint8Array, isLive: boolean, base: number) {
  const link = ModuleLink.plan([{ name: "made.o", bytes }], { imports: far(), isLive });
  const [rodata, data] = segmentDistances(link.size.text, link.size.rodata);
  const memory = {
    text: new Uint8Array(link.size.text),
    rodata: new Uint8Array(link.size.rodata),
    data: new Uint8Array(link.size.data),
    threads: new Uint8Array(0),
  };
  link.place(memory, { text: base, rodata: base + rodata, data: base + data, threads: 0 });
  return { link, memory, frames: link.frames(memory) };
}

/** A module with its prelink section's words changed. */
function changed(bytes: Uint8Array, change: (words: Uint32Array) => void): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const [section] = ElfFile.open(copy).sectionsNamed(PRELINK_SECTION);
  if (section === undefined) throw new Error("found no section");
  change(new Uint32Array(copy.buffer, section.offset, section.size / 4));
  return copy;
}

const isSettled = (bytes: Uint8Array): boolean =>
  ElfFile.open(bytes).sectionsNamed(PRELINK_SECTION).length > 0;

describe("a settled module", () => {
  it.each([
    ["gcc", C, ["-fPIC", "-O2"]],
    ["gcc", C, ["-fPIC", "-O0", "-fcommon", "-ffunction-sections"]],
    ["gcc", C, ["-fno-pic", "-O1", "-mcmodel=large"]],
    ["gcc", C, ["-fPIC", "-O1", "-fno-plt", "-fcf-protection"]],
    ["clang", C, ["-fPIC", "-O1"]],
    ["clang", C, ["-fno-pic", "-O0", "-mcmodel=large"]],
    ["g++", CXX, ["-fPIC", "-O1"]],
    ["clang++", CXX, ["-fPIC", "-O1", "-g"]],
  ] as [Compiler, string, string[]][])(
    "of %s is the same bytes as one that is linked by its records: %#",
    (compiler, source, flags) => {
      const { bytes } = makeModule([compile(source, compiler, flags)]);
      expect(isSettled(bytes)).toBe(true);
      for (const base of [0x10_0000, 0x7f12_fff0_0000, 0x7f12_3456_0000]) {
        const settled = placed(bytes, true, base);
        const linked = placed(bytes, false, base);
        expect(settled.link.relocator).toBeInstanceOf(PrelinkRelocator);
        expect(linked.link.relocator).toBeInstanceOf(RecordRelocator);
        expect(settled.memory).toEqual(linked.memory);
        expect(settled.frames).toEqual(linked.frames);
        expect(settled.frames.starts.length).toBeGreaterThan(0);
        expect(settled.link.imports).toEqual(linked.link.imports);
      }
    },
  );

  it.each([
    ["code for the lowest addresses", "int x; int *f(void) { return &x; }", ["-fno-pic", "-O1"]],
    ["data of the program within reach", "extern int x; int f(void) { return x; }", ["-fno-pic", "-O1"]],
    [
      "calls by distance from the table",
      "int g(void); int f(void) { return g(); }",
      ["-fPIC", "-mcmodel=large"],
    ],
    ["thread-local variables", "__thread int x; int f(void) { return x; }", ["-fPIC"]],
    [
      "functions whose addresses resolvers tell",
      'static int g(void) { return 1; } static void *r(void) { return g; } int f(void) __attribute__((ifunc("r"))); int h(void) { return f(); }',
      ["-fPIC"],
    ],
  ])("is not made of %s", (_, source, flags) => {
    expect(isSettled(makeModule([compile(source, "gcc", flags)]).bytes)).toBe(false);
  });

  it("can be made into a module again", () => {
    const { bytes } = makeModule([compile(CXX, "g++", ["-fPIC", "-O1"])]);
    const again = makeModule([{ name: "made.o", bytes }]).bytes;
    expect(isSettled(again)).toBe(true);
    const libraries = ["libstdc++.so.6", "libgcc_s.so.1", "libc.so.6"];
    const table = libraries.reduce((all, name) => all.addLibrary(name), new ExportTable());
    using module = NativeModule.load({ name: "again.o", bytes: again }, { table });
    expect(module.call("int guarded(int)", 5)).toBe(6);
    expect(module.call("int guarded(int)", -5)).toBe(-1);
  });

  it("runs, with what it imports and without what is weak and not there", () => {
    const provider = `int variable = 7; int outside(const char *text, int n) { return text[0] * 1000 + n; }`;
    using other = NativeModule.load(compile(provider, "gcc", ["-fPIC"]));
    const table = new ExportTable().addModule(other);
    const file = compile(C, "gcc", ["-fPIC", "-O1"]);
    const { bytes } = makeModule([file]);
    using settled = NativeModule.load({ name: "settled.o", bytes }, { table });
    using linked = NativeModule.load(file, { name: "linked.o", table });
    for (const module of [settled, linked]) {
      expect(module.call("int all(int)", 0)).toBe(2 * (111 + 102) + 100 + 111_000 + 1 + 7);
    }
  });

  it("does not take a variable of each thread for one of all", () => {
    const { bytes } = makeModule([
      compile("extern int errors; int *f(void) { return &errors; }", "gcc", ["-fPIC"]),
    ]);
    expect(isSettled(bytes)).toBe(true);
    using other = NativeModule.load(compile("__thread int errors;", "gcc", ["-fPIC"]));
    const table = new ExportTable().addModule(other);
    const thrown = refusal(() => NativeModule.load({ name: "plain.o", bytes }, { table }));
    expect(thrown.message).toContain("errors: found a thread-local variable of the program");
  });

  it("is linked by its records where it was settled for other places or sizes, or by another version", () => {
    const { bytes } = makeModule([compile(C, "gcc", ["-fPIC", "-O1"])]);
    const otherVersion = changed(bytes, (words) => words.fill(7, 0, 1));
    const otherPlaces = changed(bytes, (words) => words.fill(0x2_0000, 5, 6));
    const otherSize = changed(bytes, (words) => words.fill(0x8000, 1, 2));
    const more = changed(bytes, (words) => words.fill(0, 11, 12));
    for (const one of [otherVersion, otherPlaces, otherSize, more]) {
      const { link, memory } = placed(one, true, 0x10_0000);
      expect(link.relocator).toBeInstanceOf(RecordRelocator);
      expect(memory).toEqual(placed(bytes, false, 0x10_0000).memory);
    }
  });

  it("is refused with the place of what is wrong in it", () => {
    const { bytes } = makeModule([compile(C, "gcc", ["-fPIC", "-O1"])]);
    const refusalOf = (word: number, value: number): string => {
      const damaged = changed(bytes, (words) => words.fill(value, word, word + 1));
      const { code, message } = refusal(() => placed(damaged, true, 0x10_0000));
      return `${code} ${message}`;
    };
    expect(refusalOf(2, 8)).toMatch(
      /^DYNLD_BAD_VALUE made\.o: \.bindery\.prelink\+0x.*larger than read-only data of 8 bytes/,
    );
    expect(refusalOf(3, 0)).toMatch(/^DYNLD_BAD_VALUE /);
    expect(refusalOf(4, 0x7fff_ffff)).toMatch(/^DYNLD_BAD_VALUE .*before the zeros of data/);
    for (const count of [7, 8, 9, 10, 11]) {
      expect(refusalOf(count, 0x7fff_ffff)).toMatch(/^DYNLD_BAD_VALUE /);
    }
  });
});
