/** Places in DWARF, and errors that name them. */
import { DwarfError, type DwarfErrorCode } from "../errors.ts";

/** What a reader of a debug section needs to make an error of something it found. */
export interface Located {
  /** The file, as its opener named it. */
  readonly file: string | undefined;
  /** The section's name. */
  readonly section: string;
}

/** An error about the bytes at `offset` of a section. */
export function dwarfError(at: Located, code: DwarfErrorCode, offset: number, what: string): DwarfError {
  const place = { section: at.section, offset };
  return new DwarfError(code, at.file === undefined ? place : { ...place, file: at.file }, what);
}
