/** Calls in another thread: the program goes on, what is called stays, and what arguments lead to, too. */
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../src/dynld/call/argument-error.ts";
import type { NativeCallable } from "../../../src/dynld/call/callable.ts";
import { snapshot } from "../../../src/dynld/call/record-view.ts";
import { callAsync } from "../../../src/dynld/call/thread-call.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile } from "../support/compile.ts";
import { compileApi, openApi } from "./open.ts";

const SOURCE = `
  int usleep(unsigned);
  unsigned long pthread_self(void);
  struct pair { long a; double b; };
  struct big { long v[5]; };
  int wait_for(volatile int *flag) { while (*flag == 0) usleep(100); return *flag; }
  long wide(long v) { return v + 1; }
  struct pair swap(struct pair p) { return (struct pair){ (long)p.b, (double)p.a }; }
  struct big fill(long from) { return (struct big){ { from, from + 1, from + 2, from + 3, from + 4 } }; }
  const char *same(const char *text) { return text; }
  unsigned long thread(void) { return pthread_self(); }
  int sum(int n, int (*each)(int)) { int s = 0; for (int i = 0; i < n; i++) s += each(i); return s; }
  int deep(int bytes) {
    volatile char *room = __builtin_alloca(bytes);
    for (int at = 0; at < bytes; at += 4096) room[at] = 7;
    return room[0];
  }
  int many(int n, ...) { return n; }
  long double none(long double v) { return v; }`;

const table = new ExportTable().addLibrary("libc.so.6", ["usleep", "pthread_self"]);

function load() {
  const module = NativeModule.load(compile(SOURCE, "gcc", ["-g", "-O1", "-fPIC"]), {
    name: "threads",
    table,
  });
  const fn = (name: string): NativeCallable => module.fn[name] ?? expect.fail(name);
  return { module, fn };
}

describe("callAsync", () => {
  it("lets the program go on, and keeps module and arguments until the call is over", async () => {
    const { module, fn } = load();
    const flag = new Int32Array(1);
    const waitFor = fn("wait_for");
    const waiting = callAsync(waitFor, flag);
    await new Promise((resolve) => setImmediate(resolve));
    const inUse = expect.objectContaining({ code: "DYNLD_IN_USE" });
    expect(() => module.unload()).toThrow(inUse);
    expect(() => module.reload(compile(SOURCE, "gcc", ["-g", "-fPIC"]))).toThrow(inUse);
    expect(fn("wide")(1)).toBe(2n);
    flag[0] = 7;
    expect(await waiting).toBe(7);
    module.unload();
    await expect(callAsync(waitFor, flag)).rejects.toMatchObject({ code: "DYNLD_FREED" });
  });

  it("makes any number of calls, those that are too many later", async () => {
    const { module, fn } = load();
    const calls = Array.from({ length: 1000 }, (_, i) => callAsync(fn("wide"), i));
    expect(() => module.unload()).toThrow("1000 calls have not returned");
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 1000 }, (_, i) => BigInt(i + 1)));
    module.unload();
  });

  it("gives native code as much stack as threads have", async () => {
    const { module, fn } = load();
    expect(fn("deep")(7 << 20)).toBe(7);
    expect(await callAsync(fn("deep"), 7 << 20)).toBe(7);
    module.unload();
  });

  it("gives what a call gives, of all kinds", async () => {
    const { module, fn } = load();
    expect(await callAsync(fn("wide"), 2n ** 60n)).toBe(2n ** 60n + 1n);
    expect(snapshot((await callAsync(fn("swap"), { a: 3, b: 4 })) as object)).toEqual({ a: 4n, b: 3 });
    expect(snapshot((await callAsync(fn("fill"), 5)) as object)).toEqual({
      v: [5n, 6n, 7n, 8n, 9n],
    });
    expect(await callAsync(fn("same"), "text")).toBe("text");
    expect(await callAsync(fn("same"), null)).toBeNull();
    expect(await callAsync(fn("many").with("int"), 3, 4)).toBe(3);
    expect(await callAsync(fn("wide").as("long (long)"), 1)).toBe(2n);
    const threads = await Promise.all(Array.from({ length: 8 }, () => callAsync(fn("thread"))));
    for (const thread of threads) expect(thread).not.toBe(fn("thread")());
    module.unload();
  });

  it("calls functions that are given in the program's thread, and tells what they throw", async () => {
    const { module, fn } = load();
    expect(await callAsync(fn("sum"), 4, (i: number) => i * 10)).toBe(60);
    const seen: number[] = [];
    const failing = callAsync(fn("sum"), 4, (i: number) => {
      seen.push(i);
      if (i === 1) throw new Error(`no ${i}`);
      return 1;
    });
    await expect(failing).rejects.toThrow("no 1");
    expect(seen).toEqual([0, 1]);
    await expect(callAsync(fn("sum"), 1, () => "text")).rejects.toBeInstanceOf(ArgumentError);
    module.unload();
  });

  it("rejects what a call refuses, and calls nothing", async () => {
    const { module, fn } = load();
    await expect(callAsync(fn("wide"), "1")).rejects.toThrow(
      'wide: parameter 1, v: found "1", expected long',
    );
    await expect(callAsync(fn("wide"))).rejects.toThrow("wide: found 0 arguments, expected 1: v");
    for (const wrong of [Number.NaN, undefined, 2n ** 64n, {}, -0.5]) {
      await expect(callAsync(fn("wide"), wrong)).rejects.toBeInstanceOf(ArgumentError);
    }
    await expect(callAsync(fn("none"), 1)).rejects.toThrow("long double");
    await expect(callAsync(fn("many"), 1)).rejects.toThrow("takes more arguments than it declares");
    expect(() => callAsync(() => 1)).toThrow("callAsync: found no native function, expected one");
    module.unload();
  });
});

it("a library stays open until calls in other threads are over", async () => {
  const { lib } = await openApi(compileApi("gcc", "-g"));
  const add = lib.fn.add ?? expect.fail();
  const calls = Array.from({ length: 100 }, (_, i) => callAsync(add, i, 1));
  await Promise.resolve();
  expect(() => lib.close()).toThrow(expect.objectContaining({ code: "DYNLD_IN_USE" }));
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
});
