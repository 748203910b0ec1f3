/** Sources: ranges are checked, slices can't see outside themselves, counting sees every read. */
import { describe, expect, it } from "vitest";
import { bufferSource, countingSource, sliceSource } from "../../src/bytes/source.ts";

const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);

describe("sources", () => {
  it("give views of the buffer, not copies", () => {
    const source = bufferSource(bytes, "b");
    expect(source.read(10, 5)).toEqual(Uint8Array.of(10, 11, 12, 13, 14));
    expect(source.read(10, 5).buffer).toBe(bytes.buffer);
    expect(source.read(100, 0).length).toBe(0);
  });

  it.each([
    [-1, 5],
    [96, 5],
    [101, 0],
    [0, -1],
    [2 ** 53, 1],
    [Number.NaN, 1],
    [0, Number.POSITIVE_INFINITY],
    [1.5, 1],
  ])("refuse %d, %d with a place", (offset, length) => {
    for (const source of [
      bufferSource(bytes, "b"),
      sliceSource(bufferSource(new Uint8Array(200)), 50, 100, "b"),
    ]) {
      expect(() => source.read(offset, length)).toThrow(
        expect.objectContaining({ code: "ELF_TRUNCATED", place: { file: "b", offset } }),
      );
    }
  });

  it("slice: count from their own start and end at their own end", () => {
    const slice = sliceSource(bufferSource(bytes, "whole"), 20, 10, "part");
    expect(slice.read(0, 10)).toEqual(bytes.subarray(20, 30));
    expect(slice.name).toBe("part");
    expect(() => slice.read(5, 6)).toThrow("part: offset +0x5".replace("+", ""));
    expect(() => sliceSource(bufferSource(bytes, "whole"), 95, 10)).toThrow("whole");
  });

  it("count what is read", () => {
    const source = countingSource(bufferSource(bytes));
    source.read(0, 10);
    source.read(50, 5);
    expect(source.reads).toEqual([
      { offset: 0, length: 10 },
      { offset: 50, length: 5 },
    ]);
    expect(source.bytesRead).toBe(15);
  });
});
