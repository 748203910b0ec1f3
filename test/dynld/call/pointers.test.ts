/** Arrays and pointers: typed arrays, addresses, and what is refused for them. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { addressOf } from "../../../src/dynld/call/memory.ts";
import { compileApi, openApi } from "./open.ts";

describe("pointers in typed calls", async () => {
  const { fn, lib } = await openApi(compileApi("gcc", "-g"));

  it("takes typed arrays for pointers to numbers, and writes through them", () => {
    expect(fn.sum?.(Int32Array.of(1, 2, 3), 3n)).toBe(6);
    expect(fn.sum_doubles?.(Float64Array.of(0.5, 0.25), 2)).toBe(0.75);
    const quotient = new Int32Array(1);
    const remainder = new Int32Array(1);
    fn.divide?.(17, 5, quotient, remainder);
    expect([quotient[0], remainder[0]]).toEqual([3, 2]);
    const bytes = Buffer.alloc(4);
    fn.fill?.(bytes, 3n);
    expect(bytes.toString("latin1")).toBe("xxx\0");
    expect(fn.row?.(Int32Array.of(1, 2, 3, 4, 5, 6), 1)).toBe(15);
  });

  it("gives addresses, and arrays at them", () => {
    const address = fn.numbers?.() as bigint;
    const numbers = lib.type("int").arrayAt(address, 4) as Int32Array;
    expect([...numbers]).toEqual([10, 20, 30, 40]);
    numbers[1] = 21;
    expect(fn.sum?.(address, 4n)).toBe(101);
    numbers[1] = 20;
    expect(fn.identity?.(address)).toBe(address);
    expect(fn.identity?.(null)).toBeNull();
    expect(fn.identity?.(0xffff_ffff_ffff_ffffn)).toBe(0xffff_ffff_ffff_ffffn);
    const own = new Uint8Array(16);
    expect(fn.identity?.(own)).toBe(addressOf(own));
    expect(fn.identity?.(own.subarray(3))).toBe(addressOf(own) + 3n);
  });

  it("makes arrays of structures and of pointers", () => {
    const points = lib.type("struct point").array([
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ]) as { x: number }[];
    expect(fn.sum_points?.(points, 2)).toBe(14);
    expect(points.map(({ x }) => x)).toEqual([1, 3]);
    expect(fn.sum_points?.(points[1], 1)).toBe(12);
    const texts = [Buffer.from("one\0"), Buffer.from("three\0")];
    const pointers = lib.type("const char *").array(texts);
    expect([...(pointers as unknown[])]).toEqual(["one", "three"]);
    expect(fn.join?.(pointers, 2)).toBe(8);
    expect(fn.join?.(BigUint64Array.from(texts.map(addressOf)), 2)).toBe(8);
  });

  it("takes no room for a look at a large array", () => {
    const points = lib.type("struct point").array(1_000_000) as { x: number }[];
    const address = addressOf(points);
    const before = process.memoryUsage().heapUsed;
    const views = Array.from(
      { length: 50 },
      () => lib.type("struct point").arrayAt(address, 1_000_000) as { x: number; y: number }[],
    );
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
    const [first = [], last = []] = [views[0], views.at(-1)];
    (first[999_999] as { x: number }).x = 7;
    expect([last.length, last.at(-1)?.x, last.findLast(() => true)?.x]).toEqual([1_000_000, 7, 7]);
    const few = lib.type("struct point").arrayAt(address, 3) as { x: number; y: number }[];
    few[1] = { x: 5, y: 6 };
    expect([...few.entries()].map(([index, { x }]) => [index, x])).toEqual([
      [0, 0],
      [1, 5],
      [2, 0],
    ]);
    expect(few.slice(1).length).toBe(2);
    expect([1 in few, 3 in few, few[3], Array.isArray(few)]).toEqual([true, false, undefined, true]);
    expect(() => {
      few.length = 0;
    }).toThrow("expected an index below 3");
  });

  it("copies typed arrays as they are", () => {
    const values = Int32Array.from({ length: 1000 }, (_, i) => i * 3_000_000 - 5);
    expect(lib.type("int").array(values.subarray(2))).toEqual(values.subarray(2));
    expect(() => lib.type("int").array(Uint32Array.of(2 ** 32 - 1))).toThrow("int[0]: found 4294967295");
    expect(() => lib.type("bool").array(Uint8Array.of(2))).toThrow("bool[0]: found 2, expected bool");
  });

  it("keeps what its own memory points to", () => {
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc") as () => void;
    const nodes = lib.type("struct node");
    type Chain = { value: number; next: Chain | null };
    let head: Chain | null = null;
    for (let value = 0; value < 2000; value++) head = nodes.create({ value, next: head }) as Chain;
    for (let round = 0; round < 3; round++) {
      gc();
      for (let i = 0; i < 5000; i++) nodes.create({ value: -1 });
    }
    expect(fn.sum_list?.(head)).toBe(1999 * 1000);
  });

  it("refuses what points to something else", () => {
    const cases: [string, unknown[], string][] = [
      [
        "sum",
        [Float32Array.of(1), 1n],
        "sum: parameter 1, values: found an object (Float32Array), expected const int *",
      ],
      [
        "sum",
        [Uint8Array.of(1), 1n],
        "sum: parameter 1, values: found an object (Uint8Array), expected const int *",
      ],
      ["sum", [[1, 2], 2n], "sum: parameter 1, values: found an object (Array), expected const int *"],
      ["sum", [1, 1n], "sum: parameter 1, values: found 1, expected const int *"],
      ["identity", [-1n], "identity: parameter 1, p: found -1n, expected void *"],
      ["identity", [1n << 64n], `identity: parameter 1, p: found ${1n << 64n}n, expected void *`],
      ["identity", ["text"], 'identity: parameter 1, p: found "text", expected void *'],
      ["identity", [{}], "identity: parameter 1, p: found an object (Object), expected void *"],
      ["area_at", [new Uint8Array(7)], "found an object (Uint8Array), expected const struct point *"],
    ];
    for (const [name, args, message] of cases) expect(() => fn[name]?.(...args)).toThrow(message);
    expect(fn.area_at?.(new Uint8Array(Int32Array.of(5, 6).buffer))).toBe(30);
  });

  it("knows types by their names in C", () => {
    expect(lib.type("vec3").size).toBe(24);
    expect(lib.type("enum color").declaration).toBe("enum color");
    expect(lib.type("long unsigned int").size).toBe(8);
    expect(lib.type("struct node **").declaration).toBe("struct node **");
    expect(lib.type("binary").declaration).toBe("binary");
    expect(() => lib.type("struct pint")).toThrow(
      'type: found no type "struct pint" in what is exported; there are struct point',
    );
    expect(() => lib.type("void").create()).toThrow("type: found void");
    expect(() => lib.type("int").array(2 ** 40)).toThrow("int: found 1099511627776 elements");
    expect(() => lib.type("struct point").at(0n)).toThrow("at: found 0n, expected an address that is not 0");
    expect(() => lib.type("int").callback(() => 1)).toThrow(
      "callback: found int, expected the type of a function",
    );
  });
});
