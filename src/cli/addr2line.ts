/** `bindery addr2line`: its options and help. The rest is in addr2line/, loaded when the command runs. */
import type { Command } from "commander";
import type { Addr2lineOptions } from "./addr2line/options.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { parseWholeNumber } from "./number.ts";

/** Describes the command. */
export function defineAddr2line(command: Command): void {
  command
    .description(
      "Says which functions and source lines addresses belong to. Options and output are those of GNU addr2line. An " +
        "ADDRESS is a hexadecimal number, with or without 0x, or SECTION+0x10, or SYMBOL+0x10; without any, they are " +
        "read from standard input, one in a line, and each line is answered as it comes.",
    )
    .usage("[OPTION]... [ADDRESS]...")
    .argument("[address...]", "addresses to look up")
    .option("-e, --exe <file>", "the file that has them; a.out by default")
    .option("-j, --section <name>", "numbers are offsets in that section")
    .option("-a, --addresses", "show the address before each answer")
    .option("-f, --functions", "show the functions' names")
    .option("-i, --inlines", "show the functions that the code was inlined into, too")
    .option("-s, --basenames", "show files without their directories")
    .option("-p, --pretty-print", "one line for each function")
    .option("-C, --demangle", "show C++ and Rust names as they are written in the source")
    .option("--pid <pid>", "addresses are those of a running process", parseWholeNumber)
    .option("--core <file>", "addresses are those of a process that left a core file")
    .option("--kernel", "addresses are those of the running kernel and its modules")
    .option("--debuginfod", "ask the servers in DEBUGINFOD_URLS for debug files that are not on this machine")
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      "Relocatable files":
        "Sections of an object file or kernel module have no addresses. A number is an offset in the section that -j\n" +
        "names; without it, in the first loaded section of the file of which something is known there. SECTION+0x10\n" +
        "says it for one address. What begins at 0 in one section is never mistaken for what does in another.",
      "Debug information":
        "Of a file that has none, the debug file is looked for by its build id and its debug link, below\n" +
        "/usr/lib/debug; split files (.dwo, .dwp) and supplementary files are followed. Without any, symbols answer.",
      JSON:
        'An array with an object for each address: "input", "address", "section" in relocatable files, "module" of\n' +
        'processes, "symbol" { "name", "offset", "size" }, "frames" [ { "function", "file", "line", "column",\n' +
        '"discriminator", "inlined" } ], the innermost first, and "notes", what could not be read.',
      Examples: [
        ["bindery addr2line -e a.out -fip 401136", "functions and lines, the inlined ones, too"],
        ["bindery addr2line -e xfs.ko -f .init.text+0x10", "a place in a kernel module"],
        ["bindery addr2line -e vmlinux -fi do_exit+0x1c", "a place in a function"],
        ["bindery addr2line -e a.out < addresses", "many, one in a line"],
        ["bindery addr2line --pid 1 -fC 7f0e8c2a1f40", "in a running process"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all was read; addresses of which nothing is known are answered with ??"],
        [
          String(EXIT_FAILURE),
          "the file could not be read, or some of its debug information, or an ADDRESS is none",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (addresses: string[], options: Addr2lineOptions) => {
    const { showAddresses } = await import("./addr2line/show.ts");
    process.exitCode = await showAddresses(addresses, options);
  });
}
