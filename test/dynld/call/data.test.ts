/** Variables of a library, read and written where they are. */
import { describe, expect, it } from "vitest";
import { type RecordView, snapshot } from "../../../src/dynld/call/record-view.ts";
import { compileApi, openApi } from "./open.ts";

describe.each([["gcc"], ["clang"]])("variables, %s", async (compiler) => {
  const { fn, data } = await openApi(compileApi(compiler, "-g"));

  it("reads them", () => {
    expect(data.counter).toBe(3);
    expect(data.fixed).toBe(77);
    expect(data.large).toBe(0xfedc_ba98_7654_3210n);
    expect(data.flag).toBe(true);
    expect(data.paint).toBe(5);
    expect(data.title).toBe("a title");
    expect([...(data.table as Int32Array)]).toEqual([1, 2, 3, 4]);
    expect(snapshot(data.origin as RecordView)).toEqual({ x: 3, y: 4 });
    expect((data.head as { next: { label: string } }).next.label).toBe("first");
    expect((data.operation as (a: number, b: number) => number)(1, 2)).toBe(3);
    expect(data.per_thread).toBe(11);
    expect(() => data.extended).toThrow("found long double");
  });

  it("writes them", () => {
    data.counter = 30;
    data.large = 1;
    data.flag = false;
    data.paint = "BLUE";
    data.buffer = "new";
    (data.table as Int32Array)[2] = -3;
    const origin = data.origin as { x: number; y: number };
    origin.x = 6;
    data.origin = { ...snapshot(data.origin as RecordView), y: 8 };
    const head = data.head as Record<string, unknown>;
    head.value = 50;
    head.next = (head.next as Record<string, unknown>).next;
    data.per_thread = 12;
    expect(fn.check_variables?.()).toBe(1);
    expect(origin.y).toBe(8);
  });

  it("refuses names that nothing has", () => {
    expect(() => {
      data.countr = 1;
    }).toThrow(/api\d+\.so: countr: found an assignment, expected none: there is no such variable$/);
    expect(data.countr).toBeUndefined();
    const origin = data.origin as Record<string, unknown>;
    expect(() => {
      origin.z = 1;
    }).toThrow("struct point: .z: found an assignment, expected none: there is no such member");
    expect(Object.keys(origin)).toEqual([]);
    expect(origin.z).toBeUndefined();
  });

  it("refuses what they can't be, and does not end the process on what is const", () => {
    expect(() => {
      data.counter = "x";
    }).toThrow('int counter: found "x", expected int');
    expect(() => {
      data.fixed = 1;
    }).toThrow("const int fixed: found an assignment, expected none: it is const");
    const unit = data.unit as { x: number };
    expect(() => {
      unit.x = 2;
    }).toThrow("struct point: .x: found an assignment, expected none: it is const");
    expect(() => fn.move?.(unit, 1, 1)).toThrow(
      "move: parameter 1, p: found what is const, expected struct point *",
    );
    expect(fn.area_at?.(unit)).toBe(1);
    const constants = data.constants as Int16Array;
    constants[0] = 99;
    expect([...(data.constants as Int16Array)]).toEqual([7, 8, 9]);
    expect(() => {
      data.title = "elsewhere";
    }).toThrow("expected an address or a buffer");
  });
});
