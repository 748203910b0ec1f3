/** Modules made of several objects: read by binutils, linked by ld, loaded and run. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { makeModule, parseNameList } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule, readFiles } from "../../../src/dynld/module.ts";
import { type Compiler, compile, compileTo, pathOf, tool } from "../support/compile.ts";
import { refusal } from "../support/refusal.ts";

const FIRST = `
  struct dev { int flags; long count; };
  extern long host_count(struct dev *, int);
  int shared = 4; static int own = 5; int common_one;
  static const char *const names[] = { "a", "bc", "def" };
  int helper(int);
  static int local(int x) { return x + own++; }
  int first(int x) { return helper(local(x)) + shared + (int)names[2][0]; }
  long ask(int n) { static struct dev d; d.count = n; return host_count(&d, n); }
  __attribute__((constructor)) static void begin(void) { common_one = 100; }`;
const SECOND = `
  extern int shared, common_one; int first(int);
  static int own = 1000;
  int helper(int x) { return x * 2 + own; }
  int second(int x) { shared++; return first(x) + common_one; }
  int unused(void) { return 1; }`;

const host = () =>
  new ExportTable().addFunction("long host_count(struct dev *, int)", (_: unknown, n: number) => n + 1);

describe("mkmod", () => {
  it.each([
    ["gcc", ["-g", "-fPIC", "-fcommon"]],
    ["gcc", ["-O2", "-ffunction-sections", "-fdata-sections", "-g"]],
    ["clang", ["-O1", "-g", "-fPIC"]],
    ["gcc", ["-mcmodel=large", "-fno-pic"]],
  ] as [Compiler, string[]][])(
    "merges objects of %s %j into one that does what they do",
    (compiler, flags) => {
      const files = [compile(FIRST, compiler, flags), compile(SECOND, compiler, flags)];
      const made = makeModule(files);
      expect([...made.imports.keys()].filter((name) => !name.startsWith("_"))).toEqual(["host_count"]);
      expect([...made.exports.keys()].sort()).toEqual([
        "ask",
        "common_one",
        "first",
        "helper",
        "second",
        "shared",
        "unused",
      ]);
      const path = pathOf(`made-${compiler}-${flags.length}.o`);
      writeFileSync(path, made.bytes);
      for (const args of [["-aW"], ["--debug-dump=info,line,frames"]]) {
        expect(execFileSync("readelf", [...args, path], { encoding: "utf8", stdio: "pipe" })).not.toMatch(
          /warning/i,
        );
      }
      using module = NativeModule.load({ name: path, bytes: made.bytes }, { name: "made", table: host() });
      using parts = NativeModule.load(files, { name: "parts", table: host() });
      for (const one of [module, parts]) {
        expect(one.call("int first(int)", 1)).toBe(1116);
        expect(one.call("int second(int)", 1)).toBe(1219);
        expect(one.call("long ask(int)", 41)).toBe(42n);
      }
    },
  );

  it("makes what ld can link", () => {
    const flags = ["-g", "-fPIC", "-O1"];
    const made = makeModule([compile(FIRST, "gcc", flags), compile(SECOND, "gcc", flags)]);
    writeFileSync(pathOf("half.o"), made.bytes);
    const main = compileTo(
      `#include <stdio.h>
       int second(int); long ask(int); long host_count(void *d, int n) { return n + 1; }
       int main(void) { printf("%d %ld\\n", second(1), ask(41)); return 0; }`,
      "gcc",
    );
    tool("gcc", "-o", pathOf("program"), main, pathOf("half.o"));
    expect(tool(pathOf("program"))).toBe("1217 42\n");
    expect(tool("addr2line", "-e", pathOf("half.o"), "-j", ".text", "0x0")).toMatch(/unit\d+\.c:\d+/);
  });

  it("keeps C++ exceptions and shared templates", () => {
    const part = (name: string) => `
      #include <stdexcept>
      template <class T> T check(T t) { static int calls; if (t < 0) throw std::range_error("negative"); return t + ++calls; }
      extern "C" int guarded_${name}(int n) { try { return check(n); } catch (std::exception &) { return -1; } }`;
    const made = makeModule(
      ["a", "b"].map((name) => compile(part(name), "g++", ["-O1", "-g"])),
      { debug: false },
    );
    const table = new ExportTable().addLibrary("libstdc++.so.6").addLibrary("libgcc_s.so.1");
    using module = NativeModule.load({ name: "exceptions", bytes: made.bytes }, { table });
    expect(module.call("int guarded_a(int)", 5)).toBe(6);
    expect(module.call("int guarded_b(int)", 5)).toBe(7);
    expect(module.call("int guarded_b(int)", -5)).toBe(-1);
  });

  it("carries signatures, with which a mismatch is explained without debug information", () => {
    const made = makeModule([compile(FIRST, "gcc", ["-g"]), compile(SECOND, "gcc", ["-g"])], {
      debug: false,
    });
    const file = { name: "signed.o", bytes: made.bytes };
    const text = Buffer.from(made.bytes).toString("latin1");
    expect(text).toContain(`${made.imports.get("host_count")?.toString(16).padStart(16, "0")} host_count\n`);
    expect(text).not.toContain(".debug_info");
    const owner = (member: string) =>
      NativeModule.load(
        compile(
          `struct dev { int flags; ${member} count; }; long host_count(struct dev *d, int n) { return d->count; }`,
          "gcc",
          ["-g"],
        ),
        { name: "owner" },
      );
    using right = owner("long");
    using module = NativeModule.load(file, { table: new ExportTable().addModule(right), policy: "strict" });
    expect(module.call("long ask(int)", 17)).toBe(17n);
    using wrong = owner("int");
    const error = refusal(() => NativeModule.load(file, { table: new ExportTable().addModule(wrong) }));
    expect(error.code).toBe("DYNLD_SIGNATURE_MISMATCH");
    expect(error.message).toContain("struct dev: expected long count at 8, found int count at 4");
  });

  it("exports and imports what its lists say", () => {
    const files = [compile(FIRST, "gcc", ["-g"]), compile(SECOND, "gcc", ["-g"])];
    const made = makeModule(files, {
      exports: parseNameList("# a list\nsecond 0\nask\n"),
      imports: ["host_count"],
    });
    expect([...made.exports.keys()].sort()).toEqual(["ask", "second"]);
    using module = NativeModule.load({ name: "listed", bytes: made.bytes }, { table: host() });
    expect(module.export.map(({ name }) => name)).toEqual(["ask", "second"]);
    expect(module.call("int second(int)", 1)).toBe(1217);
    const error = refusal(() => makeModule(files, { exports: ["secund"], imports: ["host_coumt"] }));
    expect(error.code).toBe("DYNLD_UNDEFINED_SYMBOL");
    expect(error.message).toContain("no such symbol to export: secund; there is second");
    expect(error.message).toContain(
      "undefined symbol, not in the list of imports: host_count; there is host_coumt",
    );
  });

  it("takes from archives what is needed", () => {
    const archive = pathOf("parts.a");
    tool("ar", "rc", archive, compileTo(SECOND, "gcc"), compileTo("int stray(void) { return 9; }", "gcc"));
    const made = makeModule([compile(FIRST), { name: archive, bytes: readBytes(archive) }]);
    expect(made.exports.has("helper")).toBe(true);
    expect(made.exports.has("stray")).toBe(false);
  });

  it("has types also of what a linker has put beside the module", () => {
    const first = compile("int kept(int v) { return v; } int (*const table[])(int) = { kept };", "gcc", [
      "-g",
      "-fPIC",
    ]);
    const made = pathOf("beside.o");
    writeFileSync(made, makeModule([first]).bytes);
    const other = compileTo("int added(int v) { return v + 1; }", "gcc", ["-g", "-fPIC"]);
    const again = pathOf("again.o");
    writeFileSync(again, makeModule(readFiles(other)).bytes);
    for (const beside of [other, again]) {
      const both = pathOf(`${beside === other ? "one" : "two"}.o`);
      tool("ld", "-r", "-o", both, made, beside);
      using module = NativeModule.open(both);
      expect([module.fn.kept?.(4), module.fn.added?.(4)]).toEqual([4, 5]);
    }
  });

  it.each([true, false])("makes one of several modules, with their types, debug: %s", (debug) => {
    const parts = [
      "int first(struct p { int x; } *p) { return p->x; }",
      "int second(int v) { return v + 1; }",
    ];
    const modules = parts.map((part, index) => {
      const { bytes } = makeModule([compile(part, "gcc", ["-g", "-fPIC"])], { debug });
      return { name: `part${index}`, bytes };
    });
    const whole = makeModule(parts.map((part) => compile(part, "gcc", ["-g", "-fPIC"])));
    const made = makeModule(modules, { debug });
    expect(made.exports).toEqual(whole.exports);
    using module = NativeModule.load({ name: "both", bytes: made.bytes });
    const p = module.type("struct p").create({ x: 7 });
    expect([module.fn.first?.(p), module.fn.second?.(4)]).toEqual([7, 5]);
  });
});

function readBytes(path: string): Uint8Array {
  return execFileSync("cat", [path]);
}
