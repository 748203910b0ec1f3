/** `bindery dwarf locs`: options and help. */
import type { Command } from "commander";
import { defineSubcommand, entryOptions } from "../define.ts";
import type { EntryOptions } from "../options.ts";

export function defineLocs(parent: Command): void {
  defineSubcommand<EntryOptions>(parent, {
    name: "locs",
    summary: "locations: expressions and lists of them",
    description:
      "Prints, unit by unit, every attribute that says by an expression where something is or what it is worth: variables, " +
      "parameters, frame bases, values at calls. Entries of location lists have the range in which they hold. Expressions " +
      "are spelt as llvm-dwarfdump does, registers by their names on the file's machine, addresses in them as elsewhere.",
    options: entryOptions,
    counts: "units, attributes with expressions, and expressions",
    json:
      'and\n"units", each with its header and "attributes", a list of { "offset", "tag", "name", "attribute", "list",\n' +
      '"locations" }; a location is { "expression" }, in lists with "begin", "end" and "size", or "isDefault", and with\n' +
      '"beginView" and "endView" where the list has views. With --stats: { "units", "attributes", "locations" }.',
    examples: [
      ["bindery dwarf locs a.o", "where everything is"],
      ["bindery dwarf locs --die 0x2d a.o", "where the things of one function are"],
      ["bindery dwarf locs --depth 1 a.o", "global variables, and frame bases of functions"],
    ],
  });
}
