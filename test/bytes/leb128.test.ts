/** LEB128 against the standard's own examples, and against an encoder written from its definition. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Cursor } from "../../src/bytes/cursor.ts";
import { leb128Length, readSleb128, readUleb128, readUleb128Number } from "../../src/bytes/leb128.ts";

/** [DWARF5 7.6, figure C.1 and C.3]: emit seven bits at a time. */
function encode(value: bigint, signed: boolean): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; ) {
    const byte = Number(rest & 0x7fn);
    rest >>= 7n;
    const done = signed ? (rest === 0n && byte < 0x40) || (rest === -1n && byte >= 0x40) : rest === 0n;
    bytes.push(done ? byte : byte | 0x80);
    if (done) return Uint8Array.from(bytes);
  }
}

describe("LEB128", () => {
  it("decodes the examples of the DWARF standard", () => {
    // [DWARF5 7.6, tables 7.7 and 7.8]
    const unsigned: [number, number[]][] = [
      [2, [2]],
      [127, [127]],
      [128, [0x80, 1]],
      [129, [0x81, 1]],
      [12857, [57 + 0x80, 100]],
    ];
    for (const [value, bytes] of unsigned) {
      expect(readUleb128(Uint8Array.from(bytes), 0)).toBe(BigInt(value));
      expect(readUleb128Number(Uint8Array.from(bytes), 0)).toBe(value);
    }
    const signed: [number, number[]][] = [
      [2, [2]],
      [-2, [0x7e]],
      [127, [127 + 0x80, 0]],
      [-127, [1 + 0x80, 0x7f]],
      [128, [0x80, 1]],
      [-128, [0x80, 0x7f]],
      [129, [1 + 0x80, 1]],
      [-129, [0x7f + 0x80, 0x7e]],
    ];
    for (const [value, bytes] of signed) expect(readSleb128(Uint8Array.from(bytes), 0)).toBe(BigInt(value));
  });

  it("decodes every 64-bit value, at any place, padded or not", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 64n - 1n), fc.nat(5), fc.nat(4), (value, at, pad) => {
        const plain = encode(value, false);
        const padded = [...plain.subarray(0, -1), (plain.at(-1) ?? 0) | (pad > 0 ? 0x80 : 0)];
        for (let i = 0; i < pad; i++) padded.push(i + 1 < pad ? 0x80 : 0);
        const bytes = Uint8Array.from([...new Array<number>(at).fill(0xff), ...padded, 0xff]);
        expect(readUleb128(bytes, at)).toBe(value);
        expect(leb128Length(bytes, at)).toBe(padded.length);
        const number = readUleb128Number(bytes, at);
        if (value < 2n ** 53n) expect(number).toBe(Number(value));
        else expect(number).toBeGreaterThanOrEqual(2 ** 53);
      }),
      { seed: 2 },
    );
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        expect(readSleb128(encode(value, true), 0)).toBe(value);
      }),
      { seed: 3 },
    );
  });

  it("is refused by a cursor when it does not end", () => {
    const fault = (offset: number, what: string) => new Error(`${offset}: ${what}`);
    expect(() => new Cursor(Uint8Array.of(0x80, 0x80), true, fault).uleb128()).toThrow(
      "0: found a LEB128 without an end",
    );
    expect(() => new Cursor(new Uint8Array(100).fill(0x80), true, fault).sleb128()).toThrow("without an end");
    expect(new Cursor(Uint8Array.of(0xe5, 0x8e, 0x26), true, fault).uleb128Number()).toBe(624485);
  });
});
