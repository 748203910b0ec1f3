/** Reads the commands of `bindery live` from a terminal or a script. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { LiveObject } from "../../dlbind/index.ts";
import { BinderyError } from "../../errors.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { complain, messageLines } from "../message.ts";
import type { LiveOptions } from "./options.ts";
import { InputError, Session } from "./session.ts";

/** Runs a session to its end; returns the exit status. */
export async function runLive(options: LiveOptions): Promise<number> {
  using object = LiveObject.create(options.name, {
    ...(options.directory === undefined ? {} : { backing: { directory: options.directory } }),
    ...(options.perf === undefined ? {} : { perf: [options.perf] }),
  });
  const print = (text: string): void => {
    process.stdout.write(`${text}\n`);
  };
  const session = new Session(object, print);
  introduce(object, options, print);
  const terminal = process.stdin.isTTY === true;
  const lines = createInterface({
    input: process.stdin,
    output: terminal ? process.stdout : undefined,
    terminal,
    prompt: "live> ",
    completer: (line: string) => session.complete(line),
  });
  lines.on("SIGINT", () => {
    // As in a shell: the line is dropped, the session goes on.
    lines.write(null, { ctrl: true, name: "e" });
    lines.write(null, { ctrl: true, name: "u" });
    lines.prompt();
  });
  const prompt = (): void => {
    if (terminal) {
      lines.setPrompt(session.isCollecting ? "...  " : "live> ");
      lines.prompt();
    }
  };
  let failed = false;
  prompt();
  for await (const line of lines) {
    failed = !perform(session, line) || failed;
    if (session.isOver) {
      break;
    }
    prompt();
  }
  lines.close();
  failed = !finish(session) || failed;
  return failed && !terminal ? EXIT_FAILURE : EXIT_OK;
}

/** Carries out one line. An error is told and does not end the session. */
function perform(session: Session, line: string): boolean {
  return told(() => session.perform(line));
}

function finish(session: Session): boolean {
  return told(() => session.finish());
}

function told(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    // koffi refuses arguments of the wrong type with a TypeError.
    if (error instanceof BinderyError || error instanceof InputError || error instanceof TypeError) {
      complain(...messageLines(error));
      return false;
    }
    throw error;
  }
}

/** How perf comes to names, which depends on where the code is; see docs/profiling.md. */
function perfHint({ directory, perf }: LiveOptions, pid: number): string {
  if (perf === "jitdump")
    return `perf record -k mono -g -p ${pid}, then perf inject --jit -i perf.data -o jit.data`;
  if (perf === "map") return `perf record -g -p ${pid}`;
  if (directory !== undefined) return `perf record -g -p ${pid}, and perf report while this runs`;
  return "perf: begin with --perf map or --perf jitdump to have names in its reports";
}

function introduce(object: LiveObject, options: LiveOptions, print: (text: string) => void): void {
  const { pid } = process;
  print(`live object '${object.name}' in process ${pid}, at 0x${object.base.toString(16)}, ${object.path}`);
  print("from another terminal:");
  print(`  gdb -p ${pid}`);
  // With a plain -p, lldb forgets what was published before it attached.
  print(`  lldb -o 'target create ${process.execPath}' -o 'process attach -p ${pid}'`);
  print(`  ${perfHint(options, pid)}`);
  if (onlyChildrenMayBeTraced()) {
    print("this system lets only root attach: put sudo before these");
  }
  print("type help for the commands, quit to end");
}

/** Yama's restriction, which Ubuntu and others switch on. */
function onlyChildrenMayBeTraced(): boolean {
  try {
    return (
      readFileSync("/proc/sys/kernel/yama/ptrace_scope", "utf8").trim() !== "0" && process.getuid?.() !== 0
    );
  } catch {
    // A kernel without Yama has no such file and no such restriction.
    return false;
  }
}
