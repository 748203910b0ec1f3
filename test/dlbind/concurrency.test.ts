import { afterEach, describe, expect, it } from "vitest";
import { type Allocation, LiveObject } from "../../src/dlbind/index.ts";
import { STT } from "../../src/elf/constants/symbol.ts";
import { bindCode, returning, returningAddress, TEXT } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";

const c = loadHelper("loader.c");
const looker = {
  add: c.function<void>(
    "void looker_add(const char *name, const char *version, uintptr_t address, uintptr_t other)",
  ),
  start: c.function<number>("int looker_start(uintptr_t handle)"),
  stop: c.function<void>("void looker_stop(void)"),
  rounds: c.function<number>("long looker_rounds(void)"),
  missed: c.function<number>("long looker_missed(void)"),
  wrong: c.function<number>("long looker_wrong(void)"),
  misnamed: c.function<number>("long looker_misnamed(void)"),
};

/** Starts the thread, changes names, stops it, and gives what the thread counted. */
function watch(lib: LiveObject, change: () => void): { missed: number; wrong: number; misnamed: number } {
  expect(looker.start(lib.handle)).toBe(0);
  try {
    change();
    // The thread must have looked at every name many times, or it has shown nothing.
    while (looker.rounds() < 20) change();
  } finally {
    looker.stop();
  }
  return { missed: looker.missed(), wrong: looker.wrong(), misnamed: looker.misnamed() };
}

const CLEAN = { missed: 0, wrong: 0, misnamed: 0 };
const objects: LiveObject[] = [];

function create(name: string, options: Parameters<typeof LiveObject.create>[1]): LiveObject {
  const lib = LiveObject.create(name, options);
  objects.push(lib);
  return lib;
}

/** Names that stay, some of them versioned, for the thread to look at. */
function addStable(lib: LiveObject, count: number): void {
  for (let i = 0; i < count; i++) {
    const version = i % 2 === 0 ? undefined : "V1";
    const name = `stable_${i}`;
    const { address } = bindCode(lib, name, returning(i), version === undefined ? {} : { version });
    looker.add(name, version ?? null, address, address);
  }
}

describe("look-ups in another thread while names change", () => {
  afterEach(() => {
    for (const lib of objects.splice(0)) lib.delete();
  });

  it("miss no stable name while 100,000 names are bound, moved and unbound", () => {
    const lib = create("concurrent", {
      symbols: 110_000,
      text: 8 << 20,
      data: 4096,
      rodata: 4096,
      versions: ["V1"],
    });
    addStable(lib, 16);
    const two = [lib.alloc(16, TEXT), lib.alloc(16, TEXT)] as const;
    const names = Array.from({ length: 100_000 }, (_, i) => `churn_${i}`);
    const counted = watch(lib, () => {
      for (const name of names) lib.bind(name, two[0]);
      // Each move waits until the thread, which does nothing but look up, lets go of the loader's lock for a moment.
      for (let i = 0; i < names.length; i += 1000) lib.rebind(`churn_${i}`, two[1]);
      for (const name of names) lib.unbind(name);
    });
    expect(counted).toEqual(CLEAN);
    expect(lib.usage.symbols).toBe(16);
  });

  it("miss no stable name in chains that change all the time, with slots and names used again", () => {
    // As few buckets as there can be: every name that comes and goes is in the chain of a stable one.
    const lib = create("crowded", { symbols: 400, text: 65_536, data: 4096, rodata: 4096, versions: ["V1"] });
    addStable(lib, 32);
    const place = lib.alloc(16, TEXT);
    const counted = watch(lib, () => {
      for (let round = 0; round < 400; round++) {
        for (let i = 0; i < 250; i++) lib.bind(`t${round % 7}_${i}`, place);
        for (let i = 249; i >= 0; i--) lib.unbind(`t${round % 7}_${(i * 7) % 250}`);
      }
    });
    expect(counted).toEqual(CLEAN);
  });

  it("find a name that moves at one of its two addresses, and never not at all", () => {
    const lib = create("moving", { symbols: 64, text: 65_536, data: 4096, rodata: 4096, versions: ["V1"] });
    const names = Array.from({ length: 8 }, (_, i) => `moving_${i}`);
    const homes = new Map<string, { pair: [Allocation, Allocation]; options: { version?: string } }>();
    for (const [i, name] of names.entries()) {
      // The second home is longer and follows the first: an address with the wrong size would reach into it.
      const pair: [Allocation, Allocation] = [lib.alloc(16, TEXT), lib.alloc(48, TEXT)];
      const options = i % 2 === 0 ? {} : { version: "V1" };
      homes.set(name, { pair, options });
      lib.bind(name, pair[0], options);
      looker.add(name, options.version ?? null, pair[0].address, pair[1].address);
    }
    const counted = watch(lib, () => {
      for (let round = 0; round < 40_000; round++) {
        for (const [name, { pair, options }] of homes) lib.rebind(name, pair[round & 1] ?? pair[0], options);
      }
    });
    expect(counted).toEqual(CLEAN);
  });

  it("never take a resolver for the function it resolves to while a name changes from one to the other", () => {
    const lib = create("resolving", { symbols: 64, text: 65_536, data: 4096, rodata: 4096 });
    const plain = lib.alloc(16, TEXT);
    plain.write(returning(1));
    const chosen = lib.alloc(16, TEXT);
    chosen.write(returning(2));
    const resolver = lib.alloc(16, TEXT);
    resolver.write(returningAddress(chosen.address));
    lib.bind("either", plain);
    looker.add("either", null, plain.address, chosen.address);
    const counted = watch(lib, () => {
      for (let round = 0; round < 40_000; round++) {
        lib.rebind("either", resolver, { type: STT.STT_GNU_IFUNC });
        lib.rebind("either", plain);
      }
    });
    expect(counted).toEqual(CLEAN);
  });
});
