/** Bounded reading: values in both byte orders, and an error of the owner's making for anything out of bounds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor } from "../../src/bytes/cursor.ts";

const fault = (offset: number, what: string) => new RangeError(`at ${offset}: ${what}`);

describe("Cursor", () => {
  it("reads what DataView reads, wherever it is", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 64 }),
        fc.boolean(),
        fc.nat(),
        (bytes, little, start) => {
          const at = start % (bytes.length - 7);
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          const cursor = (position: number) => new Cursor(bytes, little, fault, position);
          expect(cursor(at).u8()).toBe(view.getUint8(at));
          expect(cursor(at).u16()).toBe(view.getUint16(at, little));
          expect(cursor(at).u32()).toBe(view.getUint32(at, little));
          expect(cursor(at).i32()).toBe(view.getInt32(at, little));
          expect(cursor(at).u64()).toBe(view.getBigUint64(at, little));
          expect(cursor(at).i64()).toBe(view.getBigInt64(at, little));
          expect(cursor(at).size64()).toBe(Number(view.getBigUint64(at, little)));
          const moved = cursor(at);
          moved.u32();
          expect(moved.position).toBe(at + 4);
        },
      ),
      { seed: 1 },
    );
  });

  it("throws the owner's error with the offset, and stays where it was", () => {
    const cursor = new Cursor(new Uint8Array(6), true, fault, 3);
    expect(() => cursor.u32()).toThrow("at 3: found 3 bytes before the end, expected 4");
    expect(cursor.position).toBe(3);
    expect(() => cursor.take(-1)).toThrow(RangeError);
    expect(() => cursor.take(Number.NaN)).toThrow(RangeError);
    expect(() => cursor.skip(2 ** 53)).toThrow(RangeError);
    expect(cursor.take(3).length).toBe(3);
    expect(cursor.remaining).toBe(0);
  });

  it("reads strings up to their NUL, in UTF-8", () => {
    const bytes = new TextEncoder().encode("caf\u00e9\0\0unfinished");
    const cursor = new Cursor(bytes, true, fault);
    expect(cursor.string()).toBe("caf\u00e9");
    expect(cursor.string()).toBe("");
    expect(() => cursor.string()).toThrow("found a string without an end");
    const long = new TextEncoder().encode(`${"x".repeat(300)}\u00fc\0`);
    expect(new Cursor(long, true, fault).string()).toBe(`${"x".repeat(300)}\u00fc`);
  });

  it("aligns from the start of its bytes, never past the end", () => {
    const cursor = new Cursor(new Uint8Array(10), true, fault, 5);
    cursor.align(4);
    expect(cursor.position).toBe(8);
    cursor.align(4);
    expect(cursor.position).toBe(8);
    cursor.u8();
    cursor.align(8);
    expect(cursor.position).toBe(10);
  });
});
