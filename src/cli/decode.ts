/** `bindery decode`: its options and help. The rest is in decode/, loaded when the command runs. */
import type { Command } from "commander";
import type { DecodeCommandOptions } from "./decode/options.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

/** Describes the command. */
export function defineDecode(command: Command): void {
  command
    .description(
      "Reads a kernel oops or a backtrace on standard input and prints it through, with the source lines of each place " +
        "it names behind the line, the functions that were inlined there first. Lines that name none stay as they are.",
    )
    .usage("[OPTION]...")
    .option("--vmlinux <file>", "the kernel, with debug information or beside its debug file")
    .option(
      "--modules <dir>",
      "the kernel's modules, anywhere below: .ko, .ko.gz, .ko.xz, .ko.zst, .ko.debug",
    )
    .option(
      "--release <version>",
      "without --vmlinux and --modules: the kernel of that release, in the usual places",
    )
    .option(
      "--sysroot <dir>",
      "look for that kernel, and for the files that backtraces of programs name, in DIR",
    )
    .option("--strip-path <prefix>", "take PREFIX off the paths of source files")
    .option("-s, --basenames", "show source files without their directories")
    .option("-C, --demangle", "show C++ and Rust names as they are written in the source")
    .option("--exact", "look up the very addresses that calls return to, not what is before them")
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      "What is understood":
        "func+0x12/0x80 [xfs]                         stacks, RIP:, pc :, lr :, NIP, PC is at, WARNING: ... at\n" +
        "[<ffffffff81234567>]                         addresses of a vmlinux that was not moved\n" +
        "./prog(func+0x12) [0x55d0c0de1139]           backtrace_symbols(3), with a symbol or without\n" +
        "#1 0x7f0c... raise (libc.so.6 + 0x3c)        coredumpctl\n" +
        "#1 0x7f0c... in raise () from /lib/libc.so   gdb, where pages leave one possible offset",
      "Return addresses":
        "What is on a stack is where a call returns to, and may be of the next line, or of the next function. So the\n" +
        "byte before it is looked up, as decode_stacktrace.sh of Linux does, but for RIP and its like, frame #0, and\n" +
        "offset 0. --exact looks up what is written.",
      "Another build":
        "When the size of a function is not the one that the trace has, the files are of another build, and that is\n" +
        "said behind the line. Of several functions of one name that which has the size is taken.",
      JSON:
        'An array with an object for each line: "line" and "references" [ { "text", "isReturn", "frames" [ { "function",\n' +
        '"file", "line", "column", "discriminator", "inlined" } ], "notes" } ].',
      Examples: [
        ["dmesg | bindery decode", "the running kernel, if its debug files are installed"],
        ["bindery decode --vmlinux vmlinux --modules . < oops.txt", "in a build directory"],
        ["bindery decode --strip-path /usr/src/linux < oops.txt", "shorter paths"],
        ["./prog 2>&1 | bindery decode -C", "a program that prints its own backtrace"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all was read, whatever was found"],
        [
          String(EXIT_FAILURE),
          "a file that the trace needs is missing, damaged or of another build; the rest is shown",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (options: DecodeCommandOptions) => {
    const { showDecoded } = await import("./decode/show.ts");
    process.exitCode = await showDecoded(options);
  });
}
