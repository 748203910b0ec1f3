/** What keeps a module from being unloaded, does so only as long as nobody insists. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile, compileTo } from "../support/compile.ts";

const isMapped = (name: string): boolean =>
  readFileSync("/proc/self/maps", "utf8").includes(`bindery:${name}`);

it("a module with a call on the stack refuses to go, and is unmapped by force", () => {
  const path = compileTo("void back(void); int into(void) { back(); return 1; }", "gcc", ["-g"]);
  const script = join(import.meta.dirname, "force.mjs");
  const said = execFileSync(process.execPath, [script, path], { encoding: "utf8" });
  expect(JSON.parse(said)).toEqual(["DYNLD_IN_USE", "DYNLD_IN_USE", true, true, false]);
});

it("a module whose exports others import refuses to go, and is unmapped by force", () => {
  const owner = NativeModule.load(compile("int base(void) { return 40; }"), { name: "forced-owner" });
  const table = new ExportTable().addModule(owner);
  const user = NativeModule.load(compile("int base(void); int (*of)(void) = base;"), { name: "user", table });
  const refused = expect.objectContaining({ code: "DYNLD_IN_USE" });
  expect(() => owner.unload()).toThrow(refused);
  expect(() => owner.reload(compile("int base(void) { return 41; }"))).toThrow(refused);
  expect(isMapped("forced-owner")).toBe(true);
  owner.unload({ force: true });
  expect(isMapped("forced-owner")).toBe(false);
  user.unload();
  expect(isMapped("user")).toBe(false);
});

it("a module gives its callbacks back: more than there may be at once, one after the other", () => {
  const names = Array.from({ length: 100 }, (_, i) => `host${i}`);
  const table = new ExportTable();
  for (const [index, name] of names.entries())
    table.addFunction(`int ${name}(int)`, (n: number) => n + index);
  const source = `${names.map((name) => `int ${name}(int);`).join(" ")}
    int sum(int n) { return ${names.map((name) => `${name}(n)`).join(" + ")}; }`;
  const file = compile(source, "gcc", ["-g"]);
  // 8,192 callbacks are the most.
  for (let round = 0; round < 90; round++) {
    using module = NativeModule.load(file, { name: "called", table });
    if (round % 30 === 0) expect(module.fn.sum?.(1)).toBe(100 + (99 * 100) / 2);
  }
});
