/** `bindery dwarf`: its subcommands, options and help. The printing is in dwarf/, loaded when a command runs. */
import type { Command } from "commander";
import type { InfoOptions, LinesOptions } from "./dwarf/options.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { parseWholeNumber } from "./number.ts";

/** Registers the command. */
export function defineDwarf(program: Command): void {
  const command = program
    .command("dwarf")
    .summary("show debug information")
    .description(
      "Shows the DWARF of executables, shared objects, object files, kernel modules and archives of them.",
    );
  defineInfo(command);
  defineLines(command);
}

function defineInfo(parent: Command): void {
  const command = parent
    .command("info")
    .summary("entries and attributes of .debug_info and .debug_types")
    .description(
      "Prints debugging information entries with their attributes. An address of a relocatable file is printed as what " +
        "it counts from, such as .text+0x10: nothing of the file is placed.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "files to read")
    .option("--unit <n>", "only unit N, counted from 0", parseWholeNumber)
    .option("--die <offset>", "only the entry at OFFSET of its section, with what it owns", parseWholeNumber)
    .option("--depth <n>", "entries at most N levels below the first", parseWholeNumber)
    .option(
      "--stats",
      "count units, entries and attributes, each of which is decoded, and print nothing else",
    )
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      JSON:
        'With --stats: { "units", "dies", "attributes" } over all files. Else an array with one object for each file:\n' +
        '"file" and "units", each with its header and "dies", a tree of { "offset", "tag", "attributes", "children" }.\n' +
        'Attributes are { "name", "form", "value" }; a value is text as it is printed.',
      Examples: [
        ["bindery dwarf info a.o", "everything, addresses relative to sections"],
        ["bindery dwarf info --depth 1 vmlinux", "units and what they define"],
        ["bindery dwarf info --die 0x2d a.o", "one entry with what it owns"],
        ["bindery dwarf info --stats --json *.ko", "how much there is"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all files were read"],
        [String(EXIT_FAILURE), "one or more files, or units, could not be read; the others are shown"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (files: string[], options: InfoOptions) => {
    const { showInfo } = await import("./dwarf/info.ts");
    process.exitCode = showInfo(files, options);
  });
}

function defineLines(parent: Command): void {
  const command = parent
    .command("lines")
    .summary("rows of line programs")
    .description(
      "Prints every row of .debug_line: address, file, line and column, and what else is known of it.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "files to read")
    .option("--stats", "count sequences and rows, each of which is decoded, and print nothing else")
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      JSON:
        'With --stats: { "sequences", "rows" } over all files. Else an array with one object for each file: "file" and\n' +
        '"programs", each { "offset", "rows" }; a row is { "address", "file", "line", "column", "flags" }.',
      Examples: [
        ["bindery dwarf lines a.o", "rows with addresses such as .text+0x10"],
        ["bindery dwarf lines --stats --json *.ko", "how much there is"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all files were read"],
        [String(EXIT_FAILURE), "one or more files, or programs, could not be read; the others are shown"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (files: string[], options: LinesOptions) => {
    const { showLines } = await import("./dwarf/lines.ts");
    process.exitCode = showLines(files, options);
  });
}
