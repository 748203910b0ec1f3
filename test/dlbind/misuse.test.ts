import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Allocation, type CreateOptions, LiveObject } from "../../src/dlbind/index.ts";
import { SHF } from "../../src/elf/constants/section.ts";
import { STB, STT } from "../../src/elf/constants/symbol.ts";
import type { DlbindErrorCode } from "../../src/errors.ts";
import { bindCode, CALL_WITH_FRAME, DATA, RODATA, returning, TEXT } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";
import { descriptors, links, mappings } from "./support/process.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("loader.c");
const cDlsym = c.function<number | bigint>("uintptr_t c_dlsym(uintptr_t handle, const char *name)");
const cDladdr = c.function<string | null>("const char *c_dladdr(uintptr_t address)");

describe("bad capacities and names at creation", () => {
  const cases: [string, string, CreateOptions][] = [
    ["an empty name", "", {}],
    ["a slash in the name", "a/b", {}],
    ["a NUL in the name", "a\0b", {}],
    ["a dot for a name", ".", {}],
    ["two dots for a name", "..", {}],
    ["a name of 201 characters", "n".repeat(201), {}],
    ["a capacity of 0", "x", { text: 0 }],
    ["a negative capacity", "x", { data: -1 }],
    ["a capacity that is no number", "x", { rodata: Number.NaN }],
    ["a fractional capacity", "x", { symbols: 1.5 }],
    ["an endless capacity", "x", { names: Number.POSITIVE_INFINITY }],
    ["2 GiB of text", "x", { text: 2 ** 31 }],
    ["capacities of 2 GiB together", "x", { text: 2 ** 30, data: 2 ** 30 }],
    ["2 to the 53rd symbols", "x", { symbols: Number.MAX_SAFE_INTEGER }],
    ["a name space beyond numbers", "x", { names: 2 ** 60 }],
    ["an empty version", "x", { versions: [""] }],
    ["a version with a NUL", "x", { versions: ["V\0"] }],
    ["a version twice", "x", { versions: ["V", "W", "V"] }],
  ];
  it.each(cases)("%s is refused before anything is made", (_, name, options) => {
    const before = { fds: descriptors("bindery").length, maps: mappings().length, links: links().length };
    refused("DLBIND_BAD_ARGUMENT", () => LiveObject.create(name, options));
    expect({ fds: descriptors("bindery").length, links: links().length }).toEqual({
      fds: before.fds,
      links: before.links,
    });
    expect(mappings().filter(({ path }) => path.includes("bindery:x"))).toEqual([]);
  });
});

describe("bad requests to a live object", () => {
  let lib: LiveObject;
  let other: LiveObject;
  let code: Allocation;
  let data: Allocation;
  let freed: Allocation;
  let freedAddress: bigint;
  let foreign: Allocation;
  let before: unknown;

  beforeAll(() => {
    const capacities = { text: 65_536, rodata: 4096, data: 4096, symbols: 8, names: 4096, frames: 4 };
    lib = LiveObject.create("misused", { ...capacities, versions: ["V1"] });
    other = LiveObject.create("other", capacities);
    code = bindCode(lib, "strong", CALL_WITH_FRAME, { unwind: "frame-pointer" });
    data = lib.alloc(64, DATA);
    data.bytes.fill(0x5a);
    lib.bind("data", data);
    lib.bind("tail", data.address + 32n, { size: 16 });
    lib.bind("weak", code, { binding: STB.STB_WEAK });
    // Behind it, so that data can't grow in place.
    lib.alloc(16, DATA);
    freed = lib.alloc(32, TEXT);
    freedAddress = freed.address;
    freed.free();
    foreign = bindCode(other, "foreign", returning(1));
    before = state();
  });

  afterEach(() => {
    expect(state()).toEqual(before);
  });

  afterAll(() => {
    lib.delete();
    other.delete();
  });

  /** All that a request could have changed. */
  function state(): unknown {
    return {
      symbols: [...lib.symbols()],
      others: [...other.symbols()],
      usage: lib.usage,
      found: ["strong", "data", "tail", "weak", "new", "foreign"].map((name) =>
        BigInt(cDlsym(lib.handle, name)),
      ),
      named: [code.address, data.address, data.address + 32n, freedAddress].map((address) =>
        cDladdr(address),
      ),
      bytes: Buffer.from(data.bytes).toString("hex") + Buffer.from(code.bytes).toString("hex"),
      sizes: [code.size, data.size, foreign.size],
    };
  }

  const W_AND_X = SHF.SHF_ALLOC | SHF.SHF_WRITE | SHF.SHF_EXECINSTR;
  const cases: [string, DlbindErrorCode, () => unknown][] = [
    ["size 0", "DLBIND_BAD_ARGUMENT", () => lib.alloc(0, TEXT)],
    ["a negative size", "DLBIND_BAD_ARGUMENT", () => lib.alloc(-16, DATA)],
    ["a fractional size", "DLBIND_BAD_ARGUMENT", () => lib.alloc(1.5, DATA)],
    ["no number for a size", "DLBIND_BAD_ARGUMENT", () => lib.alloc(Number.NaN, DATA)],
    ["a size beyond the capacity", "DLBIND_NO_SPACE", () => lib.alloc(65_537, TEXT)],
    ["2 GiB", "DLBIND_NO_SPACE", () => lib.alloc(2 ** 31, DATA)],
    ["64 GiB", "DLBIND_NO_SPACE", () => lib.alloc(2 ** 36, RODATA)],
    ["all numbers can say", "DLBIND_NO_SPACE", () => lib.alloc(Number.MAX_SAFE_INTEGER, RODATA)],
    ["write and execute", "DLBIND_UNSUPPORTED", () => lib.alloc(16, W_AND_X)],
    ["thread-local data", "DLBIND_BAD_ARGUMENT", () => lib.alloc(16, SHF.SHF_ALLOC | SHF.SHF_TLS)],
    ["align 3", "DLBIND_BAD_ARGUMENT", () => lib.alloc(16, TEXT, { align: 3 })],
    ["align 0", "DLBIND_BAD_ARGUMENT", () => lib.alloc(16, TEXT, { align: 0 })],
    ["a negative align", "DLBIND_BAD_ARGUMENT", () => lib.alloc(16, TEXT, { align: -16 })],
    ["a fractional align", "DLBIND_BAD_ARGUMENT", () => lib.alloc(16, TEXT, { align: 0.5 })],
    ["align 2 to the 32nd", "DLBIND_BAD_ARGUMENT", () => lib.alloc(16, TEXT, { align: 2 ** 32 })],
    ["a name with NUL", "DLBIND_BAD_ARGUMENT", () => lib.bind("ne\0w", code)],
    ["an empty name", "DLBIND_BAD_ARGUMENT", () => lib.bind("", code)],
    ["a name of 131,072 bytes", "DLBIND_BAD_ARGUMENT", () => lib.bind("n".repeat(1 << 17), code)],
    ["a name of a million characters", "DLBIND_BAD_ARGUMENT", () => lib.bind("n".repeat(1_000_000), code)],
    ["a duplicate strong name", "DLBIND_DUPLICATE", () => lib.bind("strong", code)],
    [
      "a weak name over a strong one",
      "DLBIND_DUPLICATE",
      () => lib.bind("strong", code, { binding: STB.STB_WEAK }),
    ],
    ["an address below the object", "DLBIND_OUTSIDE", () => lib.bind("new", lib.base - 1n)],
    ["address 0", "DLBIND_OUTSIDE", () => lib.bind("new", 0n)],
    ["a negative address", "DLBIND_OUTSIDE", () => lib.bind("new", -1n)],
    ["an address beyond 64 bits", "DLBIND_OUTSIDE", () => lib.bind("new", 1n << 70n)],
    ["the object's own headers", "DLBIND_OUTSIDE", () => lib.bind("new", lib.base)],
    ["an address in another object", "DLBIND_OUTSIDE", () => lib.bind("new", foreign.address)],
    ["an allocation of another object", "DLBIND_OUTSIDE", () => lib.bind("new", foreign)],
    ["an address that nobody has", "DLBIND_NOT_ALLOCATED", () => lib.bind("new", freedAddress)],
    ["an address behind an allocation", "DLBIND_NOT_ALLOCATED", () => lib.bind("new", code.address + 1024n)],
    ["a freed allocation", "DLBIND_FREED", () => lib.bind("new", freed)],
    ["a size beyond the allocation", "DLBIND_OUTSIDE", () => lib.bind("new", data, { size: 65 })],
    [
      "a size beyond the end from inside",
      "DLBIND_OUTSIDE",
      () => lib.bind("new", data.address + 60n, { size: 8 }),
    ],
    ["a negative symbol size", "DLBIND_OUTSIDE", () => lib.bind("new", data, { size: -1 })],
    ["a fractional symbol size", "DLBIND_OUTSIDE", () => lib.bind("new", data, { size: 0.5 })],
    ["an unknown version", "DLBIND_UNKNOWN_VERSION", () => lib.bind("new", code, { version: "V9" })],
    ["hidden without a version", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", code, { hidden: true })],
    ["a thread-local symbol", "DLBIND_UNSUPPORTED", () => lib.bind("new", data, { type: STT.STT_TLS })],
    ["a section for a symbol", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", data, { type: STT.STT_SECTION })],
    ["a type out of range", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", data, { type: 99 })],
    ["a binding out of range", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", data, { binding: 7 })],
    ["a visibility out of range", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", data, { visibility: 4 })],
    ["a resolver in data", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", data, { type: STT.STT_GNU_IFUNC })],
    ["call frames in data", "DLBIND_BAD_ARGUMENT", () => lib.bind("new", data, { unwind: "frame-pointer" })],
    [
      "call frames for code without a frame pointer",
      "DLBIND_BAD_ARGUMENT",
      () => lib.bind("new", code.address + 1n, { unwind: "frame-pointer" }),
    ],
    ["the same when rebinding", "DLBIND_OUTSIDE", () => lib.rebind("strong", foreign)],
    ["rebinding to a freed allocation", "DLBIND_FREED", () => lib.rebind("strong", freed)],
    ["unbinding what is not bound", "DLBIND_NOT_BOUND", () => lib.unbind("new")],
    [
      "unbinding with a version it has not",
      "DLBIND_NOT_BOUND",
      () => lib.unbind("strong", { version: "V1" }),
    ],
    ["unbinding an impossible name", "DLBIND_NOT_BOUND", () => lib.unbind("ne\0w")],
    ["freeing twice", "DLBIND_FREED", () => freed.free()],
    ["the address of freed memory", "DLBIND_FREED", () => freed.address],
    ["the bytes of freed memory", "DLBIND_FREED", () => freed.bytes],
    ["writing to freed memory", "DLBIND_FREED", () => freed.write(returning(1))],
    ["resizing freed memory", "DLBIND_FREED", () => freed.resize(8)],
    ["resizing to 0", "DLBIND_BAD_ARGUMENT", () => data.resize(0)],
    ["resizing beyond the capacity", "DLBIND_NO_SPACE", () => data.resize(1 << 20)],
    ["shrinking over what a name covers", "DLBIND_BAD_ARGUMENT", () => data.resize(40)],
    ["moving bytes that names are bound to", "DLBIND_NO_SPACE", () => data.resize(128)],
    ["writing beyond the end", "DLBIND_OUTSIDE", () => data.write(new Uint8Array(65))],
    ["writing beyond the end from inside", "DLBIND_OUTSIDE", () => data.write(new Uint8Array(2), 63)],
    ["writing before the start", "DLBIND_OUTSIDE", () => data.write(new Uint8Array(1), -1)],
    ["writing at half a byte", "DLBIND_OUTSIDE", () => data.write(new Uint8Array(1), 0.5)],
    ["an allocation where none begins", "DLBIND_NOT_ALLOCATED", () => lib.allocationAt(data.address + 16n)],
    ["an allocation outside", "DLBIND_OUTSIDE", () => lib.allocationAt(foreign.address)],
    ["calling what is not bound", "DLBIND_NOT_BOUND", () => lib.call("int new(void)")],
  ];

  it.each(cases)("%s: %s, and nothing changes", (_, code, request) => {
    const error = refused(code, request);
    expect(error.object).toBe("misused");
    expect(error.message).toMatch(/^misused: ./);
  });

  it("a full symbol table, and nothing changes", () => {
    const names = ["a", "b", "c", "d"];
    for (const name of names) lib.bind(name, code);
    const full = state();
    const { message } = refused("DLBIND_TABLE_FULL", () => lib.bind("new", code));
    expect(message).toBe("misused: bind new: 8 symbols; capacities are set at creation");
    refused("DLBIND_TABLE_FULL", () => lib.bind("new", code, { unwind: "frame-pointer" }));
    expect(state()).toEqual(full);
    for (const name of names) lib.unbind(name);
  });
});
