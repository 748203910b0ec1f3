/** Sections that consist of sets, one for each unit. */
import type { DumpFile } from "./file.ts";

/** A cursor over sets, as those of the look-up tables are. */
interface SetCursor {
  /** Of the current set, in the section. */
  readonly set: number;
  nextSet(): boolean;
}

/** Moves a cursor from set to set. One that is damaged is told, and passed over where its length is known. */
export function* setsOf(file: DumpFile, at: SetCursor): IterableIterator<void> {
  for (;;) {
    const { set } = at;
    const more = file.attempt(() => at.nextSet());
    if (more === true) yield;
    else if (more === false || at.set === set) return;
  }
}
