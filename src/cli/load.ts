/** `bindery load`: its options and help. */
import type { Command } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import type { LoadOptions } from "./load/options.ts";
import { parseWholeNumber } from "./number.ts";

/** Describes the command. */
export function defineLoad(command: Command): void {
  const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  command
    .description(
      "Loads relocatable objects, or a module that mkmod made, into this process, shows what they export and where it " +
        "lies, and unloads them. Initialisers and finalisers run.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "relocatable objects and archives: together one module")
    .option("--with <library>", "let it import what LIBRARY exports; may be given several times", several)
    .option("--maxsize <n>", "refuse text, data and bss of N bytes or more", parseWholeNumber)
    .option("--strict", "refuse imports whose types are not known")
    .option("--no-run", "relocate and map it, and run nothing of it")
    .option("--wait", "keep it until standard input ends, for a debugger to look at it")
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      Libraries:
        "LIBRARY is a path, or a name that the run-time linker finds: libc.so.6. Without any, a module that imports\n" +
        "something is refused, with the names that it needs.",
      Examples: [
        ["bindery load plugin.o", "what it exports, or what it needs"],
        ["bindery load a.o b.o --with libc.so.6 --with libm.so.6", "several objects as one module"],
        ["bindery load --wait plugin.o", "then: gdb -p PID, and break at a line of its source"],
      ],
      "Exit status": [
        [String(EXIT_OK), "it was loaded and unloaded"],
        [String(EXIT_FAILURE), "it is refused; standard error says why"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (paths: string[], options: LoadOptions) => {
    const { showLoaded } = await import("./load/show.ts");
    await showLoaded(paths, options);
  });
}
