/** The WebAssembly in the repository is what its source compiles to. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("the compiled module is up to date", () => {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/wasm.mjs", "--check"], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
}, 120_000);
