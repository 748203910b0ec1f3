/** Functions that go in, and functions that come out. */
import { afterEach, describe, expect, it } from "vitest";
import type { Callback } from "../../../src/dynld/call/callback.ts";
import { type RecordView, snapshot } from "../../../src/dynld/call/record-view.ts";
import { compileApi, openApi } from "./open.ts";

describe.each([["gcc"], ["clang"]])("functions in typed calls, %s", async (compiler) => {
  const { fn, lib, data } = await openApi(compileApi(compiler, "-g"));
  const held: Callback[] = [];
  afterEach(() => {
    for (const one of held.splice(0)) one.release();
  });

  it("calls a JavaScript function as long as the call lasts", () => {
    expect(fn.apply?.((a: number, b: number) => a * b, 6, 7)).toBe(42);
    expect(fn.apply?.(null, 6, 7)).toBe(-1);
    const values = Int32Array.of(5, -3, 9, 0);
    const at = lib.type("int");
    fn.sort?.(values, 4n, (a: bigint, b: bigint) => {
      const [left = 0] = at.at(a) as Int32Array;
      const [right = 0] = at.at(b) as Int32Array;
      return left - right;
    });
    expect([...values]).toEqual([-3, 0, 5, 9]);
  });

  it("gives callbacks values of their types", () => {
    const seen: unknown[] = [];
    const user = new Uint8Array(8);
    const total = fn.each?.(
      2,
      (
        index: number,
        p: RecordView,
        name: string,
        wide: bigint,
        at: RecordView & { x: number },
        given: bigint,
      ) => {
        seen.push([index, snapshot(p), name, wide, snapshot(at), typeof given]);
        return index + 0.5;
      },
      user,
    );
    expect(total).toBe(2);
    expect(seen).toEqual([
      [0, { x: 0, y: 1 }, "each", 2n ** 40n, { x: 0, y: 1 }, "bigint"],
      [1, { x: 1, y: 2 }, "each", 2n ** 40n, { x: 1, y: 2 }, "bigint"],
    ]);
  });

  it("gives callbacks integers of 64 bits with all their bits", () => {
    const seen: unknown[] = [];
    const echo = (value: bigint, kind: bigint) => {
      seen.push([value, kind]);
      return value;
    };
    const values = [5n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
    expect(values.map((value) => fn.pass_wide?.(echo, value, "EVERY_BIT"))).toEqual(values);
    expect(seen).toEqual(values.map((value) => [value, 2n ** 64n - 1n]));
  });

  it("takes structures that callbacks return", () => {
    const made = fn.make_vec?.((by: number) => ({ x: by, y: by * 2, z: 1 })) as RecordView;
    expect(snapshot(made)).toEqual({ x: 3, y: 4, z: 1 });
  });

  it("gives native code 0 for what a callback throws, and calls no others", () => {
    const called: number[] = [];
    const actions = (failing: number) =>
      [7n, 0x1234n, 2.5, { x: 1, y: 2, z: 3 }, { x: 4, y: 5 }].map((value, index) => (one: number) => {
        called.push(one);
        if (index === failing) throw new RangeError("no value");
        return value;
      });
    const got = () => [
      data.got_long,
      data.got_pointer,
      data.got_double,
      snapshot(data.got_vec as RecordView),
      snapshot(data.got_point as RecordView),
    ];
    const values = [7n, 0x1234n, 2.5, { x: 1, y: 2, z: 3 }, { x: 4, y: 5 }];
    const zeros = [0n, null, 0, { x: 0, y: 0, z: 0 }, { x: 0, y: 0 }];
    for (let failing = 0; failing < values.length; failing++) {
      expect(fn.get_all?.(...actions(-1))).toBe(5);
      expect(got()).toEqual(values);
      called.length = 0;
      expect(() => fn.get_all?.(...actions(failing))).toThrow(new RangeError("no value"));
      expect(called).toEqual([1, 2, 3, 4, 5].slice(0, failing + 1));
      expect(got()).toEqual([...values.slice(0, failing), ...zeros.slice(failing)]);
    }
    // One that is caught on the way concerns nobody else.
    const inner = () => {
      expect(() => fn.get_all?.(...actions(2))).toThrow("no value");
      return 8n;
    };
    const [, ...others] = actions(-1);
    expect(fn.get_all?.(inner, ...others)).toBe(5);
    expect(got()).toEqual([8n, ...values.slice(1)]);
  });

  it("takes no native function or callback that has to be called in another way", () => {
    using negate = lib.type("unary").callback((value: number) => -value);
    const expected = "expected int (int, int)";
    expect(() => fn.apply?.(negate, 1, 2)).toThrow(
      `apply: parameter 1, f: found a function int (int), ${expected}`,
    );
    expect(() => fn.apply?.(fn.sort, 1, 2)).toThrow(
      /found a function void \(int \*, size_t, .*, expected int/,
    );
    expect(() => {
      data.operation = negate;
    }).toThrow(`binary operation: found a function int (int), ${expected}`);
    expect(fn.apply?.(fn.add, 1, 2)).toBe(3);
    expect(fn.apply?.(fn.adder?.(), 1, 2)).toBe(3);
    // What pointers lead to is the program's matter, and so is what any function may stand for.
    const values = Int32Array.of(2, 1);
    using compare = lib.type("comparison").callback(() => 1);
    fn.sort?.(values, 2n, compare);
    expect(fn.note_any?.(negate)).toBe(negate.address);
  });

  it("throws what a callback throws, and names a result of the wrong kind", () => {
    expect(() =>
      fn.apply?.(
        () => {
          throw new RangeError("from within");
        },
        1,
        2,
      ),
    ).toThrow(new RangeError("from within"));
    expect(() => fn.apply?.(() => "text", 1, 2)).toThrow(
      'callback int (int, int): result: found "text", expected int, -2147483648 to 2147483647',
    );
    expect(() => fn.ask?.(() => "has no place", "RED")).toThrow(
      'result: found "has no place", expected const char *',
    );
    expect(fn.ask?.((color: number) => BigInt(color) && null, "BLUE")).toBeNull();
    expect(fn.apply?.((a: number, b: number) => a - b, 1, 2)).toBe(-1);
  });

  it("gives functions, and takes them back as they are", () => {
    const adder = fn.adder?.() as (a: number, b: number) => number;
    expect(adder(40, 2)).toBe(42);
    expect(fn.adder?.()).toBe(adder);
    expect(fn.apply?.(adder, 1, 2)).toBe(3);
    expect(fn.apply?.(fn.add, 1, 2)).toBe(3);
    expect(() => adder(1, "2" as unknown as number)).toThrow('parameter 2: found "2", expected int');
  });

  it("keeps a callback until it is released", () => {
    const callback = lib.type("binary").callback((a: number, b: number) => a * 10 + b);
    held.push(callback);
    fn.keep_callback?.(callback);
    expect(fn.call_kept?.(4, 2)).toBe(42);
    using negate = lib.type("unary").callback((value: number) => -value * 2);
    const node = lib.type("struct node").create({ value: 5, apply: negate }) as {
      apply: (v: number) => number;
    };
    expect(fn.sum_list?.(node)).toBe(-10);
    expect(node.apply(4)).toBe(-8);
    callback.release();
    callback.release();
    expect(() => fn.keep_callback?.(callback)).toThrow("the callback was released");
  });

  it("counts calls that have not returned", () => {
    expect(
      fn.apply?.(
        (a: number) => {
          expect(() => lib.close()).toThrow("close: 1 calls have not returned");
          return (fn.apply?.((b: number) => b + 1, a, 0) as number) + 1;
        },
        1,
        0,
      ),
    ).toBe(3);
  });

  it("makes ten thousand of them, one after the other", () => {
    const type = lib.type("binary");
    for (let i = 0; i < 10_000; i++) {
      using callback = type.callback((a: number) => a + i);
      if (i % 1000 === 0) expect(fn.apply?.(callback, 1, 0)).toBe(i + 1);
    }
  });
});
