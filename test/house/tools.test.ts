import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "bindery-path-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("npm test on a machine without the tools", () => {
  it("prints the one line that installs them, and does not run a test", () => {
    // A PATH with Node alone: no apt to install with, and none of the programs.
    symlinkSync(process.execPath, join(folder, "node"));
    const check = `import { ensureTools } from ${JSON.stringify(join(root, "scripts/lib/tools.mjs"))};
      process.exitCode = ensureTools() ? 0 : 1;`;
    const { status, stderr } = spawnSync("node", ["--input-type=module", "-e", check], {
      env: { PATH: folder },
      encoding: "utf8",
    });
    expect(status).toBe(1);
    const line = stderr.split("\n").find((text) => text.includes("apt-get install")) ?? "";
    const packages = line.split(" -y ")[1]?.split(" ") ?? [];
    for (const name of ["gcc", "g++", "clang", "gdb", "lldb", "binutils", "elfutils"]) {
      expect(packages).toContain(name);
      expect(stderr).toMatch(/^missing: .*gdb.*\(.+\)$/m);
    }
  });
});
