/**
 * The supplementary file, which holds what several debug files share: `.gnu_debugaltlink` [dwz(1)] and `.debug_sup`
 * [DWARF5 7.3.6].
 */
import { basename, dirname, join, resolve } from "node:path";
import { readU16 } from "../bytes/endian.ts";
import { leb128Length, readUleb128Number } from "../bytes/leb128.ts";
import { decodeUtf8, findNul } from "../bytes/text.ts";
import type { ElfFile } from "../elf/file.ts";
import { openElf } from "../host/file.ts";
import { checkBuildId, type FindCandidate, realPath } from "./find-attempt.ts";

const GNU = ".gnu_debugaltlink";
const DWARF5 = ".debug_sup";

/** Which supplementary file a debug file refers to. */
export interface SupplementaryLink {
  readonly section: typeof GNU | typeof DWARF5;
  /** Path of the file: absolute, or relative to the directory of the debug file. */
  readonly file: string;
  /** In hexadecimal: the build id of the file (`.gnu_debugaltlink`), or its checksum (`.debug_sup`). */
  readonly id: string;
}

/** What `.debug_sup` holds. */
interface DebugSup {
  readonly supplementary: boolean;
  readonly file: string;
  readonly checksum: string;
}

/**
 * Reads which supplementary file a debug file refers to; `undefined` if to none, or if it is one itself.
 *
 * @throws ElfError if the section is malformed: `ELF_TRUNCATED`, `ELF_BAD_VALUE`, or `ELF_UNSUPPORTED` for its version
 */
export function readSupplementaryLink(elf: ElfFile): SupplementaryLink | undefined {
  const bytes = elf.sectionsNamed(GNU)[0]?.bytes();
  if (bytes !== undefined) {
    const end = findNul(bytes, 0);
    if (end <= 0 || end + 1 >= bytes.length) {
      const what = `found ${bytes.length} bytes, expected a path that ends in 0, and a build id`;
      throw elf.image.error("ELF_TRUNCATED", GNU, 0, what);
    }
    return { section: GNU, file: decodeUtf8(bytes, 0, end), id: hex(bytes.subarray(end + 1)) };
  }
  const sup = readDebugSup(elf);
  if (sup === undefined || sup.supplementary) return undefined;
  if (sup.file === "") throw elf.image.error("ELF_BAD_VALUE", DWARF5, 3, "found an empty path, expected one");
  return { section: DWARF5, file: sup.file, id: sup.checksum };
}

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
  if (link.section !== GNU) return [];
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
  if (link.section === GNU) return checkBuildId(path, link.id);
  using file = openElf(path);
  const sup = readDebugSup(file.elf);
  if (sup === undefined || !sup.supplementary)
    return `found no ${DWARF5} of a supplementary file, expected one`;
  return sup.checksum === link.id ? undefined : `checksum: found ${sup.checksum}, expected ${link.id}`;
}

/** Fields [DWARF5 7.3.6]: version 5, is_supplementary, sup_filename, sup_checksum_len (LEB128), sup_checksum. */
function readDebugSup(elf: ElfFile): DebugSup | undefined {
  const bytes = elf.sectionsNamed(DWARF5)[0]?.bytes();
  if (bytes === undefined) return undefined;
  const truncated = (at: number, what: string) =>
    elf.image.error("ELF_TRUNCATED", DWARF5, at, `found the section's end, expected ${what}`);
  if (bytes.length < 3) throw truncated(bytes.length, "a header of 3 bytes");
  const version = readU16(bytes, 0, elf.image.little);
  if (version !== 5) {
    throw elf.image.error("ELF_UNSUPPORTED", DWARF5, 0, `version: found ${version}, expected 5`);
  }
  const end = findNul(bytes, 3);
  if (end < 0) throw truncated(3, "a path that ends in 0");
  const length = leb128Length(bytes, end + 1);
  const start = end + 1 + length;
  const size = readUleb128Number(bytes, end + 1);
  if (length === 0 || start + size > bytes.length) throw truncated(end + 1, `a checksum of ${size} bytes`);
  return {
    supplementary: bytes[2] === 1,
    file: decodeUtf8(bytes, 3, end),
    checksum: hex(bytes.subarray(start, start + size)),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** The directory that a file really is in, and the one that it is named in. */
function directoriesOf(path: string): string[] {
  return [...new Set([dirname(realPath(path)), dirname(resolve(path))])];
}
