/** Whatever values a function is given, it is called with what its types have, or it throws; the process goes on. */
import { describe, expect, it } from "vitest";
import { ArgumentError } from "../../../src/dynld/call/argument-error.ts";
import { DynldError } from "../../../src/errors.ts";
import { compileApi, openApi } from "./open.ts";

/** Functions that follow no pointer they are given: an address is believed, and no value can be refused for being a wrong one. */
const SAFE = (
  "not_ next_char neg8 inc_u8 neg16 inc_u16 add inc_u32 add_long inc_u64 halff half mix nothing color_value mixed larger " +
  "wider area swap scale remix rotate reverse twice shift as_float doubled hold flip spill spill_floats keep one two four " +
  "six fi di df deep packed_sum identity list numbers adder precise vector wide128 aligned_by_value tiny_by_value"
).split(" ");

const trap = new Proxy(
  {},
  {
    get() {
      throw new RangeError("trapped");
    },
    ownKeys: () => ["x"],
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }),
  },
);

const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  0,
  -0,
  1,
  -1,
  1.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 63),
  Number.NaN,
  Number.POSITIVE_INFINITY,
  0n,
  1n,
  -1n,
  2n ** 63n,
  2n ** 64n,
  -(2n ** 63n) - 1n,
  2n ** 200n,
  "",
  "x",
  "RED",
  "long text",
  "\0",
  "\ud800",
  {},
  [],
  { x: 1 },
  { x: 1, y: 2 },
  { x: "1" },
  { x: undefined },
  { __proto__: null },
  { c: [1, 2, 3] },
  { c: "abc" },
  { c: [1, 2, 3, 4] },
  { d: 1n },
  { n: { i: 1 } },
  { n: null },
  { a: -1 },
  { a: 9 },
  new Date(),
  /x/,
  new Map(),
  Symbol("s"),
  () => 1,
  class {},
  Uint8Array.of(1),
  new Float64Array(2),
  new DataView(new ArrayBuffer(4)),
  new ArrayBuffer(8),
  new SharedArrayBuffer(8),
  new Uint8Array(new SharedArrayBuffer(8)),
  Object.freeze({ x: 1, y: 1 }),
  {
    get x() {
      return 1;
    },
  },
  trap,
  new Array(3),
  new Proxy([], {}),
  new WeakMap(),
  Promise.resolve(),
  globalThis,
];

describe("typed calls of any values", async () => {
  const { fn, lib } = await openApi(compileApi("gcc", "-g"));
  const values = [
    ...VALUES,
    lib.type("struct point").create(),
    lib.type("vec3").create(),
    lib.type("struct node").array(2),
    lib.data.head,
    lib.fn.add,
  ];
  let seed = 20261121;
  const next = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };

  it("either call or throw what names the parameter", () => {
    let calls = 0;
    let refused = 0;
    for (let round = 0; round < 20_000; round++) {
      const name = SAFE[next(SAFE.length)] ?? "";
      const count = next(10) === 0 ? next(12) : (lib.fn[name]?.length ?? 0);
      const args = Array.from({ length: count }, () => values[next(values.length)]);
      try {
        fn[name]?.(...args);
        calls++;
      } catch (error) {
        if (!(error instanceof RangeError && error.message === "trapped")) {
          expect(error).toBeInstanceOf(error instanceof DynldError ? DynldError : ArgumentError);
          expect((error as Error).message).toMatch(new RegExp(`^${name}: `));
        }
        refused++;
      }
    }
    expect(calls).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(1000);
    expect(fn.add?.(1, 2)).toBe(3);
  });

  it("write the members of structures or throw, and leave them as they were", () => {
    const view = lib.type("struct node").create({ value: 7 }) as Record<string, unknown>;
    const named = lib.type("struct named").create({ name: "same" }) as Record<string, unknown>;
    for (const value of values) {
      for (const [target, member] of [
        [view, "value"],
        [view, "color"],
        [named, "scores"],
        [named, "corners"],
        [named, "name"],
      ] as const) {
        try {
          target[member] = value;
        } catch (error) {
          if (!(error instanceof RangeError)) expect(error).toBeInstanceOf(ArgumentError);
        }
      }
    }
    view.value = 8;
    expect(view.value).toBe(8);
  });
});
