import { describe, expect, it } from "vitest";
import { LiveObject } from "../../src/dlbind/index.ts";
import { HostError } from "../../src/errors.ts";
import { ADD, bindCode, COMPARE_INTS, DATA, returning } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("sharing.c");

describe("bound functions in other hands", () => {
  it("serve libc's qsort as a comparator", () => {
    using lib = LiveObject.create("sorter");
    const { address } = bindCode(lib, "compare_ints", COMPARE_INTS);
    const sort = c.function<void>("void sort_ints(_Inout_ int *values, size_t count, uintptr_t comparator)");
    const values = Int32Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009);
    sort(values, values.length, address);
    expect([...values]).toEqual(
      Array.from({ length: 1000 }, (_, i) => (i * 7919) % 1009).sort((a, b) => a - b),
    );
  });

  it("are sorted over where the data lies in the object, too", () => {
    using lib = LiveObject.create("sorter");
    const { address } = bindCode(lib, "compare_ints", COMPARE_INTS);
    const data = lib.alloc(4 * 50, DATA);
    const { view } = data;
    for (let i = 0; i < 50; i++) view.setInt32(4 * i, (i * 37) % 50, true);
    c.function<void>("void sort_ints(uintptr_t values, size_t count, uintptr_t comparator)")(
      data.address,
      50,
      address,
    );
    expect(Array.from({ length: 50 }, (_, i) => view.getInt32(4 * i, true))).toEqual([...Array(50).keys()]);
  });

  it("run in a thread that they know nothing of", () => {
    using lib = LiveObject.create("threaded");
    const { address } = bindCode(lib, "f", returning(77));
    expect(c.function<number>("int call_in_thread(uintptr_t function)")(address)).toBe(77);
  });
});

describe("calling bound functions", () => {
  it("takes a C prototype and follows the name when it is bound anew", () => {
    using lib = LiveObject.create("called");
    const add = bindCode(lib, "add", ADD);
    expect(lib.call("int add(int, int)", 1, 2)).toBe(3);
    expect(lib.call("int add(int a, int b)", -5, 2)).toBe(-3);
    const reusable = lib.function("int add(int, int)");
    expect(reusable(40, 2)).toBe(42);
    const other = bindCode(lib, "constant", returning(9));
    lib.rebind("add", other);
    expect(reusable(40, 2)).toBe(9);
    expect(lib.call("int add(int, int)", 1, 2)).toBe(9);
    lib.rebind("add", add);
    expect(reusable(40, 2)).toBe(42);
  });

  it("says when the name is gone, and goes on when it is back", () => {
    using lib = LiveObject.create("gone");
    const code = bindCode(lib, "f", returning(3));
    const f = lib.function("int f(void)");
    expect(f()).toBe(3);
    lib.unbind("f");
    refused("DLBIND_NOT_BOUND", () => f());
    refused("DLBIND_NOT_BOUND", () => lib.call("int f(void)"));
    lib.bind("f", code);
    expect(f()).toBe(3);
    expect(lib.call("int f(void)")).toBe(3);
    code.free();
    refused("DLBIND_NOT_BOUND", () => f());
  });

  it("says when the object is deleted", () => {
    const lib = LiveObject.create("deleted");
    bindCode(lib, "f", returning(3));
    const f = lib.function("int f(void)");
    expect(f()).toBe(3);
    lib.delete();
    refused("DLBIND_DELETED", () => f());
    refused("DLBIND_DELETED", () => lib.call("int f(void)"));
    refused("DLBIND_DELETED", () => lib.function("int f(void)"));
  });

  it("refuses what is no prototype, and a name that is not bound", () => {
    using lib = LiveObject.create("prototypes");
    bindCode(lib, "f", returning(3));
    refused("DLBIND_BAD_ARGUMENT", () => lib.call("int f"));
    refused("DLBIND_NOT_BOUND", () => lib.call("int g(void)"));
    expect(() => lib.call("nonsense f(void)")).toThrow(HostError);
    expect(lib.call("int f(void)")).toBe(3);
  });

  it("takes names of C++ functions and others with characters beyond C's", () => {
    using lib = LiveObject.create("mangled");
    bindCode(lib, "_ZN3jit3addEii", ADD);
    expect(lib.call("int _ZN3jit3addEii(int, int)", 20, 3)).toBe(23);
  });
});
