/** What a FILE argument means: an ELF file, all members of an archive, or one of them. */

import { closeSync, type Dirent, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { ElfFile, isArchive } from "../elf/index.ts";
import { ElfError, HostError } from "../errors.ts";
import { hostDecompressors, openArchive, openElf, openSource } from "../host/file.ts";
import type { ReadBuffers } from "../host/read-buffers.ts";

/** One ELF file to show, or why it can't be. */
export type Input = { readonly name: string } & (
  | { readonly elf: ElfFile; readonly error?: undefined }
  | { readonly error: unknown; readonly elf?: undefined }
);

/**
 * Opens what an argument names, one input at a time; an input is closed when the next one is asked for.
 * Errors are yielded with the input they belong to, so that the others are still shown.
 */
function* inputsOf(argument: string, buffers: ReadBuffers | undefined): Generator<Input, void, undefined> {
  const [, archive, member] = /^(.+)\((.+)\)$/.exec(argument) ?? [];
  try {
    if (isDirectory(argument)) {
      const what = `${argument}: found a directory without ELF files, archives or compressed modules that can be read`;
      throw new HostError("HOST_UNSUPPORTED", "open", what);
    }
    if (archive !== undefined && member !== undefined && !existsSync(argument)) {
      yield* membersOf(archive, member);
    } else if (looksLikeArchive(argument)) {
      yield* membersOf(argument, undefined);
    } else {
      using opened = openElf(argument, buffers === undefined ? {} : { buffers });
      yield { name: argument, elf: opened.elf };
    }
  } catch (error) {
    yield { name: argument, error };
  }
}

function looksLikeArchive(path: string): boolean {
  using opened = openSource(path);
  return isArchive(opened.source.read(0, Math.min(8, opened.source.size)));
}

/** @param wanted the member to show; all of them when undefined */
function* membersOf(path: string, wanted: string | undefined): Generator<Input, void, undefined> {
  using opened = openArchive(path);
  let found = false;
  for (const member of opened.archive.members) {
    if (wanted !== undefined && member.name !== wanted && basename(member.name) !== wanted) {
      continue;
    }
    found = true;
    const name = `${path}(${member.name})`;
    try {
      yield { name, elf: ElfFile.open(member.open(), { name, decompressors: hostDecompressors() }) };
    } catch (error) {
      yield { name, error };
    }
  }
  if (!found && wanted !== undefined) {
    throw new ElfError("ELF_BAD_REFERENCE", { file: path }, `found no member ${wanted} in the archive`);
  }
}

/**
 * The inputs that all arguments name, in order; a directory names what {@link filesNamed} finds below it.
 * @param buffers what files are read into, for who keeps nothing of an input when the next one is asked for
 */
export function* allInputs(
  files: readonly string[],
  buffers?: ReadBuffers,
): Generator<Input, void, undefined> {
  for (const file of filesNamed(files)) yield* inputsOf(file, buffers);
}

/**
 * Arguments with each directory replaced by the files below it that are ELF files, archives or compressed modules, in the
 * order of their paths. Symbolic links in directories are not followed. A directory that can't be read, or has no such
 * file, stays: who opens it is told.
 */
export function filesNamed(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const found = isDirectory(file) ? filesBelow(file) : [];
    return found.length === 0 ? [file] : found;
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function filesBelow(directory: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return [directory];
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() && looksReadable(path) ? [path] : [];
  });
}

const COMPRESSED_MODULE = /\.ko(\.debug)?\.(gz|xz|zst)$/;
/** Bytes that ELF files and archives begin with. */
const BEGINNINGS = ["\x7fELF", "!<arch>\n", "!<thin>\n"];

/** By its name or first bytes. What can't be opened is taken too, so that it is told. */
function looksReadable(path: string): boolean {
  if (COMPRESSED_MODULE.test(path)) return true;
  const start = new Uint8Array(8);
  try {
    const descriptor = openSync(path, "r");
    try {
      readSync(descriptor, start);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return true;
  }
  const text = String.fromCharCode(...start);
  return BEGINNINGS.some((beginning) => text.startsWith(beginning));
}
