/** `bindery modinfo`: its options and help. The printing is in modinfo/, loaded when the command runs. */
import type { Command } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { type ModinfoOptions, parseAddress } from "./modinfo/options.ts";
import { parseWholeNumber } from "./number.ts";

/** Describes the command. */
export function defineModinfo(command: Command): void {
  command
    .description(
      "Shows the header, exports, imports and relocations of modules that dynld can load: Inferno modules for 386, " +
        "arm or power, modules that mkmod made, and relocatable objects of compilers. With --base, relocates each to that " +
        "address and shows the image; nothing is executed.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "modules, archives of them, or members of archives: libfoo.a(member.o)")
    .option("--base <address>", "relocate to ADDRESS, hexadecimal with 0x or without", parseAddress)
    .option("--symbols <table>", "the symbols that the module may import; needs --base")
    .option(
      "--maxsize <n>",
      "refuse text, data and bss of N bytes or more; decimal, or with 0x",
      parseWholeNumber,
    )
    .option("--strict", "refuse imports without a signature; needs --base")
    .option("--json", "one JSON document with exact values instead of text");
  command.addHelpText(
    "after",
    helpText({
      Tables:
        "A line NAME SIGNATURE ADDRESS for each symbol, both numbers hexadecimal; a signature of 0 fits any. Lines may\n" +
        "be in any order; empty ones and those that begin with # are passed over.",
      Signatures:
        "The module says of each import what type it expects, as a number that Inferno's C compilers make of the type\n" +
        "(signof). It is refused when the table's number is another one and neither is 0.",
      "ELF modules":
        "Of a module of mkmod and of an object file, exports and imports have Bindery's signatures of 64 bits, which sig\n" +
        "prints too, or ---------------- where the type is not known, and their declarations in C. Places are offsets in\n" +
        "sections. Relocations are those of sections that are loaded. A base is a multiple of the page, 1000. Such a\n" +
        "module is relocated for any machine that has code relocations here, in segments: text, rodata, data.",
      Relocations:
        "An offset in the image, a mode that the machine's loader knows, and the word there, or two instructions.\n" +
        "Behind them is what is added: the base and an image offset, or an import and an offset in it. A branch of arm\n" +
        "or power that is further from its target than it reaches is cut as Inferno's loader cuts it, with a warning.",
      JSON:
        'An object, of several modules an array of such: "file", "arch", "dynmagic", "header", "ok", "size", "text",\n' +
        '"data", "bss", "exports" [ { "name", "sig", "addr" } ], "imports" [ { "index", "name", "sig" } ] and "relocs" [ { "at", "mode", "before" } ]; with\n' +
        '--base, imports have "hostsig" and "addr" of the table, relocations "after", and there are "base" and "image",\n' +
        "the text and data in hexadecimal. Sizes and offsets are numbers, words and addresses strings of 8 hexadecimal\n" +
        'digits. Of a refused module: "ok" false, "error" the loader\'s error string, "code" and "message".\n' +
        'Of ELF, "format" is "ELF", "arch" the machine, "made" whether mkmod made it; exports have "section", "at", "size"\n' +
        'and "declaration", relocations "section", "at", "type", "symbol" and "addend"; words are of 16 digits.',
      Examples: [
        ["bindery modinfo devxyz.386", "what the module needs and offers"],
        ["bindery modinfo --base 10000000 --symbols host.syms devxyz.arm", "its image at that address"],
        ["bindery modinfo plugin.o", "an object file, as the loader would see it"],
        ["bindery modinfo --json devxyz.power | jq '.imports[].name'", "the names that it needs"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all modules were shown"],
        [
          String(EXIT_FAILURE),
          "one or more are refused, for which standard error has the loader's error string",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (files: string[], options: ModinfoOptions) => {
    if (options.base === undefined && (options.symbols !== undefined || options.strict === true)) {
      command.error("error: --symbols and --strict say what to relocate against, expected --base as well");
    }
    const { showModules } = await import("./modinfo/show.ts");
    process.exitCode = showModules(files, options);
  });
}
