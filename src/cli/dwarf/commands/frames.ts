/** `bindery dwarf frames`: options and help. */
import type { Command } from "commander";
import { defineSubcommand } from "../define.ts";
import type { FramesOptions } from "../options.ts";

export function defineFrames(parent: Command): void {
  defineSubcommand<FramesOptions>(parent, {
    name: "frames",
    summary: "call frame information of .debug_frame and .eh_frame",
    description:
      "Prints every CIE, and every FDE with its table: from each address on, how the canonical frame address (CFA) and the " +
      "caller's registers are found. As in readelf, c-16 is memory at CFA-16, v-16 is CFA-16 itself, u a register that is " +
      "lost, s one that is kept; exp(...) is memory at what an expression gives, vexp(...) is what it gives.",
    options: (command) =>
      command
        .option("--instructions", "also the instructions that make the tables")
        .option(
          "--pc <place>",
          "only the FDE that covers an address, or .text+0x10, with the row that holds there",
        )
        .option("--header", "the search table of .eh_frame_hdr instead"),
    shown: ({ header }) => (header === true ? "frames-header" : "frames"),
    counts: "CIEs, FDEs, rows and instructions",
    json:
      'and\n"sections", each { "section", "entries" }. An entry has "kind", which is CIE or FDE, and "offset"; an FDE has "cie",\n' +
      '"begin", "end", "size", "lsda", "registers", and "rows" of { "address", "cfa", "registers" }; both have "instructions", if they\n' +
      'are asked for. With --stats: { "cies", "fdes", "rows", "instructions" }.',
    examples: [
      ["bindery dwarf frames a.out", "all tables"],
      ["bindery dwarf frames --pc 0x401136 a.out", "how to get from there to the caller"],
      ["bindery dwarf frames --pc .init.text+0x4 a.ko", "the same in a section of a module"],
      ["bindery dwarf frames --instructions a.o", "tables and what makes them"],
    ],
  });
}
