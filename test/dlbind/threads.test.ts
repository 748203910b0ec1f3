/** Objects made for an address, and with a block of variables for each thread. */
import { describe, expect, it } from "vitest";
import { dlsym, LiveObject } from "../../src/dlbind/index.ts";
import { DlbindError } from "../../src/errors.ts";
import { callableAt } from "../../src/host/call.ts";
import { dladdr, RTLD_DEFAULT } from "../../src/host/dl.ts";
import { freeRange } from "../../src/host/free-range.ts";

const SMALL = { text: 4096, rodata: 4096, data: 4096, symbols: 8, names: 256, frames: 1 };
/** `mov eax, 42; ret` */
const ANSWER = Uint8Array.from([0xb8, 42, 0, 0, 0, 0xc3]);

describe("an object made for an address", () => {
  it("has names that the loader finds, wherever it was put", () => {
    const address = freeRange(4 << 20, 0x100_0000n, 0x7fff_0000n, 0x1_0000) ?? 0n;
    expect(address).toBeGreaterThan(0n);
    using lib = LiveObject.create("placed", { ...SMALL, address });
    const text = lib.alloc(ANSWER.length, 4);
    text.write(ANSWER);
    lib.bind("answer", text);
    lib.publish();
    expect(text.address - lib.base).toBeLessThan(1n << 21n);
    expect(lib.symbol("answer")).toMatchObject({ address: text.address, size: ANSWER.length });
    expect(dlsym(lib, "answer")).toBe(text.address);
    expect(dladdr(text.address + 1n)?.symbol).toEqual({ name: "answer", address: text.address });
    expect(lib.call("int answer(void)")).toBe(42);
    lib.unbind("answer");
    expect(dlsym(lib, "answer")).toBeUndefined();
  });

  it("must be asked for at a multiple of 65,536", () => {
    expect(() => LiveObject.create("odd", { ...SMALL, address: 0x1234n })).toThrow(DlbindError);
  });
});

describe("an object with a block for each thread", () => {
  it.each([false, true])("tells what the loader made of it (static: %s)", (isStatic) => {
    const image = Uint8Array.from([1, 2, 3, 4, 0, 0, 0, 0]);
    using lib = LiveObject.create("blocks", { ...SMALL, threads: { image, align: 8, isStatic } });
    expect(lib.threadBytes()).toEqual(image);
    const { module = 0n, distance } = lib.threads ?? {};
    expect(module).toBeGreaterThan(0n);
    expect(distance === undefined).toBe(!isStatic);
    const find = callableAt(
      dlsym(RTLD_DEFAULT, "__tls_get_addr") ?? 0n,
      "uintptr_t f(const uint64_t *index)",
    );
    const block = BigInt(find(new BigUint64Array([module, 0n])) as number | bigint);
    const read = callableAt(
      dlsym(RTLD_DEFAULT, "memcpy") ?? 0n,
      "void *f(_Out_ uint8_t *to, uintptr_t from, size_t n)",
    );
    const bytes = new Uint8Array(8);
    read(bytes, block, 8);
    expect(bytes).toEqual(image);
  });

  it("has none unless it was made with one", () => {
    using lib = LiveObject.create("plain", SMALL);
    expect(lib.threads).toBeUndefined();
    expect(lib.threadBytes()).toHaveLength(0);
  });
});
