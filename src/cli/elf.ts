/** `bindery elf`: its options and help. The printing is in elf/, loaded when the command runs. */
import { type Command, Option } from "commander";
import type { ElfOptions } from "./elf/options.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";

/** Long names that readelf's users type, and the options they are. */
const READELF_NAMES: readonly (readonly [string, string])[] = [
  ["--program-headers", "segments"],
  ["--section-headers", "sections"],
  ["--syms", "symbols"],
  ["--version-info", "versions"],
  ["--histogram", "hash"],
];

/** Describes the command. */
export function defineElf(command: Command): void {
  command
    .description(
      "Shows headers, tables and notes of ELF files, laid out as readelf does. FILE is an executable, a shared " +
        "object, an object file, a core dump, a kernel module (also .ko.gz, .ko.xz and .ko.zst), an ar archive, or " +
        "one member of an archive, written archive(member); a directory stands for all of them below it. Without a selection, the headers of each file are shown.",
    )
    .usage("[OPTION]... FILE...")
    .argument("<file...>", "files to read")
    .helpOption("--help", "print this help and exit (-h is the ELF header, as in readelf)")
    .option("-a, --all", "everything below")
    .option("-h, --file-header", "the ELF header")
    .option("-e, --headers", "the ELF header, the segments and the sections")
    .option("-l, --segments", "the program headers, and which sections are in each")
    .option("-S, --sections", "the section headers")
    .option("-g, --section-groups", "the section groups")
    .option("-s, --symbols", "all symbol tables")
    .option("--dyn-syms", "the dynamic symbol table")
    .option("-r, --relocs", "the relocation records, RELR ones decoded")
    .option("-d, --dynamic", "the dynamic section")
    .option("-n, --notes", "the notes: build id, ABI tag, properties, probes, core notes")
    .option("-V, --versions", "the symbol versions defined and needed")
    .option("-I, --hash", "how long the chains of the symbol hash tables are")
    .option("-C, --demangle", "print C++ and Rust names as they are written in the source")
    .option("--json", "one JSON document with exact values instead of text")
    .addOption(new Option("-W, --wide", "accepted for readelf's sake; lines are never folded").hideHelp());
  for (const [name] of READELF_NAMES) {
    command.addOption(new Option(name).hideHelp());
  }
  command.addHelpText(
    "after",
    helpText({
      JSON:
        "An array with one object for each file or archive member, in the order of the arguments. Addresses and\n" +
        'all other 64-bit fields are strings of the form "0x401000"; file offsets, sizes in the file, counts and\n' +
        "indices are numbers. Flags and types are given as number and name. A part that was not selected is absent.\n" +
        'An input that can\'t be read has the keys "file" and "error" { "code", "message" }; one of which parts can\'t\n' +
        'be read has the others, and those in "errors" [ { "part", "code", "message" } ].',
      Examples: [
        ["bindery elf -hlS /bin/ls", "ELF header, segments and sections"],
        ["bindery elf --dyn-syms -C libfoo.so", "dynamic symbols with C++ and Rust names readable"],
        ["bindery elf -d /lib/*/libc.so.6", "what the library needs and offers to the loader"],
        ["bindery elf -s 'libm.a(e_exp.o)'", "symbols of one member of an archive"],
        ["bindery elf -n /lib/modules/*/**/ext4.ko.xz", "notes of a compressed kernel module"],
        ["bindery elf --json -S a.o | jq '.[0].sections[].name'", "the names of its sections"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all files were read"],
        [String(EXIT_FAILURE), "one or more files could not be read, or are broken; the others are shown"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (files: string[], options: ElfOptions & Record<string, unknown>) => {
    const { showFiles } = await import("./elf/show.ts");
    process.exitCode = showFiles(files, withReadelfNames(options));
  });
}

/** Options by their own names, whichever name was typed. */
function withReadelfNames(options: ElfOptions & Record<string, unknown>): ElfOptions {
  const merged: Record<string, unknown> = { ...options };
  for (const [name, own] of READELF_NAMES) {
    const typed = name.slice(2).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    merged[own] = merged[own] === true || merged[typed] === true;
  }
  return merged;
}
