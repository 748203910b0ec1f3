/** What a search for a debug file says of itself: every place that was tried, and what came of it. */

import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { BinderyError, HostError } from "../../errors.ts";
import { openElf } from "../../host/file.ts";

/** How a file is looked for. */
export type FindWay =
  /** Under the name that its build id gives it in a global debug directory. */
  | "build-id"
  /** By `.gnu_debuglink`. */
  | "debuglink"
  /** Under its own name, where it has no link. */
  | "name"
  /** By the path in `.gnu_debugaltlink` or `.debug_sup`. */
  | "supplementary"
  /** A package of split files, `FILE.dwp`. */
  | "package"
  /** A split file, by the path that a skeleton unit gives. */
  | "split"
  /** From a debuginfod server, or its client's cache. */
  | "debuginfod";

/** A place that did not have the file. */
export interface FindAttempt {
  readonly way: FindWay;
  /** Path, URL, or the section that is at fault. */
  readonly place: string;
  /** `absent`: nothing is there. `refused`: something is there, and it is not the file, or can't be read. */
  readonly outcome: "absent" | "refused";
  /** What was found, and what was expected. */
  readonly what: string;
}

/** A file, and how it was found. */
export interface FoundFile {
  readonly path: string;
  readonly way: FindWay;
  /** The places tried before. */
  readonly tried: readonly FindAttempt[];
}

/** No file: `tried` says why. */
export interface MissingFile {
  readonly path: undefined;
  readonly way: undefined;
  /** Empty if nothing in the file says where to look. */
  readonly tried: readonly FindAttempt[];
}

/** What a search ends with. */
export type FindResult = FoundFile | MissingFile;

/** A place to try. */
export interface FindCandidate {
  readonly way: FindWay;
  readonly path: string;
  /** What is wrong with the file, or `undefined` if it is the one. May throw a {@link BinderyError} instead. */
  check(path: string): string | undefined;
}

/** Tries places in order, up to the first that has the file. Unreadable and malformed files are noted, never thrown. */
export function tryCandidates(candidates: Iterable<FindCandidate>): FindResult {
  const tried: FindAttempt[] = [];
  for (const { way, path, check } of candidates) {
    const attempt = attemptAt(way, path, () => check(path));
    if (attempt === undefined) return { path, way, tried };
    tried.push(attempt);
  }
  return { path: undefined, way: undefined, tried };
}

/** One place: `undefined` if `check` finds nothing wrong. */
export function attemptAt(
  way: FindWay,
  place: string,
  check: () => string | undefined,
): FindAttempt | undefined {
  try {
    const what = check();
    return what === undefined ? undefined : { way, place, outcome: "refused", what };
  } catch (error) {
    if (isAbsent(error)) return { way, place, outcome: "absent", what: "no such file" };
    if (!(error instanceof BinderyError)) throw error;
    const prefix = `${place}: `;
    const what = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
    return { way, place, outcome: "refused", what };
  }
}

/** Prints an attempt on one line: `debuglink: /usr/lib/debug/x.debug: no such file`. */
export function describeAttempt(attempt: FindAttempt): string {
  return `${attempt.way}: ${attempt.place}: ${attempt.what}`;
}

/**
 * What is wrong with the ELF file at `path`, if its build id must be `expected`. Throws what `openElf` throws.
 *
 * @param orNone whether a file without build id will do
 */
export function checkBuildId(path: string, expected: string, orNone = false): string | undefined {
  using file = openElf(path);
  const found = file.elf.buildId();
  if (found === undefined && orNone) return undefined;
  return found === expected ? undefined : `build id: found ${found ?? "none"}, expected ${expected}`;
}

/** Where symbolic links lead; the absolute path itself if that can't be told, which opening it will tell. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function isAbsent(error: unknown): boolean {
  const ENOENT = 2;
  const ENOTDIR = 20;
  return error instanceof HostError && (error.errno === ENOENT || error.errno === ENOTDIR);
}
