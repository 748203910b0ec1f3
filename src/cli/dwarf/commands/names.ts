/** `bindery dwarf names`: options and help. */
import type { Command } from "commander";
import { defineSubcommand } from "../define.ts";
import type { NamesOptions } from "../options.ts";

export function defineNames(parent: Command): void {
  defineSubcommand<NamesOptions>(parent, {
    name: "names",
    summary: "tables of names: .debug_names, .debug_pubnames and others",
    description:
      "Prints the names of .debug_pubnames, .debug_pubtypes, .debug_gnu_pubnames, .debug_gnu_pubtypes and .debug_names, each " +
      "with the offset of the entry that it is for, and what the table says of it.",
    options: (command) => command.option("--name <name>", "only this name"),
    counts: "tables and names",
    json:
      'and "tables",\neach { "section", "offset", "names" } and what else its header says; a name is { "name", "die", "tag", "kind",\n' +
      '"linkage", "hash", "signature" }, of which the table may lack some. With --stats: { "tables", "names" }.',
    examples: [
      ["bindery dwarf names a.out", "all names"],
      ["bindery dwarf names --name main a.out", "where main is"],
    ],
  });
}
