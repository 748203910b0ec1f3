/** What can't be called says why, by name, when it is called. */
import { describe, expect, it } from "vitest";
import { DynldError } from "../../../src/errors.ts";
import { compileApi, openApi } from "./open.ts";

describe.each([["gcc"], ["clang"]])("what is not called, %s", async (compiler) => {
  const { fn, lib } = await openApi(compileApi(compiler, "-g"));

  it.each([
    ["precise", [1], "precise: parameter 1, v: found long double"],
    ["with_long_double", ["ok", 1], "with_long_double: parameter 2, bad: found long double"],
    ["rotate_complex", [1], "rotate_complex: parameter 1, z: found _Complex double"],
    ["vector", [1], "vector: parameter 1, v: found v4"],
    ["wide128", [1n], "wide128: parameter 1, v: found __int128"],
    [
      "aligned_by_value",
      [{}],
      "aligned_by_value: parameter 1, a: found struct aligned16, a structure aligned to 16 bytes",
    ],
    ["tiny_by_value", [{}], "tiny_by_value: parameter 1, t: found struct tiny, a packed structure by value"],
    [
      "vast_by_value",
      [{}],
      "vast_by_value: parameter 1, v: found struct vast, a structure of 1048577 bytes by value",
    ],
    [
      "format",
      [null, 0n, "x"],
      "format: found int (char *, size_t, const char *, ...), which takes more arguments",
    ],
  ] as const)("%s", (name, args, message) => {
    let thrown: unknown;
    try {
      fn[name]?.(...args);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(DynldError);
    expect((thrown as DynldError).code).toBe("DYNLD_UNSUPPORTED");
    expect((thrown as DynldError).message).toContain(message);
  });

  it("calls variadic functions with the types of the others", () => {
    const { format } = lib.fn;
    const into = Buffer.alloc(64);
    const call = format?.with("int", "double", "float", "char", "long", "const char *", "enum color");
    const written = call?.(into, 64n, "%d %g %g %c %ld %s %d", 1, 2.5, 0.5, 65, -5n, "text", "GREEN");
    expect(into.toString("latin1", 0, Number(written))).toBe("1 2.5 0.5 A -5 text 5");
    expect(() => call?.(into, 64n, "%d")).toThrow("format: found 3 arguments, expected 10");
    expect(() => format?.with("struct nothing")).toThrow('type: found no type "struct nothing"');
    expect(() => lib.fn.add?.with("int")).toThrow(
      "add: found more parameters for int add(int a, int b), expected none",
    );
  });

  it("says what it is as C does", () => {
    expect(lib.fn.area_at?.declaration).toBe("int area_at(const struct point *p)");
    expect(lib.fn.area_at?.name).toBe("area_at");
    expect(typeof lib.fn.area_at?.address).toBe("bigint");
    expect("absent" in fn).toBe(false);
    expect("toString" in fn).toBe(false);
    expect(Object.keys(fn)).toContain("spill");
  });
});
