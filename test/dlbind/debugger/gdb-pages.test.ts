import { describe, expect, it } from "vitest";
import { Scene } from "./scene.ts";
import { ADD } from "./target.ts";

const returns = (value: number) => `mov eax, ${value}\nret`;

describe("text that gdb has written to", () => {
  it("runs new code in the page of a breakpoint, and the breakpoint stays", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      const gdb = await scene.gdb(target);
      await gdb.run("break jit_a");
      await gdb.continue();
      const first = await target.ask<string>("define", "live", "jit_a", returns(11));
      await target.ask("publish", "live");
      const second = await target.ask<string>("define", "live", "jit_b", returns(22));
      expect(BigInt(first) >> 12n).toBe(BigInt(second) >> 12n);
      expect(await target.ask("call", "live", "jit_b")).toBe(22);
      await target.ask("publish", "live");
      expect(await target.ask("call", "live", "jit_b")).toBe(22);
      const result = target.ask<number>("call", "live", "jit_a");
      expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "jit_a" });
      expect((await gdb.run("disassemble/r jit_b")).replaceAll(/\s+/g, " ")).toContain(
        "b8 16 00 00 00 mov $0x16,%eax",
      );
      await gdb.continue();
      expect(await result).toBe(11);

      await target.ask("rewrite", "live", "jit_b", returns(33));
      await target.ask("publish", "live");
      expect(await target.ask("call", "live", "jit_b")).toBe(33);
      const again = target.ask<number>("call", "live", "jit_a");
      expect(await gdb.stopped()).toEqual({ reason: "breakpoint-hit", func: "jit_a" });
      await gdb.continue();
      expect(await again).toBe(11);
    }));

  it("takes back the breakpoint of a function that is gone before other code comes to lie there", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      const gdb = await scene.gdb(target);
      await gdb.run("break jit_a");
      await gdb.continue();
      const first = await target.ask<string>("define", "live", "jit_a", returns(11));
      await target.ask("publish", "live");
      await target.ask("free", "jit_a");
      await target.ask("publish", "live");
      const second = await target.ask<string>("define", "live", "jit_b", ADD);
      expect(second).toBe(first);
      await gdb.interrupt();
      await gdb.continue();
      expect(await target.ask("call", "live", "jit_b", 3, 4)).toBe(7);
      await target.ask("publish", "live");
      expect(await target.ask("call", "live", "jit_b", 3, 4)).toBe(7);
      await gdb.interrupt();
      expect((await gdb.run("disassemble/r jit_b")).replaceAll(/\s+/g, " ")).toContain(
        "8d 04 37 lea (%rdi,%rsi,1),%eax",
      );
      expect(gdb.complaints).toEqual([]);
    }));

  it("does not reuse the text of a function that gdb knows before gdb knows that it is gone", () =>
    Scene.play(async (scene) => {
      const target = await scene.target();
      await target.ask("create", "live");
      const gdb = await scene.gdb(target);
      await gdb.continue();
      const first = await target.ask<string>("define", "live", "jit_a", returns(11));
      await target.ask("publish", "live");
      await target.ask("free", "jit_a");
      expect(await target.ask("define", "live", "jit_b", returns(22))).not.toBe(first);
      await target.ask("publish", "live");
      expect(await target.ask("define", "live", "jit_c", returns(33))).toBe(first);
      await target.ask("publish", "live");
      await gdb.interrupt();
      expect(await gdb.run(`info symbol ${first}`)).toMatch(/^jit_c in section/);
      expect(await gdb.refusal("info address jit_a")).toContain("No symbol");
      expect(gdb.complaints).toEqual([]);
    }));
});
