/** `bindery dwarf ranges`: options and help. */
import type { Command } from "commander";
import { defineSubcommand, entryOptions } from "../define.ts";
import type { EntryOptions } from "../options.ts";

export function defineRanges(parent: Command): void {
  defineSubcommand<EntryOptions>(parent, {
    name: "ranges",
    summary: "addresses that entries cover",
    description:
      "Prints, unit by unit, every entry that covers addresses: by a list of .debug_ranges or .debug_rnglists, whose place " +
      "is shown, or by its low and high pc. Each range is followed by its size in bytes.",
    options: entryOptions,
    counts: "units, entries with ranges, and ranges",
    json:
      'and\n"units", each with its header and "entries", a list of { "offset", "tag", "name", "list", "ranges" }; a range is\n' +
      '{ "begin", "end", "size" }, and "list" the place of the list. With --stats: { "units", "entries", "ranges" }.',
    examples: [
      ["bindery dwarf ranges a.out", "which addresses functions, blocks and inlined calls cover"],
      ["bindery dwarf ranges --depth 0 vmlinux", "which addresses units cover"],
      ["bindery dwarf ranges --die 0x2d a.o", "those of one entry and what it owns"],
    ],
  });
}
