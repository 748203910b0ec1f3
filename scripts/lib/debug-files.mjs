/** Debug files of Debian packages that are in its main archive. */
import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { unpackedPackage } from "./debian.mjs";
import { filesBelow } from "./prepare.mjs";
import { run } from "./run.mjs";

/** What makes the files of each package worth reading. */
const PACKAGES = [
  // C and assembler in DWARF 5, after dwz: partial units, and a supplementary file that all share.
  { name: "libc6-dbg", files: /\.debug$/ },
  // C++ in DWARF 5 after dwz, compressed.
  { name: "libgprofng0-dbg", files: /\.debug$/ },
  // Rust in DWARF 4, relocatable, each function in a section of its own: the objects of its standard library.
  { name: "libstd-rust-dev", archives: /\/libstd-[^/]*\.rlib$/ },
];

/**
 * Fetches the packages at the first call and gives the debug files in them.
 * @returns paths, sorted, by package
 * @throws Error when one can't be fetched
 */
export function debugFiles() {
  const found = PACKAGES.map(({ name, files, archives }) => {
    const tree = unpackedPackage(name);
    const paths = filesBelow(tree).map((path) => join(tree, path));
    if (archives === undefined) return [name, paths.filter((path) => files.test(path))];
    return [name, paths.filter((path) => archives.test(path)).flatMap((path) => members(tree, path))];
  });
  return Object.fromEntries(found);
}

/** The objects of an archive, extracted beside it. */
function members(tree, archive) {
  const folder = join(tree, "members", basename(archive));
  if (!existsSync(folder)) {
    mkdirSync(folder, { recursive: true });
    if (run("ar", ["x", archive], { cwd: folder }) !== 0)
      throw new Error(`${archive}: could not be extracted`);
  }
  return filesBelow(folder)
    .filter((path) => path.endsWith(".o"))
    .map((path) => join(folder, path));
}
