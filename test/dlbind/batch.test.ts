/** Names that are bound all at once: what the loader finds of them, and what is refused. */
import { describe, expect, it } from "vitest";
import { LiveObject, type SymbolBatch } from "../../src/dlbind/index.ts";
import { STB, STT, STV } from "../../src/elf/constants/symbol.ts";
import type { DlbindErrorCode } from "../../src/errors.ts";
import { ADD, DATA, TEXT } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("loader.c");
const cDlsym = c.function<bigint | number>("uintptr_t c_dlsym(uintptr_t handle, const char *name)");
const cDladdr = c.function<string | null>("const char *c_dladdr(uintptr_t address)");

interface Row {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  readonly type?: number;
  readonly binding?: number;
}

/** Names that are another's end lie in it, as linkers put them. */
function batchOf(rows: readonly Row[]): SymbolBatch {
  const table = Buffer.from(`\0${rows.map(({ name }) => `${name}\0`).join("")}`);
  return {
    length: rows.length,
    strings: table,
    names: Int32Array.from(rows, ({ name }) => table.indexOf(`${name}\0`)),
    values: Int32Array.from(rows, ({ value }) => value),
    sizes: Int32Array.from(rows, ({ size }) => size),
    infos: Uint8Array.from(
      rows,
      ({ type = STT.STT_FUNC, binding = STB.STB_GLOBAL }) => (binding << 4) | type,
    ),
    others: Uint8Array.from(rows, () => STV.STV_DEFAULT),
  };
}

function scene(names = 4096, symbols = 4000) {
  const lib = LiveObject.create("batch", { names, symbols });
  const text = lib.alloc(64 * 1024, TEXT);
  const data = lib.alloc(4096, DATA);
  const at = (address: bigint): number => Number(address - lib.base);
  return { lib, text: at(text.address), data: at(data.address), block: text };
}

const found = (lib: LiveObject, name: string): number => {
  const address = BigInt(cDlsym(lib.handle, name));
  return address === 0n ? -1 : Number(address - lib.base);
};

describe("a batch of names", () => {
  it("is found by dlsym and dladdr, thousands of them, with ends in common", () => {
    const { lib, text, data, block } = scene(1 << 17);
    using _ = lib;
    const rows: Row[] = Array.from({ length: 3000 }, (_, i) => ({
      name: `function_${i}`,
      value: text + 16 * i,
      size: 16,
    }));
    const long = `_Z${"very".repeat(20_000)}long`;
    rows.push({ name: long, value: text + 16 * 3000, size: 1 });
    rows.push({ name: "variable", value: data + 8, size: 8, type: STT.STT_OBJECT });
    rows.push({ name: "able", value: data + 16, size: 8, type: STT.STT_OBJECT, binding: STB.STB_WEAK });
    rows.push({ name: "unseen", value: text + 16 * 3002, size: 4, binding: STB.STB_LOCAL });
    block.write(ADD);
    lib.bindAll(batchOf(rows));
    for (const { name, value } of rows.slice(0, -1)) expect(found(lib, name), name).toBe(value);
    expect(found(lib, "unseen")).toBe(-1);
    expect(found(lib, "function_3000")).toBe(-1);
    expect(cDladdr(lib.base + BigInt(text + 16 * 77 + 5))).toBe("function_77");
    expect(cDladdr(lib.base + BigInt(data + 20))).toBe("able");
    expect(lib.usage.symbols).toBe(rows.length);
    expect(lib.symbol("unseen")).toMatchObject({ size: 4, binding: STB.STB_LOCAL });
    expect(lib.call("int function_0(int, int)", 20, 22)).toBe(42);

    // They are names like any others from here on.
    lib.publish();
    lib.unbind(long);
    lib.unbind("variable");
    lib.bind("variable", lib.base + BigInt(data + 32), { size: 4 });
    lib.rebind("function_5", lib.base + BigInt(text + 16 * 3001), { size: 16 });
    lib.bind("another", lib.base + BigInt(data + 48), { size: 4 });
    expect([long, "variable", "able", "function_5", "another"].map((name) => found(lib, name))).toEqual([
      -1,
      data + 32,
      data + 16,
      text + 16 * 3001,
      data + 48,
    ]);
    block.free();
    expect(found(lib, "function_6")).toBe(-1);
    expect(found(lib, "able")).toBe(data + 16);
  });

  it("is refused whole when something of it is wrong", () => {
    const { lib, text, data } = scene();
    using _ = lib;
    const good = { name: "good", value: text, size: 8 };
    const wrong: readonly [DlbindErrorCode, Row[], RegExp][] = [
      ["DLBIND_DUPLICATE", [good, { ...good, value: text + 16 }], /good: it stands twice/],
      ["DLBIND_OUTSIDE", [good, { name: "end", value: data + 4090, size: 8 }], /symbol 1 of 2: size 8/],
      ["DLBIND_OUTSIDE", [good, { name: "before", value: -8, size: 0 }], /outside/],
      ["DLBIND_NOT_ALLOCATED", [good, { name: "free", value: text + (1 << 17), size: 0 }], /not allocated/],
      ["DLBIND_BAD_ARGUMENT", [good, { name: "", value: text, size: 0 }], /name at 0/],
      ["DLBIND_BAD_ARGUMENT", [{ ...good, type: STT.STT_TLS }], /st_info 0x16/],
      ["DLBIND_BAD_ARGUMENT", [{ ...good, binding: 3 }], /st_info 0x32/],
      ["DLBIND_TABLE_FULL", [{ ...good, name: "x".repeat(5000) }], /capacities/],
    ];
    for (const [code, rows, message] of wrong) {
      expect(refused(code, () => lib.bindAll(batchOf(rows))).message).toMatch(message);
      expect(lib.usage.symbols).toBe(0);
      expect(found(lib, "good")).toBe(-1);
    }
    expect(
      refused("DLBIND_BAD_ARGUMENT", () =>
        lib.bindAll({ ...batchOf([good]), strings: Buffer.from("\0good") }),
      ).message,
    ).toMatch(/a NUL at the end/);
    lib.bindAll(batchOf([good]));
    expect(found(lib, "good")).toBe(text);
    expect(
      refused("DLBIND_UNSUPPORTED", () => lib.bindAll(batchOf([{ ...good, name: "more" }]))).message,
    ).toMatch(/has names/);
  });

  it("does not go into an object with versions, or with more symbols than it was made for", () => {
    using versioned = LiveObject.create("versioned", { versions: ["V1"] });
    const block = versioned.alloc(16, TEXT);
    const row = { name: "f", value: Number(block.address - versioned.base), size: 16 };
    expect(refused("DLBIND_UNSUPPORTED", () => versioned.bindAll(batchOf([row]))).message).toMatch(
      /versions/,
    );
    const { lib, text } = scene(4096, 2);
    using _ = lib;
    const rows = ["a", "b", "c"].map((name, i) => ({ name, value: text + i, size: 1 }));
    expect(refused("DLBIND_TABLE_FULL", () => lib.bindAll(batchOf(rows))).message).toMatch(/capacities/);
    lib.bindAll(batchOf(rows.slice(0, 2)));
    expect(found(lib, "b")).toBe(text + 1);
  });
});
