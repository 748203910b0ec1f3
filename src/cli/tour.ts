/** `bindery tour`: each part of Bindery at work on this machine, one stop after the other. */
import type { Command } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

export function defineTour(command: Command): void {
  command
    .description(
      "Reads the C library of this machine, makes a library that grows while it runs, calls what is in it through the " +
        "system's loader, and, where gdb is installed, lets gdb look at it. Where gcc is, a plug-in in C is compiled, loaded, " +
        "called, replaced and unloaded. A program is started, and its run-time linker followed. Takes a few seconds and " +
        "leaves nothing behind.",
    )
    .addHelpText(
      "after",
      helpText({
        "Exit status": [
          [String(EXIT_OK), "all of it was shown, or what of it this machine has the tools for"],
          [String(EXIT_FAILURE), "something did not work as it must"],
          [String(EXIT_USAGE), "the command line makes no sense"],
        ],
      }),
    )
    .action(async () => {
      const { showElf } = await import("./tour/elf.ts");
      const { showLive } = await import("./tour/live.ts");
      const { showGdb } = await import("./tour/gdb.ts");
      const { showPlugin } = await import("./tour/plugin.ts");
      const { showTrace } = await import("./tour/trace.ts");
      showElf();
      const lib = showLive();
      try {
        await showGdb(lib);
      } finally {
        lib.delete();
      }
      showPlugin();
      await showTrace();
    });
}
