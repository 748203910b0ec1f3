/** zlib's own source, compiled with `-c -g` to one object: typed by its debug information, at work beside Node's zlib. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ExportTable, NativeModule, type RecordView } from "../../src/dynld/index.ts";
import { FOLDERS, objectOf } from "./support.ts";

type Stream = RecordView & {
  avail_in: number;
  avail_out: number;
  readonly total_out: bigint;
  next_in: unknown;
  next_out: unknown;
};

interface Zlib {
  readonly fn: {
    compress(to: Uint8Array, length: BigUint64Array, from: Uint8Array, count: bigint): number;
    inflateInit_(stream: Stream, version: string, size: number): number;
    inflate(stream: Stream, flush: number): number;
    inflateEnd(stream: Stream): number;
    zlibVersion(): string;
  };
  readonly data: object;
}

const [Z_OK, Z_STREAM_END, Z_NO_FLUSH] = [0, 1, 0];
const sources = readdirSync(FOLDERS.zlib).filter((name) => name.endsWith(".c"));
const paths = sources.map((name) => join(FOLDERS.zlib, name));
const bytes = readFileSync(process.execPath).subarray(1 << 20, 9 << 20);

describe.each([
  ["gcc", ["-g"]],
  ["gcc", ["-g", "-O2", "-fPIC"]],
  ["clang", ["-g", "-O2"]],
  ["clang", ["-g", "-gdwarf-4", "-O1", "-mcmodel=large"]],
] as const)("zlib by %s %j", (compiler, flags) => {
  const file = objectOf(compiler, paths, [...flags, "-DHAVE_UNISTD_H"]);
  const table = new ExportTable().addLibrary("libc.so.6");

  test("packs eight megabytes of a program for Node to unpack", () => {
    using module = NativeModule.load<Zlib>(file, { name: "zlib", table });
    const to = new Uint8Array(bytes.length + 99_999);
    const length = BigUint64Array.of(BigInt(to.length));
    expect(module.fn.compress(to, length, bytes, BigInt(bytes.length))).toBe(Z_OK);
    expect(Number(length[0])).toBeLessThan(bytes.length / 2);
    expect(inflateSync(to.subarray(0, Number(length[0]))).equals(bytes)).toBe(true);
  });

  test("unpacks what Node has packed, piece by piece, through a view of its z_stream", () => {
    using module = NativeModule.load<Zlib>(file, { name: "zlib", table });
    const { inflateInit_, inflate, inflateEnd, zlibVersion } = module.fn;
    const packed = deflateSync(bytes);
    const type = module.type("z_stream");
    const stream = type.create() as Stream;
    expect(inflateInit_(stream, zlibVersion(), type.size)).toBe(Z_OK);
    const to = Buffer.alloc(bytes.length);
    let [from, done, status] = [0, 0, Z_OK];
    while (status === Z_OK) {
      const piece = packed.subarray(from, from + 10_007);
      const room = to.subarray(done, done + 65_536);
      [stream.next_in, stream.avail_in, stream.next_out, stream.avail_out] = [
        piece,
        piece.length,
        room,
        room.length,
      ];
      status = inflate(stream, Z_NO_FLUSH);
      from += piece.length - stream.avail_in;
      done += room.length - stream.avail_out;
    }
    expect([status, done, stream.total_out]).toEqual([Z_STREAM_END, bytes.length, BigInt(bytes.length)]);
    expect(to.equals(bytes)).toBe(true);
    expect(inflateEnd(stream)).toBe(Z_OK);
  });
});
