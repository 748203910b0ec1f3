/** `bindery load`: its options and help. */
import { type Command, Option } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { addCall, type LoadOptions } from "./load/options.ts";
import { parseWholeNumber } from "./number.ts";

/** Describes the command. */
export function defineLoad(command: Command): void {
  const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
  command
    .description(
      "Loads relocatable objects, or a module that mkmod made, into this process, shows what they export and where it " +
        "lies, and unloads them. Initialisers and finalisers run. With --call, calls functions of it instead of showing it.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "relocatable objects and archives: together one module")
    .option("--with <library>", "let it import what LIBRARY exports; may be given several times", several)
    .option(
      "--call <call>",
      "call a function by its types: 'name(args)', or 'name(args) as PROTOTYPE'; may be given several times",
      addCall,
    )
    .option("--maxsize <n>", "refuse text, data and bss of N bytes or more", parseWholeNumber)
    .option("--strict", "refuse imports whose types are not known")
    .option("--completions", "take a structure that is only declared for any of its tag")
    .option("--no-run", "relocate and map it, and run nothing of it")
    .option("--wait", "keep it until standard input ends, for a debugger or profiler to look at it")
    .option(
      "--directory <path>",
      "keep its bytes in a file there, whose symbols perf reads, instead of in a memfd",
    )
    .addOption(new Option("--perf <output>", "also write what perf reads").choices(["map", "jitdump"]))
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      Libraries:
        "LIBRARY is a path, or a name that the run-time linker finds: libc.so.6. Without any, a module that imports\n" +
        "something is refused, with the names that it needs.",
      Calls:
        "The types come from debug information, so compile with -g. Arguments are written as in JavaScript and JSON:\n" +
        "numbers, also 0x10 and 5n, \"text\" or 'text', true, false, null, [1, 2] for arrays, and {x: 3, y: 4} for\n" +
        "structures, of which members that are left out are 0. An enumeration takes the name of a constant as text; a\n" +
        "pointer an address, or text, an array or a structure, in memory that lasts for the call. A line CALL = RESULT is\n" +
        "printed for each, or CALL if there is no result; a result behind & is what a pointer leads to. When a call is\n" +
        "refused, those behind it are not made. What native code prints may come at the end.\n" +
        "A function that takes more arguments than it declares, or whose type nothing tells, is called by a C prototype\n" +
        "that names the types of all: 'print(\"%d\", 3) as int print(const char *, int)'. One that does not fit the type\n" +
        "that is known is refused.",
      JSON:
        'An object: "name", "base", "text", "data", "bss", "imports" [ { "name", "addr" } ] and "exports" [ { "name", "addr",\n' +
        '"sig", "declaration" } ]; with --call also "calls" [ { "call", "result" } ]. In results, 64-bit integers and\n' +
        "addresses are strings of decimal digits.",
      Examples: [
        ["bindery load plugin.o", "what it exports, or what it needs"],
        ["bindery load a.o b.o --with libc.so.6 --with libm.so.6", "several objects as one module"],
        ["bindery load plugin.o --call 'add(1, 2)'", "prints: add(1, 2) = 3"],
        [
          "bindery load shapes.o --call 'area({kind: \"CIRCLE\", at: {x: 0, y: 0}})'",
          "a structure, and an enumeration in it",
        ],
        [
          "bindery load log.o --call 'log(\"%d\", 3) as int (const char *, int)'",
          "a function with ..., by a prototype",
        ],
        ["bindery load --wait plugin.o", "then: gdb -p PID, and break at a line of its source"],
      ],
      "Exit status": [
        [String(EXIT_OK), "it was loaded and unloaded"],
        [String(EXIT_FAILURE), "it is refused, or a call of it; standard error says why"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (paths: string[], options: LoadOptions) => {
    if (options.call !== undefined && !options.run) {
      command.error("error: --no-run runs nothing of the module, expected no --call beside it");
    }
    const { showLoaded } = await import("./load/show.ts");
    const { telling } = await import("./output.ts");
    process.exitCode = await telling(() => showLoaded(paths, options));
  });
}
