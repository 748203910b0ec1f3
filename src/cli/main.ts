#!/usr/bin/env node
/** The `bindery` binary: finds the command, and turns what it throws into a message and an exit status. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { BinderyError } from "../errors.ts";
import { defineAddr2line } from "./addr2line.ts";
import { defineDecode } from "./decode.ts";
import { defineDwarf } from "./dwarf.ts";
import { defineElf } from "./elf.ts";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { defineLive } from "./live.ts";
import { defineModinfo } from "./modinfo.ts";
import { defineTour } from "./tour.ts";

/** The version in the package's own `package.json`, which lies two folders up from `dist/cli` and `src/cli`. */
function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String(version);
}

function makeProgram(): Command {
  const program = new Command("bindery")
    .description("Create, read, relocate, load and observe native ELF code on Linux.")
    .version(packageVersion(), "--version", "print the version and exit")
    .helpOption("-h, --help", "print this help and exit")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("Try 'bindery --help' for the commands, or 'bindery COMMAND --help' for one of them.")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "bindery: ")) })
    .enablePositionalOptions()
    .exitOverride();
  program.addHelpText(
    "after",
    helpText({
      Examples: [
        ["bindery elf -hlS /bin/ls", "headers, segments and sections, as readelf shows them"],
        ["bindery elf --dyn-syms -C libstdc++.so.6", "exported C++ names, demangled"],
        ["bindery dwarf info --depth 1 a.o", "debug information, addresses relative to sections"],
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
  defineElf(program);
  defineDwarf(program);
  defineAddr2line(program);
  defineDecode(program);
  defineModinfo(program);
  defineLive(program);
  defineTour(program);
  return program;
}

/** Prints an error the way it deserves: known ones as one line, unknown ones as the defect they are. */
function report(error: unknown): void {
  const debug = process.env.BINDERY_DEBUG !== undefined;
  if (!(error instanceof Error)) {
    process.stderr.write(`bindery: ${String(error)}\n`);
    return;
  }
  const expected = error instanceof BinderyError || "syscall" in error;
  process.stderr.write(`bindery: ${error.message}\n`);
  if (debug) {
    process.stderr.write(`${error.stack}\n`);
  } else if (!expected) {
    process.stderr.write(
      "bindery: this is a defect; run again with BINDERY_DEBUG=1 and report what it prints\n",
    );
  }
}

/** A reader that has seen enough, as in `bindery elf … | head`, is no error. */
function quietOnBrokenPipe(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") {
      process.exit();
    }
    throw error;
  });
}

async function main(): Promise<void> {
  quietOnBrokenPipe();
  try {
    await makeProgram().parseAsync();
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
}

await main();
