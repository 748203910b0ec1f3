/** Where supplementary files, which hold what several debug files share, are looked for. */
import { basename, dirname, join, resolve } from "node:path";
import { readDebugSup, type SupplementaryLink } from "../../dwarf/supplementary-link.ts";
import { openElf } from "../../host/file.ts";
import { checkBuildId, type FindCandidate, realPath } from "./attempt.ts";

/**
 * The places for a supplementary file, in order: where the link says, from the directory that the debug file really is
 * in (a name in a build-id directory is a symbolic link as a rule); its build id's name in the global directories; and
 * `.dwz` beside the debug file and in the global directories, as elfutils does.
 */
export function supplementaryCandidates(
  path: string,
  link: SupplementaryLink,
  globals: readonly string[],
): FindCandidate[] {
  const own = directoriesOf(path);
  const named = own.map((directory) => resolve(directory, link.file));
  const file = basename(link.file);
  const moved = [...own, ...globals].map((directory) => join(directory, ".dwz", file));
  const byPath = [...new Set([...named, ...moved])].map(
    (place): FindCandidate => ({ way: "supplementary", path: place, check: () => checkLink(place, link) }),
  );
  return [
    ...byPath.slice(0, named.length),
    ...buildIdCandidates(link, globals),
    ...byPath.slice(named.length),
  ];
}

function buildIdCandidates(link: SupplementaryLink, globals: readonly string[]): FindCandidate[] {
  if (link.section !== ".gnu_debugaltlink") return [];
  return globals.map((root) => ({
    way: "build-id",
    path: buildIdPath(root, link.id),
    check: (place) => checkLink(place, link),
  }));
}

/** `ROOT/.build-id/xx/yyyy.debug`. */
export function buildIdPath(root: string, id: string): string {
  return join(root, ".build-id", id.slice(0, 2), `${id.slice(2)}.debug`);
}

function checkLink(path: string, link: SupplementaryLink): string | undefined {
  if (link.section === ".gnu_debugaltlink") return checkBuildId(path, link.id);
  using file = openElf(path);
  const sup = readDebugSup(file.elf);
  if (sup === undefined || !sup.supplementary)
    return `found no .debug_sup of a supplementary file, expected one`;
  return sup.checksum === link.id ? undefined : `checksum: found ${sup.checksum}, expected ${link.id}`;
}

/** The directory that a file really is in, and the one that it is named in. */
function directoriesOf(path: string): string[] {
  return [...new Set([dirname(realPath(path)), dirname(resolve(path))])];
}
