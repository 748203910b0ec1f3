/** `bindery dwarf aranges`: options and help. */
import type { Command } from "commander";
import { defineSubcommand } from "../define.ts";
import type { DumpOptions } from "../options.ts";

export function defineAranges(parent: Command): void {
  defineSubcommand<DumpOptions>(parent, {
    name: "aranges",
    summary: "addresses that units cover, of .debug_aranges",
    description:
      "Prints the sets of .debug_aranges: of each unit, the ranges of addresses that it covers, with their sizes in bytes.",
    counts: "sets and ranges",
    json:
      'and "sets",\neach { "section", "offset", "unit", "version", "offsetSize", "addressSize", "segmentSize", "ranges" }; a range is\n' +
      '{ "begin", "end", "size" }, with "segment" where there are segments. With --stats: { "sets", "ranges" }.',
    examples: [
      ["bindery dwarf aranges a.out", "which unit is where"],
      ["bindery dwarf aranges --place .text=0x1000 a.o", "final addresses for what is in .text"],
    ],
  });
}
