/** `bindery sig`: its options and help. The rest is in sig/, loaded when the command runs. */
import type { Command } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import type { SigOptions } from "./sig/options.ts";

/** Describes the command. */
export function defineSig(command: Command): void {
  command
    .description(
      "Shows the signatures of the functions and data that FILE exports, computed from their types in its debug " +
        "information or in that of its separate debug file; or with --diff, what two versions of a file differ in.",
    )
    .usage("[OPTION]... FILE [NAME]...\n       bindery sig --diff [OPTION]... OLD NEW")
    .argument(
      "<file>",
      "an object file, shared library, kernel module, executable, or archive of object files",
    )
    .argument("[name...]", "symbols to show; all that are exported if there is none")
    .option("--diff", "say which exported symbols of OLD and NEW differ, and how")
    .option("--completions", "with --diff: a structure that is only declared is the same as any of its tag")
    .option("--inferno", "show signof of Inferno's compilers instead, 32 bits")
    .option("--text", "show the texts that the signatures are the hashes of")
    .option("--debug-dir <dir>", "look for separate debug files in DIR, not in /usr/lib/debug")
    .option("--json", "one JSON document instead of text");
  command.addHelpText(
    "after",
    helpText({
      Signatures:
        "The first 64 bits of the SHA-256 of a canonical text of the type: kinds, sizes, tags, members with their\n" +
        "offsets, enumerators, qualifiers, parameters and results, through all pointers. Typedefs do not count. So the\n" +
        "same source has the same signature from gcc and clang, whatever the optimization and version of DWARF. Of\n" +
        "what has no type that is known, as assembly, it is ----------------.",
      "What is exported":
        "Of a shared library its dynamic symbols; of a kernel module those of EXPORT_SYMBOL, if there are any; of other\n" +
        "object files and of executables all global ones that are not hidden. Of an archive, libfoo.a, that of each member,\n" +
        "or of one, libfoo.a(member.o). With --diff an archive has what its members export, wherever that is in it.",
      Differences:
        "A line for each symbol: + added, - removed, ! changed, with the first difference of the types behind it, and\n" +
        "? where a type is not known, which counts as none.",
      JSON:
        'An object: "file", "debugFile" and "symbols" [ { "name", "kind", "signature", "declaration" } ], with --text also\n' +
        '"text" and "definitions" { digest: text }; a signature is 16 hexadecimal digits, 8 with --inferno, or null. Of an\n' +
        "archive an array with such an object for each member that has one of the symbols. With --diff an object:\n" +
        '"old", "new" and "changes" [ { "name", "change", "before", "after", "difference" } ].',
      Examples: [
        ["bindery sig plugin.o", "what the plug-in exports"],
        ["bindery sig libz.so.1 deflate inflate", "two functions, with its debug file installed"],
        ["bindery sig --diff libfoo.so.1.0 libfoo.so.1.1", "whether programs have to be compiled again"],
        ["bindery sig --diff old/libfoo.a libfoo.a", "the same of a static library"],
        ["bindery sig --text a.o f | tail -1 | tr -d '\\n' | sha256sum", "the signature, made by hand"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all was shown; with --diff, no symbol differs"],
        [
          String(EXIT_FAILURE),
          "a file can't be read, or a name is not exported; with --diff, symbols differ, were added or removed",
        ],
        [String(EXIT_USAGE), "the command line makes no sense; with --diff, also that a file can't be read"],
      ],
    }),
  );
  command.action(async (file: string, names: string[], options: SigOptions) => {
    const [other, ...more] = names;
    if (options.diff === true && (other === undefined || more.length > 0)) {
      command.error("error: --diff compares two files, expected OLD and NEW");
    }
    if (options.diff === true && (options.inferno === true || options.text === true)) {
      command.error("error: --inferno and --text show signatures, expected no --diff beside them");
    }
    if (options.diff !== true && options.completions === true) {
      command.error("error: --completions says how to compare, expected --diff beside it");
    }
    if (options.inferno === true && options.text === true) {
      command.error("error: --text shows what signatures are the hashes of, expected no --inferno beside it");
    }
    if (options.diff === true && other !== undefined) {
      const { showDifferences } = await import("./sig/diff.ts");
      process.exitCode = await showDifferences(file, other, options);
    } else {
      const { showSignatures } = await import("./sig/show.ts");
      process.exitCode = await showSignatures(file, names, options);
    }
  });
}
