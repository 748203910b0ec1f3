/** `bindery dwarf frames --header`: the search table of `.eh_frame_hdr`. */
import { FrameHeaderTable } from "../../../dwarf/read/frame/header.ts";
import type { Dump } from "../dump.ts";
import { hex } from "../units.ts";

interface Entry {
  readonly begin: string;
  /** Address of the FDE. */
  readonly fde: string;
}

export const HEADER: Dump<Entry> = {
  groups: "sections",
  items: "entries",
  absent: "There is no .eh_frame_hdr in this file.",
  counted: ["entries"],
  *groupsOf(file) {
    const table = FrameHeaderTable.read(file.elf);
    if (table === undefined) return;
    const { section } = table.section;
    const ehFrame = table.ehFrame === undefined ? undefined : hex(table.ehFrame);
    yield {
      title: `${section}: .eh_frame at ${ehFrame ?? "an address that is not said"}, ${table.count} entries`,
      fields: { section, ehFrame },
      *items() {
        for (let i = 0; i < table.count; i++) yield { begin: hex(table.start(i)), fde: hex(table.fde(i)) };
      },
    };
  },
  *text({ begin, fde }) {
    yield `    ${begin} FDE at ${fde}`;
  },
};
