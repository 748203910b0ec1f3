/** `npm start`: installs and builds what is missing, then runs the tour. Needs nothing but Node and npm. */
import { ensureBuilt, ensureInstalled, requireNode } from "./lib/prepare.mjs";
import { run } from "./lib/run.mjs";

requireNode();
ensureInstalled();
ensureBuilt();
process.exitCode = run(process.execPath, ["dist/cli/main.js", "tour", ...process.argv.slice(2)], {
  stdio: "inherit",
});
