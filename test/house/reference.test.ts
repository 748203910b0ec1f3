import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

describe("the reference", () => {
  it("finds a docstring on every public name, and no broken link", () => {
    const typedoc = resolve(root, "tools/node_modules/typedoc/bin/typedoc");
    // Types are checked by `npm run types`; it takes as long again.
    const how = ["--skipErrorChecking", "--emit", "none", "--logLevel", "Warn"];
    const args = ["--options", resolve(root, "tools/typedoc.json"), ...how];
    const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, ...args], {
      cwd: root,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(`${stdout}${stderr}`).toBe("");
    expect(status).toBe(0);
  });
});
