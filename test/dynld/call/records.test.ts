/** Structures and unions, by value in all classes of the ABI and by pointer. */
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { addressOf } from "../../../src/dynld/call/memory.ts";
import { type RecordView, snapshot } from "../../../src/dynld/call/record-view.ts";
import { COMPILERS, compileApi, openApi } from "./open.ts";

/** A view, as tests use one. */
type View = RecordView & Record<string, unknown>;

const plain = (view: unknown): unknown => snapshot(view as object);

describe.each(COMPILERS)("structures in typed calls, %s %s", async (compiler, dwarf) => {
  const { fn, lib } = await openApi(compileApi(compiler, dwarf));

  it("passes large structures by value", () => {
    const large = lib.type("struct large").create() as { bytes: Int8Array };
    large.bytes[0] = 4;
    large.bytes[large.bytes.length - 1] = 2;
    expect(fn.large_by_value?.(large, large)).toBe(42);
  });

  it("passes and returns them in general registers", () => {
    expect(fn.area?.({ x: 3, y: 4 })).toBe(12);
    expect(plain(fn.swap?.({ x: 1, y: -2 }))).toEqual({ x: -2, y: 1 });
    expect(plain(fn.twice?.({ a: 2n ** 40n, b: -1n }))).toEqual({ a: 2n ** 41n, b: -2n });
    const three = fn.reverse?.({ c: [1, 2, 3] }) as View;
    expect([...(three.c as Int8Array)]).toEqual([3, 2, 1]);
  });

  it("passes and returns them in registers for numbers with a point, and in both", () => {
    expect(plain(fn.rotate?.({ a: 1, b: 2, c: 3 }))).toEqual({ a: 2, b: 3, c: 1 });
    expect(plain(fn.remix?.({ d: 6.5, i: 7, s: 8 }))).toEqual({ d: 7, i: 6, s: 9 });
    expect(plain(fn.doubled?.({ d: 1.25 }))).toMatchObject({ d: 2.5 });
  });

  it("passes and returns them in memory", () => {
    expect(plain(fn.scale?.({ x: 1, y: 2, z: 3 }, 0.5))).toEqual({ x: 0.5, y: 1, z: 1.5 });
    expect(plain(fn.shift?.(1, { a: 1n, b: 2n, c: 3n, d: 4n, e: 5n }))).toEqual({
      a: 3n,
      b: 4n,
      c: 5n,
      d: 6n,
      e: 2n,
    });
    expect(fn.packed_sum?.({ c: 1, l: 2n, m: 3n })).toBe(6n);
  });

  it("passes and returns them of all small sizes and mixtures", () => {
    const cases: [string, Record<string, unknown>, Record<string, unknown>][] = [
      ["one", { c: 127 }, { c: -128 }],
      ["two", { s: -2 }, { s: -1 }],
      ["four", { i: -1 }, { i: 0 }],
      ["six", { a: 1, b: -2, c: 3 }, { a: 3, b: 1, c: -2 }],
      ["fi", { f: 2.5, i: -7 }, { f: -7, i: 2 }],
      ["di", { d: 1e9, i: -7 }, { d: -7, i: 1e9 }],
      ["df", { d: 0.5, f: 0.25 }, { d: 0.25, f: 0.5 }],
    ];
    for (const [name, given, expected] of cases) {
      expect(plain(fn[name]?.(given)), name).toEqual(expected);
      const view = lib.type(`struct ${name}`).create(given);
      expect(plain(fn[name]?.(view)), `${name} as a view`).toEqual(expected);
      expect(plain(view), `${name} passed by value`).toEqual(given);
    }
    const deep = { inner: { p: { x: 1, y: 2 }, w: 1.5 }, tail: 9 };
    expect(plain(fn.deep?.(deep))).toEqual({ inner: { p: { x: 10, y: 2 }, w: 3 }, tail: 9 });
    expect(plain(fn.unit_vec?.())).toEqual({ x: 1, y: 1, z: 1 });
  });

  it("passes them on the stack when registers run out", () => {
    expect(fn.spill?.(1n, 2n, 3n, 4n, 5n, { a: 6n, b: 7n }, 8n)).toBe(204n);
    const v = { x: 1, y: 2, z: 3 };
    expect(fn.spill_floats?.(v, 1, 2, 3, 4, 5, 6, 7, { a: 8, b: 9, c: 10 }, 11)).toBe(
      6 + 140 + 64 + 81 + 100 + 121,
    );
  });

  it("passes unions, structures of unions, and bit-fields", () => {
    const asFloat = fn.as_float?.({ i: 3 }) as View;
    expect(asFloat.f).toBe(3);
    expect([...(asFloat.bytes as Uint8Array)]).toEqual([0, 0, 0x40, 0x40]);
    const held = fn.hold?.({ n: { i: 9 }, kind: 1 }) as View;
    expect(held.kind).toBe(9);
    expect([...((held.n as View).bytes as Uint8Array)]).toEqual([4, 3, 2, 1]);
    const flags = { a: 5, b: -9, c: 0xfe_dcba_9876n, d: true, e: 0xa5 };
    expect(plain(fn.flip?.(flags))).toEqual({ a: 2, b: 9, c: 0xfe_dcba_9877n, d: false, e: 0x5a });
  });

  it("keeps the bits of what is not a number", () => {
    const type = lib.type("struct nan_bits");
    const value = type.create() as View;
    const bits = new DataView(new ArrayBuffer(4));
    bits.setUint32(0, 0x7fa0_1234);
    const bytes = new Uint8Array(lib.type("unsigned char").arrayAt(addressOf(value), 4) as Uint8Array);
    expect([...bytes]).toEqual([0, 0, 0, 0]);
    (lib.type("unsigned int").arrayAt(addressOf(value), 1) as Uint32Array)[0] = 0x7fa0_1234;
    const kept = fn.keep?.(value) as View;
    expect((lib.type("unsigned int").arrayAt(addressOf(kept), 1) as Uint32Array)[0]).toBe(0x7fa0_1234);
  });

  it("shows them by pointer as views of the program's memory", () => {
    const first = fn.list?.() as View;
    expect(first.value).toBe(1);
    expect(first.label).toBe("first");
    expect(first.color).toBe(-7);
    expect(first.apply).toBeNull();
    const second = first.next as View;
    expect(second.value).toBe(2);
    expect(second.next).toBeNull();
    expect(first.user).toBe(addressOf(second));
    expect((second.apply as (v: number) => number)(5)).toBe(-5);
    expect(fn.sum_list?.(first)).toBe(1 - 2);
    first.value = 100;
    expect(plain(fn.list?.())).toMatchObject({ value: 100 });
    expect(fn.sum_list?.(addressOf(first))).toBe(98);
    first.value = 1;
    expect(fn.no_list?.()).toBeNull();
  });

  it("gives the same views to functions, and memory of the program's own making", () => {
    const point = lib.type("struct point").create({ x: 5 }) as View;
    expect(plain(point)).toEqual({ x: 5, y: 0 });
    fn.move?.(point, 10, 20);
    expect(plain(point)).toEqual({ x: 15, y: 20 });
    expect(fn.area?.(point)).toBe(300);
    expect(fn.area_at?.(point)).toBe(300);
    expect(fn.area_at?.({ x: 6, y: 7 })).toBe(42);
    expect(fn.area_at?.(null)).toBe(-1);
    const nodes = lib.type("struct node");
    const chain = nodes.create({
      value: 3,
      next: nodes.create({ value: 4, next: null, label: null }),
      color: "GREEN",
    }) as View;
    expect(fn.sum_list?.(chain)).toBe(7);
    expect((chain.next as View).value).toBe(4);
  });

  it("reads and writes bit-fields where the compiler has them", () => {
    const flags = lib
      .type("struct flags")
      .create({ a: 5, b: -9, c: 0xfe_dcba_9876n, d: true, e: 0xa5 }) as View;
    expect(fn.check_flags?.(flags)).toBe(1);
    fn.set_flags?.(flags);
    expect(plain(flags)).toEqual({ a: 6, b: 10, c: 0x12_3456_789an, d: false, e: 0x5a });
    flags.b = -16;
    expect(plain(flags)).toEqual({ a: 6, b: -16, c: 0x12_3456_789an, d: false, e: 0x5a });
    expect(() => {
      flags.a = 8;
    }).toThrow("struct flags: .a: found 8, expected unsigned int, 0 to 7");
    expect(() => {
      flags.b = 16;
    }).toThrow("struct flags: .b: found 16, expected int, -16 to 15");
  });

  it("has packed and nested members, arrays and text where they lie", () => {
    expect(fn.check_tight?.({ c: "q", i: -5, d: 1.5 })).toBe(1);
    const named = lib.type("struct named").create({ name: "bind", scores: [1, -2], inner: 9 }) as View;
    const corners = named.corners as View[];
    (corners[1] as View).x = 30;
    (corners[1] as View).y = 1;
    corners[1] = { x: 30, y: 40 } as unknown as View;
    expect(fn.check_named?.(named)).toBe(1);
    expect(named.scores).toBeInstanceOf(Int32Array);
    expect(corners.map((corner) => corner.x)).toEqual([0, 30]);
    expect(corners).toHaveLength(2);
    expect(() => {
      named.name = "much too long";
    }).toThrow("struct named: .name: found 13 elements, expected at most 8");
    expect(() => {
      named.fixed = 1;
    }).toThrow("struct named: .fixed: found an assignment, expected none: it is const");
    expect(() => {
      corners[2] = { x: 1, y: 1 } as unknown as View;
    }).toThrow("found an assignment, expected an index below 2");
    expect(inspect(named)).toContain("inner: 9");
  });

  it("leaves memory as it was when a value does not fit", () => {
    const point = lib.type("struct point").create({ x: 1, y: 2 }) as View;
    const holder = lib.type("struct named").create({ corners: [{ x: 1 }, point] }) as View;
    expect(() => {
      holder.corners = [{ x: 9 }, { x: "no" }];
    }).toThrow('struct named: .corners[1]: .x: found "no", expected int');
    expect((holder.corners as View[]).map(plain)).toEqual([
      { x: 1, y: 0 },
      { x: 1, y: 2 },
    ]);
  });

  it("refuses what is no such structure", () => {
    expect(() => fn.area?.({ x: 1, z: 2 })).toThrow(
      'area: parameter 1, p: found member "z", which struct point does not have',
    );
    expect(() => fn.area?.(5)).toThrow(
      "area: parameter 1, p: found 5, expected struct point: a view of one, or an object with its members",
    );
    const node = fn.list?.();
    expect(() => fn.area_at?.(node)).toThrow(
      "area_at: parameter 1, p: found a view of struct node, expected const struct point *",
    );
    expect(() => fn.move?.({ x: 1, y: 2 }, 1, 1)).toThrow("move: parameter 1, p: found an object (Object)");
    expect(() => fn.as_float?.({ i: 1, f: 2 })).toThrow("found 2 members of union number, expected one");
    const second = lib.type("struct node").create() as View;
    expect(() => {
      second.label = "no place";
    }).toThrow('struct node: .label: found "no place", expected an address or a buffer');
    expect(() => {
      second.apply = (v: number) => v;
    }).toThrow("struct node: .apply: found a function, expected a callback, which lasts");
  });
});
