/**
 * `npm run wasm`: compiles wasm/*.ts, which is AssemblyScript, into src/. What it writes is kept in the repository, so
 * that a checkout runs as it is; with `--check` nothing is written, and the exit code tells whether it is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureInstalled } from "./lib/prepare.mjs";
import { root } from "./lib/run.mjs";

const OPTIONS = "--optimizeLevel 3 --shrinkLevel 0 --runtime stub --importMemory --noAssert".split(" ");
const OUTPUT = "src/dwarf/read/entry/kernel.wasm.ts";

const tools = join(root, "tools");
ensureInstalled(tools);
const { default: asc } = await import(
  pathToFileURL(join(tools, "node_modules/assemblyscript/dist/asc.js")).href
);

let binary;
const { error, stderr } = await asc.main(["wasm/entries.ts", "--outFile", "entries.wasm", ...OPTIONS], {
  readFile: (name) => {
    try {
      return readFileSync(join(root, name), "utf8");
    } catch {
      return null;
    }
  },
  writeFile: (_name, contents) => {
    binary = contents;
  },
});
if (error !== null) {
  process.stderr.write(stderr.toString());
  process.exit(1);
}
const lines = Buffer.from(binary)
  .toString("base64")
  .match(/.{1,96}/g);
const made = `/** What \`npm run wasm\` made from wasm/entries.ts: a WebAssembly module, in base64. */
export const ENTRIES_WASM =
${lines.map((line) => `  "${line}"`).join(" +\n")};
`;
if (!process.argv.includes("--check")) writeFileSync(join(root, OUTPUT), made);
else if (readFileSync(join(root, OUTPUT), "utf8") !== made) {
  process.stderr.write(`${OUTPUT} is not what wasm/entries.ts compiles to: run npm run wasm\n`);
  process.exitCode = 1;
}
