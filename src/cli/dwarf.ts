/** `bindery dwarf`: its subcommands. Options and help are in dwarf/commands, the printing in dwarf/show, loaded when it runs. */
import type { Command } from "commander";
import { defineAranges } from "./dwarf/commands/aranges.ts";
import { defineFrames } from "./dwarf/commands/frames.ts";
import { defineInfo } from "./dwarf/commands/info.ts";
import { defineLines } from "./dwarf/commands/lines.ts";
import { defineLocs } from "./dwarf/commands/locs.ts";
import { defineMacros } from "./dwarf/commands/macros.ts";
import { defineNames } from "./dwarf/commands/names.ts";
import { defineRanges } from "./dwarf/commands/ranges.ts";
import { defineTypes } from "./dwarf/commands/types.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

/** Describes the command. */
export function defineDwarf(command: Command): void {
  command.description(
    "Shows the DWARF of executables, shared objects, object files, kernel modules and archives of them.",
  );
  command.addHelpText(
    "after",
    helpText({
      Examples: [
        ["bindery dwarf info --depth 1 a.o", "what was compiled: units, functions, types"],
        ["bindery dwarf lines xfs.ko.debug", "line tables of a kernel module"],
        ["bindery dwarf help types", "more of one of them"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all files were read"],
        [String(EXIT_FAILURE), "one or more files could not be read, or are broken; the others are shown"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  defineInfo(command);
  defineLines(command);
  defineRanges(command);
  defineLocs(command);
  defineFrames(command);
  defineAranges(command);
  defineNames(command);
  defineTypes(command);
  defineMacros(command);
}
