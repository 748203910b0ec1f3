import { describe, expect, it } from "vitest";
import * as dlbindNames from "../../src/dlbind/index.ts";
import {
  dladdr,
  dlalloc,
  dlbind,
  dlcreate,
  dldelete,
  dldsym,
  dlfree,
  dlrealloc,
  dlreload,
  dlsym,
  dlunbind,
  dlvsym,
  LiveObject,
  RTLD_DEFAULT,
} from "../../src/dlbind/index.ts";
import { SHF } from "../../src/elf/constants/section.ts";
import { STT } from "../../src/elf/constants/symbol.ts";
import { dlopen, RTLD_NOW } from "../../src/host/dl.ts";
import { nativeView } from "../../src/host/ffi.ts";
import { ADD, DATA, returning, TEXT } from "./support/code.ts";
import { refused } from "./support/refused.ts";

describe("the C names of libdlbind", () => {
  it("do the seed's own example: create, allocate, bind, reload, find, call, unbind, free, delete", () => {
    const handle = dlcreate("seed");
    const code = dlalloc(handle, ADD.length, SHF.SHF_EXECINSTR);
    expect(typeof code).toBe("bigint");
    handle.allocationAt(code).write(ADD);
    expect(dlbind(handle, "add", code, ADD.length, STT.STT_FUNC)).toBe(handle);
    expect(dlreload(handle)).toBe(handle);
    expect(dlsym(handle, "add")).toBe(code);
    expect(dldsym(handle, "add")).toMatchObject({
      name: "add",
      address: code,
      size: ADD.length,
      type: STT.STT_FUNC,
    });
    expect(dladdr(code + 1n)).toEqual({
      objectName: handle.path,
      base: handle.base,
      symbol: { name: "add", address: code },
    });
    expect(handle.call("int add(int, int)", 2, 2)).toBe(4);
    dlunbind(handle, "add");
    expect(dlsym(handle, "add")).toBeUndefined();
    expect(dldsym(handle, "add")).toBeUndefined();
    expect(dladdr(code)?.symbol).toBeUndefined();
    dlfree(handle, code);
    refused("DLBIND_NOT_ALLOCATED", () => dlfree(handle, code));
    dldelete(handle);
    dldelete(handle);
    refused("DLBIND_DELETED", () => dlalloc(handle, 1, DATA));
  });

  it("allocate in the segment that the flags name, at the alignment asked for, and refuse write with execute", () => {
    using handle = dlcreate("segments");
    const ends = [TEXT, DATA, SHF.SHF_ALLOC].map((flags) => dlalloc(handle, 100, flags, 4096));
    for (const address of ends) expect(address % 4096n).toBe(0n);
    expect(handle.usage).toMatchObject({ text: 112, data: 112, rodata: 112 });
    for (let align = 1; align <= 65_536; align *= 2) {
      for (const flags of [TEXT, DATA, SHF.SHF_ALLOC]) {
        expect(dlalloc(handle, 24, flags, align) % BigInt(align)).toBe(0n);
      }
    }
    refused("DLBIND_UNSUPPORTED", () => dlalloc(handle, 1, SHF.SHF_WRITE | SHF.SHF_EXECINSTR));
  });

  it("resize in place or by moving, with the bytes kept", () => {
    using handle = dlcreate("resized");
    const first = dlalloc(handle, 16, DATA);
    handle.allocationAt(first).write(Uint8Array.from({ length: 16 }, (_, i) => i + 1));
    expect(dlrealloc(handle, first, 64)).toBe(first);
    const second = dlalloc(handle, 16, DATA);
    const moved = dlrealloc(handle, first, 4096);
    expect(moved).not.toBe(first);
    expect([...new Uint8Array(nativeView(moved, 17))]).toEqual(
      [...Array(16).keys(), 15].map((_, i) => (i < 16 ? i + 1 : 0)),
    );
    refused("DLBIND_NOT_ALLOCATED", () => dlfree(handle, first));
    dlfree(handle, moved);
    dlfree(handle, second);
    expect(handle.usage.data).toBe(0);
  });

  it("bind and find versions", () => {
    using handle = dlcreate("versioned", { versions: ["V1", "V2"] });
    const [one, two] = [dlalloc(handle, 8, TEXT), dlalloc(handle, 8, TEXT)];
    dlbind(handle, "f", one, 8, STT.STT_FUNC, { version: "V1", hidden: true });
    dlbind(handle, "f", two, 8, STT.STT_FUNC, { version: "V2" });
    expect(dlvsym(handle, "f", "V1")).toBe(one);
    expect(dlvsym(handle, "f", "V2")).toBe(two);
    expect(dlsym(handle, "f")).toBe(two);
    expect(dldsym(handle, "f", "V1")?.address).toBe(one);
    dlunbind(handle, "f", "V1");
    expect(dlvsym(handle, "f", "V1")).toBeUndefined();
    expect(dlvsym(handle, "f", "V2")).toBe(two);
  });

  it("find in the loader's own handles as dlsym does", () => {
    const self = dlopen(null, RTLD_NOW);
    const strlen = dlsym(self, "strlen");
    expect(strlen).toBeDefined();
    expect(dladdr(strlen ?? 0n)?.objectName).toMatch(/libc/);
    expect(dlvsym(RTLD_DEFAULT, "dlopen", "GLIBC_2.2.5")).toBeDefined();
    expect(dlvsym(RTLD_DEFAULT, "dlopen", "GLIBC_9.9")).toBeUndefined();
    expect(dladdr(1n)).toBeUndefined();
  });

  it("refuse what is no handle with the name of the mistake", () => {
    const unknown = [undefined, null, 7, "handle", {}, { handle: 1n }] as unknown as LiveObject[];
    for (const handle of unknown) {
      const requests = [
        () => dlalloc(handle, 16, DATA),
        () => dlrealloc(handle, 0n, 16),
        () => dlfree(handle, 0n),
        () => dlbind(handle, "f", 0n, 1, STT.STT_FUNC),
        () => dlunbind(handle, "f"),
        () => dlreload(handle),
        () => dldelete(handle),
        () => dldsym(handle, "f"),
        () => dlsym(handle, "f"),
        () => dlvsym(handle, "f", "V"),
      ];
      for (const request of requests) {
        expect(refused("DLBIND_BAD_ARGUMENT", request).message).toMatch(/unknown handle/);
      }
    }
  });

  it("are all there", () => {
    const names =
      "dlcreate dlalloc dlrealloc dlfree dlbind dlunbind dlreload dldelete dldsym dlsym dlvsym dladdr";
    expect(names.split(" ").filter((name) => !(name in dlbindNames))).toEqual([]);
  });
});

describe("code changed through a view", () => {
  it("runs as it stands after flush, bind or publish", () => {
    using lib = LiveObject.create("changed");
    const code = lib.alloc(8, TEXT);
    code.write(returning(1));
    lib.bind("f", code);
    expect(lib.call("int f(void)")).toBe(1);
    code.view.setInt32(1, 2, true);
    code.flush();
    expect(lib.call("int f(void)")).toBe(2);
    code.bytes[1] = 3;
    lib.publish();
    expect(lib.call("int f(void)")).toBe(3);
  });
});
