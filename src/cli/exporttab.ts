/** `bindery exporttab`: its options and help. */
import type { Command } from "commander";
import type { ExporttabOptions } from "./exporttab/options.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

/** Describes the command. */
export function defineExporttab(command: Command): void {
  command
    .description(
      "Prints the table of what an executable or library has for modules: a line NAME SIGNATURE ADDRESS for each symbol, " +
        "sorted by name, as modinfo --symbols reads it.",
    )
    .usage("[OPTION]... FILE [NAME]...")
    .argument("<file>", "an executable, shared library or relocatable object")
    .argument("[name...]", "symbols to list; all that are exported if there is none")
    .option("-x, --list <file>", "list the symbols whose names FILE has, one a line")
    .option("-o, --output <file>", "write the table there")
    .option("--inferno", "signatures of Inferno's compilers, 32 bits, for Inferno modules")
    .option("--json", "one JSON document instead of lines");
  command.addHelpText(
    "after",
    helpText({
      Columns:
        "Signatures come from the types in the debug information, of FILE or of its separate debug file, and are 0 where\n" +
        "there is none. Addresses are those of the file: what is loaded elsewhere has them that much higher.",
      Examples: [
        ["bindery exporttab prog -o prog.syms", "all that prog exports"],
        ["bindery exporttab libz.so.1 crc32 adler32", "two functions"],
        ["bindery modinfo --base 10000000 --symbols prog.syms m.386", "what a module is relocated against"],
      ],
      "Exit status": [
        [String(EXIT_OK), "the table was printed"],
        [String(EXIT_FAILURE), "FILE could not be read, or has no symbol of a name that was asked for"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (file: string, names: string[], options: ExporttabOptions) => {
    const { showTable } = await import("./exporttab/show.ts");
    const { telling } = await import("./output.ts");
    process.exitCode = await telling(() => showTable(file, names, options));
  });
}
