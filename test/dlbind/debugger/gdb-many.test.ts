import { describe, expect, it } from "vitest";
import type { Gdb } from "../../support/gdb.ts";
import { Scene } from "./scene.ts";

/** Names that gdb gives to addresses, the process stopped. */
async function namesAt(gdb: Gdb, addresses: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for (const address of addresses) {
    const text = await gdb.run(`info symbol ${address}`);
    names.push(text.startsWith("No symbol") ? "" : (/^\S+/.exec(text)?.[0] ?? ""));
  }
  return names;
}

/** `count` indices spread over `length`. */
function sample(length: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * (length - 1)) / (count - 1)));
}

async function registeredObjects(gdb: Gdb): Promise<number> {
  return (await gdb.run("maintenance info jit")).split("\n").filter((line) => line.startsWith("0x")).length;
}

describe("gdb over many functions and many publishes", () => {
  it("has every name at its place, in few objects", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      const gdb = await scene.gdb(target);
      await gdb.continue();

      const bulk = await target.ask<string[]>("defineMany", "live", "bulk", 0, 10_000);
      await target.ask("publish", "live");
      await gdb.interrupt();
      expect(await registeredObjects(gdb)).toBe(1);
      const bulkSample = sample(bulk.length, 50);
      expect(
        await namesAt(
          gdb,
          bulkSample.map((i) => bulk[i] ?? ""),
        ),
      ).toEqual(bulkSample.map((i) => `bulk${i}`));
      expect(await gdb.run("print (int)bulk9999()")).toContain("= 9999");
      await gdb.continue();

      const each = await target.ask<string[]>("defineEach", "live", "each", 0, 300);
      await gdb.interrupt();
      expect(await registeredObjects(gdb)).toBeLessThan(40);
      expect(await namesAt(gdb, each)).toEqual(each.map((_, i) => `each${i}`));
      expect(
        await namesAt(
          gdb,
          bulkSample.map((i) => bulk[i] ?? ""),
        ),
      ).toEqual(bulkSample.map((i) => `bulk${i}`));
      await gdb.continue();

      const odd = each.map((_, i) => i).filter((i) => i % 2 === 1);
      await target.ask("free", ...odd.map((i) => `each${i}`));
      await target.ask("publish", "live");
      await gdb.interrupt();
      const left = each.map((_, i) => (i % 2 === 1 ? "" : `each${i}`));
      expect(await namesAt(gdb, each)).toEqual(left);
      await gdb.continue();

      const reused = await target.ask<string[]>("defineEach", "live", "again", 0, 150);
      expect(new Set(reused)).toEqual(new Set(odd.map((i) => each[i])));
      await gdb.interrupt();
      expect(await namesAt(gdb, reused)).toEqual(reused.map((_, i) => `again${i}`));
      expect(
        await namesAt(
          gdb,
          each.filter((_, i) => i % 2 === 0),
        ),
      ).toEqual(left.filter((name) => name !== ""));
      expect(await gdb.refusal("info address each1")).toContain("No symbol");
      expect(await registeredObjects(gdb)).toBeLessThan(40);
      expect(gdb.complaints).toEqual([]);
    }));

  it("keeps one breakpoint in each function while the objects that tell of them are merged", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      const gdb = await scene.gdb(target);
      for (const name of ["each0", "each17", "each90"]) await gdb.run(`break ${name}`);
      await gdb.continue();
      await target.ask("defineEach", "live", "each", 0, 100);
      for (const number of [0, 17, 90]) {
        const result = target.ask<number>("call", "live", `each${number}`);
        expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: `each${number}` });
        const breakpoints = await gdb.run("info breakpoints");
        expect(breakpoints.match(/<each\d+(\+\d+)?>/g)).toEqual(["<each0>", "<each17>", "<each90>"]);
        await gdb.continue();
        expect(await result).toBe(number);
      }
      await target.ask("unbind", "live", "each17");
      await target.ask("publish", "live");
      const result = target.ask<number>("call", "live", "each90");
      expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "each90" });
      expect(await gdb.run("info breakpoints")).toMatch(/<PENDING>\s+each17/);
      await gdb.continue();
      expect(await result).toBe(90);
      expect(gdb.complaints).toEqual([]);
    }));
});
