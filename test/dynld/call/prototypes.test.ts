/** Calls by a C prototype: of functions that take more than they declare, and of those that nothing tells the type of. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../src/dynld/call/argument-error.ts";
import type { NativeCallable } from "../../../src/dynld/call/callable.ts";
import { addressOf } from "../../../src/dynld/call/memory.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { DynldError } from "../../../src/errors.ts";
import { compile } from "../support/compile.ts";

const SOURCE = (factor = 1) => `
  #include <stdarg.h>
  #include <stddef.h>
  struct point { int x, y; };
  int vsnprintf(char *, unsigned long, const char *, va_list);
  int report(char *into, size_t size, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int n = vsnprintf(into, size, format, list);
    va_end(list);
    return n;
  }
  int total(const int *values, size_t n, int (*each)(int)) {
    int sum = 0;
    while (n--) sum += each ? each(*values++) : *values++;
    return ${factor} * sum;
  }
  int old(a, b) int a; double b; { return a + b; }
  double older(f, c, s) float f; signed char c; unsigned short s; { return f * 100 + c + s; }
  int open_() { return 7; }
  int area(struct point p) { return p.x * p.y; }
  struct point *mirror(struct point *p) { int x = p->x; p->x = p->y; p->y = x; return p; }
  double half(double v) { return v / 2; }`;

const table = new ExportTable().addLibrary("libc.so.6", ["vsnprintf"]);

function load(factor = 1, ...flags: string[]) {
  const file = compile(SOURCE(factor), "gcc", ["-w", "-fPIC", "-O1", ...flags]);
  const module = NativeModule.load(file, { name: "plugin", table });
  const fn = (name: string): NativeCallable => module.fn[name] ?? expect.fail(name);
  return { module, fn };
}

function failure(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return expect.fail("nothing was thrown");
}

const into = Buffer.alloc(64);
const text = (length: unknown): string => into.toString("latin1", 0, Number(length));

describe.each([["with", "-g"] as const, ["without", "-g0"] as const])("%s debug information", (_, debug) => {
  it("a variadic function is called as printf(1) prints", () => {
    using module = load(1, debug).module;
    const report = module.fn.report?.as(
      "int report(char *, size_t, const char *, int, double, const char *, long)",
    );
    const length = report?.(into, 64, "%d %.3f %s %ld", -7, 2.5, "text", 1n << 40n);
    expect(text(length)).toBe(
      execFileSync("printf", ["%d %.3f %s %d", "-7", "2.5", "text", String(2 ** 40)], { encoding: "utf8" }),
    );
    const many = Array.from({ length: 12 }, (_unused, i) => i / 2);
    const doubles = many.map(() => "double").join(", ");
    const all = module.fn.report?.as(`int (char *, unsigned long, const char *, ${doubles})`);
    expect(text(all?.(into, 64, many.map(() => "%g").join(" "), ...many))).toBe(many.join(" "));
    expect(() => report?.(into, 64, "%d", 1)).toThrow("report: found 4 arguments, expected 7");
    expect(() => report?.(into, 64, "%d", 1.5, 2, "", 1n)).toThrow(
      "report: parameter 4: found 1.5, expected int",
    );
  });

  it("functions are taken as parameters, arrays as pointers, structures by address", () => {
    const { module, fn } = load(1, debug);
    const sum = fn("total").as("int total(const int values[], unsigned long n, int (*each)(int));");
    expect(sum(Int32Array.of(1, 2, 3), 3, (one: number) => one * 10)).toBe(60);
    expect(sum(Int32Array.of(4, 5), 2, null)).toBe(9);
    expect(sum.declaration).toBe("int total(const int *values, unsigned long n, int (*each)(int))");
    const { buffer } = Int32Array.of(3, 4);
    const mirror = fn("mirror").as("struct point *(struct point *)");
    mirror(new Int32Array(buffer));
    expect([...new Int32Array(buffer)]).toEqual([4, 3]);
    expect(fn("half").as("double half(double)")(5)).toBe(2.5);
    expect(fn("open_").as("int (void)")()).toBe(7);
    module.unload();
    expect(failure(() => sum(Int32Array.of(4), 1, null))).toMatchObject({ code: "DYNLD_FREED" });
    expect(failure(() => fn("total"))).toMatchObject({ code: "DYNLD_FREED" });
    expect(failure(() => sum.as("int (int)"))).toMatchObject({ code: "DYNLD_FREED" });
  });

  it("go on with the new version", () => {
    const { module, fn } = load(1, debug);
    const sum = fn("total").as("int (const int *, size_t, void *)");
    const report = fn("report").as("int (char *, size_t, const char *, double)");
    expect(sum(Int32Array.of(1, 2), 2, null)).toBe(3);
    module.reload(compile(SOURCE(100), "gcc", ["-w", "-fPIC", "-O1", debug]));
    expect(sum(Int32Array.of(1, 2), 2, null)).toBe(300);
    expect(text(report(into, 64, "%g", 0.25))).toBe("0.25");
    module.unload();
  });

  it.each([
    ["int", "expected the parameters of a function"],
    ["int f(int", "found the end, expected )"],
    ["int f(int, ...)", "found ..., expected the types of all arguments"],
    ["(int)", "found (, expected a type"],
    ["int f(int) {", "found {, expected the end"],
    ["int f(int a[n])", "found n, expected a number of elements"],
    ["int f(int $%)", "prototype"],
    ["", "found the end, expected a type"],
    [`int f(int ${"(*".repeat(200)}x)`, "at most 32 declarators in one another"],
  ])("%j is no prototype", (prototype, why) => {
    using module = load(1, debug).module;
    const error = failure(() => module.fn.half?.as(prototype));
    expect(error).toBeInstanceOf(DynldError);
    expect(error).toMatchObject({ code: "DYNLD_BAD_ARGUMENT", message: expect.stringContaining(why) });
  });

  it("names of types that nobody knows are refused, and structures of which nothing is known by value", () => {
    using module = load(1, debug).module;
    expect(failure(() => module.fn.half?.as("double (pointt)"))).toBeInstanceOf(ArgumentError);
    const none = module.fn.mirror?.as("void *(struct nothing *)") as NativeCallable;
    const pair = Int32Array.of(1, 2);
    expect(none(pair)).toBe(addressOf(pair));
    const area = () => module.fn.half?.as("double (struct nothing)")({});
    expect(failure(area)).toMatchObject({ message: expect.stringContaining("struct nothing") });
  });
});

describe("a prototype that the function can't be called by", () => {
  it.each([
    ["half", "double half(float)", "parameter 1: found float, expected double"],
    ["half", "double half(void)", "found 0 parameters, expected 1"],
    ["half", "int half(double)", "result: found int, expected double"],
    ["total", "int total(const int *, unsigned, void *)", "parameter 2: found unsigned int, expected size_t"],
    ["report", "int report(char *, size_t)", "found 2 parameters, expected 3 or more"],
    ["report", "int report(char *, size_t, double)", "parameter 3: found double, expected const char *"],
    ["old", "int old(int)", "found 1 parameters, expected 2"],
    ["older", "double older(float, int, int)", "parameter 1: found float, expected double"],
    ["older", "double older(double, signed char, int)", "parameter 2: found signed char, expected int"],
    ["area", "int area(int)", "parameter 1: found int, expected struct point"],
  ])("%s by %s", (name, prototype, why) => {
    const { module, fn } = load(1, "-g");
    for (const action of [() => fn(name).as(prototype), () => module.function(prototype)]) {
      expect(failure(action)).toMatchObject({
        code: "DYNLD_SIGNATURE_MISMATCH",
        message: expect.stringContaining(why),
      });
    }
    module.unload();
  });

  it("is, for a definition of old C, one of the types that C passes", () => {
    using module = load(1, "-g").module;
    expect(module.fn.older?.as("double older(double, int, int)")(2.5, -3, 60000)).toBe(60247);
    expect(module.fn.older?.with()(2.5, -3, 60000)).toBe(60247);
  });

  it("is none that differs in names, signs or what pointers lead to", () => {
    using module = load(1, "-g").module;
    expect(module.function("void *mirror(uintptr_t)")).toBeTypeOf("function");
    expect(module.fn.open_?.as("int open_(int, double)")(1, 2)).toBe(7);
    expect(module.fn.total?.as("void (const unsigned *, long, void *)")(null, 0n, null)).toBeUndefined();
    expect(module.fn.area?.as("int (struct point)")({ x: 6, y: 7 })).toBe(42);
  });
});

it("a module's function with dots is called by a prototype that names the other arguments", () => {
  using module = load(1, "-g").module;
  const report = module.function("int report(char *, size_t, const char *, int, double)");
  expect(text(report(into, 64, "%d %g", 3, 0.5))).toBe("3 0.5");
});
