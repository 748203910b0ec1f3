/** `bindery dwarf types`: options and help. */
import type { Command } from "commander";
import { parseWholeNumber } from "../../number.ts";
import { defineSubcommand, unitOption } from "../define.ts";
import type { TypesOptions } from "../options.ts";

export function defineTypes(parent: Command): void {
  defineSubcommand<TypesOptions>(parent, {
    name: "types",
    summary: "types as declarations of C, with their layout",
    description:
      "Prints, unit by unit, the structures, unions, enumerations and typedefs as C would declare them, C++ as near as that " +
      "comes. Beside members stand offset and size in bytes, of bit-fields byte:bit and bits, and holes between them. The " +
      "types of a unit of C come in an order in which a compiler takes them.",
    options: (command) =>
      unitOption(command)
        .option("--die <offset>", "only the type at OFFSET of its section", parseWholeNumber)
        .option("--name <name>", "only types of this name, each definition of it once"),
    counts: "units, types and their members",
    json:
      'and\n"units", each with its header and "types", a list of { "offset", "tag", "name", "size", "definition" } with\n' +
      '"members", of { "name", "type", "bitOffset", "bitSize" }, or "enumerators" by name. With --stats: { "units",\n' +
      '"types", "members" }.',
    examples: [
      ["bindery dwarf types --name task_struct vmlinux", "one structure, with offsets"],
      ["bindery dwarf types --unit 0 a.o > a.h", "what one unit was compiled from, as a header"],
      ["bindery dwarf types --json a.o", "offsets and sizes as data"],
    ],
  });
}
