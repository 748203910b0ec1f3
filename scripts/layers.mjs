/** `npm run layers`: checks the imports of src/ against tools/layers.cjs. */
import { join } from "node:path";
import { ensureInstalled } from "./lib/prepare.mjs";
import { root, run } from "./lib/run.mjs";

const tools = join(root, "tools");
ensureInstalled(tools);
process.exitCode = run(process.execPath, [
  join(tools, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
  "--config",
  join(tools, "layers.cjs"),
  "src",
]);
