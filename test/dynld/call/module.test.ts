/** Typed calls of loaded modules: into them, after they were reloaded, when they are gone. */
import { describe, expect, it } from "vitest";
import { snapshot } from "../../../src/dynld/call/record-view.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { ElfFile } from "../../../src/elf/file.ts";
import { compile } from "../support/compile.ts";
import type { Callables } from "./open.ts";

const PLUGIN = (step: number, extra = "") => `
  struct state { int count; double total; };
  typedef double (*visit)(const struct state *, const char *);
  struct state state = { 0, 0.5 };
  int next(void) { return state.count += ${step}; }
  double visit_with(visit f) { return f(&state, "seen"); }
  int area(int width, int height) { return width * height; }
  ${extra}`;

function load(source: string): { module: NativeModule; fn: Callables } {
  const module = NativeModule.load(compile(source, "gcc", ["-g", "-O1"]), { name: "plugin" });
  return { module, fn: module.fn as unknown as Callables };
}

describe("a module's functions and variables", () => {
  it("are typed from its debug information", () => {
    using module = load(PLUGIN(2)).module;
    const fn = module.fn as unknown as Callables;
    expect(fn.next?.()).toBe(2);
    expect(fn.area?.(6, 7)).toBe(42);
    expect(() => fn.area?.(6, "7")).toThrow('area: parameter 2, height: found "7", expected int');
    const state = module.variables.state as { count: number; total: number };
    state.total = 8;
    const visit = (one: { count: number; total: number }, text: string) =>
      one.count + one.total + text.length;
    expect(fn.visit_with?.(visit)).toBe(2 + 8 + 4);
    expect(module.type("struct state").size).toBe(16);
  });

  it.each(["gcc", "clang"] as const)("are typed where another name of the place is: %s", (compiler) => {
    const source = `
      int twice(int v) { return 2 * v; }
      int also(int) __attribute__((alias("twice"), weak));
      long number = 5;
      extern long alias_of_number __attribute__((alias("number")));
      __asm__(".globl label\\nlabel: lea 1(%rdi), %eax\\nret");`;
    const file = compile(source, compiler, ["-g", "-O1", "-fPIC"]);
    const made = { name: "made", bytes: makeModule([file]).bytes };
    for (const one of [file, made]) {
      using module = NativeModule.load(one, { name: "aliases" });
      const fn = module.fn as unknown as Callables;
      expect(fn.also?.(4)).toBe(8);
      expect(() => fn.also?.("4")).toThrow(/^also: parameter 1(, v)?: found "4", expected int/);
      expect(module.variables.alias_of_number).toBe(5n);
      // A label of assembly has no type at all.
      expect(() => fn.label?.(4)).toThrow("label: found no debug information that tells its type");
      expect(module.call("int label(int)", 4)).toBe(5);
    }
  });

  it.each([
    ["gcc", ["-fPIC"]],
    ["clang", ["-fPIC"]],
    ["gcc", ["-fno-pic"]],
  ] as const)("are those of this thread, where each has its own: %s %j", (compiler, flags) => {
    const source = `
      _Thread_local long mine = 4; _Thread_local struct pair { int a, b; } pair; static _Thread_local int hidden = 1;
      long get(void) { return mine * 100 + pair.b * 10 + hidden; }`;
    using module = NativeModule.load(compile(source, compiler, ["-g", "-O1", ...flags]));
    const { variables, fn } = module;
    expect(Object.keys(variables)).toEqual(["mine", "pair"]);
    expect(variables.mine).toBe(4n);
    variables.mine = 7;
    variables.pair = { b: 3 };
    expect((variables.pair as { b: number }).b).toBe(3);
    expect(fn.get?.()).toBe(731n);
    module.unload();
    expect(() => variables.mine).toThrow("the module was unloaded");
  });

  it("go on with the new version", () => {
    const { module, fn } = load(PLUGIN(2, "int kept(int v) { return v; }"));
    const { next, kept } = fn;
    const old = module.variables.state as { count: number };
    expect([next?.(), kept?.(1), old.count]).toEqual([2, 1, 2]);
    module.reload(
      compile(PLUGIN(50, "int kept(int v) { return v + 1; } int added(void) { return 9; }"), "gcc", ["-g"]),
    );
    expect([next?.(), kept?.(1), fn.added?.()]).toEqual([50, 2, 9]);
    expect(fn.next).toBe(next);
    expect((module.variables.state as { count: number }).count).toBe(50);
    expect(() => old.count).toThrow("the memory was given back");
    module.unload();
    expect(() => next?.()).toThrow(expect.objectContaining({ code: "DYNLD_FREED" }));
    expect(() => module.fn).toThrow("the module was unloaded");
  });

  it("keep it from being unloaded while a call has not returned", () => {
    const { module, fn } = load(PLUGIN(1));
    fn.visit_with?.(() => {
      expect(() => module.unload()).toThrow("unload: 1 calls have not returned");
      expect(() => module.reload(compile(PLUGIN(1), "gcc", ["-g"]))).toThrow(
        "reload: 1 calls have not returned",
      );
      return 1;
    });
    module.unload();
  });

  it("are typed from the texts that mkmod leaves in a module without debug information", () => {
    const { bytes } = makeModule([compile(PLUGIN(3), "gcc", ["-g", "-O1"])], { debug: false });
    expect(ElfFile.open(bytes).sectionsNamed(".debug_info")).toEqual([]);
    using module = NativeModule.load({ name: "made", bytes });
    const fn = module.fn as unknown as Callables;
    expect(fn.next?.()).toBe(3);
    const seen = fn.visit_with?.((state: object, text: string) => {
      expect(snapshot(state)).toEqual({ count: 3, total: 0.5 });
      return text.length;
    });
    expect(seen).toBe(4);
    expect(() => fn.area?.(6, "7")).toThrow('area: parameter 2: found "7", expected int');
  });

  it("without debug information say so when they are called", () => {
    using module = NativeModule.load(compile("int plain(void) { return 1; } int number = 1;"), {
      name: "plain",
    });
    const fn = module.fn as unknown as Callables;
    expect(() => fn.plain?.()).toThrow(
      "plain: found no debug information that tells its type, expected some",
    );
    expect(() => module.variables.number).toThrow("number: found no debug information");
  });

  it("are those of C++ by the names that linkers know", () => {
    const source = `
      namespace shapes {
        class Shape { public: virtual ~Shape() {} int sides = 3; };
        struct Square : Shape { double side; explicit Square(double s) : side(s) { sides = 4; } };
        static Square unit(1.5);
      }
      extern "C" shapes::Square *square(void) { return &shapes::unit; }
      extern "C" void grow(shapes::Square &s, bool twice) { s.side *= twice ? 2 : 3; }
      extern "C" int by_value(shapes::Square s) { return s.sides; }
      enum class Level : unsigned char { LOW = 1, HIGH = 250 };
      extern "C" Level level(Level l) { return l == Level::LOW ? Level::HIGH : Level::LOW; }`;
    using module = NativeModule.load(compile(source, "g++", ["-g", "-O1", "-fno-rtti"]), {
      name: "shapes",
      table: new ExportTable().addLibrary("libstdc++.so.6").addLibrary("libc.so.6"),
    });
    const fn = module.fn as unknown as Callables;
    const square = fn.square?.() as { side: number; sides: number };
    expect([square.side, square.sides]).toEqual([1.5, 4]);
    fn.grow?.(square, true);
    expect(square.side).toBe(3);
    expect(() => fn.grow?.(null, true)).toThrow(
      "grow: parameter 1, s: found null, expected struct shapes::Square &",
    );
    expect(() => fn.by_value?.(square)).toThrow(expect.objectContaining({ code: "DYNLD_UNSUPPORTED" }));
    expect(fn.level?.("LOW")).toBe(250);
  });

  it("are those of Rust that are made for C", () => {
    const source = `
      #[repr(C)] pub struct Point { pub x: i32, pub y: f64 }
      #[repr(u8)] pub enum Level { Low = 1, High = 250 }
      #[no_mangle] pub static mut ORIGIN: Point = Point { x: 1, y: 0.5 };
      #[no_mangle] pub extern "C" fn scale(p: Point, by: f64) -> Point { Point { x: p.x + 1, y: p.y * by } }
      #[no_mangle] pub extern "C" fn raise(p: &mut Point, level: Level) -> u64 {
        p.x = level as i32;
        u64::MAX - p.x as u64
      }
      #[no_mangle] pub extern "C" fn each(f: extern "C" fn(i32) -> bool) -> i32 { (0..5).filter(|i| f(*i)).count() as i32 }`;
    const flags = ["-g", "-Cpanic=abort", "-Copt-level=1", "-Coverflow-checks=off"];
    using module = NativeModule.load(compile(source, "rustc", flags), {
      name: "rusty",
      table: new ExportTable().addLibrary("libc.so.6"),
    });
    const fn = module.fn as unknown as Callables;
    expect(snapshot(fn.scale?.({ x: 1, y: 2 }, 1.5) as object)).toEqual({ x: 2, y: 3 });
    const origin = module.variables.ORIGIN as { x: number };
    expect(fn.raise?.(origin, "High")).toBe(2n ** 64n - 251n);
    expect(origin.x).toBe(250);
    expect(fn.each?.((value: number) => value % 2 === 0)).toBe(3);
  });
});
