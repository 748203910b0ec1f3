/** What C++ has one of in a process, `STB_GNU_UNIQUE`: modules that are offered to one another share it, as libraries do. */
import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { openLibrary } from "../../../src/dynld/call/library.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { type Compiler, compile, compileTo, pathOf, tool } from "../support/compile.ts";

const HEADER = `
  extern "C" int puts(const char *);
  struct Made { int count; Made() : count(100) { made()++; } ~Made() { made()--; } static int &made() { static int of; return of; } };
  struct Plain { inline static int count = 7; };
  template <class T> struct Registry { static T last; };
  template <class T> T Registry<T>::last = 3;
  inline Made one;
  inline Made &lazily() { static Made single; return single; }
`;

const CORE = `${HEADER}
  extern "C" int core_next() { return ++Plain::count + ++Registry<int>::last + ++one.count + ++lazily().count; }
  extern "C" int core_made() { return Made::made(); }`;

const PLUGIN = (prefix: string) => `${HEADER}
  extern "C" int ${prefix}_next() { return ++Plain::count + ++Registry<int>::last + ++one.count + ++lazily().count; }
  extern "C" int ${prefix}_made() { return Made::made(); }`;

const system = () => new ExportTable().addLibrary("libstdc++.so.6").addLibrary("libc.so.6");
const inUse = expect.objectContaining({ code: "DYNLD_IN_USE" });

const FLAGS: readonly [Compiler, ...string[]][] = [
  ["g++", "-fPIC", "-g"],
  ["g++", "-fPIC", "-O2"],
  ["g++", "-fno-pic", "-g"],
];

describe("what is inline or a template of C++", () => {
  it.each(FLAGS)("is one in modules of %s %s %s that are offered to one another", (compiler, ...flags) => {
    const core = NativeModule.load(compile(CORE, compiler, flags), { name: "core", table: system() });
    const load = (prefix: string): NativeModule =>
      NativeModule.load(compile(PLUGIN(prefix), compiler, flags), {
        name: prefix,
        table: system().addModule(core),
      });
    const alone = NativeModule.load(compile(CORE, compiler, flags), { name: "alone", table: system() });
    const first = load("first");
    const second = load("second");
    const call = (module: NativeModule, name: string): unknown => module.call(`int ${name}(void)`);
    expect(call(core, "core_next")).toBe(7 + 3 + 100 + 100 + 4);
    expect(call(first, "first_next")).toBe(7 + 3 + 100 + 100 + 8);
    expect(call(second, "second_next")).toBe(7 + 3 + 100 + 100 + 12);
    expect(call(core, "core_next")).toBe(7 + 3 + 100 + 100 + 16);
    expect(call(alone, "core_next")).toBe(7 + 3 + 100 + 100 + 4);
    expect([call(first, "first_made"), call(core, "core_made"), call(alone, "core_made")]).toEqual([2, 2, 2]);
    expect(() => core.unload()).toThrow(inUse);
    // By way of a module that shares it, too; and where both offer it, once.
    for (const by of [[first], [first, core]]) {
      const third = system();
      for (const module of by)
        third.addModule(module, module === core ? [...core.uniques.keys()] : undefined);
      using last = NativeModule.load(compile(PLUGIN("last"), compiler, flags), {
        name: "last",
        table: third,
      });
      expect(last.uniques.get("_ZN5Plain5countE")?.address).toBe(core.address("_ZN5Plain5countE"));
      expect(() => first.unload()).toThrow(inUse);
    }
    second.unload();
    expect(call(core, "core_made")).toBe(2);
    first.unload();
    core.unload();
    alone.unload();
  });

  it("is that of a library where the loader has one, as for another library", async () => {
    const [core, plugin] = [CORE, PLUGIN("other")].map((source, index) => {
      const path = pathOf(`unique${index}.so`);
      tool("g++", "-shared", "-o", path, compileTo(source, "g++", ["-fPIC", "-g"]));
      return path;
    });
    using library = await openLibrary(core ?? "");
    using other = await openLibrary(plugin ?? "");
    const table = system().addLibrary(core ?? "");
    using module = NativeModule.load(compile(PLUGIN("mine"), "g++", ["-fPIC", "-g"]), {
      name: "mine",
      table,
    });
    const nexts = [
      library.fn.core_next?.(),
      other.fn.other_next?.(),
      module.fn.mine_next?.(),
      other.fn.other_next?.(),
      library.fn.core_next?.(),
    ];
    expect(nexts).toEqual([214, 218, 222, 226, 230]);
    expect([library.fn.core_made?.(), module.fn.mine_made?.()]).toEqual([2, 2]);
    table.close();
  });

  it("is shared by modules that mkmod made, and by new versions, which do not share with the old ones", () => {
    const made = (name: string, source: string) => ({
      name,
      bytes: makeModule([compile(source, "g++", ["-fPIC", "-O1", "-g"])]).bytes,
    });
    const core = NativeModule.load(made("core.o", CORE), { table: system() });
    expect(core.call("int core_next(void)")).toBe(214);
    const user = NativeModule.load(made("user.o", PLUGIN("user")), { table: system().addModule(core) });
    expect(user.call("int user_next(void)")).toBe(218);
    // It is reached by way of the table: it may be anywhere.
    writeFileSync(pathOf("made.o"), made("user.o", PLUGIN("user")).bytes);
    expect(tool("readelf", "-rW", "made.o")).toMatch(/GOTPCRELX? .* _ZN5Plain5countE - 4/);
    user.reload(made("user.o", PLUGIN("user")));
    // What the old version made is gone with it: it had made none, the core had.
    expect(user.call("int user_next(void)")).toBe(222);
    expect(() => core.reload(made("core.o", CORE))).toThrow(inUse);
    user.unload();
    core.reload(made("core.o", CORE));
    expect(core.call("int core_next(void)")).toBe(214);
    core.unload();
  });

  it("is not shared where it has another size, and refused where it has another type", () => {
    const source = (type: string) =>
      `struct Plain { inline static ${type} count = 7; }; extern "C" ${type} *where() { return &Plain::count; }`;
    const file = (type: string) => compile(source(type), "g++", ["-fPIC", "-g"]);
    using core = NativeModule.load(file("int"), { name: "core" });
    const table = new ExportTable().addModule(core, ["_ZN5Plain5countE"]);
    const where = (module: NativeModule): unknown => module.call("unsigned long where(void)");
    using same = NativeModule.load(file("int"), { name: "same", table });
    expect(where(same)).toBe(where(core));
    using wider = NativeModule.load(file("long"), { name: "wider", table });
    expect(where(wider)).not.toBe(where(core));
    expect(() => NativeModule.load(file("float"), { name: "other", table })).toThrow(
      "other: signature mismatch: _ZN5Plain5countE: module expects float, program provides int",
    );
  });
});
