/** Types of what a module imports of a shared library: as far as debug information of the library tells them. */
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ExportTable } from "../../../src/dynld/export-table.ts";
import type { ModuleFile } from "../../../src/dynld/link/input.ts";
import { NativeModule } from "../../../src/dynld/module.ts";
import { compile, compileTo, pathOf } from "../support/compile.ts";

const DEV = "struct dev { int flags; long count; };";
const OTHER = "struct dev { long flags; long count; };";
const LIBRARY = `${DEV} long dev_count(struct dev *d) { return d->count; } struct dev dev_first = {1, 2};`;
const user = (dev: string): ModuleFile =>
  compile(
    `${dev} long dev_count(struct dev *); extern struct dev dev_first; long ask(void) { return dev_count(&dev_first); }`,
    "gcc",
    ["-g", "-fPIC"],
  );

/** Path of a shared library of that source. */
function library(name: string, ...flags: string[]): string {
  const path = pathOf(name);
  execFileSync("gcc", ["-shared", "-o", path, compileTo(LIBRARY, "gcc", ["-fPIC", ...flags])]);
  return path;
}

const REFUSED =
  /signature mismatch: dev_count: module expects long \(struct dev \*\), program provides .*: struct dev: expected long flags at 0, found int flags at 0/;

describe("a library", () => {
  it("with debug information has types, and what does not fit is refused with the difference", () => {
    const path = library("typed.so", "-g");
    using table = new ExportTable().addLibrary(path);
    {
      using module = NativeModule.load(user(DEV), { table, policy: "strict" });
      expect(module.fn.ask?.()).toBe(2n);
    }
    expect(() => NativeModule.load(user(OTHER), { table })).toThrow(REFUSED);
    using unchecked = new ExportTable().addLibrary(path, undefined, { types: false });
    NativeModule.load(user(OTHER), { table: unchecked }).unload();
  });

  it("without it has none, unless they are asked for and a separate file has them", () => {
    const path = library("stripped.so", "-g");
    execFileSync("objcopy", ["--only-keep-debug", path, `${path}.debug`]);
    execFileSync("objcopy", ["--strip-debug", `--add-gnu-debuglink=${path}.debug`, path]);
    using plain = new ExportTable().addLibrary(path);
    NativeModule.load(user(OTHER), { table: plain }).unload();
    expect(() => NativeModule.load(user(DEV), { table: plain, policy: "strict" })).toThrow(
      "unchecked symbol",
    );
    using typed = new ExportTable().addLibrary(path, undefined, { types: true });
    expect(() => NativeModule.load(user(OTHER), { table: typed })).toThrow(REFUSED);
    NativeModule.load(user(DEV), { table: typed, policy: "strict" }).unload();
    expect(typed.entries().map(({ name, sig }) => [name, sig !== 0n])).toEqual(
      expect.arrayContaining([
        ["dev_count", true],
        ["dev_first", true],
      ]),
    );
  });
});
