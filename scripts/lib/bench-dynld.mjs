/** What `npm run bench:dynld` needs beside the sources: a kernel's modules, SQLite's source, and the peers. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cSources } from "./c-sources.mjs";
import { kernelFiles } from "./kernel.mjs";
import { root } from "./run.mjs";
import { ensureTools } from "./tools.mjs";

const TOOLS = [
  { commands: ["gcc"], packages: ["gcc"], why: "compiles and links what is loaded" },
  { commands: ["abidw"], packages: ["abigail-tools"], why: "a peer of signatures" },
  { commands: ["pahole"], packages: ["dwarves"], why: "the other peer of signatures" },
];

/**
 * Fetches and installs what is missing.
 * @returns the path of a JSON file that says where all of it is: `modules`, and the folder `sqlite`
 */
export function prepare() {
  if (!ensureTools(TOOLS, "The peers")) process.exit(1);
  const folder = join(root, ".cache/bench");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "dynld.json");
  writeFileSync(file, JSON.stringify({ modules: kernelFiles().modules, sqlite: cSources().sqlite }));
  return file;
}
