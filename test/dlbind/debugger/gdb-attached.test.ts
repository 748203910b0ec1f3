import { describe, expect, it } from "vitest";
import type { Gdb } from "../../support/gdb.ts";
import { Scene } from "./scene.ts";
import { ADD, FRAMELESS, FRAMELESS_RULES, OUTER, type Target } from "./target.ts";

/** An object `live` in a process that gdb has attached to at some moment before any function was there. */
async function attachedBefore(scene: Scene, moment: string): Promise<{ target: Target; gdb: Gdb }> {
  const target = await scene.target();
  if (moment !== "before the object exists") await target.ask("create", "live");
  if (moment === "after an empty publish") await target.ask("publish", "live");
  const gdb = await scene.gdb(target);
  await gdb.run("break jit_add");
  await gdb.continue();
  if (moment === "before the object exists") await target.ask("create", "live");
  return { target, gdb };
}

const MOMENTS = ["before the object exists", "before the first publish", "after an empty publish"];

describe("gdb that is attached before functions exist", () => {
  it.each(MOMENTS)("resolves a pending breakpoint, hits it, and walks the stack; attached %s", (moment) =>
    Scene.play(async (scene) => {
      const { target, gdb } = await attachedBefore(scene, moment);
      await target.ask("define", "live", "jit_add", ADD);
      await target.ask("define", "live", "jit_outer", OUTER, { unwind: "frame-pointer" });
      await target.ask("publish", "live");
      const result = target.ask<number>("callBack", "live", "jit_outer", "jit_add", 30, 4);
      expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "jit_add" });
      const frames = await gdb.backtrace();
      expect(frames.slice(0, 3)).toEqual(["jit_add", "jit_outer", "c_caller"]);
      expect(frames.join(" ")).toMatch(/v8impl::.*v8::internal::.*Builtins_InterpreterEntryTrampoline/);
      expect(await gdb.run("frame 2")).toMatch(
        /outer=0x[0-9a-f]+ <jit_outer>, inner=0x[0-9a-f]+ <jit_add>, a=30, b=4/,
      );
      expect(await gdb.run("frame 0")).toMatch(/jit_add/);
      expect(await gdb.run("print (int)$rdi * 1000 + (int)$rsi")).toContain("= 30004");
      await gdb.continue();
      expect(await result).toBe(34);
      expect(gdb.complaints).toEqual([]);
    }),
  );

  it("knows variables, and forgets and moves names as they are unbound and rebound", () =>
    Scene.play(async (scene) => {
      const { target, gdb } = await attachedBefore(scene, "before the first publish");
      const add = await target.ask<string>("define", "live", "jit_add", ADD);
      const other = await target.ask<string>("define", "live", "jit_sub", "mov eax, edi\nsub eax, esi\nret");
      const variable = await target.ask<string>("data", "live", "jit_count", 77);
      await target.ask("publish", "live");
      await gdb.paused(async () => {
        expect(await gdb.run("print &jit_count")).toContain(`${variable} <jit_count>`);
        expect(await gdb.run("print *(int*)&jit_count")).toContain("= 77");
        expect(await gdb.run(`info symbol ${variable}`)).toMatch(/^jit_count in section \.data/);
        expect(await gdb.run(`info symbol ${other}+2`)).toMatch(/^jit_sub \+ 2 in section \.text/);
        expect(await gdb.run("print (int)jit_sub(50, 8)")).toContain("= 42");
      });

      await target.ask("rebind", "live", "jit_add", "jit_sub");
      await target.ask("unbind", "live", "jit_count", "jit_sub");
      await target.ask("publish", "live");
      await gdb.paused(async () => {
        expect(await gdb.refusal("info address jit_count")).toContain('No symbol "jit_count"');
        expect(await gdb.refusal("info address jit_sub")).toContain('No symbol "jit_sub"');
        expect(await gdb.run(`info symbol ${variable}`)).toContain("No symbol matches");
        expect(await gdb.run(`info symbol ${add}`)).toContain("No symbol matches");
        expect(await gdb.run("info address jit_add")).toContain(` ${other} `);
      });
      const result = target.ask<number>("call", "live", "jit_add", 50, 8);
      expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "jit_add" });
      await gdb.run("delete");
      await gdb.continue();
      expect(await result).toBe(42);

      await target.ask("unbind", "live", "jit_add");
      await target.ask("publish", "live");
      await gdb.paused(async () => {
        await gdb.run("set breakpoint pending off");
        expect(await gdb.refusal("break jit_add")).toContain('Function "jit_add" not defined');
        expect(await gdb.run(`info symbol ${other}`)).toContain("No symbol matches");
      });
      expect(gdb.complaints).toEqual([]);
    }));

  it("walks through a frame without frame pointer by the call-frame instructions of the function", () =>
    Scene.play(async (scene) => {
      const { target, gdb } = await attachedBefore(scene, "before the first publish");
      await target.ask("define", "live", "jit_add", ADD);
      await target.ask("define", "live", "jit_frameless", FRAMELESS, { unwind: FRAMELESS_RULES });
      await target.ask("publish", "live");
      const result = target.ask<number>("callBack", "live", "jit_frameless", "jit_add", 30, 4);
      await gdb.stopped();
      expect((await gdb.backtrace()).slice(0, 3)).toEqual(["jit_add", "jit_frameless", "c_caller"]);
      expect(await gdb.run("frame 2")).toContain("a=30, b=4");
      await gdb.continue();
      expect(await result).toBe(34);
    }));

  it("loses every name without a complaint when the object is deleted, and learns of another object", () =>
    Scene.play(async (scene) => {
      const { target, gdb } = await attachedBefore(scene, "before the first publish");
      await target.ask("define", "live", "jit_add", ADD);
      await target.ask("data", "live", "jit_count", 77);
      await target.ask("publish", "live");
      await target.ask("delete", "live");
      await gdb.paused(async () => {
        expect(await gdb.refusal("info address jit_add")).toContain('No symbol "jit_add"');
        expect(await gdb.refusal("info address jit_count")).toContain('No symbol "jit_count"');
        expect(await gdb.run("info breakpoints")).toContain("<PENDING>  jit_add");
        expect(await gdb.run("info sharedlibrary")).not.toContain("live");
      });
      await target.ask("create", "second");
      await target.ask("define", "second", "jit_add", ADD);
      await target.ask("publish", "second");
      const result = target.ask<number>("call", "second", "jit_add", 1, 2);
      expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "jit_add" });
      await gdb.continue();
      expect(await result).toBe(3);
      expect(gdb.complaints).toEqual([]);
    }));
});
