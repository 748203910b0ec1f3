/** Objects of compilers behind the names of dynld(10.2). */
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  dynfreeimport,
  dynimport,
  dynloadable,
  dynloadfd,
  dynloadgen,
  dynobjfree,
  dyntabsize,
} from "../../../src/dynld/index.ts";
import type { DynldError } from "../../../src/errors.ts";
import { callableAt } from "../../../src/host/call.ts";
import { dlsym, RTLD_DEFAULT } from "../../../src/host/dl.ts";
import { compileTo, pathOf } from "../support/compile.ts";

const SOURCE =
  "extern int toupper(int); int devtab[4] = {7}; int distance(int a, int b) { return toupper(a) - b; }";
const END = {};

function table() {
  return [{ name: "toupper", sig: 0, addr: dlsym(RTLD_DEFAULT, "toupper") ?? 0n }, END];
}

describe("an object file", () => {
  it("is loaded by dynloadfd from where the file stands, called, and freed", () => {
    const object = readFileSync(compileTo(SOURCE, "gcc", ["-fPIC"]));
    const path = pathOf("embedded");
    writeFileSync(path, Buffer.concat([Buffer.alloc(100, 1), object, Buffer.from("behind")]));
    const fd = openSync(path, "r");
    try {
      readFrom(fd, 100);
      const obj = dynloadfd(fd, table(), dyntabsize(table()), 0);
      expect(obj.size).toBe(obj.text + obj.data + obj.bss);
      expect(obj.export.map(({ name }) => name)).toEqual(["devtab", "distance"]);
      expect(obj.import?.map(({ name }) => name)).toEqual(["toupper"]);
      const distance = dynimport(obj, "distance", 0) ?? 0n;
      expect(distance).toBeGreaterThan(obj.base);
      expect(callableAt(distance, "int f(int, int)")(97, 60)).toBe(5);
      expect(dynimport(obj, "distants", 0)).toBeUndefined();
      dynfreeimport(obj);
      expect(obj.nimport).toBe(0);
      dynobjfree(obj);
      dynobjfree(obj);
      expect(readFrom(fd, 6)).toBe("behind");
    } finally {
      closeSync(fd);
    }
  });

  it("is refused by dynloadgen with the error string, the offset put back", () => {
    const bytes = readFileSync(compileTo(SOURCE, "gcc", ["-fPIC"]));
    const tape = { at: 0 };
    const read = (from: typeof tape, buffer: Uint8Array, length: number) => {
      const piece = bytes.subarray(from.at, from.at + length);
      buffer.set(piece);
      from.at += piece.length;
      return piece.length;
    };
    const seek = (from: typeof tape, offset: number, type: 0 | 1 | 2) => {
      from.at = offset + { 0: 0, 1: from.at, 2: bytes.length }[type];
      return from.at;
    };
    expect(dynloadable(tape, read, seek)).toBe(true);
    const said: [string, DynldError][] = [];
    const err = (errstr: string, error: DynldError) => said.push([errstr, error]);
    expect(dynloadgen(tape, read, seek, err, [], 0, 0)).toBeUndefined();
    expect(dynloadgen(tape, read, seek, err, table(), 1, 64)).toBeUndefined();
    expect(said.map(([errstr]) => errstr)).toEqual([
      "undefined symbol: toupper",
      expect.stringMatching(/^\d+: object too big$/),
    ]);
    expect(tape.at).toBe(0);
  });
});

function readFrom(fd: number, length: number): string {
  const buffer = Buffer.alloc(length);
  readSync(fd, buffer, 0, length, null);
  return buffer.toString("latin1");
}
