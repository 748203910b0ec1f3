/** What `npm run bench:rtld` needs beside the sources: the command as it is built, and the peers. */
import { join } from "node:path";
import { must, root } from "./run.mjs";
import { ensureTools } from "./tools.mjs";

const TOOLS = [
  { commands: ["gcc", "as", "ld"], packages: ["gcc"], why: "makes what is traced" },
  { commands: ["gdb"], packages: ["gdb"], why: "a peer" },
  { commands: ["lldb"], packages: ["lldb"], why: "the other peer" },
];

/** Installs and builds what is missing. */
export function prepare() {
  if (!ensureTools(TOOLS, "The peers")) process.exit(1);
  must(process.execPath, [join(root, "scripts/build.mjs")]);
}
