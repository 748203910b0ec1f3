/** zlib as Debian compiled it for static linking, loaded from its archive, at work against libc beside Node's own. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { crc32, deflateSync, inflateSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { dladdr } from "../../../src/dlbind/index.ts";
import { ExportTable, NativeModule } from "../../../src/dynld/index.ts";
import { compile } from "../support/compile.ts";

/** What the module is to have: it draws members out of the archive, and its debug information tells their types. */
const WANTED = `
#include <zlib.h>
const void *const wanted[] = {
  (void *)compress2, (void *)compressBound, (void *)uncompress, (void *)crc32, (void *)zlibVersion,
  (void *)gzopen, (void *)gzwrite, (void *)gzclose,
};
`;

interface Zlib {
  readonly fn: {
    compress2(to: Uint8Array, length: BigUint64Array, from: Uint8Array, count: bigint, level: number): number;
    uncompress(to: Uint8Array, length: BigUint64Array, from: Uint8Array, count: bigint): number;
    compressBound(count: bigint): bigint;
    crc32(crc: bigint, bytes: Uint8Array | null, count: number): bigint;
    zlibVersion(): string;
  };
  readonly data: object;
}

const Z_OK = 0;
const Z_BUF_ERROR = -5;
const Z_DATA_ERROR = -3;

/** Bytes of every kind: text, code, zeros, and noise. */
const samples: readonly [string, Uint8Array][] = [
  ["nothing", new Uint8Array(0)],
  ["this source", readFileSync(import.meta.filename)],
  ["a program", readFileSync(process.execPath).subarray(4096, 600_000)],
  ["zeros", new Uint8Array(100_000)],
  [
    "noise",
    Buffer.concat(Array.from({ length: 999 }, (_, i) => createHash("sha512").update(`${i}`).digest())),
  ],
];

describe("zlib, loaded from an archive", () => {
  const table = new ExportTable().addLibrary("libc.so.6");
  const archive = execFileSync("gcc", ["-print-file-name=libz.a"], { encoding: "utf8" }).trim();
  const module = NativeModule.load<Zlib>(
    [compile(WANTED, "gcc", ["-g"]), { name: archive, bytes: readFileSync(archive) }],
    { name: "zlib", table },
  );
  afterAll(() => module.unload());
  const { compress2, uncompress, compressBound } = module.fn;

  const pack = (bytes: Uint8Array, level: number): Uint8Array => {
    const to = new Uint8Array(Number(compressBound(BigInt(bytes.length))));
    const length = BigUint64Array.of(BigInt(to.length));
    expect(compress2(to, length, bytes, BigInt(bytes.length), level)).toBe(Z_OK);
    return to.subarray(0, Number(length[0]));
  };

  it.each(samples)("packs and unpacks %s as Node's does", (_, bytes) => {
    for (const level of [0, 1, 6, 9]) {
      const packed = pack(bytes, level);
      expect(inflateSync(packed).equals(bytes)).toBe(true);
    }
    const packed = deflateSync(bytes);
    const to = new Uint8Array(bytes.length + 1);
    const length = BigUint64Array.of(BigInt(to.length));
    expect(uncompress(to, length, packed, BigInt(packed.length))).toBe(Z_OK);
    expect(Number(length[0])).toBe(bytes.length);
    expect(Buffer.compare(to.subarray(0, bytes.length), bytes)).toBe(0);
    expect(Number(module.fn.crc32(0n, bytes, bytes.length))).toBe(crc32(bytes));
  });

  it("says what is wrong with what it is given", () => {
    const packed = pack(Buffer.from("some text"), 9);
    const to = new Uint8Array(4);
    expect(uncompress(to, BigUint64Array.of(4n), packed, BigInt(packed.length))).toBe(Z_BUF_ERROR);
    packed[3] = (packed[3] ?? 0) ^ 0xff;
    expect(uncompress(new Uint8Array(99), BigUint64Array.of(99n), packed, BigInt(packed.length))).toBe(
      Z_DATA_ERROR,
    );
  });

  it("tells the version of its header, and lies in a module of its own", () => {
    const header = /#define ZLIB_VERSION "(.*)"/.exec(readFileSync("/usr/include/zlib.h", "utf8"))?.[1];
    expect(module.fn.zlibVersion()).toBe(header);
    expect(module.import?.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["malloc", "memcpy", "open"]),
    );
    expect(dladdr(module.address("compress2") ?? 0n)).toMatchObject({
      objectName: module.object.path,
      symbol: { name: "compress2" },
    });
  });
});
