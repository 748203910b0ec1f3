import { describe, expect, it } from "vitest";
import type { Gdb } from "../../support/gdb.ts";
import { Scene } from "./scene.ts";
import { ADD, FRAMELESS, FRAMELESS_RULES, OUTER, type Target } from "./target.ts";

/** A process with two published functions and a variable. */
async function published(scene: Scene): Promise<Target> {
  const target = await scene.target();
  await target.ask("create", "live");
  await target.ask("define", "live", "jit_add", ADD);
  await target.ask("define", "live", "jit_outer", OUTER, { unwind: "frame-pointer" });
  await target.ask("define", "live", "jit_frameless", FRAMELESS, { unwind: FRAMELESS_RULES });
  await target.ask("data", "live", "jit_count", 77);
  await target.ask("publish", "live");
  return target;
}

/** Has gdb, with the process stopped, hit `jit_add` below `outer`; the process runs afterwards. */
async function expectStack(target: Target, gdb: Gdb, outer: string): Promise<void> {
  await gdb.run("break jit_add");
  await gdb.continue();
  const result = target.ask<number>("callBack", "live", outer, "jit_add", 30, 4);
  expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "jit_add" });
  expect((await gdb.backtrace()).slice(0, 4)).toEqual(["jit_add", outer, "c_caller", "??"]);
  expect(await gdb.run("frame 2")).toContain("a=30, b=4");
  await gdb.run("delete");
  await gdb.continue();
  expect(await result).toBe(34);
}

/** Checks that gdb has each name at its place, with the process stopped; it runs afterwards. */
async function expectNames(
  target: Target,
  gdb: Gdb,
  present: string[],
  absent: string[] = [],
): Promise<void> {
  const places: string[] = [];
  for (const name of present) {
    const place = /0x[0-9a-f]+/.exec(await gdb.run(`print/x (long)&${name}`))?.[0] ?? "";
    expect(await gdb.run(`info symbol ${place}`)).toMatch(new RegExp(`^${name} in section`));
    places.push(place);
  }
  for (const name of absent) expect(await gdb.refusal(`info address ${name}`)).toContain("No symbol");
  await gdb.continue();
  for (const [index, name] of present.entries()) {
    expect(await target.ask("address", "live", name)).toBe(places[index]);
  }
}

describe("gdb that attaches after functions were published", () => {
  it("has their names and walks their frames, with and without frame pointer", () =>
    Scene.play(async (scene) => {
      const target = await published(scene);
      const gdb = await scene.gdb(target);
      expect(await gdb.run("print *(int*)&jit_count")).toContain("= 77");
      expect(await gdb.run("print (int)jit_add(40, 2)")).toContain("= 42");
      await expectStack(target, gdb, "jit_outer");
      await gdb.interrupt();
      await expectStack(target, gdb, "jit_frameless");
      await gdb.interrupt();
      await expectNames(target, gdb, ["jit_add", "jit_outer", "jit_frameless", "jit_count"]);
      expect(gdb.complaints).toEqual([]);
    }));

  it("follows what is published and taken away from then on", () =>
    Scene.play(async (scene) => {
      const target = await published(scene);
      const gdb = await scene.gdb(target);
      await gdb.continue();
      await target.ask("define", "live", "jit_later", ADD);
      await target.ask("publish", "live");
      await gdb.interrupt();
      await expectNames(target, gdb, ["jit_add", "jit_outer", "jit_count", "jit_later"]);
      await target.ask("rebind", "live", "jit_outer", "jit_later");
      await target.ask("unbind", "live", "jit_add", "jit_later", "jit_count");
      await target.ask("publish", "live");
      await gdb.interrupt();
      await expectNames(target, gdb, ["jit_outer", "jit_frameless"], ["jit_add", "jit_later", "jit_count"]);
      expect(gdb.complaints).toEqual([]);
    }));

  it("may detach and come back, and another gdb after it, over publishes that nobody heard", () =>
    Scene.play(async (scene) => {
      const target = await published(scene);
      const gdb = await scene.gdb(target);
      await gdb.continue();
      await target.ask("define", "live", "jit_heard", ADD);
      await target.ask("publish", "live");
      await gdb.interrupt();
      await gdb.detach();

      await target.ask("unbind", "live", "jit_heard");
      await target.ask("define", "live", "jit_unheard", ADD);
      await target.ask("publish", "live");
      await gdb.attach(target.pid);
      await expectNames(target, gdb, ["jit_add", "jit_unheard", "jit_count"], ["jit_heard"]);
      await gdb.interrupt();
      await gdb.detach();

      // What is bound when nobody listens shows without a publish as soon as the next one comes.
      await target.ask("define", "live", "jit_third", ADD);
      await target.ask("unbind", "live", "jit_unheard");
      const other = await scene.gdb(target);
      await other.continue();
      await target.ask("publish", "live");
      await other.interrupt();
      await expectNames(target, other, ["jit_add", "jit_third", "jit_count"], ["jit_heard", "jit_unheard"]);
      await other.interrupt();
      await expectStack(target, other, "jit_outer");
      expect([...gdb.complaints, ...other.complaints]).toEqual([]);
    }));

  it("loses the names of an object that is deleted, and keeps those of the others", () =>
    Scene.play(async (scene) => {
      const target = await published(scene);
      await target.ask("create", "other");
      await target.ask("define", "other", "jit_other", ADD);
      await target.ask("publish", "other");
      const gdb = await scene.gdb(target);
      await gdb.run("break jit_other");
      await gdb.continue();
      await target.ask("delete", "other");
      await gdb.interrupt();
      await expectNames(target, gdb, ["jit_add", "jit_count"], ["jit_other"]);
      await target.ask("delete", "live");
      await gdb.interrupt();
      for (const name of ["jit_add", "jit_outer", "jit_count"]) {
        expect(await gdb.refusal(`info address ${name}`)).toContain("No symbol");
      }
      await gdb.continue();
      expect(await target.ask("create", "third")).toHaveProperty("base");
      expect(gdb.complaints).toEqual([]);
    }));
});
