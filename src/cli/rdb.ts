/** `bindery rdb`: its options and help. The rest is in rdb/, loaded when the command runs. */
import { type Command, InvalidArgumentError } from "commander";
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, helpText } from "./help.ts";
import { parseWholeNumber } from "./number.ts";
import type { RdbOptions } from "./rdb/run.ts";

/** Describes the command. */
export function defineRdb(command: Command): void {
  command
    .description(
      "Debugs a program: break points, also at symbols that are loaded or made later; steps, past linkage tables or through " +
        "them; stacks with lines and inlined calls; and what the run-time linker does. Takes the commands of rdb, the " +
        "debugger that came with Solaris to show its librtld_db. The program is stopped before its first instruction; its " +
        "input and output are those of this command.",
    )
    .usage("[-f FILE] (-p PID | PROGRAM [ARG]... | --remote STUB)")
    .argument("[program...]", "program to start, and its arguments")
    .option("-p, --pid <pid>", "a running process, which is let go of at the end", parseProcess)
    .option("--remote <stub>", "behind a stub: HOST:PORT, the path of a socket, or | and a command")
    .option(
      "--sysroot <directory>",
      "where the files of a stub's machine are here; by default it is asked for them",
    )
    .option("-f, --file <file>", "carry out the commands of a file, instead of those of standard input")
    .passThroughOptions();
  command.addHelpText(
    "after",
    helpText({
      Commands: [
        [
          "break [ADDRESS|SYMBOL|FILE:LINE]",
          "set a break point, or list all; one at an unknown symbol waits for it",
        ],
        ["cont", "let the program run until something stops it; Ctrl-C does"],
        ["delete [ADDRESS|SYMBOL]", "take a break point away, or all"],
        ["dis [ADDRESS [COUNT]]", "disassemble"],
        ['echo "TEXT"', "print a text"],
        ["event on|off", "print what the run-time linker tells, or don't"],
        ["getmaps, linkmaps, maps", "read the link maps; show them; show what is mapped"],
        ["help [COMMAND]", "say more"],
        ["kill, quit", "end the program; leave it alone"],
        ["objpad SIZE", "ask for room around objects, which no run-time linker here can give"],
        ["pltskip", "step through linkage tables, or past them (as it begins), in turn"],
        ["print ADDRESS [COUNT [X|b|s]]", "show memory as words, bytes or a string"],
        ["print $regs|$REGISTER", "show registers"],
        ["step [COUNT [silent]]", "execute instructions, and show each"],
        ["thread [NUMBER]", "show the threads, or look at another one"],
        ["value SYMBOL", "print the address of a symbol"],
        ["where", "show the calls that led here"],
      ],
      Input:
        "At a terminal there is a history, kept in $XDG_STATE_HOME/bindery/rdb_history (~/.local/state), and completion of\n" +
        "commands and symbols. From a pipe no more is taken than the commands: the program reads what follows. What is behind\n" +
        "# is a comment. At the end of the input the program is let go of, and runs on.",
      Signals:
        "A signal stops the program before it gets it; cont passes it on. Those that are ordinary, such as SIGCHLD, SIGALRM\n" +
        "and SIGWINCH, don't. Ctrl-C stops it, and is not passed on.",
      "Behind a stub":
        "What a stub such as gdbserver or qemu has stopped is debugged, or what it starts or attaches to (gdbserver --multi), if\n" +
        "a program or -p is given, too. Its machine may be another one: instructions other than those of x86 are shown as\n" +
        "numbers; stacks are known of x86_64, i386 and aarch64, and so are linkage tables.",
      Examples: [
        ["bindery rdb ls -l", "begin; then: break main, cont, where"],
        ["bindery rdb -f script ./a.out 5", "carry out a script"],
        ["printf 'event on\\ncont\\n' | bindery rdb ls", "what the run-time linker tells while ls runs"],
        ["bindery rdb -p 4711", "look at a running process"],
        ["bindery rdb --remote board:2345", "what gdbserver has stopped on another machine"],
      ],
      "Exit status": [
        [String(EXIT_OK), "all commands were carried out, or the session was at a terminal"],
        [
          String(EXIT_FAILURE),
          "the program could not be controlled, the script not be read, or a command in it failed (others were carried out)",
        ],
        [String(EXIT_USAGE), "the command line makes no sense"],
        ["", "how the program ended is printed"],
      ],
    }),
  );
  command.action(async (program: string[], options: RdbOptions) => {
    const { pid, remote, sysroot } = options;
    const count = [pid, program[0]].filter((one) => one !== undefined).length;
    if (count > 1 || (count === 0 && remote === undefined)) {
      command.error("error: expected one of -p, --remote and a program", { exitCode: EXIT_USAGE });
    }
    if (sysroot !== undefined && remote === undefined) {
      command.error("error: expected --remote with --sysroot", { exitCode: EXIT_USAGE });
    }
    const { runRdb } = await import("./rdb/run.ts");
    process.exitCode = await runRdb(program, options);
  });
}

function parseProcess(text: string): number {
  const value = parseWholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("expected the number of a process");
  return value;
}
