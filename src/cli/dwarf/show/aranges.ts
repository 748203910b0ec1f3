/** `bindery dwarf aranges`: which addresses each unit covers, as `.debug_aranges` has it. */
import { ArangeCursor } from "../../../dwarf/read/names/aranges.ts";
import type { Dump, Group } from "../dump.ts";
import type { DumpFile } from "../file.ts";
import { setsOf } from "../sets.ts";
import { hex } from "../units.ts";
import { type Range, rangeOf, rangeText } from "./ranges.ts";

interface Tuple extends Range {
  /** Absent where there are no segments. */
  readonly segment?: number;
}

export const ARANGES: Dump<Tuple> = {
  groups: "sets",
  items: "ranges",
  absent: "There is no .debug_aranges in this file.",
  counted: ["sets", "ranges"],
  *groupsOf(file) {
    for (const section of file.dwarf.sections.named("debug_aranges")) {
      const at = new ArangeCursor(file.dwarf.reader(section));
      for (const _ of setsOf(file, at)) {
        const group = file.attempt(() => groupOf(file, at));
        if (group !== undefined) yield group;
      }
    }
  },
  *text({ segment, ...range }) {
    yield `    ${segment === undefined ? "" : `segment ${segment} `}${rangeText(range)}`;
  },
};

function groupOf(file: DumpFile, at: ArangeCursor): Group<Tuple> {
  const { set: offset, version, addressSize, offsetSize, segmentSize, unitOffset } = at;
  const { section } = at.reader.section;
  const format = `${8 * offsetSize}-bit format, ${addressSize}-byte addresses`;
  return {
    title: `${section}+${hex(offset)}: unit at .debug_info+${hex(unitOffset)}, version ${version}, ${format}`,
    fields: { section, offset, unit: unitOffset, version, offsetSize, addressSize, segmentSize },
    *items() {
      while (at.next()) {
        const { start, length, segment } = at;
        const range = rangeOf(file, start, start.plus(length));
        yield segmentSize === 0 ? range : { ...range, segment };
      }
    },
  };
}
