/**
 * Finds the separate debug file of an ELF file, and the supplementary file of a debug file: on disk, then through
 * debuginfod. The network is touched only by the functions that are asynchronous, and only if servers are configured.
 */
import { supplementaryLink } from "../../dwarf/supplementary-link.ts";
import type { ElfFile } from "../../elf/file.ts";
import { DebuginfodClient } from "../debuginfod/client.ts";
import {
  attemptAt,
  checkBuildId,
  type FindAttempt,
  type FindCandidate,
  type FindResult,
  tryCandidates,
} from "./attempt.ts";
import { debugLinkCandidates, nameCandidates, readDebugLink } from "./debuglink.ts";
import { buildIdPath, supplementaryCandidates } from "./supplementary.ts";

/** Where to look on disk. */
export interface LocalFindOptions {
  /** Path of the file; by default its name. Without one, only what does not depend on it is tried. */
  readonly path?: string;
  /** Global debug directories, in order; `/usr/lib/debug` by default. */
  readonly debugDirectories?: readonly string[];
}

/** Where to look. */
export interface FindOptions extends LocalFindOptions {
  /** The client to ask after the disk; `false` for none. By default one that follows the environment. */
  readonly debuginfod?: DebuginfodClient | false;
  /** Ends a download; the search then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

const DEBUG_DIRECTORIES = ["/usr/lib/debug"];

/**
 * Finds the separate debug file of `elf`: by build id in the global debug directories, by `.gnu_debuglink` (without
 * that, by its own name), from debuginfod. Whether `elf` needs one, because it has no debug sections itself, is not asked.
 *
 * @returns the path and how it was found, or every place that was tried; files that are there and wrong, and malformed
 * links, are among these and throw nothing
 * @throws HostError if debuginfod's cache can't be used; the signal's reason
 */
export async function findDebugFile(elf: ElfFile, options: FindOptions = {}): Promise<FindResult> {
  const local = findLocalDebugFile(elf, options);
  return local.path === undefined ? askServers(local, buildIdOf(elf), options) : local;
}

/** {@link findDebugFile} on disk alone. */
export function findLocalDebugFile(elf: ElfFile, options: LocalFindOptions = {}): FindResult {
  const globals = options.debugDirectories ?? DEBUG_DIRECTORIES;
  const path = options.path ?? elf.name;
  const id = buildIdOf(elf);
  const byId =
    id === undefined
      ? []
      : globals.map(
          (root): FindCandidate => ({
            way: "build-id",
            path: buildIdPath(root, id),
            check: (place) => checkBuildId(place, id),
          }),
        );
  const first = tryCandidates(byId);
  if (first.path !== undefined || path === undefined) return first;
  return searchByLink("debuglink", ".gnu_debuglink", first.tried, () => {
    const link = readDebugLink(elf);
    if (link !== undefined) return debugLinkCandidates(path, link, id, globals);
    return id === undefined ? [] : nameCandidates(path, id, globals);
  });
}

/**
 * Finds the supplementary file of a debug file: where `.gnu_debugaltlink` or `.debug_sup` says, counted from the
 * directory the debug file is in; by build id; from debuginfod. Its build id (`.debug_sup`: checksum) is checked.
 *
 * @returns as {@link findDebugFile}; nothing tried if the file refers to none
 * @throws HostError if debuginfod's cache can't be used; the signal's reason
 */
export async function findSupplementaryFile(elf: ElfFile, options: FindOptions = {}): Promise<FindResult> {
  const local = findLocalSupplementaryFile(elf, options);
  if (local.path !== undefined) return local;
  return askServers(local, supplementaryBuildId(elf), options);
}

/** {@link findSupplementaryFile} on disk alone. */
export function findLocalSupplementaryFile(elf: ElfFile, options: LocalFindOptions = {}): FindResult {
  const globals = options.debugDirectories ?? DEBUG_DIRECTORIES;
  return searchByLink("supplementary", "supplementary link", [], () => {
    const link = supplementaryLink(elf);
    const path = options.path ?? elf.name ?? "";
    return link === undefined ? [] : supplementaryCandidates(path, link, globals);
  });
}

/** Goes on from `before` with the places that a section of the file names; a malformed section is one more attempt. */
function searchByLink(
  way: FindCandidate["way"],
  section: string,
  before: readonly FindAttempt[],
  places: () => FindCandidate[],
): FindResult {
  let candidates: FindCandidate[] = [];
  const malformed = attemptAt(way, section, () => {
    candidates = places();
    return undefined;
  });
  const result = tryCandidates(candidates);
  return { ...result, tried: [...before, ...(malformed === undefined ? [] : [malformed]), ...result.tried] };
}

async function askServers(
  local: FindResult,
  id: string | undefined,
  options: FindOptions,
): Promise<FindResult> {
  const { debuginfod = DebuginfodClient.fromEnvironment(), signal } = options;
  if (debuginfod === false || id === undefined) return local;
  const answer = await debuginfod.find(id, "debuginfo", signal);
  if (answer.path === undefined) {
    const asked = answer.answers.map(
      ({ place, absent, what }): FindAttempt => ({
        way: "debuginfod",
        place,
        outcome: absent ? "absent" : "refused",
        what,
      }),
    );
    return { ...local, tried: [...local.tried, ...asked] };
  }
  const { path } = answer;
  const wrong = attemptAt("debuginfod", path, () => checkBuildId(path, id));
  if (wrong !== undefined) return { ...local, tried: [...local.tried, wrong] };
  return { path, way: "debuginfod", tried: local.tried };
}

/** The build id, or `undefined` if there is none that can be read. */
function buildIdOf(elf: ElfFile): string | undefined {
  let id: string | undefined;
  attemptAt("build-id", "", () => {
    id = elf.buildId();
    return undefined;
  });
  return usable(id);
}

/** What debuginfod knows a supplementary file by; the checksum of `.debug_sup` is no build id. */
function supplementaryBuildId(elf: ElfFile): string | undefined {
  let id: string | undefined;
  attemptAt("supplementary", "", () => {
    const link = supplementaryLink(elf);
    id = link?.section === ".gnu_debugaltlink" ? link.id : undefined;
    return undefined;
  });
  return usable(id);
}

/** Ids of one byte have no name in a build-id directory, those above 64 bytes none on a server. */
function usable(id: string | undefined): string | undefined {
  return id !== undefined && id.length >= 4 && id.length <= 128 ? id : undefined;
}
