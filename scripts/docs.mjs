/** `npm run docs`: writes the reference of the public entry points to docs/api/. */
import { join } from "node:path";
import { ensureInstalled } from "./lib/prepare.mjs";
import { root, run } from "./lib/run.mjs";

const tools = join(root, "tools");
ensureInstalled();
ensureInstalled(tools);
process.exitCode = run(process.execPath, [
  join(tools, "node_modules/typedoc/bin/typedoc"),
  "--options",
  join(tools, "typedoc.json"),
]);
