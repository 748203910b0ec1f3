/** The names of dynld(10.2), used as its manual page says. */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { dynloadable, dynloadgen } from "../../src/dynld/dynload.ts";
import { dynloadfd } from "../../src/dynld/dynloadfd.ts";
import { dynfreeimport, dynimport, dynobjfree } from "../../src/dynld/dynobj.ts";
import { dynfindsym, dyntabsize } from "../../src/dynld/dynsym.ts";
import { InfernoImage } from "../../src/dynld/inferno/image.ts";
import { DynldError, HostError } from "../../src/errors.ts";
import { expectedOf, HOST, MODULES, moduleBytes } from "./inferno/expected.ts";

/** A file of the caller's own, as a kernel may have one. */
class Reel {
  readonly bytes: Uint8Array;
  at: number;
  /** Most bytes that one read gives. */
  readonly most: number;
  reads = 0;

  constructor(bytes: Uint8Array, at = 0, most = 1 << 20) {
    this.bytes = bytes;
    this.at = at;
    this.most = most;
  }
}

function read(reel: Reel, buffer: Uint8Array, length: number): number {
  reel.reads++;
  const piece = reel.bytes.subarray(reel.at, reel.at + Math.min(length, reel.most));
  buffer.set(piece);
  reel.at += piece.length;
  return piece.length;
}

function seek(reel: Reel, offset: number, type: 0 | 1 | 2): number {
  const from = { 0: 0, 1: reel.at, 2: reel.bytes.length };
  reel.at = from[type] + offset;
  return reel.at;
}

const fail = (errstr: string): void => expect.unreachable(errstr);

/** A module somewhere in a larger file. */
function embedded(name: string): { bytes: Uint8Array; at: number; end: number } {
  const module = moduleBytes(name);
  const bytes = new Uint8Array(module.length + 300).fill(0xee);
  bytes.set(module, 100);
  return { bytes, at: 100, end: 100 + module.length };
}

describe("dynloadgen", () => {
  it.each(MODULES)("loads %s from the middle of a file", (name) => {
    const { bytes, at, end } = embedded(name);
    const reel = new Reel(bytes, at);
    const obj = dynloadgen(reel, read, seek, fail, HOST, HOST.length, 0);
    const expected = expectedOf(name);
    expect(obj?.size).toBe(expected.size);
    expect(obj?.text).toBe(expected.header.text);
    expect(obj?.data).toBe(expected.header.data);
    expect(obj?.bss).toBe(expected.header.bss);
    // Where Inferno's loader is said to have put it, for want of another place.
    expect(obj?.base).toBe(BigInt(`0x${expected.base}`));
    expect(obj?.nexport).toBe(expected.exports.length);
    expect(obj?.nimport).toBe(expected.imports.length);
    expect(obj?.import?.map((entry) => HOST.indexOf(entry as (typeof HOST)[0]))).not.toContain(-1);
    expect(reel.at).toBe(end);
    if (!(obj instanceof InfernoImage)) return expect.unreachable();
    const loaded = Buffer.from(obj.bytes.subarray(0, obj.text + obj.data)).toString("hex");
    expect(loaded).toBe(expected.image);
  });

  it("loads from a source that gives a byte at a time", () => {
    const reel = new Reel(moduleBytes("m3dev.arm"), 0, 1);
    const obj = dynloadgen(reel, read, seek, fail, HOST, HOST.length, 0);
    expect(obj?.nexport).toBe(6);
    expect(reel.reads).toBeGreaterThan(1000);
  });

  it("puts the offset back and tells why when it fails", () => {
    const { bytes, at } = embedded("m2basic.386");
    const told: [string, DynldError][] = [];
    const load = (reel: Reel, nexport: number, maxsize: number) =>
      dynloadgen(reel, read, seek, (errstr, error) => told.push([errstr, error]), HOST, nexport, maxsize, {
        name: "reel",
      });
    for (const [nexport, maxsize, end] of [
      [0, 0, bytes.length],
      [HOST.length, 10, bytes.length],
      [HOST.length, 0, 500],
    ] as const) {
      const reel = new Reel(bytes.subarray(0, end), at);
      expect(load(reel, nexport, maxsize)).toBeUndefined();
      expect(reel.at).toBe(at);
    }
    const nothing = new Reel(bytes, 3);
    expect(load(nothing, HOST.length, 0)).toBeUndefined();
    expect(nothing.at).toBe(3);
    const { size } = expectedOf("m2basic.386");
    expect(told.map(([errstr]) => errstr)).toEqual([
      "undefined symbol: hostadd",
      `${size}: object too big`,
      "error reading object file",
      "not dynamic object file or wrong platform",
    ]);
    expect(told.map(([, error]) => error.place.file)).toEqual(["reel", "reel", "reel", "reel"]);
  });

  it("takes what read and seek say", () => {
    const reel = () => new Reel(moduleBytes("m1min.386"));
    const told: string[] = [];
    const err = (errstr: string) => void told.push(errstr);
    for (const got of [-1, 0, Number.NaN, 1.5, 1e9]) {
      expect(dynloadgen(reel(), () => got, seek, err, HOST, HOST.length, 0)).toBeUndefined();
    }
    const stuck = (one: Reel, offset: number, type: 0 | 1 | 2) => (offset > 0 ? -1 : seek(one, offset, type));
    expect(dynloadgen(reel(), read, stuck, err, HOST, HOST.length, 0)).toBeUndefined();
    expect(new Set(told)).toEqual(new Set(["error reading object file"]));
    expect(told.length).toBe(6);
  });

  it("lets what read throws through, with the offset put back", () => {
    const reel = new Reel(moduleBytes("m1min.386"), 0);
    const broken = (one: Reel, buffer: Uint8Array, length: number) => {
      if (one.at > 40) throw new RangeError("the tape is torn");
      return read(one, buffer, Math.min(length, 20));
    };
    expect(() => dynloadgen(reel, broken, seek, fail, HOST, HOST.length, 0)).toThrow("the tape is torn");
    expect(reel.at).toBe(0);
  });

  it("does not take memory for what a header says, before it is there", () => {
    const header = new Uint8Array(32);
    new DataView(header.buffer).setUint32(0, 0x800001eb);
    new DataView(header.buffer).setUint32(4, 0x0ffffff0);
    const asked: number[] = [];
    const counting = (reel: Reel, buffer: Uint8Array, length: number) => {
      asked.push(buffer.length);
      return read(reel, buffer, length);
    };
    dynloadgen(new Reel(header), counting, seek, () => undefined, [], 0, 0);
    expect(Math.max(...asked)).toBeLessThanOrEqual(1 << 16);
  });
});

describe("dynloadable", () => {
  it("knows modules by their first bytes, and leaves the offset alone", () => {
    for (const name of MODULES) {
      const { bytes, at } = embedded(name);
      const reel = new Reel(bytes, at);
      expect(dynloadable(reel, read, seek)).toBe(true);
      expect(reel.at).toBe(at);
    }
    for (const bytes of [[], [0x80, 0, 1], [0x7f, 0x45, 0x4c], [0, 0, 1, 0xeb]]) {
      const reel = new Reel(Uint8Array.from(bytes));
      expect(dynloadable(reel, read, seek)).toBe(false);
      expect(reel.at).toBe(0);
    }
  });
});

describe("dynloadfd", () => {
  const folder = mkdtempSync(join(tmpdir(), "bindery-dynld-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const { bytes, at, end } = embedded("m3dev.power");
  const path = join(folder, "modules");
  writeFileSync(path, bytes);

  /** Where the kernel says that an open file stands, by reading on. */
  function nextByte(fd: number): number | undefined {
    const one = new Uint8Array(1);
    return readSync(fd, one, 0, 1, null) === 1 ? one[0] : undefined;
  }

  it("loads the module that an open file stands at, and stands behind it then", () => {
    const fd = openSync(path, "r");
    try {
      readSync(fd, new Uint8Array(at), 0, at, null);
      const obj = dynloadfd(fd, HOST, HOST.length, 0);
      expect(dynimport(obj, "XXXdevtab", 0xfde04b67)).toBe(0x1000_0178n);
      const rest = new Uint8Array(1000);
      expect(readSync(fd, rest, 0, 1000, null)).toBe(bytes.length - end);
    } finally {
      closeSync(fd);
    }
  });

  it("throws with the loader's error string, and stands where it stood", () => {
    const fd = openSync(path, "r");
    try {
      readSync(fd, new Uint8Array(at), 0, at, null);
      let error: unknown;
      try {
        dynloadfd(fd, [], 0, 0);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(DynldError);
      expect(error).toMatchObject({ errstr: "undefined symbol: hostadd", code: "DYNLD_UNDEFINED_SYMBOL" });
      expect(nextByte(fd)).toBe(0x80);
    } finally {
      closeSync(fd);
    }
    expect(() => dynloadfd(fd, [], 0, 0)).toThrow(HostError);
  });
});

describe("the tables", () => {
  it("end at a nil name, or where the array ends", () => {
    const [a, b] = HOST;
    expect(dyntabsize([])).toBe(0);
    expect(dyntabsize(HOST)).toBe(616);
    expect(dyntabsize([a ?? {}, {}, b ?? {}])).toBe(1);
    const ended = [...HOST, {}, { name: "zzz", sig: 0, addr: 0 }];
    const reel = new Reel(moduleBytes("m3dev.386"));
    expect(dynloadgen(reel, read, seek, fail, ended, dyntabsize(ended), 0)?.nimport).toBe(5);
  });

  it("are searched by name among the first nsym entries", () => {
    for (const symbol of HOST) expect(dynfindsym(symbol.name, HOST)).toBe(symbol);
    for (const name of ["", "_", "hostad", "hostaddx", "zzz"]) expect(dynfindsym(name, HOST)).toBeUndefined();
    const last = HOST.at(-1)?.name ?? "";
    expect(dynfindsym(last, HOST, HOST.length - 1)).toBeUndefined();
    expect(dynfindsym(last, HOST, HOST.length + 1)).toBe(HOST.at(-1));
  });

  it("are in the order of the bytes of names", () => {
    const names = ["A", "Z", "_", "a", "ab", "é", "\uffff", "\u{1f600}"];
    const bytes = names.map((name) => Buffer.from(name));
    expect([...bytes].sort(Buffer.compare)).toEqual(bytes);
    const table = names.map((name) => ({ name }));
    for (const entry of table) expect(dynfindsym(entry.name, table)).toBe(entry);
  });
});

describe("a loaded module", () => {
  const obj = dynloadgen(new Reel(moduleBytes("m2basic.arm")), read, seek, fail, HOST, HOST.length, 0);
  if (obj === undefined) throw new Error("not loaded");

  it("gives addresses by name and signature", () => {
    expect(dynimport(obj, "square", 0)).toBe(0x1000_0008n);
    expect(dynimport(obj, "square", 0xbb29c315)).toBe(0x1000_0008n);
    expect(dynimport(obj, "square", 0xbb29c315n)).toBe(0x1000_0008n);
    expect(dynimport(obj, "square", 0xbb29c316)).toBeUndefined();
    expect(dynimport(obj, "cube", 0)).toBeUndefined();
  });

  it("can lose its import table, and then itself", () => {
    dynfreeimport(obj);
    expect([obj.nimport, obj.import]).toEqual([0, undefined]);
    expect(dynimport(obj, "square", 0)).toBe(0x1000_0008n);
    dynobjfree(obj);
    dynobjfree(obj);
    dynobjfree(undefined);
    expect(dynimport(obj, "square", 0)).toBeUndefined();
    expect(() => (obj as InfernoImage).bytes).toThrow("the module was freed");
  });
});
