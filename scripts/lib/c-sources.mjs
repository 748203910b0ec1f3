/** C libraries as their authors publish them, from npm packages that carry their sources. Nothing of the packages runs. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PACKAGE_CACHE } from "./debian.mjs";
import { root, run } from "./run.mjs";

/** Where the sources are in each package. */
const PACKAGES = {
  zlib: { name: "zlib-sync", version: "0.1.10", folder: "deps/zlib" },
  sqlite: { name: "better-sqlite3", version: "12.11.1", folder: "deps/sqlite3" },
};

/**
 * Fetches the packages at the first call, with `npm pack`.
 * @returns the folder of each library's sources
 * @throws Error when one can't be fetched
 */
export function cSources() {
  return Object.fromEntries(Object.entries(PACKAGES).map(([library, one]) => [library, sourcesOf(one)]));
}

function sourcesOf({ name, version, folder }) {
  const tree = join(PACKAGE_CACHE, `${name}-${version}`);
  if (!existsSync(tree)) {
    mkdirSync(PACKAGE_CACHE, { recursive: true });
    const unpacked = mkdtempSync(join(PACKAGE_CACHE, "unpacking-"));
    const download = mkdtempSync(join(tmpdir(), "bindery-package-"));
    try {
      console.log(`fetching ${name} ${version}`);
      const wanted = ["pack", "--silent", "--pack-destination", download, `${name}@${version}`];
      if (run("npm", wanted, { cwd: root }) !== 0) throw new Error(`npm pack ${name}@${version}: failed`);
      const archive = join(download, `${name}-${version}.tgz`);
      if (run("tar", ["-xzf", archive, "-C", unpacked]) !== 0) {
        throw new Error(`${archive}: could not be unpacked`);
      }
      renameSync(unpacked, tree);
    } finally {
      rmSync(download, { recursive: true });
      rmSync(unpacked, { recursive: true, force: true });
    }
  }
  return join(tree, "package", folder);
}
