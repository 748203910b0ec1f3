/** The debug files of a real kernel: those of Debian's image for clouds, which is the smallest whole one. */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { unpackedPackage } from "./debian.mjs";
import { filesBelow } from "./prepare.mjs";

/** Names a tree where the package is already unpacked: the folder that holds `usr`. */
const TREE = "BINDERY_KERNEL_TREE";
/** Names the package, where it shall not be the newest that apt knows. */
const PACKAGE = "BINDERY_KERNEL_PACKAGE";

/** The newest kernel that apt knows debug files of. */
function newestPackage() {
  const pattern = "^linux-image-[0-9]+[.][0-9]+[.][0-9].*-cloud-amd64-dbg$";
  const found = spawnSync("apt-cache", ["search", "--names-only", pattern], { encoding: "utf8" });
  const names = (found.stdout ?? "")
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name !== "");
  const [newest] = names.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  if (newest === undefined) {
    throw new Error(
      "apt knows no linux-image-*-cloud-amd64-dbg: run apt-get update, as Debian's sources have it",
    );
  }
  return newest;
}

/**
 * Fetches the package at the first call (320 MB, 1.8 GB unpacked) and gives where its files are.
 * @returns `modules`: the paths of all modules, sorted; `vmlinux`: that of the kernel itself
 * @throws Error when it can't be fetched
 */
export function kernelFiles() {
  const tree = process.env[TREE] ?? unpackedPackage(process.env[PACKAGE] ?? newestPackage());
  const versions = join(tree, "usr/lib/debug/lib/modules");
  if (!existsSync(versions)) throw new Error(`${tree}: holds no usr/lib/debug/lib/modules`);
  const [version] = readdirSync(versions);
  const folder = join(versions, version ?? "");
  const modules = filesBelow(join(folder, "kernel"))
    .filter((name) => /\.ko(\.debug)?$/.test(name))
    .map((name) => join(folder, "kernel", name));
  const vmlinux = join(tree, "usr/lib/debug/boot", `vmlinux-${version}`);
  if (modules.length === 0 || !statSync(vmlinux, { throwIfNoEntry: false })?.isFile()) {
    throw new Error(`${tree}: holds no modules, or no ${vmlinux}`);
  }
  return { modules, vmlinux };
}
