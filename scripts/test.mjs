/**
 * `npm test [-- vitest arguments]`: installs and builds what is missing, sees to the programs that the tests
 * drive, and runs the tests for every day; with `--all`, which is `npm run test:all`, those that take longer, too. A
 * skipped test in such a run is a failure: nothing is left out silently.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, requireNode } from "./lib/prepare.mjs";
import { root, run } from "./lib/run.mjs";
import { ensureTools, testPath } from "./lib/tools.mjs";

requireNode();
ensureInstalled();
ensureInstalled(join(root, "tools"));
ensureBuilt();
if (!ensureTools()) process.exit(1);

const args = process.argv.slice(2);
const isWhole = args.length === 0 || args[0] === "--all";
const report = join(root, isWhole ? ".cache/vitest.json" : ".cache/vitest-part.json");
mkdirSync(join(root, ".cache"), { recursive: true });
rmSync(report, { force: true });

let code = run(
  process.execPath,
  [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
    ...(args.length === 0 ? ["--project=everyday"] : args.filter((one) => one !== "--all")),
  ],
  { env: { ...process.env, PATH: testPath } },
);

if (!existsSync(report)) {
  console.error("the test run left no report");
  process.exit(code === 0 ? 1 : code);
}
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = JSON.parse(
  readFileSync(report, "utf8"),
);
const left = numPendingTests + numTodoTests;
if (left > 0 && isWhole) {
  console.error(`${left} tests were skipped; a test that can't run must fail`);
  code = 1;
}
console.log(`\n${numPassedTests} passed, ${numFailedTests} failed`);
process.exitCode = code;
