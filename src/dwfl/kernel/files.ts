/** Files of kernels: the image, and modules in a tree of directories. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readError } from "../process/text-file.ts";

/** What the kernel itself is called among the modules, as libdwfl calls it. */
export const KERNEL = "kernel";

/** File names of modules; the shorter ending is the better file. */
const MODULE_FILE = /^(.+)\.ko(?:\.(?:gz|xz|zst|debug))?$/;
/** How files that are compressed as a whole end. */
const COMPRESSED = ["", ".gz", ".xz", ".zst"];

/**
 * Where the `vmlinux` of a release may be, the best first: with debug information, then where distributions and builds
 * leave it [elfutils, libdwfl/linux-kernel-modules.c].
 */
export function vmlinuxPaths(root: string, release: string): string[] {
  const places = [
    `usr/lib/debug/boot/vmlinux-${release}`,
    `usr/lib/debug/lib/modules/${release}/vmlinux`,
    `usr/lib/debug/vmlinux-${release}`,
    `boot/vmlinux-${release}`,
    `lib/modules/${release}/vmlinux`,
    `lib/modules/${release}/build/vmlinux`,
  ];
  return places.flatMap((place) => COMPRESSED.map((ending) => join(root, `${place}${ending}`)));
}

/** The `vmlinux` of a release; `undefined` if there is none in the usual places. */
export function findVmlinux(root: string, release: string): string | undefined {
  return vmlinuxPaths(root, release).find((path) => existsSync(path));
}

/** The modules of a release, as {@link listModules}; those with debug information where only they are there. */
export function releaseModules(root: string, release: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const place of ["lib/modules", "usr/lib/modules", "usr/lib/debug/lib/modules"]) {
    const directory = join(root, place, release);
    if (!existsSync(directory)) continue;
    for (const [name, path] of listModules(directory)) if (!found.has(name)) found.set(name, path);
  }
  return found;
}

/**
 * Module files below a directory, by the name that the kernel has for them, in order of name. Only names are read. Links
 * to directories (`build`, `source`) are not followed. Of two files for one module the one with the shorter name counts.
 *
 * @throws HostError if the directory can't be read
 */
export function listModules(directory: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const { name, path } of walk(directory).sort((a, b) =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  )) {
    const known = found.get(name);
    if (known === undefined || path.length < known.length) found.set(name, path);
  }
  return found;
}

function walk(directory: string): { readonly name: string; readonly path: string }[] {
  const found: { name: string; path: string }[] = [];
  for (const entry of listDirectory(directory)) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...walk(path));
    const name = MODULE_FILE.exec(entry.name)?.[1];
    if (name !== undefined && !entry.isDirectory()) found.push({ name: moduleName(name), path });
  }
  return found;
}

function listDirectory(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (cause) {
    throw readError("readdir", path, cause);
  }
}

/** A module's name as the kernel has it, from the name of its file without ending. */
export function moduleName(file: string): string {
  return file.replaceAll("-", "_");
}
