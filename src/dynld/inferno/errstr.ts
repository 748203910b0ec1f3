/** What Inferno's loader says, word by word, and the errors that say it. */
import { DynldError, type DynldErrorCode, type DynldErrorDetails, type Place } from "../../errors.ts";

/** Inferno's error strings without their variable parts. */
export const ERRSTR = {
  reading: "error reading object file",
  magic: "not dynamic object file or wrong platform",
  entry: "invalid export table pointer (entry point)",
  noImage: "out of memory: loading object file",
  noRelocations: "out of memory: relocation data",
  /** Inferno has no words for it: it writes outside the image. */
  position: "dynamic object: bad relocation position",
} as const;

/** An error in Inferno's words, followed by what was found and expected. */
export function infernoError(
  code: DynldErrorCode,
  place: Place,
  errstr: string,
  what: string,
  details: Omit<DynldErrorDetails, "errstr"> = {},
): DynldError {
  return new DynldError(code, place, what === "" ? errstr : `${errstr}: ${what}`, { ...details, errstr });
}

/** The name of the file, where there is one, and a part of the module. */
export function placeOf(file: string | undefined, section: string, offset?: number): Place {
  return {
    ...(file === undefined ? {} : { file }),
    section,
    ...(offset === undefined ? {} : { offset }),
  };
}
