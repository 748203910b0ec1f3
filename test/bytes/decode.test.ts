/** The decompressors, against the tools that compress; and bounded, whatever they are given. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { crc32, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { decodeZlib } from "../../src/bytes/zlib.ts";
import { decodeZstd, decodeZstdWhole, isZstd } from "../../src/bytes/zstd.ts";
import { decodeXz, isXz } from "../../src/host/xz.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";

/** Runs a compressor over its standard input. */
function run(command: string, input: Uint8Array): Uint8Array {
  return execFileSync("sh", ["-c", command], { input, maxBuffer: 2 ** 28 });
}

const random = new Random(7);
const INPUTS: [string, Uint8Array][] = [
  ["code", readFileSync("/usr/lib/x86_64-linux-gnu/libz.so.1")],
  ["text", readFileSync("/usr/include/elf.h")],
  ["noise", Uint8Array.from({ length: 70_000 }, () => random.below(256))],
  ["skewed noise", Uint8Array.from({ length: 150_000 }, () => random.below(random.below(40) + 1))],
  ["zeros", new Uint8Array(300_000)],
  ["a period of three", Uint8Array.from({ length: 100_001 }, (_, i) => i % 3)],
  ["one byte", Uint8Array.of(42)],
  ["nothing", new Uint8Array(0)],
];

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

describe.each(INPUTS)("%s", (_, input) => {
  it.each(["-1", "-19", "--fast=9", "-3 --no-check"])("comes back from zstd %s", (flags) => {
    const packed = run(`zstd -q -c ${flags}`, input);
    expect(isZstd(packed)).toBe(true);
    expect(same(decodeZstd(packed, input.length), input)).toBe(true);
    if (input.length > 0) expect(same(decodeZstdWhole(packed, 1e6), input)).toBe(true);
  });

  it.each([
    "-6",
    "-9e",
    "--check=crc32 --lzma2=dict=1MiB",
    "--check=none --lzma2=lc=0,lp=4,pb=0",
    "--lzma2=lc=4,lp=0,pb=4,nice=273",
    "--block-size=50000",
  ])("comes back from xz %s", (flags) => {
    const packed = run(`xz -c ${flags}`, input);
    expect(isXz(packed)).toBe(true);
    expect(same(decodeXz(packed, input.length), input)).toBe(true);
  });

  it.each([0, 1, 6, 9])("comes back from zlib, level %d", (level) => {
    const packed = deflateSync(input, { level });
    expect(same(decodeZlib(packed, input.length), input)).toBe(true);
    expect(same(decodeZlib(Buffer.concat([packed, Buffer.alloc(12)]), input.length), input)).toBe(true);
  });
});

describe("several pieces in one file", () => {
  const text = new TextEncoder().encode("first and second and first again");
  it("zstd: frames, with a skippable one between", () => {
    const frame = run("zstd -q -c", text);
    const skippable = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const both = decodeZstdWhole(Buffer.concat([frame, skippable, frame]), 1000);
    expect(same(both, Buffer.concat([text, text]))).toBe(true);
  });

  it("xz: streams, with padding between", () => {
    const stream = run("xz -c", text);
    const both = decodeXz(Buffer.concat([stream, new Uint8Array(8), stream]), 1000);
    expect(same(both, Buffer.concat([text, text]))).toBe(true);
  });
});

describe("damage", () => {
  const text = readFileSync("/usr/include/elf.h").subarray(0, 20_000);
  const decoders: [string, (input: Uint8Array, limit: number) => Uint8Array, Uint8Array][] = [
    ["zlib", decodeZlib, deflateSync(text)],
    ["zstd", decodeZstd, run("zstd -q -c", text)],
    ["zstd -19", decodeZstdWhole, run("zstd -q -c -19", text)],
    ["xz", decodeXz, run("xz -c", text)],
  ];

  it.each(decoders)(
    "%s: is refused, or leaves the data whole; never more than the limit",
    (_, decode, packed) => {
      const dice = new Random(11);
      let refused = 0;
      for (let i = 0; i < 1000; i++) {
        const bytes = mutate(packed, dice, 0, i % 3 === 0 ? 64 : packed.length);
        let output: Uint8Array | undefined;
        try {
          output = decode(bytes, text.length);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(Error);
          expect(error).not.toBeInstanceOf(RangeError);
          expect(error).not.toBeInstanceOf(TypeError);
        }
        // All three have checksums: what is not refused is what was there before.
        if (output !== undefined && output.length > 0) expect(same(output, text)).toBe(true);
      }
      expect(refused).toBeGreaterThan(600);
    },
  );

  it("stops at the limit, before it has filled memory", () => {
    const bomb = new Uint8Array(64 * 2 ** 20);
    for (const [decode, packed, message] of [
      [decodeZstd, run("zstd -q -c", bomb), "no complete, undamaged frames of 100000 decompressed bytes"],
      [decodeZstdWhole, run("zstd -q -c", bomb), "frames of 1 to 100000 decompressed bytes"],
      [decodeXz, run("xz -1 -c", bomb), "found more than 100000 decompressed bytes"],
      [decodeZlib, deflateSync(bomb), "found more than 100000 decompressed bytes"],
    ] as const) {
      expect(packed.length).toBeLessThan(100_000);
      expect(() => decode(packed, 100_000)).toThrow(message);
    }
  });

  it("refuses data that just ends, wherever it does, with or without a checksum", () => {
    for (const [decode, packed] of [
      [decodeZlib, deflateSync(text)],
      [decodeZstd, run("zstd -q -c", text)],
      [decodeZstdWhole, run("zstd -q -c --no-check", text)],
      [decodeXz, run("xz -c --check=none", text)],
    ] as const) {
      for (let left = 1; left < packed.length; left += left < 30 || left > packed.length - 30 ? 1 : 97) {
        expect(() => decode(packed.subarray(0, packed.length - left), text.length)).toThrow(
          /^(zlib|zstd|xz|io|lz)/,
        );
      }
    }
  });

  it("zstd: spends no more on sequences than their output may take", () => {
    // A kilobyte, then blocks of 98,047 sequences in 10 bytes, each repeating 34 bytes from 1 back: 3.3 MB a block.
    const header = (last: number, type: number, size: number) => [
      last | (type << 1) | ((size << 3) & 255),
      size >> 5,
      0,
    ];
    const block = [0x09, 0x41, 0xff, 0xff, 0xff, 0x54, 0, 0, 31, 1];
    const blocks = Array.from({ length: 20_000 }, (_, i) => [
      ...header(i === 19_999 ? 1 : 0, 2, block.length),
      ...block,
    ]);
    const head = [0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 16, 0, ...header(0, 1, 1000), 0x42];
    const frame = Uint8Array.from(head.concat(...blocks));
    expect(() => decodeZstd(frame, 2 ** 20)).toThrow("zstd: found no complete");
    expect(() => decodeZstdWhole(frame, 2 ** 20)).toThrow("zstd: found no complete");
  });

  it("xz: is not deceived by an index that lies", () => {
    const packed = run("xz -1 -c", new Uint8Array(64 * 2 ** 20));
    const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
    const footer = packed.length - 12;
    const index = footer - (view.getUint32(footer + 4, true) + 1) * 4;
    // The last number is the size of the only block, 2^26, in four bytes; make it 2^21, and the sum right.
    const size = packed.indexOf(0x20, index);
    expect([...packed.subarray(size - 3, size + 1)]).toEqual([0x80, 0x80, 0x80, 0x20]);
    packed[size] = 1;
    view.setUint32(footer - 4, crc32(packed.subarray(index, footer - 4)), true);
    expect(() => decodeXz(packed, 2 ** 21)).toThrow("found more than 2097152 decompressed bytes");
    expect(() => decodeXz(packed, 2 ** 26)).toThrow(/index/i);
  });

  it("says what it does not do", () => {
    expect(() => decodeXz(run("xz -c --x86 --lzma2", text), 1e6)).toThrow("xz: found a filter before LZMA2");
    expect(() => decodeXz(run("xz -c --check=sha256", text), 1e6)).toThrow("Unsupported SHA-256 checksum");
    expect(() => decodeZstd(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), 10)).toThrow("zstd: found no complete");
    expect(() => decodeZstd(new Uint8Array(100), 2 ** 30)).toThrow("expected at most 1073741824 together");
    expect(() => decodeZlib(gzipSync(text), text.length)).toThrow("zlib: incorrect header check");
  });
});
