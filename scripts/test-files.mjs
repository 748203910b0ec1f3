/**
 * `node scripts/test-files.mjs NAME [vitest arguments]`: tests that need files from elsewhere, and minutes:
 * `kernel` compares with other readers on the debug files of a real kernel, `debugfiles` on those of Debian's packages;
 * `sources` compiles C libraries and loads them as modules.
 * They are fetched once, into node_modules/.cache/bindery or BINDERY_CACHE; BINDERY_KERNEL_TREE names a kernel's package
 * that is unpacked already.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cSources } from "./lib/c-sources.mjs";
import { debugFiles } from "./lib/debug-files.mjs";
import { kernelFiles } from "./lib/kernel.mjs";
import { ensureInstalled, requireNode } from "./lib/prepare.mjs";
import { root, run } from "./lib/run.mjs";
import { ensureTools, testPath } from "./lib/tools.mjs";

/** What finds the files of each. */
const FILES = { kernel: kernelFiles, debugfiles: debugFiles, sources: cSources };

const [name, ...args] = process.argv.slice(2);
const find = FILES[name];
if (find === undefined) {
  console.error(`usage: node scripts/test-files.mjs ${Object.keys(FILES).join("|")} [vitest arguments]`);
  process.exit(2);
}
requireNode();
ensureInstalled();
if (!ensureTools()) process.exit(1);

// What there is to read is told in a file: the names are too many for the environment.
const list = join(root, `.cache/${name}.json`);
mkdirSync(join(root, ".cache"), { recursive: true });
writeFileSync(list, JSON.stringify(find()));
const vitest = join(root, "node_modules/vitest/vitest.mjs");
process.exitCode = run(
  process.execPath,
  [vitest, "run", "--config", "vitest.files.config.ts", "--reporter=verbose", `test/${name}/`, ...args],
  { env: { ...process.env, PATH: testPath, BINDERY_FILES: list } },
);
