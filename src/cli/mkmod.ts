/** `bindery mkmod`: its options and help. */
import { statSync } from "node:fs";
import type { Command } from "commander";
import { readText, saveFile } from "./files.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

interface MkmodOptions {
  readonly output: string;
  readonly imports?: string;
  readonly exports?: string;
  readonly debug: boolean;
}

/** Describes the command. */
export function defineMkmod(command: Command): void {
  command
    .description(
      "Makes a module of relocatable objects, and of those members of archives that they need: sections merged, with a " +
        "table of what it imports and one of what it exports, sorted by name, with the signatures of their types.",
    )
    .usage("[OPTION]... -o MODULE FILE...")
    .argument("<file...>", "relocatable objects and archives of gcc, clang or rustc")
    .requiredOption("-o, --output <module>", "the module to write")
    .option("-u, --imports <list>", "names that the module may import; all that are undefined without this")
    .option("-x, --exports <list>", "names that it exports; all that are global without this")
    .option("--no-debug", "leave debug information out; the types of imports and exports stay");
  command.addHelpText(
    "after",
    helpText({
      Lists:
        "A name a line; what follows it behind white space, empty lines and those that begin with # do not count.",
      Modules:
        "A module is a relocatable object (ET_REL) with three sections more: .bindery.exports and .bindery.imports have\n" +
        "a line SIGNATURE NAME for each symbol, .bindery.types the types that the signatures stand for. Signatures come\n" +
        "from debug information, so compile with -g; of what has none they are 0, which fits anything. A module for x86-64\n" +
        "of code that may lie anywhere (-fPIC) has .bindery.prelink too: what of its relocations depends on the place it is\n" +
        "loaded at. The rest is done, and loading need not go through them.",
      Examples: [
        ["bindery mkmod -o plugin.o a.o b.o", "two objects in one module"],
        [
          "bindery mkmod -x api.list -o plugin.o *.o libfoo.a",
          "only what is listed can be seen from outside",
        ],
        ["bindery load plugin.o --with libc.so.6", "load it and show what it exports"],
      ],
      "Exit status": [
        [String(EXIT_OK), "the module was written"],
        [
          String(EXIT_FAILURE),
          "a file could not be read, or no module can be made of it; nothing is written then",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (paths: string[], options: MkmodOptions) => {
    const { makeModule, parseNameList } = await import("../dynld/mkmod/mkmod.ts");
    const { readFiles } = await import("../dynld/module.ts");
    const { telling } = await import("./output.ts");
    const list = (path: string) => parseNameList(readText(path));
    if (paths.some((path) => isSameFile(path, options.output))) {
      command.error(`${options.output}: found it among the files to merge, expected another one to write`);
    }
    process.exitCode = await telling(() => {
      const made = makeModule(readFiles(paths), {
        debug: options.debug,
        ...(options.imports === undefined ? {} : { imports: list(options.imports) }),
        ...(options.exports === undefined ? {} : { exports: list(options.exports) }),
      });
      saveFile(options.output, made.bytes);
      return EXIT_OK;
    });
  });
}

function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev;
}
