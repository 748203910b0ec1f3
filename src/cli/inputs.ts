/** What a FILE argument means: an ELF file, all members of an archive, or one of them. */

import { existsSync } from "node:fs";
import { basename } from "node:path";
import { ElfFile, isArchive } from "../elf/index.ts";
import { ElfError } from "../errors.ts";
import { hostDecompressors, openArchive, openElf, openSource } from "../host/file.ts";

/** One ELF file to show, or why it can't be. */
export type Input = { readonly name: string } & (
  | { readonly elf: ElfFile; readonly error?: undefined }
  | { readonly error: unknown; readonly elf?: undefined }
);

/**
 * Opens what an argument names, one input at a time; an input is closed when the next one is asked for.
 * Errors are yielded with the input they belong to, so that the others are still shown.
 */
function* inputsOf(argument: string): Generator<Input, void, undefined> {
  const [, archive, member] = /^(.+)\((.+)\)$/.exec(argument) ?? [];
  try {
    if (archive !== undefined && member !== undefined && !existsSync(argument)) {
      yield* membersOf(archive, member);
    } else if (looksLikeArchive(argument)) {
      yield* membersOf(argument, undefined);
    } else {
      using opened = openElf(argument);
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

/** The inputs that all arguments name, in order. */
export function* allInputs(files: readonly string[]): Generator<Input, void, undefined> {
  for (const file of files) yield* inputsOf(file);
}
