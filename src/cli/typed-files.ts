/** The files that an argument names, and what they lack for their exports to have types. */
import { TypedArchive } from "../dynld/signature/typed-archive.ts";
import type { TypedFile } from "../dynld/signature/typed-file.ts";
import { describe } from "./output.ts";

function isArchive(opened: TypedFile | TypedArchive): opened is TypedArchive {
  return opened instanceof TypedArchive;
}

/** Whether an argument names several files: an archive, and not one member of it. */
export function isSeveral(opened: TypedFile | TypedArchive): boolean {
  return isArchive(opened) && opened.members.every(({ path }) => path !== opened.path);
}

/** A file alone, or the members of an archive. */
export function filesOf(opened: TypedFile | TypedArchive): readonly TypedFile[] {
  return isArchive(opened) ? opened.members : [opened];
}

/** Says on standard error which members of an archive can't be read. @returns whether all can */
export function tellUnread(opened: TypedFile | TypedArchive): boolean {
  const unread = isArchive(opened) ? opened.unread : [];
  for (const { name, error } of unread) process.stderr.write(`bindery: ${describe(name, error).message}\n`);
  return unread.length === 0;
}

/** Says that a file has no debug information, if it has none. @returns whether it has some */
export function tellIfUntyped({ path, types }: TypedFile): boolean {
  if (types !== undefined) return true;
  process.stderr.write(`bindery: ${path}: has no debug information, and no debug file of it was found\n`);
  return false;
}
