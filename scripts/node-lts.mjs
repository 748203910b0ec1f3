/**
 * `npm run test:node-lts [-- vitest arguments]`: runs the suite with the newest long-term-support Node, whose
 * binary npm carries. It is kept in .cache/, and nothing else on the machine changes. With `--smoke` instead of
 * other arguments, only what depends most on the Node it runs in: native calls and the package as a user has it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { must, root, run } from "./lib/run.mjs";

const LTS = "24";
/** What takes long in these, and does not depend on the Node, is left to the full run. */
const SMOKE = [
  "test/asm",
  "test/bytes",
  "test/dlbind",
  "test/house/readme.test.ts",
  "test/house/package.test.ts",
  "--exclude=test/dlbind/{debugger,perf}/**",
  "--exclude=test/dlbind/concurrency.test.ts",
];

const folder = join(root, ".cache/node-lts");
const carrier = `node-linux-${process.arch}`;
const bin = join(folder, "node_modules", carrier, "bin");
mkdirSync(folder, { recursive: true });
must("npm", ["install", "--prefix", folder, "--no-save", "--loglevel=error", `${carrier}@${LTS}`]);
must(join(bin, "node"), [
  "-e",
  "if (!process.release.lts) throw Error('not an LTS'); console.log('Node', process.version, process.release.lts)",
]);

const args = process.argv.slice(2);
const selection = args.includes("--smoke") ? SMOKE : args.length === 0 ? ["--all"] : args;
process.exitCode = run(join(bin, "node"), ["scripts/test.mjs", ...selection], {
  env: { ...process.env, PATH: `${bin}:${process.env.PATH ?? ""}` },
});
