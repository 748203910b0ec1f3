import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "vitest";
import { type Allocation, LiveObject } from "../../src/dlbind/index.ts";
import { bindCode, CALL_WITH_FRAME, DATA, RODATA, returning, TEXT } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";
import { descriptors, links, mappings } from "./support/process.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("loader.c");
const countObjects = c.function<number>("int count_objects(const char *part)");
const countLinkMap = c.function<number>("int count_link_map(const char *part)");
const cDlsym = c.function<number | bigint>("uintptr_t c_dlsym(uintptr_t handle, const char *name)");
const openAgain = c.function<number | bigint>("uintptr_t open_again(const char *path)");
const closeAgain = c.function<number>("int close_again(uintptr_t handle)");

/** Everything that an object could leave behind. */
function traces(): Record<string, number> {
  // The directory of the links is named for the process.
  const place = `-${process.pid}-`;
  return {
    mappings: mappings().filter(({ path }) => path.startsWith("/memfd:bindery:")).length,
    descriptors: descriptors("/memfd:bindery:").length,
    objects: countObjects(place),
    linkMap: countLinkMap(place),
    links: links().length,
  };
}

/** Mappings of files, and of anything executable that V8 did not make for itself (those are writable, too). */
function mapped(): number {
  return mappings().filter(({ path, permissions }) => path.startsWith("/") || /^r-x/.test(permissions))
    .length;
}

/** Memory outside the heap that live views account for, once the collector has run. */
async function externalBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    await setTimeout(1);
    collect();
  }
  return process.memoryUsage().external;
}

const NONE = { mappings: 0, descriptors: 0, objects: 0, linkMap: 0, links: 0 };

describe("deleting live objects", () => {
  const objects: LiveObject[] = [];
  afterEach(() => {
    for (const lib of objects.splice(0)) lib.delete();
  });

  it("leaves nothing behind after 200 rounds of create, alloc, bind, publish, unbind and delete", async () => {
    const round = (i: number): void => {
      const lib = LiveObject.create("round", { versions: i % 2 === 0 ? [] : ["V1"] });
      const code = bindCode(lib, "f", CALL_WITH_FRAME, { unwind: "frame-pointer" });
      const data = lib.alloc(100, DATA);
      data.bytes.fill(i);
      lib.bind("d", data);
      lib.alloc(100, RODATA).write(new Uint8Array(100));
      lib.publish();
      if (i % 3 === 0) lib.unbind("f");
      if (i % 4 === 0) code.free();
      lib.publish();
      lib.delete();
    };
    round(0);
    const before = { mapped: mapped(), fds: descriptors("").length, external: await externalBytes() };
    expect(traces()).toEqual(NONE);
    for (let i = 0; i < 200; i++) round(i);
    expect(traces()).toEqual(NONE);
    expect(descriptors("").length).toBe(before.fds);
    expect(mapped()).toBe(before.mapped);
    // One forgotten view would be 64 KiB a round.
    expect((await externalBytes()) - before.external).toBeLessThan(200 * 65_536);
  });

  it("takes each of 300 objects that live at the same time, in any order", () => {
    for (let i = 0; i < 300; i++) {
      const lib = LiveObject.create(`many-${i}`);
      objects.push(lib);
      bindCode(lib, `f${i}`, returning(i));
      lib.publish();
    }
    expect(countObjects("/many-")).toBe(300);
    // One more tells debuggers of them.
    expect(traces()).toMatchObject({ descriptors: 301, objects: 301, linkMap: 301, links: 301 });
    for (const [i, lib] of objects.entries()) expect(lib.call(`int f${i}(void)`)).toBe(i);
    const even = objects.filter((_, i) => i % 2 === 0);
    for (const lib of even) lib.delete();
    expect(countObjects("/many-")).toBe(150);
    for (const [i, lib] of objects.entries()) if (i % 2 === 1) expect(lib.call(`int f${i}(void)`)).toBe(i);
    for (const lib of objects.splice(0).reverse()) lib.delete();
    expect(traces()).toEqual(NONE);
  });

  it("says when someone else has the object open, keeps it whole, and deletes it later", () => {
    const lib = LiveObject.create("held");
    objects.push(lib);
    const { address } = bindCode(lib, "f", returning(5));
    lib.publish();
    const held = openAgain(lib.path);
    expect(BigInt(held)).toBe(lib.handle);
    for (let attempt = 0; attempt < 3; attempt++) refused("DLBIND_STILL_REFERENCED", () => lib.delete());
    expect(lib.isDeleted).toBe(false);
    expect(BigInt(cDlsym(lib.handle, "f"))).toBe(address);
    bindCode(lib, "g", returning(6));
    lib.publish();
    expect(lib.call("int g(void)")).toBe(6);
    lib.unbind("f");
    expect(BigInt(cDlsym(lib.handle, "f"))).toBe(0n);
    expect(closeAgain(held)).toBe(0);
    lib.delete();
    expect(lib.isDeleted).toBe(true);
    expect(traces()).toEqual(NONE);
  });

  it("makes everything used afterwards a clear error, and views empty", () => {
    const lib = LiveObject.create("used-afterwards");
    const parts = [TEXT, DATA, RODATA].map((flags) => lib.alloc(64, flags));
    const [code, data] = parts as [Allocation, Allocation];
    code.write(returning(1));
    lib.bind("f", code);
    const views = parts.map((part) => part.bytes);
    const dataView = data.view;
    const iterator = lib.symbols();
    const { name, base, path } = lib;
    lib.delete();
    lib.delete();
    lib[Symbol.dispose]();
    expect(views.map((view) => view.length)).toEqual([0, 0, 0]);
    expect(() => dataView.getUint8(0)).toThrow(TypeError);
    for (const view of views) view[0] = 1;
    expect(data.isLive).toBe(false);
    const requests: (() => unknown)[] = [
      () => lib.handle,
      () => lib.alloc(1, TEXT),
      () => lib.allocationAt(base),
      () => lib.bind("g", code),
      () => lib.bind("g", base),
      () => lib.rebind("f", code),
      () => lib.unbind("f"),
      () => lib.symbol("f"),
      () => [...lib.symbols()],
      () => [...iterator],
      () => lib.publish(),
      () => lib.function("int f(void)"),
      () => lib.call("int f(void)"),
      () => code.address,
      () => code.bytes,
      () => code.view,
      () => code.write(returning(2)),
      () => code.flush(),
      () => code.resize(100),
      () => code.free(),
    ];
    for (const request of requests) {
      const error = refused("DLBIND_DELETED", request);
      expect(error.message).toBe("used-afterwards: the object was deleted");
    }
    expect({ name, base, path }).toEqual({ name: lib.name, base: lib.base, path: lib.path });
    for (const part of parts) part[Symbol.dispose]();
  });

  it("is what leaving a scope does", () => {
    let kept: LiveObject;
    {
      using lib = LiveObject.create("scoped");
      kept = lib;
      bindCode(lib, "f", returning(1));
    }
    expect(kept.isDeleted).toBe(true);
    expect(traces()).toEqual(NONE);
  });
});
