/** Runs `bindery trace`. */
import { closeSync, openSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { threadWatch } from "../../host/wait.ts";
import { followLinker } from "../../rtld/follow.ts";
import type { BindingEvent, ControlledProcess, LinkerEvent } from "../../rtld/index.ts";
import { Target } from "../../rtld/target/target.ts";
import { EXIT_FAILURE, EXIT_OK } from "../help.ts";
import { complain, printable } from "../message.ts";
import { Output } from "../output.ts";
import { Activities } from "./activity.ts";
import { bindingJson, bindingLine, eventLines, jsonLine, stoppedJson, stoppedLine } from "./lines.ts";
import { Summary } from "./summary.ts";

/** Options of `bindery trace`. */
export interface TraceOptions {
  readonly pid?: number;
  readonly remote?: string;
  readonly sysroot?: string;
  readonly follow?: boolean;
  readonly output?: string;
  readonly wait?: string;
  readonly symbols?: RegExp;
  readonly init?: boolean;
  readonly json?: boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Traces a process to its end, or until the command is interrupted. @returns the exit status of the command */
export async function trace(program: readonly string[], options: TraceOptions): Promise<number> {
  const { follow = false, wait, symbols } = options;
  using sink = openSink(options.output);
  const start = performance.now();
  const isStarted = program.length > 0 && options.remote === undefined;
  using target = await openTarget(program, options);
  const summary = new Summary();
  const activities = new Activities();
  let last: LinkerEvent | undefined;
  let found: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (!isStarted) target.detach();
    // A terminal sends its interrupt to the program, too.
    else if (signal !== "SIGINT") process.kill(target.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  try {
    const listener = (event: LinkerEvent) => {
      const activity = activities.begin(event);
      if (options.json === true) sink.line(jsonLine(event, start, activity));
      else {
        for (const line of eventLines(event, start, activity, follow)) sink.line(printable(line));
        summary.add(event, activity);
      }
      if (event.pid === target.pid && event.event === "exit") last = event;
      if (wait !== undefined && found === undefined && event.added.some((one) => isNamed(one.name, wait))) {
        found = event.pid;
        process.kill(event.pid, "SIGSTOP");
        sink.line(options.json === true ? stoppedJson(event, start) : stoppedLine(event));
        event.process.target.detach();
      }
      activities.end(event);
    };
    const bound = (event: BindingEvent) => {
      const isData = options.json === true;
      sink.line(isData ? bindingJson(event, start) : printable(bindingLine(event, start, follow)));
      activities.end(event);
    };
    const bindings = symbols === undefined ? {} : { bindings: { symbols, listener: bound } };
    await followLinker(target, listener, { ...bindings, initializers: options.init === true });
  } finally {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
  if (options.json !== true) for (const line of summary.lines()) sink.line(printable(line));
  if (wait !== undefined && found === undefined) {
    const how = last === undefined ? "was let go of" : "ended";
    complain(`process ${target.pid}: ${how} before ${wait} was loaded`);
    return EXIT_FAILURE;
  }
  // Without this process the group of the one that is stopped would have nobody left, and the kernel would end it.
  if (found === target.pid && isStarted) return exitStatus(await endOfChild(target.pid));
  if (program.length === 0 || last === undefined) return EXIT_OK;
  return exitStatus(last);
}

/** The process that is to be followed, all of whose threads are stopped. What only some need is loaded for these. */
async function openTarget(
  program: readonly string[],
  { pid, remote, sysroot, follow = false }: TraceOptions,
): Promise<ControlledProcess> {
  const settings = { followChildren: follow };
  if (remote !== undefined) {
    const { RemoteTarget } = await import("../../rtld/remote/target.ts");
    return RemoteTarget.connect(remote, {
      ...settings,
      ...(sysroot === undefined ? {} : { sysroot }),
      ...(pid === undefined ? {} : { attach: pid }),
      ...(program.length === 0 ? {} : { run: program }),
    });
  }
  if (pid !== undefined) {
    const { GuardedTarget } = await import("../../rtld/guard/target.ts");
    return GuardedTarget.attach(pid, settings);
  }
  const [name = "", ...args] = program;
  return Target.spawn(name, args, settings);
}

interface HowItEnded {
  readonly code?: number;
  readonly signal?: number;
}

function exitStatus({ code, signal }: HowItEnded): number {
  return signal === undefined ? (code ?? EXIT_OK) : 128 + signal;
}

/** How a child ends that is not traced any more. */
function endOfChild(pid: number): Promise<HowItEnded> {
  return new Promise((resolve) => {
    threadWatch.watch(pid, (status) => {
      if (status.kind === "stopped") return;
      threadWatch.forget(pid);
      resolve(status);
    });
  });
}

/** Whether a file has a name, also without what its version adds to it. */
function isNamed(path: string, name: string): boolean {
  return basename(path) === name || basename(path).startsWith(`${name}.`);
}

interface Sink extends Disposable {
  line(text: string): void;
}

/** Writes each line at once: what a program prints comes in between where it does. */
function openSink(path: string | undefined): Sink {
  if (path === undefined) {
    const output = new Output();
    const line = (text: string) => {
      output.line(text);
      output.flush();
    };
    return { line, [Symbol.dispose]: () => {} };
  }
  const descriptor = openSync(path, "w");
  return {
    line: (text) => writeSync(descriptor, `${text}\n`),
    [Symbol.dispose]: () => closeSync(descriptor),
  };
}
