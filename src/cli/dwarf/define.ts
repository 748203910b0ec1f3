/** What the subcommands of `bindery dwarf` have in common: options, the frame of their help, and how they are run. */
import { type Command, Option } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "../help.ts";
import { parseWholeNumber } from "../number.ts";
import type { DumpName } from "./dumps.ts";
import type { DumpOptions, SectionPlace } from "./options.ts";
import { parseSectionPlace } from "./placed.ts";
import { UsageError } from "./usage.ts";

/** A subcommand: its help, its own options, and who shows files. */
export interface Subcommand<Options extends DumpOptions> {
  readonly name: DumpName;
  readonly summary: string;
  readonly description: string;
  /** Adds its own options. */
  readonly options?: (command: Command) => void;
  /** What `--stats` counts. */
  readonly counts: string;
  /** The document's form, behind "an array with one object for each file or archive member: "file", ". */
  readonly json: string;
  readonly examples: readonly (readonly [string, string])[];
  /** What it shows, where that depends on its options. */
  readonly shown?: (options: Options) => DumpName;
}

const PLACES =
  "An address of a relocatable file is printed as what it counts from, such as .text+0x10 or printk+0x0. Linked files have\n" +
  "plain addresses. With --place, which may be repeated, addresses in that section are final; others stay as they are.\n" +
  "SECTION is a name, or a number where several sections have the name; ADDRESS is decimal, or hexadecimal with 0x.";

/** Registers a subcommand. */
export function defineSubcommand<Options extends DumpOptions>(
  parent: Command,
  of: Subcommand<Options>,
): void {
  const command = parent
    .command(of.name)
    .summary(of.summary)
    .description(
      `${of.description} FILE is an executable, a shared object, an object file, a kernel module (also compressed), an ar ` +
        "archive, one member of an archive, written archive(member), or a directory, which stands for all such files below " +
        "it. What is damaged is told on standard error with its place, and the rest is shown.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "files to read");
  of.options?.(command);
  command
    .addOption(
      new Option(
        "--relocatable",
        "print what addresses count from: so it is for files that are not linked, unless they are placed",
      ).conflicts("place"),
    )
    .addOption(
      new Option("--place <section=address>", "say where a section of a relocatable file is").argParser(
        (text: string, before: SectionPlace[] | undefined) => parseSectionPlace(text, before),
      ),
    )
    .option("--stats", `count ${of.counts}, each of which is decoded, and print nothing else`)
    .option("--json", "one JSON document instead of text")
    .option(
      "--jobs <n>",
      "with --stats: read N files at a time; 0: as many as there are processors",
      parseWholeNumber,
    )
    .option("--progress", "with --stats: show how far it is; so it is on a terminal, unless --no-progress")
    .addOption(new Option("--no-progress").hideHelp());
  command.addHelpText(
    "after",
    helpText({
      Addresses: PLACES,
      JSON:
        `An array with one object for each file or archive member, in the order of the arguments: "file", ${of.json}\n` +
        "Offsets in sections and sizes are numbers; addresses are text, as they are printed. What could not be read is in\n" +
        '"errors", a list of { "code", "message" }, which is absent when all was well. With --stats one object, of numbers\n' +
        "over all files.",
      "Many files":
        "With --stats and --jobs, each file is read by one of several threads, which take memory for a file each. What is printed\n" +
        "is the same, in the order of the files.",
      Examples: of.examples,
      "Exit status": [
        [String(EXIT_OK), "all files were read"],
        [String(EXIT_FAILURE), "a file, or a part of one, could not be read; the others are shown"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (files: string[], options: Options) => {
    const { showDump } = await import("./print.ts");
    try {
      process.exitCode = await showDump(of.shown?.(options) ?? of.name, files, options);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      command.error(`error: ${error.message}`);
    }
  });
}

/** `--unit` and `--split`. */
export function unitOption(command: Command): Command {
  return command
    .option("--unit <n>", "only unit N, counted from 0", parseWholeNumber)
    .option("--split", "behind each skeleton unit also the unit of a .dwo or .dwp file that it stands for");
}

/** Those, `--die` and `--depth`. */
export function entryOptions(command: Command): void {
  unitOption(command)
    .option("--die <offset>", "only the entry at OFFSET of its section, with what it owns", parseWholeNumber)
    .option("--depth <n>", "entries at most N levels below the first", parseWholeNumber);
}
