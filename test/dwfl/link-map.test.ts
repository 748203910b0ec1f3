/** The loader's list in memory, laid out by hand as <link.h> has it, for both classes and byte orders; and damaged. */
import { describe, expect, it } from "vitest";
import { readAuxVector } from "../../src/dwfl/process/auxv.ts";
import { readLinkMap } from "../../src/dwfl/process/link-map.ts";
import type { MemoryReader } from "../../src/dwfl/process/memory-image.ts";
import { DwflError } from "../../src/errors.ts";
import { mutate } from "../support/elf-mutate.ts";
import { Random } from "../support/elf-random.ts";

const BASE = 0x40_0000n;
const NAMES = ["", "linux-vdso.so.1", "/lib/libc.so.6", `/${"long/".repeat(30)}name.so`];

interface Kind {
  readonly is64: boolean;
  readonly little: boolean;
}

/** Memory from BASE on: program headers, dynamic section, `r_debug`, then entries with their names. */
function memoryOf({ is64, little }: Kind): Uint8Array {
  const bytes = new Uint8Array(0x1000);
  const view = new DataView(bytes.buffer);
  const word = is64 ? 8 : 4;
  const put = (at: number, ...values: bigint[]) => {
    for (const [i, value] of values.entries()) {
      if (is64) view.setBigUint64(at + i * word, value, little);
      else view.setUint32(at + i * word, Number(value), little);
    }
  };
  const header = (i: number, type: number, vaddr: bigint, memsz: bigint) => {
    const at = 0x40 + i * (is64 ? 56 : 32);
    view.setUint32(at, type, little);
    put(at + (is64 ? 16 : 8), vaddr);
    put(at + (is64 ? 40 : 20), memsz);
  };
  // The file's own addresses begin at 0: the bias is BASE.
  header(0, 6, 0x40n, 0n); // PT_PHDR
  header(1, 1, 0n, 0x1000n); // PT_LOAD
  header(2, 2, 0x200n, 0x100n); // PT_DYNAMIC
  put(0x200, 1n, 0x99n, 21n, BASE + 0x300n, 0n, 0n); // DT_NEEDED, DT_DEBUG, DT_NULL
  view.setUint32(0x300, 1, little); // r_version
  put(0x300 + word, BASE + 0x400n); // r_map
  for (const [i, name] of NAMES.entries()) {
    const at = 0x400 + i * 0x40;
    const text = 0x800 + i * 0x100;
    const next = i + 1 < NAMES.length ? BASE + BigInt(at + 0x40) : 0n;
    put(at, BigInt(i) * 0x10000n, BASE + BigInt(text), 0n, next);
    bytes.set(new TextEncoder().encode(name), text);
  }
  return bytes;
}

function reader(bytes: Uint8Array): MemoryReader {
  return {
    name: "memory",
    read(address, length) {
      const at = Number(address - BASE);
      return at >= 0 && at + length <= bytes.length ? bytes.subarray(at, at + length) : undefined;
    },
  };
}

/** AT_PHDR and AT_PHNUM, as `/proc/PID/auxv` has them. */
function vectorOf({ is64, little }: Kind): Uint8Array {
  const values = [3n, BASE + 0x40n, 5n, 3n, 0n, 0n];
  const bytes = new Uint8Array(values.length * (is64 ? 8 : 4));
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) {
    if (is64) view.setBigUint64(i * 8, value, little);
    else view.setUint32(i * 4, Number(value), little);
  }
  return bytes;
}

const KINDS: readonly Kind[] = [true, false].flatMap((is64) =>
  [true, false].map((little) => ({ is64, little })),
);

describe("readLinkMap", () => {
  it.each(KINDS)(
    "follows the list where addresses take 64 bits ($is64), low byte first ($little)",
    (kind) => {
      const auxv = readAuxVector(vectorOf(kind), kind.little);
      const entries = readLinkMap(reader(memoryOf(kind)), auxv, kind);
      expect(entries).toEqual(NAMES.map((name, i) => ({ name, bias: BigInt(i) * 0x10000n })));
    },
  );

  it("ends where the memory does", () => {
    const [kind = { is64: true, little: true }] = KINDS;
    const auxv = readAuxVector(vectorOf(kind), kind.little);
    const cut = memoryOf(kind).subarray(0, 0x480);
    expect(readLinkMap(reader(cut), auxv, kind)?.map((one) => one.bias)).toEqual([0n, 0x10000n]);
    expect(readLinkMap(reader(cut.subarray(0, 0x100)), auxv, kind)).toBeUndefined();
    expect(readLinkMap(reader(cut), new Map(), kind)).toBeUndefined();
  });

  it("refuses a list that leads back", () => {
    const kind = { is64: true, little: true };
    const bytes = memoryOf(kind);
    new DataView(bytes.buffer).setBigUint64(0x400 + 3 * 0x40 + 24, BASE + 0x440n, true);
    const run = () => readLinkMap(reader(bytes), readAuxVector(vectorOf(kind), true), kind);
    expect(run).toThrow(DwflError);
    expect(run).toThrow("memory: link map: found entry 0x400440 twice");
  });

  it("takes damage for an end, or says what it is", () => {
    let whole = 0;
    for (let seed = 0; seed < 600; seed++) {
      const random = new Random(seed);
      const kind = random.pick(KINDS);
      const auxv = readAuxVector(vectorOf(kind), kind.little);
      try {
        const entries = readLinkMap(reader(mutate(memoryOf(kind), random, 0x40, 0x900)), auxv, kind);
        if (entries?.length === NAMES.length) whole++;
      } catch (error) {
        if (!(error instanceof DwflError)) throw error;
      }
    }
    expect(whole).toBeGreaterThan(100);
    expect(whole).toBeLessThan(600);
  });
});
