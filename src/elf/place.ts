/** Places in ELF files, for errors. */
import type { Place } from "../errors.ts";

/** A place from parts that may be unknown. */
export function placeIn(file: string | undefined, section?: string, offset?: number): Place {
  return {
    ...(file === undefined ? {} : { file }),
    ...(section === undefined ? {} : { section }),
    ...(offset === undefined ? {} : { offset }),
  };
}
