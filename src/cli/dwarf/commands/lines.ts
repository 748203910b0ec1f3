/** `bindery dwarf lines`: options and help. */
import type { Command } from "commander";
import { defineSubcommand, unitOption } from "../define.ts";
import type { UnitOptions } from "../options.ts";

export function defineLines(parent: Command): void {
  defineSubcommand<UnitOptions>(parent, {
    name: "lines",
    summary: "rows of line programs",
    description:
      "Prints every row of .debug_line: address, file, line and column, and what else is known of it. Without --unit all " +
      "programs of the section are shown, whether a unit refers to them or not; with it paths are joined with the directory " +
      "in which the unit was compiled.",
    options: unitOption,
    counts: "sequences and rows",
    json:
      'and\n"programs", each { "section", "offset", "version", "files", "rows" }; a row is { "address", "file", "line",\n' +
      '"column", "flags" }. With --stats: { "sequences", "rows" }.',
    examples: [
      ["bindery dwarf lines a.o", "rows with addresses such as .text+0x10"],
      ["bindery dwarf lines --unit 0 a.out", "those of the first unit"],
      ["bindery dwarf lines --place .init.text=0x1000 a.ko", "rows of that section with final addresses"],
      ["bindery dwarf lines --stats --json *.ko", "how much there is"],
    ],
  });
}
