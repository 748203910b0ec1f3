import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const tools = resolve(import.meta.dirname, "../../tools");
const folder = mkdtempSync(join(tmpdir(), "bindery-layers-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The violations that the layer check finds in a source tree, as `rule: from -> to`, and its exit code. */
function check(name: string, files: Record<string, string>): { code: number | null; found: string[] } {
  const tree = join(folder, name);
  const all = { "package.json": '{"type":"module","dependencies":{"koffi":"*"}}', ...files };
  for (const [file, text] of Object.entries(all)) {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), text);
  }
  const program = join(tools, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const args = ["--config", join(tools, "layers.cjs"), "src"];
  const text = spawnSync(process.execPath, [program, ...args], { cwd: tree, encoding: "utf8" });
  const json = spawnSync(process.execPath, [program, "-T", "json", ...args], { cwd: tree, encoding: "utf8" });
  const { summary } = JSON.parse(json.stdout) as {
    summary: { violations: { from: string; to: string; rule: { name: string } }[] };
  };
  return {
    code: text.status,
    found: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`).sort(),
  };
}

const KOFFI = {
  "node_modules/koffi/package.json": '{"name":"koffi","version":"3.0.0","main":"index.js"}',
  "node_modules/koffi/index.js": "module.exports = {};",
};

describe("the layer check", () => {
  it("passes a tree that keeps the layers", () => {
    const result = check("good", {
      ...KOFFI,
      "src/errors.ts": "export const e = 1;",
      "src/bytes/cursor.ts": 'import { e } from "../errors.ts"; export const c = e;',
      "src/elf/index.ts": 'import { c } from "../bytes/cursor.ts"; export const f = c;',
      "src/host/ffi.ts":
        'import koffi from "koffi"; import { readFileSync } from "node:fs"; koffi; readFileSync;',
      "src/dlbind/index.ts": 'import "../host/ffi.ts"; import { f } from "../elf/index.ts"; f;',
      "src/dynld/index.ts": 'import "../dlbind/index.ts"; import "../host/ffi.ts";',
      "src/rtld/index.ts": 'import "../host/ffi.ts";',
      "src/cli/main.ts": 'import "../dynld/index.ts"; import "../rtld/index.ts";',
    });
    expect(result).toEqual({ code: 0, found: [] });
  });

  it("names every import that goes up, sideways or to native code", () => {
    const result = check("bad", {
      ...KOFFI,
      "src/errors.ts": 'import type { T } from "./elf/up.ts"; export type E = T;',
      "src/bytes/node.ts": 'import { readFileSync } from "node:fs"; readFileSync;',
      "src/elf/up.ts": 'import type { D } from "../dlbind/side.ts"; export type T = D;',
      "src/dwarf/lazy.ts": 'export const later = () => import("../host/ffi.ts");',
      "src/host/ffi.ts": 'import koffi from "koffi"; koffi;',
      "src/dlbind/side.ts": 'import "../rtld/agent.ts"; export interface D { a: number }',
      "src/dynld/inferno/module.ts": 'import { readFileSync } from "node:fs"; readFileSync;',
      "src/dynld/call.ts": 'import koffi from "koffi"; koffi;',
      "src/rtld/agent.ts": 'import "../dynld/call.ts";',
      "src/attic/old.ts": 'import "../errors.ts";',
      "src/cli/loop.ts": 'import "./pool.ts";',
      "src/cli/pool.ts": 'import "./loop.ts";',
      "src/web/gone.ts": 'import "./nowhere.ts";',
    });
    expect(result.code).not.toBe(0);
    for (const expected of [
      "layer-errors: src/errors.ts -> src/elf/up.ts",
      "pure-no-node: src/bytes/node.ts -> fs",
      "pure-no-node: src/dynld/inferno/module.ts -> fs",
      "layer-elf: src/elf/up.ts -> src/dlbind/side.ts",
      "layer-dwarf: src/dwarf/lazy.ts -> src/host/ffi.ts",
      "pure-never-reaches-ffi: src/dwarf/lazy.ts -> node_modules/koffi/index.js",
      "layer-dlbind: src/dlbind/side.ts -> src/rtld/agent.ts",
      "only-host-loads-ffi: src/dynld/call.ts -> node_modules/koffi/index.js",
      "layer-rtld: src/rtld/agent.ts -> src/dynld/call.ts",
      "known-room: src/attic/old.ts -> src/errors.ts",
      "no-cycle: src/cli/loop.ts -> src/cli/pool.ts",
      "resolvable: src/web/gone.ts -> ./nowhere.ts",
    ]) {
      expect(result.found).toContain(expected);
    }
  });
});
