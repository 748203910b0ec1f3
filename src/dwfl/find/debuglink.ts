/**
 * `.gnu_debuglink`: the name of a separate debug file and the CRC-32 of its contents [gdb manual, "Separate Debug
 * Files"; elfutils, `libdwfl.h`, "debuginfo_path"].
 */
import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { readU32 } from "../../bytes/endian.ts";
import { decodeUtf8, findNul } from "../../bytes/text.ts";
import type { ElfFile } from "../../elf/file.ts";
import { FileSource } from "../../host/file.ts";
import { checkBuildId, type FindCandidate, realPath } from "./attempt.ts";

const SECTION = ".gnu_debuglink";

/** Bytes read at a time for the CRC of a file. */
const CHUNK = 2 ** 20;

/** What `.gnu_debuglink` holds. */
export interface DebugLink {
  /** Name of the debug file, without a directory. */
  readonly file: string;
  /** CRC-32 (that of zlib) of the whole debug file. */
  readonly crc: number;
}

/**
 * Reads `.gnu_debuglink`; `undefined` if the file has none.
 *
 * @throws ElfError if the section is malformed: `ELF_TRUNCATED`, or `ELF_BAD_VALUE` for a name that is empty or holds a `/`
 */
export function readDebugLink(elf: ElfFile): DebugLink | undefined {
  const bytes = elf.sectionsNamed(SECTION)[0]?.bytes();
  if (bytes === undefined) return undefined;
  const end = findNul(bytes, 0);
  const at = (end + 4) & ~3; // The CRC follows the name's terminator, aligned to 4.
  if (end < 0 || at + 4 > bytes.length) {
    const what = `found ${bytes.length} bytes, expected a name that ends in 0, and a CRC of 4 bytes`;
    throw elf.image.error("ELF_TRUNCATED", SECTION, 0, what);
  }
  const file = decodeUtf8(bytes, 0, end);
  if (file === "" || file !== basename(file) || file === "..") {
    throw elf.image.error("ELF_BAD_VALUE", SECTION, 0, `found "${file}", expected the name of a file`);
  }
  return { file, crc: readU32(bytes, at, elf.image.little) };
}

/**
 * Where gdb and elfutils look for the debug file of the file at `path`, in their order: beside it, in `.debug` beside
 * it, under each global directory in the file's own directory, and there with leading parts of it left out, as
 * elfutils does. If `path` is reached through symbolic links, the same follows for where they lead.
 *
 * @param link name of the debug file; without one, that of the file with `.debug` after it, and the same name
 */
export function debugLinkPaths(path: string, link: string | undefined, globals: readonly string[]): string[] {
  const paths = new Set<string>();
  for (const file of new Set([resolve(path), realPath(path)])) {
    const directory = dirname(file);
    const names = link === undefined ? [`${basename(file)}.debug`, basename(file)] : [link];
    const add = (...parts: string[]) => {
      for (const name of names) paths.add(join(...parts, name));
    };
    add(directory);
    add(directory, ".debug");
    const parts = directory.split("/").filter((part) => part !== "");
    for (const root of globals) {
      for (let skip = 0; skip <= parts.length; skip++) add(root, ...parts.slice(skip));
    }
    paths.delete(file);
  }
  return [...paths];
}

/** The places for `link`, each checked by CRC and, where both files have one, by build id; `id` is the file's own. */
export function debugLinkCandidates(
  path: string,
  link: DebugLink,
  id: string | undefined,
  globals: readonly string[],
): FindCandidate[] {
  return others(path, debugLinkPaths(path, link.file, globals), "debuglink", (candidate) => {
    const found = crc32OfFile(candidate);
    if (found !== link.crc) return `CRC-32: found ${hex32(found)}, expected ${hex32(link.crc)}`;
    return id === undefined ? undefined : checkBuildId(candidate, id, true);
  });
}

/** The places for a file that has a build id and no link, as elfutils tries them; each is checked by build id. */
export function nameCandidates(path: string, id: string, globals: readonly string[]): FindCandidate[] {
  const paths = debugLinkPaths(path, undefined, globals);
  return others(path, paths, "name", (candidate) => checkBuildId(candidate, id));
}

/** Places that hold another file than that at `path`. */
function others(
  path: string,
  places: readonly string[],
  way: FindCandidate["way"],
  check: (candidate: string) => string | undefined,
): FindCandidate[] {
  const own = identity(path);
  return places.map((candidate) => ({
    way,
    path: candidate,
    check: () =>
      own !== undefined && identity(candidate) === own ? "found the file itself" : check(candidate),
  }));
}

/** CRC-32 of a whole file. Throws a `HostError` if it can't be read. */
export function crc32OfFile(path: string): number {
  using file = FileSource.open(path);
  let crc = 0;
  for (let at = 0; at < file.size; at += CHUNK) {
    crc = crc32(file.read(at, Math.min(CHUNK, file.size - at)), crc);
  }
  return crc;
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}

/** Tells files apart, whatever they are called; `undefined` if there is none that can be reached. */
function identity(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat === undefined ? undefined : `${stat.dev}:${stat.ino}`;
  } catch {
    return undefined; // Why it can't be reached is told when it is opened.
  }
}
