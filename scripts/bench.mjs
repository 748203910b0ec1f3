/** `node scripts/bench.mjs NAME [arguments]`: compiles bench/NAME.ts and what it imports, and runs it. */
import { join } from "node:path";
import { ensureInstalled } from "./lib/prepare.mjs";
import { must, root, run } from "./lib/run.mjs";

/** What a bench needs beside the sources. The path that it gives goes to the bench as BINDERY_BENCH. */
const PREPARATIONS = {
  dwarf: async () => (await import("./lib/bench-dwarf.mjs")).prepare(),
  dynld: async () => (await import("./lib/bench-dynld.mjs")).prepare(),
  rtld: async () => (await import("./lib/bench-rtld.mjs")).prepare(),
};

const [name, ...args] = process.argv.slice(2);
if (name === undefined) {
  console.error("usage: node scripts/bench.mjs NAME [arguments]");
  process.exit(2);
}
ensureInstalled();
must(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.bench.json"]);
const prepared = await PREPARATIONS[name]?.();
const env = prepared === undefined ? process.env : { ...process.env, BINDERY_BENCH: prepared };
process.exitCode = run(process.execPath, [join(root, ".cache/bench/bench", `${name}.js`), ...args], { env });
