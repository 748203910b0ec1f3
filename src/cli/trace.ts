/** `bindery trace`: its options and help. The rest is in trace/, loaded when the command runs. */
import { type Command, InvalidArgumentError } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { parseWholeNumber } from "./number.ts";
import type { TraceOptions } from "./trace/run.ts";

/** Describes the command. */
export function defineTrace(command: Command): void {
  command
    .description(
      "Follows what the run-time linker of a process does: which objects it loads and unloads, where and when. A program " +
        "is started, with its arguments; or a process is attached to that runs, or that a stub has stopped, and let go of " +
        "when the command is interrupted.",
    )
    .usage("[OPTION]... (-p PID | -- PROGRAM [ARG]... | --remote STUB)")
    .argument("[program...]", "program to start, and its arguments")
    .option("-p, --pid <pid>", "a running process", parseProcess)
    .option("--remote <stub>", "behind a stub: HOST:PORT, the path of a socket, or | and a command")
    .option(
      "--sysroot <directory>",
      "where the files of a stub's machine are here; by default it is asked for them",
    )
    .option("-f, --follow", "children, too; of a stub, one that tells of them, as gdbserver does")
    .option(
      "-o, --output <file>",
      "write there instead of to standard output, which the program uses as well",
    )
    .option("--symbols <re>", "bindings of functions whose names match, as they are made", parsePattern)
    .option("--init", "initializers of what is linked to a program, library by library")
    .option("--wait <name>", "stop it once a library of that name is loaded, and let go of it")
    .option("--json", "one JSON object a line")
    .passThroughOptions();
  command.addHelpText(
    "after",
    helpText({
      Events:
        "RD_PREINIT: all is loaded and relocated, no initializer has run. RD_POSTINIT: the libraries' initializers have\n" +
        "run, the program begins. RD_DLACTIVITY: something is loaded (RD_ADD) or unloaded (RD_DELETE), or that is done\n" +
        "(RD_CONSISTENT), after so much of the time that the program itself ran. The first column is seconds since the\n" +
        "start. dlopen(3) relocates and initializes what it loaded after RD_CONSISTENT: where the run-time linker was built\n" +
        "with SDT probes, reloc_start and reloc_complete tell of that.",
      JSON:
        'Each has "t" (seconds), "pid", "event", "state", "added" and "removed", each of these with "name", "base" and\n' +
        '"lmid". RD_DLACTIVITY has "by", the object that asked for it, if that is known. Besides those above, events are\n' +
        'attach, exec, reloc_start, reloc_complete, init (with "object"), error (with "message"), exit (with "code" or\n' +
        '"signal"), bind (with "symbol", "from", "to", "address" and "lazy") and, last, stopped (see --wait).',
      Bindings:
        "Calls of programs that are linked lazily are bound when they are made first, others when their object is\n" +
        "relocated: these are told of when that is done, for what dlopen(3) loads when it returns. Each binding at a call\n" +
        "stops its thread for a moment.",
      Signals:
        "A process that was attached to is let go of at SIGINT, SIGTERM and SIGHUP, and where the output has no reader any\n" +
        "more. A program that was started gets SIGTERM and SIGHUP, and what the terminal sends it; it ends where the output\n" +
        "has no reader any more, as in trace -- PROGRAM | head. With -o FILE, nothing of that depends on a reader.",
      Examples: [
        ["bindery trace -- ls -l", "what ls loads"],
        ["bindery trace -f --json -o log -- make", "and all that it starts"],
        ["bindery trace --symbols '^(malloc|free)$' -- ./a.out", "whose malloc it is"],
        ["bindery trace -p 4711", "a running process, until Ctrl-C"],
        ["bindery trace --remote board:2345", "what gdbserver has stopped on another machine"],
        ["bindery trace --remote board:2345 -- ls -l", "what it starts there, as gdbserver --multi"],
        ["bindery trace --wait libssl.so -p 4711", "stop it when it loads that library; then gdb -p 4711"],
      ],
      "Exit status": [
        [
          "",
          "that of the program, if it was started and ran to its end; of one that a signal ended, 128 and its number",
        ],
        [String(EXIT_OK), "the process that was attached to was let go of, or ended"],
        [
          String(EXIT_FAILURE),
          "the process could not be followed, or ended before what was waited for was loaded",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
      ],
    }),
  );
  command.action(async (program: string[], options: TraceOptions) => {
    const { pid, remote } = options;
    const count = [pid, program[0]].filter((one) => one !== undefined).length;
    if (count > 1 || (count === 0 && remote === undefined)) {
      command.error("error: expected one of -p, --remote and a program", { exitCode: EXIT_USAGE });
    }
    if (remote !== undefined && options.wait !== undefined) {
      const what = "error: expected no --wait of a process behind a stub, which can't do that";
      command.error(what, { exitCode: EXIT_USAGE });
    }
    const { trace } = await import("./trace/run.ts");
    process.exitCode = await trace(program, options);
  });
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError("expected a regular expression");
  }
}

function parseProcess(text: string): number {
  const value = parseWholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("expected the number of a process");
  return value;
}
