/** C++ objects: exceptions, static constructors, templates in several objects. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile } from "../support/compile.ts";

function table(): ExportTable {
  return new ExportTable().addLibrary("libstdc++.so.6").addLibrary("libgcc_s.so.1").addLibrary("libc.so.6");
}

const THROWING = `
#include <stdexcept>
#include <string>
#include <vector>
extern "C" void log_line(const char *);
struct Witness { const char *name; Witness(const char *n) : name(n) {} ~Witness() { log_line(name); } };
template <class T> struct Box { T value; T get() { if (value < 0) throw std::range_error("negative"); return value; } };
template struct Box<int>;
static int depth(int n) { Witness w("unwound"); if (n == 0) throw std::runtime_error("bottom"); return depth(n - 1) + 1; }
extern "C" int inside(int n) {
  try { return depth(n); } catch (const std::exception &e) { return std::string(e.what()).size(); }
}
extern "C" int boxed(int n) { Box<int> b{n}; try { return b.get(); } catch (std::range_error &) { return -99; } }
extern "C" int through(void (*callee)(int), int n) {
  Witness w("through");
  try { callee(n); } catch (int i) { return i; }
  return 0;
}
extern "C" void thrower(int n) { Witness w("thrower"); throw n; }
`;

describe("a C++ object", () => {
  it.each([
    ["g++", []],
    ["g++", ["-O2", "-fPIC"]],
    ["g++", ["-Os", "-fPIC", "-ffunction-sections"]],
    ["g++", ["-fPIC", "-mcmodel=large"]],
    ["clang++", ["-O1", "-fPIC"]],
  ] as const)("of %s %j throws and catches", (compiler, flags) => {
    const lines: string[] = [];
    const host = table().addFunction("void log_line(const char *text)", (text: string) => lines.push(text));
    using module = NativeModule.load(compile(THROWING, compiler, flags), { name: "throwing", table: host });
    expect(module.call("int inside(int)", 3)).toBe(6);
    expect(lines).toEqual(["unwound", "unwound", "unwound", "unwound"]);
    expect(module.call("int boxed(int)", 4)).toBe(4);
    expect(module.call("int boxed(int)", -4)).toBe(-99);
  });

  it("lets an exception of one module pass through another", () => {
    const lines: string[] = [];
    const host = table().addFunction("void log_line(const char *text)", (text: string) => lines.push(text));
    using thrower = NativeModule.load(compile(THROWING, "g++", ["-O1"]), { name: "thrower", table: host });
    using catcher = NativeModule.load(compile(THROWING, "g++", ["-O1"]), { name: "catcher", table: host });
    const address = thrower.address("thrower");
    expect(catcher.call("int through(uintptr_t, int)", address, 42)).toBe(42);
    expect(lines).toEqual(["thrower", "through"]);
  });

  it("runs constructors in the order of priorities and files, and what they registered at the end in reverse", () => {
    const lines: string[] = [];
    const host = table().addFunction("void log_line(const char *text)", (text: string) => lines.push(text));
    const source = (name: string) => `
      extern "C" void log_line(const char *);
      struct Global { const char *name; Global(const char *n) : name(n) { log_line(n); } ~Global() { log_line(name); } };
      static Global plain("plain ${name}");
      __attribute__((init_priority(500))) Global early_${name}("early ${name}");
      __attribute__((constructor(300))) static void first() { log_line("constructor ${name}"); }
      __attribute__((destructor)) static void last() { log_line("destructor ${name}"); }
      extern "C" int value_${name}() { static Global local("local ${name}"); return 1; }`;
    const files = [compile(source("a"), "g++"), compile(source("b"), "g++", ["-fPIC", "-O2"])];
    const module = NativeModule.load(files, { name: "ordered", table: host });
    expect(lines).toEqual(["constructor a", "constructor b", "early a", "early b", "plain a", "plain b"]);
    expect(module.call("int value_b()")).toBe(1);
    lines.length = 0;
    module.unload();
    expect(lines).toEqual([
      "destructor b",
      "destructor a",
      "local b",
      "plain b",
      "plain a",
      "early b",
      "early a",
    ]);
    module.unload();
    expect(lines).toHaveLength(7);
  });

  it("runs the older arrays of constructors from their end", () => {
    const lines: string[] = [];
    const host = table().addFunction("void log_line(const char *text)", (text: string) => lines.push(text));
    const source = `
      extern void log_line(const char *);
      static void one(void) { log_line("one"); }
      static void two(void) { log_line("two"); }
      static void gone(void) { log_line("gone"); }
      __attribute__((section(".ctors"), used)) static void (*const ctors[])(void) = { one, two };
      __attribute__((section(".dtors"), used)) static void (*const dtors[])(void) = { gone };
      int loaded(void) { return 1; }`;
    NativeModule.load(compile(source), { name: "older", table: host }).unload();
    expect(lines).toEqual(["two", "one", "gone"]);
  });

  it("has once what two objects have alike", () => {
    const shared = (name: string) => `
      #include <string>
      template <class T> struct Counter { static T count; static T next() { static T calls = 10; return ++count + calls++; } };
      template <class T> T Counter<T>::count = 0;
      inline const char *greeting() { return "hello"; }
      extern "C" int next_${name}() { return Counter<int>::next(); }
      extern "C" const char *greet_${name}() { return greeting(); }`;
    const files = [compile(shared("a"), "g++", ["-O0"]), compile(shared("b"), "g++", ["-O0"])];
    using module = NativeModule.load(files, { name: "shared", table: table() });
    expect(module.call("int next_a()")).toBe(11);
    expect(module.call("int next_b()")).toBe(13);
    expect(module.call("const char *greet_a()")).toBe("hello");
    expect(module.call("const char *greet_b()")).toBe("hello");
  });

  it("is mapped with no page writable and executable", () => {
    using module = NativeModule.load(compile(THROWING.replace("log_line(name)", "(void)name"), "g++"), {
      name: "protected",
      table: table(),
    });
    const maps = readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .filter((line) => line.includes("bindery:protected"));
    expect(maps.map((line) => line.split(" ")[1]).filter((flags) => /w.x/.test(flags ?? ""))).toEqual([]);
    expect(maps.some((line) => line.includes("r-xp"))).toBe(true);
    expect(module.call("int inside(int)", 0)).toBe(6);
  });
});
