import { describe, expect, it } from "vitest";
import type { Lldb } from "../../support/lldb.ts";
import { Scene } from "./scene.ts";
import { ADD, FRAMELESS, FRAMELESS_RULES, OUTER, type Target } from "./target.ts";

async function define(target: Target): Promise<void> {
  await target.ask("define", "live", "jit_add", ADD);
  await target.ask("define", "live", "jit_outer", OUTER, { unwind: "frame-pointer" });
  await target.ask("define", "live", "jit_frameless", FRAMELESS, { unwind: FRAMELESS_RULES });
  await target.ask("data", "live", "jit_count", 77);
  await target.ask("publish", "live");
}

/** Has lldb, with a breakpoint on `jit_add` and the process running, hit it below `outer`; it runs afterwards. */
async function expectStack(target: Target, lldb: Lldb, outer: string): Promise<void> {
  const result = target.ask<number>("callBack", "live", outer, "jit_add", 30, 4);
  expect(await lldb.stopped()).toMatch(/stop reason = breakpoint/);
  const frames = await lldb.backtrace();
  expect(frames.slice(0, 3)).toEqual(["jit_add", outer, "c_caller"]);
  expect(frames.join(" ")).toContain("Builtins_InterpreterEntryTrampoline");
  expect(await lldb.run("register read edi esi")).toMatch(/edi = 0x0000001e\s+esi = 0x00000004/);
  await lldb.continue();
  expect(await result).toBe(34);
}

/** Checks that lldb has each name at its place, with the process stopped; it runs afterwards. */
async function expectNames(
  target: Target,
  lldb: Lldb,
  present: string[],
  absent: string[] = [],
): Promise<void> {
  const places: (string | undefined)[] = [];
  for (const name of present) places.push(await lldb.addressOf(name));
  for (const name of absent) expect(await lldb.addressOf(name)).toBeUndefined();
  await lldb.continue();
  for (const [index, name] of present.entries()) {
    expect(await target.ask("address", "live", name)).toBe(places[index]);
  }
}

describe("lldb", () => {
  it("attached before functions exist: hits a pending breakpoint, walks the stack, follows what goes and moves", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      const lldb = await scene.lldb(target, "target");
      await lldb.run("breakpoint set --name jit_add");
      await lldb.continue();
      await target.ask("create", "live");
      await define(target);
      await expectStack(target, lldb, "jit_outer");
      await expectStack(target, lldb, "jit_frameless");
      await lldb.interrupt();
      await expectNames(target, lldb, ["jit_add", "jit_outer", "jit_count"]);

      await target.ask("rebind", "live", "jit_outer", "jit_frameless");
      await target.ask("unbind", "live", "jit_add", "jit_frameless", "jit_count");
      await target.ask("publish", "live");
      await lldb.interrupt();
      await expectNames(target, lldb, ["jit_outer"], ["jit_add", "jit_frameless", "jit_count"]);
      await target.ask("delete", "live");
      await lldb.interrupt();
      expect(await lldb.addressOf("jit_outer")).toBeUndefined();
    }));

  it("attached afterwards, with its target made first: has the names, and what is published from then on", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      await define(target);
      const lldb = await scene.lldb(target, "target");
      await expectNames(target, lldb, ["jit_add", "jit_outer", "jit_frameless", "jit_count"]);
      await lldb.interrupt();
      await lldb.run("breakpoint set --name jit_add");
      await lldb.continue();
      await expectStack(target, lldb, "jit_outer");
      await expectStack(target, lldb, "jit_frameless");
      await target.ask("define", "live", "jit_later", ADD);
      await target.ask("unbind", "live", "jit_count");
      await target.ask("publish", "live");
      await lldb.interrupt();
      await expectNames(target, lldb, ["jit_add", "jit_outer", "jit_later"], ["jit_count"]);

      await lldb.interrupt();
      await lldb.detach();
      await target.ask("unbind", "live", "jit_later");
      await target.ask("define", "live", "jit_unheard", ADD);
      await target.ask("publish", "live");
      await lldb.attach(target.pid);
      await expectNames(target, lldb, ["jit_add", "jit_outer", "jit_unheard"], ["jit_later"]);
      await expectStack(target, lldb, "jit_outer");
    }));

  it("attached by process number alone: has the names after the next publish", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      await define(target);
      const lldb = await scene.lldb(target, "plain");
      await lldb.run("breakpoint set --name jit_add");
      await lldb.continue();
      await target.ask("define", "live", "jit_later", ADD);
      await target.ask("publish", "live");
      await expectStack(target, lldb, "jit_outer");
      await lldb.interrupt();
      await expectNames(target, lldb, ["jit_add", "jit_outer", "jit_frameless", "jit_later"]);
    }));

  it("runs new code in the page of its breakpoint, and the breakpoint stays", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      const lldb = await scene.lldb(target, "target");
      await lldb.run("breakpoint set --name jit_a");
      await lldb.continue();
      await target.ask("define", "live", "jit_a", "mov eax, 11\nret");
      await target.ask("publish", "live");
      await target.ask("define", "live", "jit_b", "mov eax, 22\nret");
      expect(await target.ask("call", "live", "jit_b")).toBe(22);
      await target.ask("rewrite", "live", "jit_b", "mov eax, 33\nret");
      await target.ask("publish", "live");
      expect(await target.ask("call", "live", "jit_b")).toBe(33);
      const result = target.ask<number>("call", "live", "jit_a");
      expect(await lldb.stopped()).toContain("`jit_a");
      await lldb.continue();
      expect(await result).toBe(11);

      await target.ask("free", "jit_a");
      await target.ask("publish", "live");
      await target.ask("define", "live", "jit_c", ADD);
      expect(await target.ask("call", "live", "jit_c", 3, 4)).toBe(7);
      await lldb.interrupt();
      await lldb.continue();
      await target.ask("publish", "live");
      expect(await target.ask("call", "live", "jit_c", 3, 4)).toBe(7);
    }));
});
