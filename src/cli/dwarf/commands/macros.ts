/** `bindery dwarf macros`: options and help. */
import type { Command } from "commander";
import { defineSubcommand, unitOption } from "../define.ts";
import type { UnitOptions } from "../options.ts";

export function defineMacros(parent: Command): void {
  defineSubcommand<UnitOptions>(parent, {
    name: "macros",
    summary: "what the preprocessor saw, of .debug_macro and .debug_macinfo",
    description:
      "Prints, unit by unit, what was defined, undefined and included, in order, with the line of each directive: programs " +
      "compiled with -g3 have that. Line 0 is the command line, or the compiler itself.",
    options: unitOption,
    counts: "units and directives",
    json:
      'and\n"units", each with its header and "macros", a list of { "kind", "line", "text", "file" }; the kind is define, undef,\n' +
      'start_file, end_file, or import with the "offset" of macros in a file that is not at hand. With --stats: { "units",\n' +
      '"macros" }.',
    examples: [["bindery dwarf macros a.o", "all macros, those of the compiler first"]],
  });
}
