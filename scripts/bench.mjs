/** `node scripts/bench.mjs NAME [arguments]`: compiles bench/NAME.ts and what it imports, and runs it. */
import { join } from "node:path";
import { ensureInstalled } from "./lib/prepare.mjs";
import { must, root, run } from "./lib/run.mjs";

const [name, ...args] = process.argv.slice(2);
if (name === undefined) {
  console.error("usage: node scripts/bench.mjs NAME [arguments]");
  process.exit(2);
}
ensureInstalled();
must(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.bench.json"]);
process.exitCode = run(process.execPath, [join(root, ".cache/bench/bench", `${name}.js`), ...args]);
