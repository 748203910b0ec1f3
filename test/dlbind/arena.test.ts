import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Arena, GRANULE } from "../../src/dlbind/arena.ts";

const CAPACITY = 256;

/** The naive model: who has each granule, and nothing cleverer. */
class Model {
  readonly owner = new Array<number>(CAPACITY).fill(-1);
  readonly blocks = new Map<number, number>();

  put(start: number, size: number): void {
    this.owner.fill(start, start, start + size);
    this.blocks.set(start, size);
  }

  drop(start: number): void {
    this.owner.fill(-1, start, start + (this.blocks.get(start) ?? 0));
    this.blocks.delete(start);
  }

  isFree(from: number, to: number): boolean {
    return to <= CAPACITY && this.owner.slice(from, to).every((owner) => owner < 0);
  }

  /** Whether any place would do for a block. */
  hasRoom(size: number, align: number): boolean {
    for (let at = 0; at + size <= CAPACITY; at += align) if (this.isFree(at, at + size)) return true;
    return false;
  }
}

interface Pair {
  readonly model: Model;
  readonly arena: Arena;
}

function pick(model: Model, which: number): number | undefined {
  return [...model.blocks.keys()][which % Math.max(1, model.blocks.size)];
}

/** What must hold after every step. */
function check({ model, arena }: Pair): void {
  const used = [...model.blocks].sort(([a], [b]) => a - b);
  expect([...arena.used()]).toEqual(used.map(([start]) => start));
  expect(arena.blocks).toBe(used.length);
  expect(arena.usedBytes).toBe(GRANULE * used.reduce((sum, [, size]) => sum + size, 0));
  const last = used.at(-1);
  expect(arena.top).toBe(last === undefined ? 0 : last[0] + last[1]);
  const places = Array.from({ length: CAPACITY + 2 }, (_, index) => index - 1);
  expect(places.filter((at) => arena.blockHolding(at) !== (model.owner[at] ?? -1))).toEqual([]);
  expect(places.filter((at) => arena.sizeOf(at) !== (model.blocks.get(at) ?? 0))).toEqual([]);
}

class Take implements fc.Command<Model, Pair> {
  readonly size: number;
  readonly align: number;
  constructor(size: number, align: number) {
    this.size = size;
    this.align = align;
  }
  check(): boolean {
    return true;
  }
  run(_: Model, { model, arena }: Pair): void {
    const start = arena.take(this.size, this.align);
    if (start < 0) {
      expect(model.hasRoom(this.size, this.align)).toBe(false);
    } else {
      expect(start % this.align).toBe(0);
      expect(model.isFree(start, start + this.size)).toBe(true);
      model.put(start, this.size);
    }
    check({ model, arena });
  }
  toString(): string {
    return `take(${this.size}, ${this.align})`;
  }
}

class Give implements fc.Command<Model, Pair> {
  readonly which: number;
  constructor(which: number) {
    this.which = which;
  }
  check(): boolean {
    return true;
  }
  run(_: Model, { model, arena }: Pair): void {
    const start = pick(model, this.which);
    if (start === undefined) return;
    expect(arena.give(start)).toBe(true);
    expect(arena.give(start)).toBe(false);
    model.drop(start);
    check({ model, arena });
  }
  toString(): string {
    return `give(#${this.which})`;
  }
}

class GiveInside implements fc.Command<Model, Pair> {
  readonly granule: number;
  constructor(granule: number) {
    this.granule = granule;
  }
  check(): boolean {
    return true;
  }
  run(_: Model, { model, arena }: Pair): void {
    if (model.blocks.has(this.granule)) return;
    expect(arena.give(this.granule)).toBe(false);
    expect(arena.resize(this.granule, 1)).toBe(false);
    check({ model, arena });
  }
  toString(): string {
    return `give, resize where none starts(${this.granule})`;
  }
}

class Resize implements fc.Command<Model, Pair> {
  readonly which: number;
  readonly size: number;
  constructor(which: number, size: number) {
    this.which = which;
    this.size = size;
  }
  check(): boolean {
    return true;
  }
  run(_: Model, { model, arena }: Pair): void {
    const start = pick(model, this.which);
    if (start === undefined) return;
    const before = model.blocks.get(start) ?? 0;
    const fits = this.size <= before || model.isFree(start + before, start + this.size);
    expect(arena.resize(start, this.size)).toBe(fits);
    if (fits) {
      model.drop(start);
      model.put(start, this.size);
    }
    check({ model, arena });
  }
  toString(): string {
    return `resize(#${this.which}, ${this.size})`;
  }
}

describe("the arena", () => {
  it("does what a naive list of granules does, and is whole again when all is given back", () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: CAPACITY + 8 }));
    const align = fc.integer({ min: 0, max: 6 }).map((log) => 1 << log);
    const which = fc.nat(1000);
    const commands = fc.commands(
      [
        fc.tuple(size, align).map(([s, a]) => new Take(s, a)),
        fc.tuple(fc.integer({ min: 1, max: 6 }), fc.constant(1)).map(([s, a]) => new Take(s, a)),
        which.map((w) => new Give(w)),
        fc.nat(CAPACITY).map((g) => new GiveInside(g)),
        fc.tuple(which, size).map(([w, s]) => new Resize(w, s)),
      ],
      { maxCommands: 120, size: "max" },
    );
    fc.assert(
      fc.property(commands, fc.array(which, { minLength: CAPACITY, maxLength: CAPACITY }), (steps, order) => {
        const pair = { model: new Model(), arena: new Arena(CAPACITY * GRANULE + 5) };
        fc.modelRun(() => ({ model: pair.model, real: pair }), steps);
        for (const w of order) {
          const start = pick(pair.model, w);
          if (start === undefined) break;
          expect(pair.arena.give(start)).toBe(true);
          pair.model.drop(start);
        }
        check(pair);
        expect(pair.arena.top).toBe(0);
        expect(pair.arena.take(CAPACITY, 1)).toBe(0);
      }),
      { seed: 20261121, numRuns: 150 },
    );
  });

  it("finds a fitting block among many that are too small, in a region without space above", () => {
    // 200 free blocks of 65 granules, one of 100 among them, all in the same range of sizes.
    const sizes = Array.from({ length: 200 }, (_, i) => (i === 20 ? 100 : 65));
    const total = sizes.reduce((sum, size) => sum + size + 1, 0);
    const arena = new Arena(total * GRANULE);
    const starts = sizes.map((size) => {
      const start = arena.take(size, 1);
      expect(arena.take(1, 1)).toBe(start + size);
      return start;
    });
    expect(arena.take(1, 1)).toBe(-1);
    for (const start of starts) arena.give(start);
    expect(arena.take(100, 1)).toBe(starts[20]);
  });

  it("keeps its blocks apart over 200,000 random steps in a large region", () => {
    const arena = new Arena(1 << 24);
    const live: { start: number; size: number }[] = [];
    const owner = new Int32Array(arena.capacity).fill(-1);
    let state = 20261121;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    for (let step = 0; step < 200_000; step++) {
      if (live.length < 3000 && random(100) < 55) {
        const size = 1 + random(random(10) === 0 ? 400 : 12);
        const start = arena.take(size, 1 << random(5));
        if (start < 0) throw new Error(`step ${step}: no room for ${size}`);
        if (owner.subarray(start, start + size).some((id) => id !== -1))
          throw new Error(`step ${step}: overlap`);
        owner.fill(step, start, start + size);
        live.push({ start, size });
      } else {
        const index = random(live.length);
        const block = live[index];
        const last = live.pop();
        if (block === undefined || last === undefined) continue;
        if (index < live.length) live[index] = last;
        if (!arena.give(block.start)) throw new Error(`step ${step}: block at ${block.start} unknown`);
        owner.fill(-1, block.start, block.start + block.size);
      }
    }
    const holder = new Int32Array(arena.capacity).fill(-1);
    for (const { start, size } of live) holder.fill(start, start, start + size);
    const wrong = Array.from(holder.keys()).filter((at) => arena.blockHolding(at) !== holder[at]);
    expect(wrong).toEqual([]);
    for (const { start } of live) arena.give(start);
    expect({ top: arena.top, blocks: arena.blocks, used: arena.usedBytes }).toEqual({
      top: 0,
      blocks: 0,
      used: 0,
    });
  });

  it("knows the block around a place far from both its ends", () => {
    const arena = new Arena(1 << 26);
    const before = arena.take(3, 1);
    const large = arena.take(4_000_000, 1);
    const after = arena.take(5, 1);
    expect([before, large, after]).toEqual([0, 3, 4_000_003]);
    for (const at of [3, 40, 2000, 70_000, 3_999_999, 4_000_002]) expect(arena.blockHolding(at)).toBe(large);
    expect(arena.blockHolding(2)).toBe(before);
    expect(arena.blockHolding(4_000_003)).toBe(after);
    arena.give(large);
    for (const at of [3, 40, 2000, 70_000, 3_999_999, 4_000_002]) expect(arena.blockHolding(at)).toBe(-1);
    arena.give(before);
    expect(arena.blockHolding(3_000_000)).toBe(-1);
    expect(arena.blockHolding(4_000_007)).toBe(after);
  });
});
