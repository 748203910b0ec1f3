/**
 * `node scripts/test-files.mjs NAME [vitest arguments]`: tests that need files of hundreds of megabytes, and minutes:
 * `kernel` compares with other readers on the debug files of a real kernel, `debugfiles` on those of Debian's packages.
 * They are fetched once, into node_modules/.cache/bindery or BINDERY_CACHE; BINDERY_KERNEL_TREE names a kernel's package
 * that is unpacked already.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { debugFiles } from "./lib/debug-files.mjs";
import { kernelFiles } from "./lib/kernel.mjs";
import { ensureInstalled, requireNode } from "./lib/prepare.mjs";
import { root, run } from "./lib/run.mjs";
import { ensureTools, testPath } from "./lib/tools.mjs";

const [name, ...args] = process.argv.slice(2);
if (name !== "kernel" && name !== "debugfiles") {
  console.error("usage: node scripts/test-files.mjs kernel|debugfiles [vitest arguments]");
  process.exit(2);
}
requireNode();
ensureInstalled();
if (!ensureTools()) process.exit(1);

// What there is to read is told in a file: the names are too many for the environment.
const list = join(root, `.cache/${name}.json`);
mkdirSync(join(root, ".cache"), { recursive: true });
writeFileSync(list, JSON.stringify(name === "kernel" ? kernelFiles() : debugFiles()));
const vitest = join(root, "node_modules/vitest/vitest.mjs");
process.exitCode = run(
  process.execPath,
  [vitest, "run", "--config", "vitest.files.config.ts", "--reporter=verbose", `test/${name}/`, ...args],
  { env: { ...process.env, PATH: testPath, BINDERY_FILES: list } },
);
