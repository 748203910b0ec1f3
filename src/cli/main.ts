#!/usr/bin/env node
/** The `bindery` binary: finds the command, and turns what it throws into a message and an exit status. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { BinderyError } from "../errors.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { complain, messageLines, plainMessage, printable } from "./message.ts";

/** The version in the package's own `package.json`, which lies two folders up from `dist/cli` and `src/cli`. */
function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String(version);
}

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads what describes the command: only that of the command which is run, for describing all of them takes time at every start. */
  readonly define: () => Promise<(command: Command) => void>;
}

const COMMANDS: readonly CommandEntry[] = [
  {
    name: "elf",
    summary: "show what is in ELF files",
    define: async () => (await import("./elf.ts")).defineElf,
  },
  {
    name: "dwarf",
    summary: "show debug information",
    define: async () => (await import("./dwarf.ts")).defineDwarf,
  },
  {
    name: "addr2line",
    summary: "functions and source lines of addresses",
    define: async () => (await import("./addr2line.ts")).defineAddr2line,
  },
  {
    name: "decode",
    summary: "source lines for kernel traces and backtraces",
    define: async () => (await import("./decode.ts")).defineDecode,
  },
  {
    name: "modinfo",
    summary: "show what is in a loadable module",
    define: async () => (await import("./modinfo.ts")).defineModinfo,
  },
  {
    name: "sig",
    summary: "signatures of exported functions and data, and what two versions differ in",
    define: async () => (await import("./sig.ts")).defineSig,
  },
  {
    name: "dts",
    summary: "TypeScript declarations of what a module or library exports",
    define: async () => (await import("./dts.ts")).defineDts,
  },
  {
    name: "mkmod",
    summary: "make a loadable module of object files",
    define: async () => (await import("./mkmod.ts")).defineMkmod,
  },
  {
    name: "load",
    summary: "load object files and show what they export",
    define: async () => (await import("./load.ts")).defineLoad,
  },
  {
    name: "exporttab",
    summary: "the table of what a program offers to modules",
    define: async () => (await import("./exporttab.ts")).defineExporttab,
  },
  {
    name: "trace",
    summary: "follow what a process loads and unloads",
    define: async () => (await import("./trace.ts")).defineTrace,
  },
  {
    name: "maps",
    summary: "show what a process has loaded",
    define: async () => (await import("./maps.ts")).defineMaps,
  },
  {
    name: "rdb",
    summary: "debug a program, and see its run-time linker at work",
    define: async () => (await import("./rdb.ts")).defineRdb,
  },
  {
    name: "live",
    summary: "make a library that grows while it runs",
    define: async () => (await import("./live.ts")).defineLive,
  },
  {
    name: "tour",
    summary: "see what Bindery does, on this machine",
    define: async () => (await import("./tour.ts")).defineTour,
  },
];

/** @param wanted the command that is run, or whose help is asked for */
async function makeProgram(wanted: string | undefined): Promise<Command> {
  const program = new Command("bindery")
    .description("Create, read, relocate, load and observe native ELF code on Linux.")
    .version(packageVersion(), "--version", "print the version and exit")
    .helpOption("-h, --help", "print this help and exit")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("Try 'bindery --help' for the commands, or 'bindery COMMAND --help' for one of them.")
    .configureOutput({ outputError: (text, write) => write(`bindery: ${argumentError(text)}\n`) })
    .enablePositionalOptions()
    .exitOverride();
  program.addHelpText(
    "after",
    helpText({
      Examples: [
        ["bindery elf -hlS /bin/ls", "headers, segments and sections, as readelf shows them"],
        ["bindery elf --dyn-syms -C libstdc++.so.6", "exported C++ names, demangled"],
        ["bindery dwarf info --depth 1 a.o", "debug information, addresses relative to sections"],
        ["bindery trace -- ls -l", "what a program loads, when, and how long that takes"],
        ["bindery load plugin.o --call 'add(1, 2)'", "call a function of an object file"],
        ["bindery sig --diff old.so new.so", "whether what is exported still has the same types"],
        ["bindery live", "make a library that grows while it runs, and attach gdb to it"],
        ["bindery tour", "what else there is"],
      ],
      "Exit status": [
        [String(EXIT_OK), "everything was done"],
        [String(EXIT_FAILURE), "an input could not be read, or a request was refused"],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
      Environment: [["BINDERY_DEBUG", "when set, an error prints where in the program it was raised"]],
    }),
  );
  for (const { name, summary, define } of COMMANDS) {
    const command = program.command(name).summary(summary);
    if (name !== wanted) continue;
    command.showHelpAfterError(`Try 'bindery ${name} --help'.`);
    (await define())(command);
  }
  return program;
}

/** What is wrong with the command line, and in a line of its own what may have been meant. */
function argumentError(text: string): string {
  const [, what = "", hint = ""] = /^(?:error: )?(.*?)(\n\(Did you mean [^\n]*)?\n?$/s.exec(text) ?? [];
  return printable(what) + hint;
}

/** Prints an error the way it deserves: known ones as one line, unknown ones as the defect they are. */
function report(error: unknown): void {
  const debug = process.env.BINDERY_DEBUG !== undefined;
  if (!(error instanceof Error)) {
    complain(String(error));
    return;
  }
  const expected = error instanceof BinderyError || "syscall" in error;
  complain(...(expected ? messageLines(error) : error.message.split("\n")));
  if (debug) {
    process.stderr.write(`${error.stack}\n`);
  } else if (!expected) {
    complain("this is a defect; run again with BINDERY_DEBUG=1 and report what it prints");
  }
}

/** A reader that has seen enough, as in `bindery elf … | head`, is no error; that nothing can be written is one. */
function watchOutput(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    complain(`standard output: ${plainMessage(error)}`);
    process.exit(EXIT_FAILURE);
  });
}

/** Where nothing is left that could go on with a command that is not done, it is not to look as if it were. */
function watchEnd(): { isDone: boolean } {
  const state = { isDone: false };
  process.once("beforeExit", () => {
    if (state.isDone) return;
    report(new Error("the command ended before it was done"));
    process.exitCode = EXIT_FAILURE;
  });
  return state;
}

async function main(): Promise<void> {
  const state = watchEnd();
  watchOutput();
  try {
    const [first, second] = process.argv.slice(2);
    await (await makeProgram(first === "help" ? second : first)).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the message, the help or the version already.
      const asked = error.exitCode === 0;
      process.exitCode = asked ? EXIT_OK : EXIT_USAGE;
    } else {
      report(error);
      process.exitCode = EXIT_FAILURE;
    }
  }
  state.isDone = true;
}

void main();
