import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Allocation, type BindOptions, type BoundSymbol, LiveObject } from "../../src/dlbind/index.ts";
import { STB, STV } from "../../src/elf/constants/symbol.ts";
import { DlbindError } from "../../src/errors.ts";
import { DATA, RODATA, TEXT } from "./support/code.ts";
import { loadHelper } from "./support/native.ts";
import { refused } from "./support/refused.ts";

const c = loadHelper("loader.c");
const cDlsym = c.function<bigint | number>("uintptr_t c_dlsym(uintptr_t handle, const char *name)");
const cDlvsym = c.function<bigint | number>(
  "uintptr_t c_dlvsym(uintptr_t handle, const char *name, const char *version)",
);
const cDladdr = c.function<string | null>("const char *c_dladdr(uintptr_t address)");
const cDladdrStart = c.function<bigint | number>("uintptr_t c_dladdr_start(uintptr_t address)");

const VERSIONS = ["V1", "V2"] as const;
const NAMES = ["a", "b", "a_longer_name_than_others", "ünïcode", "fdsym$plt@thunk", "x".repeat(300)];
const LIMIT = 10;
const PLACES = 6;
const PLACE_SIZE = 32;

/** A name as the model knows it. */
interface Bound {
  readonly name: string;
  readonly version: string | undefined;
  readonly address: bigint;
  readonly size: number;
  readonly binding: number;
  readonly visibility: number;
  readonly hidden: boolean;
  readonly place: number;
}

type Step =
  | {
      readonly kind: "bind" | "rebind";
      readonly name: string;
      readonly options: BindOptions;
      readonly at: number;
    }
  | { readonly kind: "unbind"; readonly name: string; readonly version: string | undefined }
  | { readonly kind: "free"; readonly at: number };

const name = fc.constantFrom(...NAMES);
const version = fc.constantFrom(undefined, ...VERSIONS);
const bindOptions = fc
  .record({
    version,
    hidden: fc.boolean(),
    binding: fc.constantFrom(STB.STB_GLOBAL, STB.STB_GLOBAL, STB.STB_WEAK, STB.STB_LOCAL),
    visibility: fc.constantFrom(STV.STV_DEFAULT, STV.STV_DEFAULT, STV.STV_PROTECTED, STV.STV_HIDDEN),
    size: fc.constantFrom(undefined, 0, 7),
  })
  .map(
    ({ version, hidden, size, ...rest }): BindOptions => ({
      ...rest,
      ...(version === undefined ? {} : { version, hidden }),
      ...(size === undefined ? {} : { size }),
    }),
  );
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({ kind: fc.constant("bind" as const), name, options: bindOptions, at: fc.nat(11) }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("rebind" as const),
      name,
      options: bindOptions,
      at: fc.nat(11),
    }),
    weight: 3,
  },
  { arbitrary: fc.record({ kind: fc.constant("unbind" as const), name, version }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant("free" as const), at: fc.nat(PLACES - 1) }), weight: 1 },
);

/** A live object beside a plain list of what must be bound in it. */
class Pair {
  readonly lib: LiveObject;
  readonly places: Allocation[];
  bound: Bound[] = [];

  constructor() {
    const capacities = {
      symbols: LIMIT,
      names: 65_536,
      text: 65_536,
      rodata: 65_536,
      data: 65_536,
      frames: 1,
    };
    this.lib = LiveObject.create("names", { ...capacities, versions: VERSIONS });
    this.places = Array.from({ length: PLACES }, (_, i) => this.take(i));
  }

  /** Half of the places are text. */
  take(place: number): Allocation {
    return this.lib.alloc(PLACE_SIZE, [TEXT, DATA, TEXT, RODATA, TEXT, TEXT][place] ?? TEXT);
  }

  run(step: Step): void {
    if (step.kind === "free") {
      this.places[step.at]?.free();
      this.bound = this.bound.filter(({ place }) => place !== step.at);
      this.places[step.at] = this.take(step.at);
    } else if (step.kind === "unbind") {
      this.unbind(step.name, step.version);
    } else {
      this.bind(step);
    }
  }

  unbind(name: string, version: string | undefined): void {
    const request = (): void => this.lib.unbind(name, version === undefined ? {} : { version });
    const [target] = this.matching(name, version);
    if (target === undefined) {
      refused("DLBIND_NOT_BOUND", request);
      return;
    }
    // Of several local symbols of one name any may go: take the one that went.
    const before = listed(this.lib);
    request();
    const after = listed(this.lib);
    const gone = before.filter(
      (line) => !after.includes(line) || count(before, line) > count(after, line),
    )[0];
    const index = this.bound.findIndex((entry) => line(entry) === gone);
    expect(this.matching(name, version)).toContain(this.bound[index]);
    this.bound.splice(index, 1);
  }

  /** What a request by name and version may mean: the symbol that can be looked up, else a local one of that name. */
  matching(name: string, version: string | undefined): Bound[] {
    const named = this.bound.filter((entry) => entry.name === name);
    const reachable = named.filter((entry) => entry.binding !== STB.STB_LOCAL && entry.version === version);
    return reachable.length > 0 ? reachable : named.filter((entry) => entry.binding === STB.STB_LOCAL);
  }

  bind({ kind, name, options, at }: Extract<Step, { kind: "bind" | "rebind" }>): void {
    const place = at % PLACES;
    const inside = at < PLACES ? 0 : 16;
    const address = (this.places[place]?.address ?? 0n) + BigInt(inside);
    const entry: Bound = {
      name,
      version: options.version,
      address,
      size: options.size ?? PLACE_SIZE - inside,
      binding: options.binding ?? STB.STB_GLOBAL,
      visibility: options.visibility ?? STV.STV_DEFAULT,
      hidden: options.hidden === true,
      place,
    };
    const local = entry.binding === STB.STB_LOCAL;
    const old = local
      ? undefined
      : this.bound.find((b) => b.binding !== STB.STB_LOCAL && b.name === name && b.version === entry.version);
    const isDefault = (b: Bound): boolean =>
      b.binding !== STB.STB_LOCAL && b.version !== undefined && !b.hidden;
    const clash = isDefault(entry) && this.bound.some((b) => b !== old && b.name === name && isDefault(b));
    const stands = kind === "bind" && old !== undefined;
    const gives = old?.binding === STB.STB_WEAK && entry.binding !== STB.STB_WEAK;
    const request = (): bigint => this.lib[kind](name, address, options);
    if (clash || (stands && !gives)) {
      refused("DLBIND_DUPLICATE", request);
    } else if (old === undefined && this.bound.length === LIMIT) {
      refused("DLBIND_TABLE_FULL", request);
    } else {
      expect(request()).toBe(address);
      this.bound = [...this.bound.filter((b) => b !== old), entry];
    }
  }

  /** The loader, asked from C, and the object itself, against the list. */
  check(): void {
    const { lib, bound } = this;
    expect(listed(lib).sort()).toEqual(bound.map(line).sort());
    expect(lib.usage.symbols).toBe(bound.length);
    for (const name of NAMES) {
      if (BigInt(cDlsym(lib.handle, name)) !== this.expectedDlsym(name)) throw new Error(`dlsym ${name}`);
      for (const version of VERSIONS) {
        const found = this.visible().find((b) => b.name === name && b.version === version);
        if (BigInt(cDlvsym(lib.handle, name, version)) !== (found?.address ?? 0n))
          throw new Error(`dlvsym ${name}`);
      }
    }
    for (const place of this.places) {
      for (const offset of [0n, 5n, 16n, 20n, 31n]) this.checkDladdr(place.address + offset);
    }
  }

  visible(): Bound[] {
    return this.bound.filter((entry) => entry.binding !== STB.STB_LOCAL && isVisible(entry));
  }

  /**
   * dlsym(3): the one without a version, else the default version; when that one is hidden the look-up ends there.
   * [glibc elf/dl-lookup.c, check_match and do_lookup_x]
   */
  expectedDlsym(name: string): bigint {
    const named = this.bound.filter((entry) => entry.name === name && entry.binding !== STB.STB_LOCAL);
    const found = named.find(({ version }) => version === undefined) ?? named.find(({ hidden }) => !hidden);
    return found !== undefined && isVisible(found) ? found.address : 0n;
  }

  /** dladdr(3): of the symbols that cover the address, one of those that begin highest. */
  checkDladdr(address: bigint): void {
    const covering = this.visible().filter(
      (b) => b.address === address || (b.address < address && address < b.address + BigInt(b.size)),
    );
    const highest = covering.map((b) => b.address).sort((x, y) => Number(y - x))[0] ?? 0n;
    const names = covering.filter((b) => b.address === highest).map((b) => b.name);
    const found = cDladdr(address);
    if (names.length === 0) {
      expect(found).toBe("");
    } else {
      expect(names).toContain(found);
      expect(BigInt(cDladdrStart(address))).toBe(highest);
    }
  }
}

function line(entry: Omit<Bound, "hidden" | "place">): string {
  const { name, version, address, size, binding, visibility } = entry;
  return [name, version, address, size, binding, visibility].join(" ");
}

function isVisible({ visibility }: Bound): boolean {
  return visibility === STV.STV_DEFAULT || visibility === STV.STV_PROTECTED;
}

function listed(lib: LiveObject): string[] {
  return [...lib.symbols()].map((symbol: BoundSymbol) => line(symbol));
}

function count(lines: readonly string[], line: string): number {
  return lines.filter((other) => other === line).length;
}

describe("names of a live object", () => {
  it("are for the loader what a plain list says, after any binding, moving, unbinding and freeing", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 80, size: "max" }), (steps) => {
        const pair = new Pair();
        try {
          for (const step of steps) {
            pair.run(step);
            pair.check();
          }
        } finally {
          pair.lib.delete();
        }
      }),
      { seed: 20261121, numRuns: 40 },
    );
  });

  it("use slots and strings again: a table for 8 names takes 4,000 one after the other", () => {
    using lib = LiveObject.create("reuse", {
      symbols: 8,
      names: 8 * 16 + 64,
      text: 4096,
      rodata: 4096,
      data: 4096,
      frames: 1,
    });
    const place = lib.alloc(16, TEXT);
    let bound: string[] = [];
    for (let i = 0; i < 4000; i++) {
      if (bound.length === 8) {
        const [gone = "", ...rest] = i % 3 === 0 ? bound : [...bound].reverse();
        lib.unbind(gone);
        expect(BigInt(cDlsym(lib.handle, gone))).toBe(0n);
        bound = rest;
      }
      // 12 to 15 bytes with the terminator: strings of one size.
      const next = `name_${i}`.padEnd(11 + (i % 4), "_");
      lib.bind(next, place);
      bound.push(next);
    }
    expect([...lib.symbols()].map(({ name }) => name).sort()).toEqual([...bound].sort());
    for (const name of bound) expect(BigInt(cDlsym(lib.handle, name))).toBe(place.address);
  });

  it("move in a full table as often as one likes", () => {
    using lib = LiveObject.create("full", {
      symbols: 4,
      names: 64,
      text: 4096,
      rodata: 4096,
      data: 4096,
      frames: 1,
    });
    const [one, two] = [lib.alloc(16, TEXT), lib.alloc(16, TEXT)];
    for (const name of ["a", "b", "c", "d"]) lib.bind(name, one);
    refused("DLBIND_TABLE_FULL", () => lib.bind("e", one));
    for (let i = 0; i < 1000; i++) lib.rebind("c", i % 2 === 0 ? two : one);
    refused("DLBIND_TABLE_FULL", () => lib.bind("e", one));
    expect(BigInt(cDlsym(lib.handle, "c"))).toBe(one.address);
    lib.unbind("a");
    lib.bind("e", two);
    expect([...lib.symbols()].map(({ name }) => name).sort()).toEqual(["b", "c", "d", "e"]);
  });

  it("refuse one that finds no room for its string, and keep the others", () => {
    using lib = LiveObject.create("strings", {
      symbols: 1000,
      names: 4096,
      text: 4096,
      rodata: 4096,
      data: 4096,
      frames: 1,
    });
    const place = lib.alloc(16, TEXT);
    const bound: string[] = [];
    for (let i = 0; i < 1000; i++) {
      const name = `${i}`.padStart(100, "n");
      try {
        lib.bind(name, place);
        bound.push(name);
      } catch (error) {
        expect(error).toBeInstanceOf(DlbindError);
        break;
      }
    }
    expect(bound.length).toBeGreaterThan(30);
    expect(bound.length).toBeLessThan(41);
    refused("DLBIND_TABLE_FULL", () => lib.bind("m".repeat(100), place));
    expect([...lib.symbols()].map(({ name }) => name)).toEqual(bound);
    lib.bind("short", place);
    const [first = ""] = bound;
    lib.unbind(first);
    lib.bind("m".repeat(100), place);
    for (const name of [...bound.slice(1), "short", "m".repeat(100)]) {
      expect(BigInt(cDlsym(lib.handle, name))).toBe(place.address);
    }
  });

  it("take up to 131,071 bytes of UTF-8", () => {
    using lib = LiveObject.create("long");
    const place = lib.alloc(16, TEXT);
    const longest = `${"é".repeat(65_535)}x`;
    lib.bind(longest, place);
    expect(BigInt(cDlsym(lib.handle, longest))).toBe(place.address);
    expect(cDladdr(place.address)).toBe(longest);
    refused("DLBIND_BAD_ARGUMENT", () => lib.bind(`${longest}y`, place));
    refused("DLBIND_BAD_ARGUMENT", () => lib.bind("é".repeat(65_536), place));
  });
});
