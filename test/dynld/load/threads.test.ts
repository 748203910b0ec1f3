/** Thread-local variables: one of each for every thread, whatever way the compiler takes to them. */
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { makeModule } from "../../../src/dynld/mkmod/mkmod.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { dlclose, dlopen, dlsym, RTLD_NOW } from "../../../src/host/dl.ts";
import { nativeView } from "../../../src/host/ffi.ts";
import { type Compiler, compile, compileTo, pathOf, tool } from "../support/compile.ts";

const SOURCE = `
  #include <pthread.h>
  __thread int first = 5; static __thread long second[3] = {1, 2, 3}; __thread char zeros[100];
  static __thread short aligned __attribute__((aligned(64))) = 9;
  static int sum(void) { return first + second[0] + second[1] + second[2] + zeros[50] + aligned; }
  int bump(int by) { first += by; second[2] += by; zeros[50] += by; return sum(); }
  int is_aligned(void) { return ((long)&aligned & 63) == 0; }
  static void *run(void *to) { *(int *)to = bump(100); return 0; }
  int in_thread(void) { pthread_t t; int seen = -1; pthread_create(&t, 0, run, &seen); pthread_join(t, 0); return seen; }`;

const CASES: readonly [Compiler, ...string[]][] = [
  ["gcc", "-fPIC"],
  ["gcc", "-fPIE"],
  ["gcc", "-fPIC", "-O2", "-ftls-model=initial-exec"],
  ["gcc", "-fPIC", "-O2", "-fno-plt"],
  ["gcc", "-fPIC", "-mcmodel=large"],
  ["gcc", "-fPIC", "-mtls-dialect=gnu2"],
  ["gcc", "-fPIC", "-O2", "-mtls-dialect=gnu2"],
  ["clang", "-fPIC", "-O1"],
  ["clang", "-fPIE"],
];

/** Where the loader finds a name, of a thread-local variable that of this thread. */
function dlsymIn(path: string, name: string): bigint {
  const handle = dlopen(path, RTLD_NOW);
  try {
    return dlsym(handle, name) ?? 0n;
  } finally {
    dlclose(handle);
  }
}

describe("thread-local variables", () => {
  it.each(CASES)(
    "of %s %s %s %s are each thread's own",
    (...[compiler, ...flags]: [Compiler, ...string[]]) => {
      const table = new ExportTable().addLibrary("libc.so.6");
      const file = compile(SOURCE, compiler, flags);
      for (let round = 0; round < 20; round++) {
        using module = NativeModule.load(file, { name: "threaded", table });
        expect(module.call("int bump(int)", 1)).toBe(23);
        expect(module.call("int in_thread(void)")).toBe(320);
        expect(module.call("int bump(int)", 1)).toBe(26);
        expect(module.call("int is_aligned(void)")).toBe(1);
      }
    },
  );

  it("are loaded from the table where code would call a function for them, by a module of mkmod too", () => {
    const flags = ["-fPIC", "-O2", "-mtls-dialect=gnu2"];
    const made = { name: "made.o", bytes: makeModule([compile(SOURCE, "gcc", flags)]).bytes };
    using module = NativeModule.load(made, { table: new ExportTable().addLibrary("libc.so.6") });
    expect(module.call("int bump(int)", 1)).toBe(23);
    expect(module.call("int in_thread(void)")).toBe(320);
    // The same call by another register is nothing that compilers write.
    const file = compile(SOURCE, "gcc", flags);
    const call = Buffer.from(file.bytes).indexOf(Buffer.from([0xff, 0x10]));
    file.bytes[call + 1] = 0x11;
    expect(() => NativeModule.load(file, { table: new ExportTable().addLibrary("libc.so.6") })).toThrow(
      /R_X86_64_TLSDESC_CALL: found other instructions than a call by a descriptor is made of/,
    );
  });

  it("begin with the addresses that they are initialised with", () => {
    const source = `
      #include <pthread.h>
      static int target = 7; static __thread int *pointer = &target;
      static int *get(void) { return pointer; }
      static void *run(void *to) { *(int *)to = *get(); return 0; }
      int own(void) { return *get(); }
      int in_thread(void) { pthread_t t; int seen = -1; pthread_create(&t, 0, run, &seen); pthread_join(t, 0); return seen; }`;
    const table = new ExportTable().addLibrary("libc.so.6");
    using module = NativeModule.load(compile(source, "gcc", ["-fPIC"]), { name: "pointing", table });
    expect(module.call("int own(void)")).toBe(7);
    expect(module.call("int in_thread(void)")).toBe(7);
    expect(() => NativeModule.load(compile(source, "gcc", ["-fPIE"]), { name: "static", table })).toThrow(
      /thread-local data with addresses in it/,
    );
  });

  it("of C++ are made and destroyed with their threads", () => {
    const source = `
      #include <pthread.h>
      struct Local { int value; Local() : value(3) {} ~Local() { *last = value; } static int *last; };
      int *Local::last;
      static thread_local Local local;
      static void *run(void *to) { Local::last = (int *)to; local.value = 44; return 0; }
      extern "C" int in_thread() { pthread_t t; int seen = -1; pthread_create(&t, 0, run, &seen); pthread_join(t, 0); return seen; }`;
    const table = new ExportTable().addLibrary("libstdc++.so.6").addLibrary("libc.so.6");
    using module = NativeModule.load(compile(source, "g++", ["-fPIC"]), { name: "locals", table });
    expect(module.call("int in_thread()")).toBe(44);
  });

  it.each(["-g", "-O2"])("of libraries are each thread's own, by code of -fPIC %s", (flag) => {
    const path = pathOf(`variables${flag}.so`);
    const owner =
      "__thread int before = 1, other = 5; void set(int to) { other = to; } int seen(void) { return other; }";
    tool("gcc", "-shared", "-o", path, compileTo(owner, "gcc", ["-fPIC", "-g"]));
    const user = `
      #include <pthread.h>
      extern __thread int other; static __thread int own = 1; void set(int); int seen(void);
      int get(void) { return other + own; }
      int *where(void) { return &other; }
      static void *run(void *to) { other += 10; own++; set(seen() * 2); *(int *)to = get(); return 0; }
      int in_thread(void) { pthread_t t; int seen = -1; pthread_create(&t, 0, run, &seen); pthread_join(t, 0); return seen; }`;
    const more = "extern __thread int other; int again(void) { return other; }";
    const table = new ExportTable().addLibrary("libc.so.6").addLibrary(path);
    const files = [user, more].map((source) => compile(source, "gcc", ["-fPIC", flag]));
    for (const made of [files, { name: "made.o", bytes: makeModule(files).bytes }]) {
      using module = NativeModule.load(made, { name: "user", table });
      const address = dlsymIn(path, "other");
      expect(module.call("unsigned long where(void)")).toBe(address);
      new DataView(nativeView(address, 4)).setInt32(0, 7, true);
      expect(module.call("int get(void)")).toBe(8);
      expect(module.call("int again(void)")).toBe(7);
      // Another thread has its own, which the library sees, too.
      expect(module.call("int in_thread(void)")).toBe(32);
      expect(module.call("int get(void)")).toBe(8);
    }
    const direct = compile("extern __thread int other; int get(void) { return other; }", "gcc", ["-fPIE"]);
    expect(() => NativeModule.load(direct, { table })).toThrow(
      /R_X86_64_GOTTPOFF: found other, expected a thread-local variable of the module itself; -fPIC -mtls-dialect=gnu reaches/,
    );
    const plain = compile("extern int other; int get(void) { return other; }", "gcc", ["-fPIC"]);
    expect(() => NativeModule.load(plain, { table })).toThrow(
      "other: found a thread-local variable of the program, expected one of all threads",
    );
    table.close();
  });

  it("of other modules are each thread's own, and keep these modules", () => {
    const owner = `__thread int before = 1, other = 5; static __thread int hidden = 3;
      void set(int to) { other = to; } int seen(void) { return other + hidden; }`;
    const user = `
      #include <pthread.h>
      extern __thread int other; void set(int); int seen(void);
      int get(void) { return other; }
      static void *run(void *to) { other += 10; set(seen() * 2); *(int *)to = get(); return 0; }
      int in_thread(void) { pthread_t t; int seen = -1; pthread_create(&t, 0, run, &seen); pthread_join(t, 0); return seen; }`;
    for (const flags of [["-fPIC"], ["-fPIE"]]) {
      const module = NativeModule.load(compile(owner, "gcc", [...flags, "-g"]), { name: "owner" });
      expect([...module.threadVariables.keys()].sort()).toEqual(["before", "other"]);
      const table = new ExportTable().addLibrary("libc.so.6").addModule(module);
      const using = NativeModule.load(compile(user, "gcc", ["-fPIC", "-g"]), { name: "using", table });
      module.call("void set(int)", 7);
      expect(using.call("int get(void)")).toBe(7);
      expect(using.call("int in_thread(void)")).toBe(36);
      expect(using.call("int get(void)")).toBe(7);
      expect(() => module.unload()).toThrow(expect.objectContaining({ code: "DYNLD_IN_USE" }));
      const wrong = user.replaceAll("int other", "long other");
      expect(() =>
        NativeModule.load(compile(wrong, "gcc", ["-fPIC", "-g"]), { name: "wrong", table }),
      ).toThrow("wrong: signature mismatch: other: module expects long, program provides int");
      using.unload();
      module.unload();
    }
  });

  it("that are none can't be reached, and that is said by name", () => {
    const source = "extern __thread int other; int get(void) { return other; }";
    const table = new ExportTable().add({ name: "other", sig: 0, addr: 0x1000 });
    expect(() => NativeModule.load(compile(source, "gcc", ["-fPIC"]), { name: "other", table })).toThrow(
      /R_X86_64_TLSGD: found other, expected a thread-local variable of the module itself/,
    );
  });
});
