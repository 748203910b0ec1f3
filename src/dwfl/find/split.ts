/**
 * Where split files are [DWARF5 3.1.2, 7.3.5]: the package of all (`FILE.dwp`), or the `.dwo` file that a skeleton unit
 * names. As gdb and lldb look for them.
 */
import { basename, dirname, join, resolve } from "node:path";
import type { SplitLink } from "../../dwarf/dwarf.ts";
import { realPath } from "./attempt.ts";

/** A place that may have a split unit. */
export interface SplitPlace {
  readonly way: "package" | "split";
  readonly path: string;
}

const DEBUG = ".debug";

/**
 * The places for the split unit of a skeleton, in order: packages named after the file, as it is named and as it really
 * is, beside it and in the search list; the path that the compiler gave, from its directory; the same from where the
 * file is; its last part beside the file; both in the search list.
 * @param path of the file that has the skeleton; `undefined` if it has none
 */
export function splitPlaces(
  path: string | undefined,
  link: SplitLink,
  directories: readonly string[],
): SplitPlace[] {
  const own = path === undefined ? [] : [...new Set([resolve(path), realPath(path)])];
  return [
    ...once(own.flatMap((file) => packageNames(file, directories))).map(
      (place): SplitPlace => ({ way: "package", path: place }),
    ),
    ...once(splitNames(own, link, directories)).map((place): SplitPlace => ({ way: "split", path: place })),
  ];
}

/** A separate debug file has the package of the file that it was made of. */
function packageNames(file: string, directories: readonly string[]): string[] {
  const names = file.endsWith(DEBUG) ? [file, file.slice(0, -DEBUG.length)] : [file];
  return names.flatMap((name) => [
    `${name}.dwp`,
    ...directories.map((directory) => join(directory, `${basename(name)}.dwp`)),
  ]);
}

function splitNames(
  files: readonly string[],
  { name, directory = "" }: SplitLink,
  directories: readonly string[],
): string[] {
  const beside = files.map((file) => dirname(file));
  const parts = name.startsWith("/") ? [basename(name)] : [name, basename(name)];
  return [
    ...(beside.length === 0 ? [""] : beside).map((from) => resolve(from, directory, name)),
    ...[...beside, ...directories].flatMap((from) => parts.map((part) => resolve(from, part))),
  ];
}

function once(paths: readonly string[]): string[] {
  return [...new Set(paths)];
}
