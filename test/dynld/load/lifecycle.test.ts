/** Modules that come, go and are replaced, and what is left of them: nothing. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dladdr } from "../../../src/dlbind/index.ts";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import type { DynldError } from "../../../src/errors.ts";
import { linkMaps } from "../../../src/host/dl.ts";
import { compile } from "../support/compile.ts";

const COUNTER = (step: number, start = 0) => `
  static struct state { int count; } here = { ${start} }, *current = &here;
  int next(void) { return current->count += ${step}; }
  void *save(void) { return current; }
  void restore(void *from) { here.count = ((struct state *)from)->count; }`;

function mappings(name: string): string[] {
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes(name));
}

function descriptors(name: string): string[] {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes(name);
    } catch {
      return false;
    }
  });
}

function failure(action: () => unknown): DynldError {
  try {
    action();
  } catch (error) {
    return error as DynldError;
  }
  throw new Error("nothing was thrown");
}

describe("a module", () => {
  it("is found by dladdr at all its functions, static ones by debuggers only", () => {
    using module = NativeModule.load(compile(COUNTER(1)), { name: "named" });
    const address = module.address("next") ?? 0n;
    expect(dladdr(address + 3n)?.symbol).toEqual({ name: "next", address });
    expect(dladdr(address)?.objectName).toContain("named");
    expect(module.object.symbol("here")).toMatchObject({ binding: 0, size: 4 });
    expect(module.export.map(({ name }) => name)).toEqual(["next", "restore", "save"]);
    expect(module.object.symbol("current")?.address).toBeGreaterThan(module.base);
  });

  it("goes with its mapping, its descriptor and its place among loaded objects", () => {
    const module = NativeModule.load(compile(COUNTER(1)), { name: "goer" });
    const address = module.address("next") ?? 0n;
    expect(mappings("bindery:goer").length).toBeGreaterThan(2);
    module.unload();
    expect(mappings("bindery:goer")).toEqual([]);
    expect(descriptors("bindery:goer")).toEqual([]);
    expect(linkMaps().filter(({ name }) => name.includes("goer"))).toEqual([]);
    expect(dladdr(address)).toBeUndefined();
    expect(failure(() => module.call("int next(void)")).code).toBe("DYNLD_FREED");
  });

  it("that an initialiser fails for leaves nothing", () => {
    const seen: string[] = [];
    const table = new ExportTable().addFunction("void host(int)", (step: number) => {
      seen.push(`step ${step}`);
      if (step === 2) throw new Error("refused by the host");
    });
    const source = `
      void host(int);
      __attribute__((constructor)) static void first(void) { host(1); }
      __attribute__((constructor)) static void second(void) { host(2); }
      __attribute__((destructor)) static void last(void) { host(3); }`;
    expect(failure(() => NativeModule.load(compile(source), { name: "failing", table })).message).toBe(
      "refused by the host",
    );
    expect(seen).toEqual(["step 1", "step 2", "step 3"]);
    expect(mappings("bindery:failing")).toEqual([]);
    expect(descriptors("bindery:failing")).toEqual([]);
  });

  it("stays while another uses what it exports, or while a call of it has not returned", () => {
    const owner = NativeModule.load(compile("int base(void) { return 40; }"), { name: "owner" });
    const table = new ExportTable().addModule(owner).addFunction("void back(void)", () => {
      expect(failure(() => user.unload()).code).toBe("DYNLD_IN_USE");
    });
    const source = "int base(void); void back(void); int both(void) { back(); return base() + 2; }";
    const user = NativeModule.load(compile(source), { name: "user", table });
    expect(user.import?.map(({ name }) => name).sort()).toEqual(["back", "base"]);
    expect(user.call("int both(void)")).toBe(42);
    const refused = failure(() => owner.unload());
    expect(refused.code).toBe("DYNLD_IN_USE");
    expect(refused.message).toBe("owner: unload: 1 imports of other modules lead here");
    expect(owner.call("int base(void)")).toBe(40);
    user.unload();
    owner.unload();
    expect(owner.isUnloaded).toBe(true);
  });

  it("is replaced in place, its state handed over, its callables going to the new version", () => {
    const module = NativeModule.load(compile(COUNTER(1)), { name: "replaced" });
    const next = module.function("int next(void)");
    expect([next(), next()]).toEqual([1, 2]);
    const old = module.base;
    module.reload(compile(COUNTER(100)), { state: { save: "save", restore: "restore" } });
    expect([next(), next()]).toEqual([102, 202]);
    expect(dladdr(old)?.objectName ?? "").not.toBe("replaced");
    expect(mappings("bindery:replaced").filter((line) => line.startsWith(old.toString(16)))).toEqual([]);
    const refused = failure(() => module.reload(compile("int other(void) { return 1; }")));
    expect(refused.message).toBe("replaced: reload: the new version does not export next");
    expect(next()).toBe(302);
    module.unload();
  });
});
