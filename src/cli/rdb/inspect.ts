/** `print` and `thread` of `bindery rdb`. */
import { type Arguments, CommandError } from "./parse.ts";
import type { Session } from "./session.ts";
import { hex, memoryLines, registerLines } from "./text.ts";

/** Units that are shown if nobody says how many. */
const SOME_WORDS = 4;

/** Shows memory or registers. */
export function print(session: Session, args: Arguments): void {
  session.needProcess();
  const variable = args.take("variable");
  if (variable !== undefined) {
    args.end();
    printVariable(session, variable.text);
    return;
  }
  const address = session.addressOf(args.address());
  const count = args.isEmpty ? SOME_WORDS : args.count("a number of units");
  const format = args.take("word")?.text ?? "X";
  args.end();
  const known = { X: "X", x: "X", b: "b", s: "s" } as const;
  if (!(format in known)) throw new CommandError(`print: found format '${format}', expected X, b or s`);
  session.print(`${session.names.of(address)}:`);
  const lines = memoryLines(session.debugger, address, count, known[format as keyof typeof known]);
  for (const line of lines) session.print(line);
}

function printVariable(session: Session, name: string): void {
  const { registers } = session.debugger;
  if (registers === undefined) throw new CommandError("print: the thread has no registers");
  if (name === "regs") {
    for (const line of registerLines(registers, session.names)) session.print(line);
    return;
  }
  if (!registers.names.includes(name)) {
    throw new CommandError(
      `print: found $${name}, expected $regs or a register, such as $${registers.names[0]}`,
    );
  }
  const value = registers.get(name);
  const symbol = session.names.symbol(value);
  session.print(`$${name}: ${hex(value)}${symbol === undefined ? "" : ` ${symbol}`}`);
}

/** Shows the threads, or chooses one. */
export function threads(session: Session, args: Arguments): void {
  session.needProcess();
  const { debugger: target, names } = session;
  if (args.isEmpty) {
    for (const tid of target.target.threads) {
      const pc = target.target.registers(tid)?.pc;
      const where = pc === undefined ? "" : ` ${names.of(pc)}${names.line(pc)}`;
      session.print(`${tid === target.thread ? "*" : " "} ${tid}${where}`);
    }
    return;
  }
  const tid = args.count("the number of a thread");
  args.end();
  if (!target.target.threads.includes(tid)) throw new CommandError(`thread: there is no thread ${tid}`);
  target.thread = tid;
}
