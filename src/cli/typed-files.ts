/** The files that an argument names, and what they lack for their exports to have types. */
import { TypedArchive } from "../dynld/signature/typed-archive.ts";
import type { TypedFile } from "../dynld/signature/typed-file.ts";
import { complain } from "./message.ts";
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
  for (const { name, error } of unread) complain(describe(name, error).message);
  return unread.length === 0;
}

/** Says which of some files have no debug information; of an archive of which none has, that once. @returns whether all have */
export function tellUntyped(opened: TypedFile | TypedArchive, files: readonly TypedFile[]): boolean {
  const untyped = files.filter(({ types }) => types === undefined);
  const isNone = isSeveral(opened) && untyped.length === files.length && files.length > 0;
  for (const { path } of isNone ? [opened] : untyped) {
    complain(`${path}: has no debug information, and no debug file of it was found`);
  }
  return untyped.length === 0;
}
