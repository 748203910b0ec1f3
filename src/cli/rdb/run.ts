/** Runs `bindery rdb`. */
import { isatty } from "node:tty";
import { BinderyError } from "../../errors.ts";
import { Debugger, type DebuggerListener } from "../../rtld/index.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { complain } from "../message.ts";
import { Output } from "../output.ts";
import { type CommandLine, type CommandSource, fileSource, inputSource, terminalSource } from "./input.ts";
import { CommandError } from "./parse.ts";
import { complete, perform } from "./perform.ts";
import { Session } from "./session.ts";
import { hex } from "./text.ts";

/** Options of `bindery rdb`. */
export interface RdbOptions {
  readonly pid?: number;
  /** Where a stub is. */
  readonly remote?: string;
  /** Where the files of the stub's machine are here. */
  readonly sysroot?: string;
  /** A script. */
  readonly file?: string;
}

/** Debugs a program to the end of the commands. @returns the exit status of the command */
export async function runRdb(program: readonly string[], options: RdbOptions): Promise<number> {
  const { file } = options;
  // What can't be read is found out before anything runs.
  const script = file === undefined ? undefined : fileSource(file);
  const output = new Output();
  const session = await Session.open(output, (listener) => open(program, options, listener));
  const onInterrupt = () => session.interrupt();
  process.on("SIGINT", onInterrupt);
  try {
    introduce(session, options);
    // Asking process.stdin would make what it shares with the program non-blocking, which few programs expect.
    const source = script ?? (isatty(0) ? terminalSource((line) => complete(session, line)) : inputSource());
    const isDone = await performAll(session, source, output);
    source.close();
    return isDone ? EXIT_OK : EXIT_FAILURE;
  } finally {
    session.finish();
    output.flush();
    process.off("SIGINT", onInterrupt);
  }
}

/** The process that is to be debugged, stopped. */
function open(
  program: readonly string[],
  { pid, remote, sysroot }: RdbOptions,
  listener: DebuggerListener,
): Debugger | Promise<Debugger> {
  const [name = "", ...args] = program;
  if (remote !== undefined) {
    const files = sysroot === undefined ? {} : { sysroot };
    const attach = pid === undefined ? {} : { attach: pid };
    const run = program.length === 0 ? {} : { run: program };
    return Debugger.connect(remote, { ...files, ...attach, ...run }, listener);
  }
  return pid === undefined ? Debugger.spawn(name, args, {}, listener) : Debugger.attach(pid, listener);
}

function introduce(session: Session, { remote }: RdbOptions): void {
  const { target, linker } = session.debugger;
  const how = target.origin === "attach" ? "process" : "child";
  const where = remote === undefined ? `procname: /proc/${target.pid}` : `stub: ${remote}`;
  session.print(`parent: ${process.pid} ${how}: ${target.pid} ${where}`);
  if (linker.error !== undefined) session.print(`rdb: ${linker.error.message}`);
  if (target.origin === "attach") session.print(`  ${session.names.of(session.pc)} at ${hex(session.pc)}`);
}

/** @returns whether all commands could be carried out, or somebody typed them and saw which could not */
async function performAll(session: Session, source: CommandSource, output: Output): Promise<boolean> {
  let isDone = true;
  while (!session.isOver) {
    output.flush();
    const line = await source.next();
    if (line === undefined) break;
    if (source.isTerminal && line.text.trim() === "") showNext(session);
    else isDone = (await performOne(session, line, output)) && isDone;
  }
  return isDone || source.isTerminal;
}

/** An empty line shows what is next. */
function showNext(session: Session): void {
  if (session.debugger.end === undefined) session.showInstruction();
}

async function performOne(session: Session, { text, place }: CommandLine, output: Output): Promise<boolean> {
  try {
    await perform(session, text);
    return true;
  } catch (error) {
    if (!isExpected(error)) throw error;
    output.flush();
    complain(`${place === "" ? "" : `${place}: `}${error.message}`);
    return false;
  }
}

/** Whether an error is one of a command, and not a defect. */
function isExpected(error: unknown): error is Error {
  if (error instanceof BinderyError || error instanceof CommandError) return true;
  return error instanceof Error && "syscall" in error;
}
