import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Allocation,
  FRAME_CIE,
  frameInstructions,
  LiveObject,
  type Unwind,
} from "../../src/dlbind/index.ts";
import { bindCode, CALL_WITH_FRAME, CALL_WITHOUT_FRAME, RODATA, TEXT } from "./support/code.ts";
import { EhFrameTable } from "./support/eh-frame.ts";
import { liveBytes } from "./support/live-file.ts";
import { loadHelper, run } from "./support/native.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("unwind.cc");
const catchThrough = c.function<number>("long catch_through(uintptr_t code, long value)");
const signalOfCatchThrough = c.function<number>("int signal_of_catch_through(uintptr_t code)");
const backtraceThrough = c.function<string>("const char *backtrace_through(uintptr_t code)");
const backtraceThroughTwo = c.function<string>(
  "const char *backtrace_through_two(uintptr_t outer, uintptr_t inner)",
);
const SIGABRT = 6;

const SMALL = { symbols: 200, names: 16_384, text: 65_536, rodata: 65_536, data: 65_536, frames: 64 };
const RBX = 3;

/** The rules of {@link CALL_WITHOUT_FRAME}: rbx is pushed by its first instruction and popped by its last but one. */
function pushedRbx(): Unwind {
  const instructions = frameInstructions()
    .advance(1)
    .defCfaOffset(16)
    .offset(RBX, -16)
    .advance(CALL_WITHOUT_FRAME.length - 2)
    .defCfaOffset(8)
    .restore(RBX)
    .finish();
  return { instructions };
}

describe("unwinding through generated code", () => {
  it("passes a C++ exception from a callee to a caller, with a frame pointer and with rules of the caller's", () => {
    using lib = LiveObject.create("exceptions", SMALL);
    const framed = bindCode(lib, "framed", CALL_WITH_FRAME, { unwind: "frame-pointer" });
    const custom = bindCode(lib, "custom", CALL_WITHOUT_FRAME, { unwind: pushedRbx() });
    for (let value = 1; value < 20; value++) {
      expect(catchThrough(framed.address, value)).toBe(value);
      expect(catchThrough(custom.address, value)).toBe(value);
    }
  });

  it("ends the process without call-frame information, and after it was taken away", () => {
    using lib = LiveObject.create("terminated", SMALL);
    const bare = bindCode(lib, "bare", CALL_WITHOUT_FRAME);
    expect(signalOfCatchThrough(bare.address)).toBe(SIGABRT);
    const custom = bindCode(lib, "custom", CALL_WITHOUT_FRAME, { unwind: pushedRbx() });
    expect(signalOfCatchThrough(custom.address)).toBe(0);
    lib.unbind("custom");
    expect(signalOfCatchThrough(custom.address)).toBe(SIGABRT);
    lib.rebind("custom", custom, { unwind: pushedRbx() });
    expect(signalOfCatchThrough(custom.address)).toBe(0);
  });

  it("shows the frames by name in glibc's backtrace, and the FFI library's and Node's beyond them", () => {
    using lib = LiveObject.create("traced", SMALL);
    const outer = bindCode(lib, "outer_generated", CALL_WITH_FRAME, { unwind: "frame-pointer" });
    const inner = bindCode(lib, "inner_generated", CALL_WITHOUT_FRAME, { unwind: pushedRbx() });
    const one = backtraceThrough(outer.address).split("\n");
    expect(one.slice(0, 3)).toEqual(["take_backtrace", "outer_generated", "backtrace_through"]);
    const two = backtraceThroughTwo(outer.address, inner.address).split("\n");
    expect(two[1]).toBe("inner_generated");
    expect(two.slice(3, 5)).toEqual(["outer_generated", "backtrace_through_two"]);
    // Nothing is known of the frame of a function without the information: the trace ends there.
    lib.rebind("outer_generated", outer);
    const ended = backtraceThrough(outer.address).split("\n");
    expect(ended.length).toBeLessThan(5);
    expect(one.length).toBeGreaterThan(ended.length + 2);
  });

  it("goes on when a function has several names and loses one, or is bound anew where it stands", () => {
    using lib = LiveObject.create("aliases", SMALL);
    const below = bindCode(lib, "below", CALL_WITH_FRAME, { unwind: "frame-pointer" });
    const code = bindCode(lib, "first", CALL_WITH_FRAME, { unwind: "frame-pointer" });
    const above = bindCode(lib, "above", CALL_WITH_FRAME, { unwind: "frame-pointer" });
    const works = (): void => {
      for (const place of [below, code, above]) expect(signalOfCatchThrough(place.address)).toBe(0);
    };
    lib.bind("second", code, { unwind: "frame-pointer" });
    lib.bind("third", code, { unwind: "frame-pointer" });
    works();
    lib.unbind("third");
    works();
    lib.unbind("first");
    works();
    // More often than the table has entries.
    for (let i = 0; i < 3 * SMALL.frames; i++) lib.rebind("second", code, { unwind: "frame-pointer" });
    works();
    lib.unbind("second");
    expect(signalOfCatchThrough(code.address)).toBe(SIGABRT);
    lib.bind("again", code, { unwind: "frame-pointer" });
    works();
  });

  it("takes a common part with a personality routine, which is called with the function's data", () => {
    using lib = LiveObject.create("personal", SMALL);
    const data = lib.alloc(16, RODATA);
    const { instructions } = pushedRbx() as { instructions: Uint8Array };
    const personality = c.address("counting_personality");
    const code = bindCode(lib, "personal", CALL_WITHOUT_FRAME, {
      unwind: { instructions, cie: { ...FRAME_CIE, personality }, lsda: data.address },
    });
    const count = c.function<number>("int personality_count(void)");
    const before = count();
    expect(catchThrough(code.address, 7)).toBe(7);
    // Once in each phase.
    expect(count() - before).toBe(2);
    expect(BigInt(c.function<number | bigint>("uintptr_t personality_saw(void)")())).toBe(data.address);
  });
});

/** A function of the model. */
interface Covered {
  readonly name: string;
  readonly code: Allocation;
  readonly size: number;
}

describe("the live .eh_frame_hdr", () => {
  it("leads to every function's record and to no other, after any adding and removing", () => {
    const step = fc.record({
      add: fc.boolean(),
      which: fc.nat(1000),
      alias: fc.nat(9),
      padding: fc.integer({ min: 0, max: 100 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 160, size: "max" }), (steps) => {
        const lib = LiveObject.create("sorted", SMALL);
        try {
          const live: Covered[] = [];
          let serial = 0;
          for (const { add, which, alias, padding } of steps) {
            const chosen = live[which % Math.max(1, live.length)];
            if (add && live.length < SMALL.frames - 2) {
              const shared = alias === 0 ? chosen : undefined;
              const size = shared?.size ?? CALL_WITH_FRAME.length + padding;
              const code = shared?.code ?? lib.alloc(size, TEXT);
              if (shared === undefined) code.write(CALL_WITH_FRAME);
              const name = `f${serial++}`;
              // A function that does not end with its last byte has its rules to the end of what it covers.
              lib.bind(name, code, { size, unwind: "frame-pointer" });
              live.push({ name, code, size });
            } else if (chosen !== undefined) {
              live.splice(live.indexOf(chosen), 1);
              lib.unbind(chosen.name);
              if (!live.some(({ code }) => code === chosen.code)) chosen.code.free();
            }
            checkTable(lib, live);
          }
          for (const { code } of live) expect(catchThrough(code.address, 5)).toBe(5);
          checkWithReadelf(lib, live);
        } finally {
          lib.delete();
        }
      }),
      { seed: 20261121, numRuns: 12 },
    );
  });

  it("says when it is full, and is then as before", () => {
    using lib = LiveObject.create("full", { ...SMALL, frames: 8 });
    const live: Covered[] = [];
    const size = CALL_WITH_FRAME.length;
    for (let i = 0; i < 8; i++) {
      const name = `f${i}`;
      live.push({ name, size, code: bindCode(lib, name, CALL_WITH_FRAME, { unwind: "frame-pointer" }) });
    }
    const ninth = lib.alloc(size, TEXT);
    ninth.write(CALL_WITH_FRAME);
    expect(() => lib.bind("ninth", ninth, { unwind: "frame-pointer" })).toThrow(/call frames: capacity/);
    expect(lib.symbol("ninth")).toBeUndefined();
    checkTable(lib, live);
    const [gone] = live.splice(3, 1);
    lib.unbind(gone?.name ?? "");
    lib.bind("ninth", ninth, { unwind: "frame-pointer" });
    checkTable(lib, [...live, { name: "ninth", size, code: ninth }]);
  });
});

/** Looks every byte of text up that matters: the ends of every function, and both neighbours of them. */
function checkTable(lib: LiveObject, live: readonly Covered[]): void {
  const table = new EhFrameTable(liveBytes(lib.name));
  for (const { code, size } of live) {
    const start = code.address;
    for (const at of [-1, 0, 1, size - 1, size]) {
      const address = start + BigInt(at);
      const owner = live.find((f) => f.code.address <= address && address < f.code.address + BigInt(f.size));
      const found = table.find(Number(address - lib.base), lib.base);
      const expected = owner === undefined ? undefined : { start: owner.code.address, length: owner.size };
      if (JSON.stringify(shown(found)) !== JSON.stringify(shown(expected))) {
        expect({ at, found: shown(found) }).toEqual({ at, found: shown(expected) });
      }
    }
  }
}

function shown(fde: { start: bigint; length: number } | undefined): string {
  return fde === undefined ? "none" : `0x${fde.start.toString(16)}+${fde.length}`;
}

/** readelf reads `.eh_frame` by section, so the records are put into a file that has one. */
function checkWithReadelf(lib: LiveObject, live: readonly Covered[]): void {
  const folder = mkdtempSync(join(tmpdir(), "dlbind-test-"));
  try {
    const [raw, object] = [join(folder, "frames.bin"), join(folder, "frames.o")];
    writeFileSync(raw, new EhFrameTable(liveBytes(lib.name)).records());
    run("objcopy", "-I", "binary", "-O", "elf64-x86-64", "--rename-section", ".data=.eh_frame", raw, object);
    const dump = run("readelf", "--debug-dump=frames", object);
    const ranges = [...dump.matchAll(/FDE cie=\w+ pc=(\w+)\.\.(\w+)/g)]
      .map(([, from = "", to = ""]) => `${from}..${to}`)
      .filter((range) => !/^0+\.\.0+$/.test(range));
    const hex = (address: bigint): string => address.toString(16).padStart(16, "0");
    const expected = live.map(
      ({ code, size }) => `${hex(code.address)}..${hex(code.address + BigInt(size))}`,
    );
    expect(ranges.sort()).toEqual(expected.sort());
    expect(dump).not.toMatch(/DW_CFA_\?\?\?|[Ww]arning|corrupt/);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("call frames of functions inside one allocation", () => {
  it("are refused for one that shares the 16 bytes of the table's step with another", () => {
    using lib = LiveObject.create("packed", SMALL);
    const block = lib.alloc(256, TEXT);
    const size = CALL_WITH_FRAME.length;
    const at = (offset: number): bigint => block.address + BigInt(offset);
    for (const offset of [0, 14, 40, 64, 126]) block.write(CALL_WITH_FRAME, offset);
    lib.bind("one", at(0), { size, unwind: "frame-pointer" });
    lib.bind("two", at(40), { size, unwind: "frame-pointer" });
    lib.bind("three", at(64), { size, unwind: "frame-pointer" });
    refused("DLBIND_UNSUPPORTED", () => lib.bind("close", at(14), { size, unwind: "frame-pointer" }));
    refused("DLBIND_UNSUPPORTED", () => lib.bind("close", at(54), { size: 5, unwind: pushedRbx() }));
    expect(lib.symbol("close")).toBeUndefined();
    lib.bind("four", at(126), { size, unwind: "frame-pointer" });
    for (const offset of [0, 40, 64, 126]) expect(catchThrough(at(offset), 3)).toBe(3);
    lib.unbind("one");
    lib.bind("close", at(14), { size, unwind: "frame-pointer" });
    expect(catchThrough(at(14), 3)).toBe(3);
  });
});

describe("unwinding in one thread while call frames come and go in another", () => {
  const start = c.function<number>("int thrower_start(uintptr_t code)");
  const stop = c.function<void>("void thrower_stop(void)");
  const rounds = c.function<number>("long thrower_rounds(void)");
  const failures = c.function<number>("long thrower_failures(void)");

  it("finds its way through a function that stays", () => {
    using lib = LiveObject.create("busy", {
      ...SMALL,
      text: 1 << 20,
      symbols: 2000,
      names: 65_536,
      frames: 1000,
    });
    const places = Array.from({ length: 400 }, () => {
      const place = lib.alloc(CALL_WITH_FRAME.length, TEXT);
      place.write(CALL_WITH_FRAME);
      return place;
    });
    const middle = places[200];
    if (middle === undefined) throw new Error("no place");
    lib.bind("stable", middle, { unwind: "frame-pointer" });
    expect(start(middle.address)).toBe(0);
    let random = 20261121;
    const bound = new Set<number>();
    try {
      for (let i = 0; i < 200_000 || rounds() < 50_000; i++) {
        random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
        const which = (random >>> 8) % places.length;
        const place = places[which];
        if (which === 200 || place === undefined) continue;
        if (bound.delete(which)) {
          lib.unbind(`f${which}`);
        } else {
          lib.bind(`f${which}`, place, { unwind: "frame-pointer" });
          bound.add(which);
        }
      }
    } finally {
      stop();
    }
    expect(failures()).toBe(0);
  });
});
