/** Places in DWARF, and errors that name them. */
import { DwarfError, type DwarfErrorCode, type Place, RelocationRequiredError } from "../errors.ts";

/** What a reader of a debug section needs to make an error of something it found. */
export interface Located {
  /** The file, as its opener named it. */
  readonly file: string | undefined;
  /** The section's name. */
  readonly section: string;
}

/** An error about the bytes at `offset` of a section. */
export function dwarfError(at: Located, code: DwarfErrorCode, offset: number, what: string): DwarfError {
  return new DwarfError(code, placeOf(at, offset), what);
}

/** An error about the value at `offset`, which counts from `target`, of which nobody said where it is. */
export function relocationRequired(at: Located, offset: number, target: string): RelocationRequiredError {
  return new RelocationRequiredError(placeOf(at, offset), target);
}

function placeOf({ file, section }: Located, offset: number): Place {
  return file === undefined ? { section, offset } : { file, section, offset };
}
