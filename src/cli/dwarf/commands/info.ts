/** `bindery dwarf info`: options and help. */
import type { Command } from "commander";
import { defineSubcommand, entryOptions } from "../define.ts";
import type { EntryOptions } from "../options.ts";

export function defineInfo(parent: Command): void {
  defineSubcommand<EntryOptions>(parent, {
    name: "info",
    summary: "entries and attributes of .debug_info and .debug_types",
    description:
      "Prints debugging information entries with their attributes: constants by name, references with what they lead to, " +
      "files by their paths, expressions decoded, ranges and location lists in place.",
    options: entryOptions,
    counts: "units, entries and attributes",
    json:
      'and "units",\n' +
      'each with its header and "dies", a tree of { "offset", "tag", "attributes", "children" }. Attributes are { "name",\n' +
      '"form", "value" }, a value being text as it is printed, with "ranges" or "locations" where it leads to a list of\n' +
      'them (see ranges and locs). With --stats: { "units", "dies", "attributes" }.',
    examples: [
      ["bindery dwarf info a.o", "everything, addresses relative to sections"],
      ["bindery dwarf info --depth 1 vmlinux", "units and what they define"],
      ["bindery dwarf info --die 0x2d a.o", "one entry with what it owns"],
      ["bindery dwarf info --place .text=0xffffffffc0201000 xfs.ko", "addresses as the module is loaded"],
      ["bindery dwarf info --stats --json *.ko", "how much there is"],
    ],
  });
}
