/** `bindery dts`: its options and help. The rest is in dts/, loaded when the command runs. */
import type { Command } from "commander";
import type { DtsOptions } from "./dts/write.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

/** Describes the command. */
export function defineDts(command: Command): void {
  command
    .description(
      "Writes TypeScript declarations of the functions and data that FILE exports, from their types in its debug " +
        "information or in that of its separate debug file: for typed calls of a module or library.",
    )
    .usage("[OPTION]... FILE [NAME]...")
    .argument("<file>", "an object file, module, shared library, executable, or archive of object files")
    .argument("[name...]", "symbols to declare; all that are exported if there is none")
    .option("-o, --output <file>", "write to FILE, not to standard output")
    .option("--debug-dir <dir>", "look for separate debug files in DIR, not in /usr/lib/debug");
  command.addHelpText(
    "after",
    helpText({
      Types:
        "Integers of 64 bits are bigint, others number; enumerations are numbers, and may be given by name. Structures and\n" +
        "unions are interfaces. Each declaration has its C declaration and source line as a comment. What can't be called\n" +
        "has the type never, and its comment says why. Exports is what openLibrary and NativeModule take as a type.",
      Examples: [
        ["bindery dts plugin.o -o plugin.d.ts", "declarations of a plug-in"],
        ["bindery dts libz.so.1 crc32 deflateInit_", "two functions of a library, with its debug file"],
      ],
      "Exit status": [
        [String(EXIT_OK), "the declarations were written"],
        [
          String(EXIT_FAILURE),
          "the file can't be read, has no debug information, or does not export a name; nothing is written",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (file: string, names: string[], options: DtsOptions) => {
    const { writeDeclarations } = await import("./dts/write.ts");
    process.exitCode = await writeDeclarations(file, names, options);
  });
}
