/** Debian packages fetched and unpacked aside: nothing is installed, and no privilege is needed. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, run } from "./run.mjs";

/** Where packages are unpacked, a folder each, and kept from run to run. */
export const PACKAGE_CACHE = process.env.BINDERY_CACHE ?? join(root, "node_modules/.cache/bindery");

/**
 * The unpacked tree of a package, fetched with `apt-get download` if it is not there yet.
 * @throws Error when it can't be fetched or unpacked; no half tree is left then
 */
export function unpackedPackage(name) {
  const tree = join(PACKAGE_CACHE, name);
  if (existsSync(tree)) return tree;
  mkdirSync(PACKAGE_CACHE, { recursive: true });
  // apt gives up its privileges to download, and then needs a folder that others may enter.
  const download = mkdtempSync(join(tmpdir(), "bindery-package-"));
  const unpacked = mkdtempSync(join(PACKAGE_CACHE, "unpacking-"));
  try {
    console.log(`fetching ${name}`);
    const quiet = ["-q", "-o", "APT::Sandbox::User=root"];
    if (run("apt-get", [...quiet, "download", name], { cwd: download }) !== 0) {
      throw new Error(`apt-get download ${name}: failed; is its package list up to date (apt-get update)?`);
    }
    const [archive] = readdirSync(download);
    if (archive === undefined || run("dpkg-deb", ["-x", join(download, archive), unpacked]) !== 0) {
      throw new Error(`${name}: could not be unpacked`);
    }
    renameSync(unpacked, tree);
  } finally {
    rmSync(download, { recursive: true });
    rmSync(unpacked, { recursive: true, force: true });
  }
  return tree;
}
