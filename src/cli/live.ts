/** `bindery live`: its options and help. The session is in live/, loaded when the command runs. */
import { type Command, Option } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import type { LiveOptions } from "./live/options.ts";

/** Describes the command. */
export function defineLive(command: Command): void {
  command
    .description(
      "Makes a live ELF object in its own process and reads commands that fill it: allocate, assemble, bind, call. " +
        "Attach gdb, lldb or perf from another terminal and watch: what is published is known to them by name. " +
        "Commands come from the terminal, with history and completion, or from a pipe or file, one a line.",
    )
    .usage("[OPTION]...")
    .helpOption("-h, --help", "print this help and exit")
    .option("--name <name>", "name of the object in link maps and /proc/PID/maps", "live")
    .option("--directory <path>", "keep the object in a file there instead of in a memfd")
    .addOption(new Option("--perf <output>", "also write what perf reads").choices(["map", "jitdump"]))
    .addHelpText(
      "after",
      helpText({
        Examples: [
          ["bindery live", "then type help"],
          ["bindery live <<'END'", "a script:"],
          ["  asm lea eax, [rdi+rsi]; ret", "assemble into new memory"],
          ["  bind add", "name it"],
          ["  call add 2 3", "prints 5"],
          ["END", ""],
        ],
        Caution: "What you call runs in this process. Code that is wrong ends it, as it would any program.",
        "Exit status": [
          [String(EXIT_OK), "all commands were carried out, or the session was at a terminal"],
          [
            String(EXIT_FAILURE),
            "a command in a script failed (the others were carried out), or no object could be made",
          ],
          [String(EXIT_USAGE), "the command line makes no sense"],
        ],
      }),
    )
    .action(async (options: LiveOptions) => {
      const { runLive } = await import("./live/repl.ts");
      process.exitCode = await runLive(options);
    });
}
