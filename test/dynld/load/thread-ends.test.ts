/** Thread-local objects with destructors: destroyed with their threads, or with the module, whichever is first. */
import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { callAsync } from "../../../src/dynld/call/thread-call.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile, compileTo, pathOf, tool } from "../support/compile.ts";

const SOURCE = `
  extern "C" { typedef unsigned long pthread_t; int pthread_create(pthread_t *, const void *, void *(*)(void *), void *);
    int pthread_join(pthread_t, void **); int usleep(unsigned); }
  int *seen, logged;
  struct Local { int value; Local(int v) : value(v) {} ~Local() { seen[logged++] = value; } };
  static thread_local Local first(1), second(2);
  struct Late { ~Late() { static thread_local Local later(9); seen[logged++] = 3; } };
  static thread_local Late late;
  struct Static { ~Static() { seen[logged++] = 5; } } last;
  static int touch(int by) { (void)&late; first.value += by; second.value += by; return first.value + second.value; }
  static void *run(void *) { touch(40); return 0; }
  static volatile bool isHeld;
  static void *hold(void *) { touch(70); isHeld = true; while (isHeld) usleep(1000); return 0; }
  static pthread_t held;
  extern "C" {
    void begin(int *to) { seen = to; logged = 0; }
    int here(int by) { return touch(by); }
    int there() { pthread_t t; pthread_create(&t, 0, run, 0); pthread_join(t, 0); return logged; }
    void keep() { pthread_create(&held, 0, hold, 0); while (!isHeld) usleep(1000); }
    void let_go() { isHeld = false; pthread_join(held, 0); }
  }`;

const table = () => new ExportTable().addLibrary("libstdc++.so.6").addLibrary("libc.so.6");
const isMapped = (name: string): boolean =>
  readFileSync("/proc/self/maps", "utf8").includes(`bindery:${name}`);

describe("thread-local objects", () => {
  const file = compile(SOURCE, "g++", ["-fPIC", "-g", "-O1"]);
  /** What a thread of a program that is made of the same source destroys, in its order. */
  const inProgram = ((): string => {
    const main = `${SOURCE}
      extern "C" int printf(const char *, ...);
      int main() { int log[16]; begin(log); there(); printf("%d %d %d %d", log[0], log[1], log[2], log[3]); return 0; }`;
    tool("g++", "-o", pathOf("program"), compileTo(main, "g++"));
    return tool(pathOf("program"));
  })();
  const load = (log: Int32Array, name: string): NativeModule => {
    const module = NativeModule.load(file, { name, table: table() });
    module.fn.begin?.(log);
    return module;
  };

  it("are destroyed with their threads, and those of this one with the module, before all else", () => {
    for (let round = 0; round < 20; round++) {
      const log = new Int32Array(16);
      const module = load(log, "ends");
      expect(module.fn.here?.(10)).toBe(23);
      expect(module.fn.there?.()).toBe(4);
      expect(log.subarray(0, 4).join(" ")).toBe(inProgram);
      log.fill(0);
      module.fn.begin?.(log);
      module.unload();
      // The last that was made first; what a destructor makes is destroyed, too.
      expect([...log.subarray(0, 5)]).toEqual([3, 9, 12, 11, 5]);
      expect(isMapped("ends")).toBe(false);
    }
  });

  it("of other threads keep the module until they are destroyed", () => {
    const log = new Int32Array(16);
    const module = load(log, "held");
    module.fn.here?.(0);
    module.fn.keep?.();
    const refused = expect.objectContaining({
      code: "DYNLD_IN_USE",
      message: "held: unload: 3 thread-local objects of other threads are there yet",
    });
    expect(() => module.unload()).toThrow(refused);
    expect(() => module.reload(file)).toThrow(expect.objectContaining({ code: "DYNLD_IN_USE" }));
    expect(log[0]).toBe(0);
    module.fn.let_go?.();
    module.unload();
    expect(isMapped("held")).toBe(false);
  });

  it("of threads that stay keep it, unless by force, and are not destroyed then", async () => {
    const log = new Int32Array(16);
    const module = load(log, "called");
    expect(await callAsync(module.fn.here as (by: number) => number, 5)).toBe(13);
    expect(() => module.unload()).toThrow(/3 thread-local objects of other threads are there yet/);
    module.unload({ force: true });
    expect(isMapped("called")).toBe(false);
    // Its destructors are not called when that thread ends, with this process.
    expect([...log.subarray(0, 1)]).toEqual([5]);
  });

  it("that throw by way of a callback are destroyed once, and the module goes all the same", () => {
    const source = `void host(int);
      struct Local { int value; ~Local() { host(value); } };
      static thread_local Local first{1}, second{2};
      extern "C" int touch() { return first.value + second.value; }`.replace(
      "void host",
      'extern "C" void host',
    );
    const seen: number[] = [];
    const host = table().addFunction("void host(int)", (value: number) => {
      seen.push(value);
      if (value === 2) throw new Error("refused");
    });
    const module = NativeModule.load(compile(source, "g++", ["-fPIC"]), { name: "throwing", table: host });
    expect(module.call("int touch(void)")).toBe(3);
    expect(() => module.unload()).toThrow("refused");
    module.unload();
    expect(seen).toEqual([2, 1]);
    expect(isMapped("throwing")).toBe(false);
  });

  it("of Rust are dropped, with its standard library in the module", () => {
    const source = `
      use std::cell::RefCell;
      extern "C" { fn dropped(count: u64); }
      struct Loud(Vec<u64>);
      impl Drop for Loud { fn drop(&mut self) { unsafe { dropped(self.0.len() as u64) } } }
      thread_local! { static LIST: RefCell<Loud> = RefCell::new(Loud(Vec::new())); }
      #[no_mangle] pub extern "C" fn push(n: u64) -> u64 {
        LIST.with(|list| { let all = &mut list.borrow_mut().0; all.push(n); all.iter().sum() })
      }`;
    writeFileSync(pathOf("loud.rs"), source);
    tool("rustc", "--crate-type=staticlib", "--emit=obj=loud.o,link=loud.a", "-Ccodegen-units=1", "loud.rs");
    const files = ["loud.o", "loud.a"].map((name) => ({ name, bytes: readFileSync(pathOf(name)) }));
    const made = { name: "loud.mod", bytes: makeModule(files, { exports: ["push"], debug: false }).bytes };
    const seen: unknown[] = [];
    const host = new ExportTable()
      .addLibrary("libc.so.6")
      .addLibrary("libgcc_s.so.1")
      .addLibrary("ld-linux-x86-64.so.2")
      .addFunction("void dropped(uint64_t count)", (count: number) => seen.push(count));
    const module = NativeModule.load(made, { table: host });
    expect([3, 4].map((n) => module.call("unsigned long push(unsigned long)", n))).toEqual([3n, 7n]);
    module.reload(made);
    expect(seen).toEqual([2]);
    expect(module.call("unsigned long push(unsigned long)", 5)).toBe(5n);
    module.unload();
    expect(seen).toEqual([2, 1]);
    expect(isMapped("loud")).toBe(false);
  });
});
