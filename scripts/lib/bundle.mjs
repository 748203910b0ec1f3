/**
 * Puts the modules of the command into a few files: to load two hundred small modules takes Node longer than most commands
 * take for their work. They are CommonJS, which Node loads without the tasks and promises that it has for each ES module.
 * What users import from the package stays as it was compiled.
 */
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

/** Files that are started by name: the command, and what threads run. */
const ENTRIES = {
  main: "main.js",
  "count-worker": "dwarf/count-worker.js",
  "guard-main": "../rtld/guard/guard-main.js",
};

/** Replaces the modules in `dist/cli` by bundles without comments. Packages are not bundled. */
export async function bundleCommand(dist) {
  const from = join(dist, "cli");
  const to = join(dist, "cli.bundle");
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, join(from, file)])),
    platform: "node",
    external: (id) => !id.startsWith(".") && !id.startsWith("/"),
  });
  await bundle.write({
    dir: to,
    format: "cjs",
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  await bundle.close();
  writeFileSync(join(to, "package.json"), '{ "type": "commonjs" }\n');
  rmSync(from, { recursive: true });
  renameSync(to, from);
}
