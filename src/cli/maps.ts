/** `bindery maps`: its options and help. The rest is in maps/, loaded when the command runs. */
import type { Command } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import type { MapsOptions } from "./maps/show.ts";
import { parseWholeNumber } from "./number.ts";

/** Describes the command. */
export function defineMaps(command: Command): void {
  command
    .description(
      "Shows what a process has loaded, as its run-time linker knows it: all namespaces, in the order of its link maps. " +
        "The process is neither stopped nor changed, unless it is behind a stub, which stops it for the time that takes.",
    )
    .usage("-p PID | --core FILE | --remote STUB [--exe FILE] [--sysroot DIRECTORY]")
    .option("-p, --pid <pid>", "a process", parseWholeNumber)
    .option("--core <file>", "a core file")
    .option("--remote <stub>", "a process behind a stub: HOST:PORT, the path of a socket, or | and a command")
    .option("--exe <file>", "the program, if it is not where the core file or the stub says")
    .option("--sysroot <directory>", "where the files are here that a core file or a stub speaks of")
    .option("--tree", "by what needs what")
    .option("--svg <file>", "a drawing of the address space, into a file")
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      Columns:
        "LMID is the namespace, 0 for the program's own; TLS the number of the object's thread-local storage; PLT where\n" +
        "its linkage table is, if its file can be read.",
      JSON:
        'An array with an object for each: "name", "lmid", "base", "end", "dataBase", "dynamic", "linkMap", "pltBase"\n' +
        '(addresses as "0x…"), "pltSize", "tlsModId", "flags", "needed".',
      Drawing:
        "Objects from low to high addresses, each segment by what may be done with it, and to scale, but for the smallest;\n" +
        "what is empty is folded. Other namespaces are to the right. Browsers show more of what the pointer is on.",
      Examples: [
        ["bindery maps -p $$", "what the shell has loaded"],
        ["bindery maps -p 1 --tree", "which library needs which"],
        ["bindery maps -p $$ --svg shell.svg", "as a picture"],
        ["bindery maps --core core.4711 --exe ./a.out", "after a crash"],
        ["bindery maps --remote board:2345 --sysroot ./root", "on another machine, where gdbserver listens"],
      ],
      "Exit status": [
        [String(EXIT_OK), "the link maps were read"],
        [
          String(EXIT_FAILURE),
          "there are none, as in a program that is linked statically, they are damaged, or --exe is not what was dumped",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (options: MapsOptions) => {
    if ([options.tree, options.svg, options.json].filter((one) => one !== undefined).length > 1) {
      command.error("error: expected one of --tree, --svg and --json", { exitCode: EXIT_USAGE });
    }
    if ([options.pid, options.core, options.remote].filter((one) => one !== undefined).length !== 1) {
      command.error("error: expected one of -p, --core and --remote", { exitCode: EXIT_USAGE });
    }
    const { showMaps } = await import("./maps/show.ts");
    await showMaps(options);
  });
}
