/** Kinds of symbols that linkers know: indirect, weak, common, bounds of sections, of archives. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dlsym, RTLD_DEFAULT } from "../../../src/dlbind/index.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile, compileTo, pathOf, tool } from "../support/compile.ts";

describe("a module", () => {
  it.each(["-fPIC", "-fPIE", "-O2"])("calls indirect functions where their resolvers say: %s", (flag) => {
    const source = `
      static int one(int x) { return x + 1; }
      static int two(int x) { return x + 2; }
      int which = 2;
      static int (*resolve(void))(int) { return which == 2 ? two : one; }
      int chosen(int) __attribute__((ifunc("resolve")));
      static int inner(int) __attribute__((ifunc("resolve")));
      int (*pointer)(int) = chosen;
      int direct(int x) { return chosen(x) * 10 + inner(x); }
      int indirect(int x) { return pointer(x); }
      int same(void) { return pointer == chosen; }`;
    using module = NativeModule.load(compile(source, "gcc", [flag]), { name: "indirect" });
    expect(module.call("int direct(int)", 5)).toBe(77);
    expect(module.call("int indirect(int)", 5)).toBe(7);
    expect(module.call("int same(void)")).toBe(1);
    expect(module.call("int chosen(int)", 40)).toBe(42);
    expect(dlsym(module.object, "chosen")).not.toBe(module.address("chosen"));
  });

  it("takes strong symbols before weak ones, and the largest of common ones", () => {
    const files = [
      compile(
        "__attribute__((weak)) int pick(void) { return 1; } int table[2]; int *first(void) { return table; }",
        "gcc",
        ["-fcommon", "-fPIC"],
      ),
      compile("int pick(void) { return 2; } int table[200]; int *last(void) { return &table[199]; }", "gcc", [
        "-fcommon",
        "-fPIC",
      ]),
      compile(
        "int pick(void); int ask(void) { return pick(); } extern int no_such(void) __attribute__((weak)); int has(void) { return no_such ? no_such() : -1; }",
      ),
    ];
    using module = NativeModule.load(files, { name: "weak" });
    expect(module.call("int ask(void)")).toBe(2);
    expect(module.call("int has(void)")).toBe(-1);
    const first = BigInt(module.call("uintptr_t first(void)") as number | bigint);
    const last = BigInt(module.call("uintptr_t last(void)") as number | bigint);
    expect(last - first).toBe(199n * 4n);
    expect(module.object.symbol("table")).toMatchObject({ address: first, size: 800 });
  });

  it("has the bounds of sections that are named as C names things", () => {
    const part = (n: number) => `__attribute__((section("registry"), used)) static int entry_${n} = ${n};`;
    const walk = `extern int __start_registry[], __stop_registry[];
      int total(void) { int sum = 0; for (int *p = __start_registry; p < __stop_registry; p++) sum += *p; return sum; }`;
    const files = [compile(part(1)), compile(part(20)), compile(`${part(300)}${walk}`, "gcc", ["-fPIC"])];
    using module = NativeModule.load(files, { name: "bounds" });
    expect(module.call("int total(void)")).toBe(321);
  });

  it("is made of those members of an archive that something needs", () => {
    const archive = pathOf("lib.a");
    const members = [
      "int deeper(void); int deep(void) { return deeper() + 1; }",
      "int deeper(void) { return 41; }",
      "extern int nowhere(void); int other(void) { return nowhere(); }",
    ].map((source) => compileTo(source, "gcc"));
    tool("ar", "rc", archive, ...members);
    const files = [
      compile("int deep(void); int top(void) { return deep(); }"),
      { name: archive, bytes: readFileSync(archive) },
    ];
    using module = NativeModule.load(files, { name: "archived" });
    expect(module.call("int top(void)")).toBe(42);
    expect(module.export.map(({ name }) => name)).toEqual(["deep", "deeper", "top"]);
    const table = new ExportTable().add({ name: "nowhere", sig: 0, addr: 0x1000 });
    using all = NativeModule.open(archive, { name: "all", table });
    expect(all.export.map(({ name }) => name)).toEqual(["deep", "deeper", "other"]);
  });

  it("is found by the loader through its handle, and not by everybody", () => {
    const file = compile("int told_to_all(void) { return 5; }");
    using module = NativeModule.load(file, { name: "private" });
    expect(dlsym(module.object, "told_to_all")).toBe(module.address("told_to_all"));
    expect(dlsym(RTLD_DEFAULT, "told_to_all")).toBeUndefined();
  });
});
