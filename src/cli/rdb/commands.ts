/** The commands of `bindery rdb`, and the help on them. */
import { deleteBreakpoints, listBreakpoints, setBreakpoint } from "./breakpoints.ts";
import { print, threads } from "./inspect.ts";
import { type Arguments, CommandError } from "./parse.ts";
import type { Session } from "./session.ts";
import { frameLines, hex, linkMapLines, mappingLines } from "./text.ts";

/** One command. */
export interface RdbCommand {
  readonly name: string;
  /** What may follow the name. */
  readonly usage: string;
  readonly summary: string;
  /** What `help NAME` says besides; one line each. */
  readonly details: readonly string[];
  /** @throws CommandError, BinderyError */
  readonly run: (session: Session, args: Arguments) => void | Promise<void>;
}

/** Instructions that are shown if nobody says how many. */
const SOME_INSTRUCTIONS = 10;
/** Most frames that `where` shows. */
const MOST_FRAMES = 1000;

/** All commands, in order of the alphabet. */
export const COMMANDS: readonly RdbCommand[] = [
  {
    name: "break",
    usage: "[ADDRESS | SYMBOL | FILE:LINE]",
    summary: "set a break point, or list all",
    details: [
      "A symbol that nothing defines yet is waited for: the break point is set when an object with it is loaded,",
      "or when the program makes a function of that name and tells debuggers of it.",
    ],
    run: (session, args) => (args.isEmpty ? listBreakpoints(session) : setBreakpoint(session, args)),
  },
  {
    name: "cont",
    usage: "",
    summary: "let the program run",
    details: [
      "Until a break point, a signal, its end, or an interrupt from the terminal. A signal that stopped it is passed on.",
    ],
    run: async (session, args) => {
      args.end();
      if (!session.debugger.target.hasEnded || session.debugger.end !== undefined) session.needProcess();
      await session.run(() => session.debugger.continue());
    },
  },
  {
    name: "delete",
    usage: "[ADDRESS | SYMBOL]",
    summary: "take a break point away, or all",
    details: ["A symbol also means a break point that still waits for it."],
    run: deleteBreakpoints,
  },
  {
    name: "dis",
    usage: "[ADDRESS [COUNT]]",
    summary: "disassemble",
    details: [
      `From where the thread is, if no address is given. COUNT instructions, by default ${SOME_INSTRUCTIONS}.`,
    ],
    run: (session, args) => {
      const address = args.isEmpty ? session.pc : session.addressOf(args.address());
      const count = args.isEmpty ? SOME_INSTRUCTIONS : args.count("a number of instructions");
      args.end();
      session.disassemble(address, count);
    },
  },
  {
    name: "echo",
    usage: '"TEXT"',
    summary: "print a text",
    details: ["For scripts, to say what comes."],
    run: (session, args) => {
      const { text } = args.need("string", "a text in double quotes");
      args.end();
      session.print(text);
    },
  },
  {
    name: "event",
    usage: "on|off",
    summary: "print what the run-time linker tells, or don't",
    details: [
      "PREINIT: all is loaded and relocated; POSTINIT: initializers have run; DLACTIVITY: something is loaded or unloaded.",
    ],
    run: (session, args) => {
      const { text } = args.need("word", "on or off");
      if (text !== "on" && text !== "off")
        throw new CommandError(`event: found '${text}', expected on or off`);
      args.end();
      session.showsEvents = text === "on";
      session.print(`rdb: event information ${session.showsEvents ? "enabled" : "disabled"}.`);
    },
  },
  {
    name: "getmaps",
    usage: "",
    summary: "read the link maps from the run-time linker",
    details: ["They are read at each event, too. Prints nothing; see linkmaps."],
    run: (session, args) => {
      args.end();
      session.needProcess();
      session.debugger.linker.read();
    },
  },
  {
    name: "help",
    usage: "[COMMAND]",
    summary: "print this, or more on one command",
    details: [],
    run: (session, args) => {
      const topic = args.take("word")?.text;
      args.end();
      for (const line of topic === undefined ? helpOnAll() : helpOn(topic)) session.print(line);
    },
  },
  {
    name: "kill",
    usage: "",
    summary: "end the program by force",
    details: [],
    run: async (session, args) => {
      args.end();
      session.needProcess();
      await session.run(() => session.debugger.kill());
    },
  },
  {
    name: "linkmaps",
    usage: "",
    summary: "show what is loaded, as the run-time linker has it",
    details: ["As it was at the last event, or at getmaps."],
    run: (session, args) => {
      args.end();
      const { objects, error } = session.debugger.linker;
      if (objects.length === 0) throw error ?? new CommandError("linkmaps: link-maps not yet available");
      for (const line of linkMapLines(objects)) session.print(line);
    },
  },
  {
    name: "maps",
    usage: "",
    summary: "show what is mapped, and whose it is",
    details: [
      "Where a loaded object has it, with the number of its namespace. Behind a stub that does not serve files: what the",
      "run-time linker mapped.",
    ],
    run: (session, args) => {
      args.end();
      session.needProcess();
      const { maps, linker } = session.debugger;
      if (maps === undefined && linker.objects.length === 0) {
        throw new CommandError("maps: nobody says what is mapped, and link-maps not yet available");
      }
      for (const line of mappingLines(maps, session.debugger)) session.print(line);
    },
  },
  {
    name: "objpad",
    usage: "SIZE",
    summary: "ask the run-time linker to leave room around objects",
    details: ["Run-time linkers of Linux can't: RD_NOCAPAB."],
    run: (session, args) => {
      const size = args.count("a size in bytes");
      args.end();
      session.print(`setting object padding to: ${hex(BigInt(size))}`);
      session.debugger.linker.agent.objpadEnable(size);
    },
  },
  {
    name: "pltskip",
    usage: "",
    summary: "step through linkage tables, or past them, in turn",
    details: [
      "Past them when it begins: a step from a call ends in the function, also the first time, when it is bound.",
    ],
    run: (session, args) => {
      args.end();
      const { debugger: target } = session;
      target.pltSkip = !target.pltSkip;
      session.print(`plt skipping ${target.pltSkip ? "enabled" : "disabled"}`);
    },
  },
  {
    name: "print",
    usage: "ADDRESS [COUNT [FORMAT]] | $NAME",
    summary: "show memory or registers",
    details: [
      "COUNT units, by default 4. FORMAT is X for words of four bytes, b for bytes, s for a string.",
      "$regs are all registers, $rip and so on are one.",
    ],
    run: print,
  },
  {
    name: "quit",
    usage: "",
    summary: "leave: the program goes on without rdb",
    details: ["As the end of the input does."],
    run: (session, args) => {
      args.end();
      session.isOver = true;
    },
  },
  {
    name: "step",
    usage: "[COUNT [silent]]",
    summary: "execute one instruction, or COUNT, and show each",
    details: [
      "With silent they are not shown. Ends before COUNT at a break point or a signal. Only this thread runs, unless the",
      "instruction waits for others.",
    ],
    run: step,
  },
  {
    name: "thread",
    usage: "[NUMBER]",
    summary: "show the threads, or look at another one",
    details: ["The numbers are those of the kernel. The thread that stopped is looked at first."],
    run: threads,
  },
  {
    name: "value",
    usage: "SYMBOL",
    summary: "print the address of a symbol",
    details: ["Or of a sum, such as main+0x10."],
    run: (session, args) => {
      const address = session.addressOf(args.address());
      args.end();
      session.print(`value: ${hex(address)}`);
    },
  },
  {
    name: "where",
    usage: "",
    summary: "show the calls that led here",
    details: [
      "Functions with files and lines where there is debug information, those that were inlined included.",
    ],
    run: (session, args) => {
      args.end();
      session.needProcess();
      session.print("printing stack trace");
      let count = 0;
      for (const line of frameLines(session.debugger.backtrace(), session.names)) {
        session.print(line);
        if (++count === MOST_FRAMES) break;
      }
      if (count === MOST_FRAMES) session.print(" (there are more)");
    },
  },
];

async function step(session: Session, args: Arguments): Promise<void> {
  const isOne = args.isEmpty;
  const count = isOne ? 1 : args.count("a number of instructions");
  const mode = args.take("word")?.text;
  if (mode !== undefined && mode !== "silent") throw new CommandError("step: expected step [COUNT [silent]]");
  args.end();
  session.needProcess();
  session.print(isOne ? "single step" : `stepping ${count}`);
  await session.step(count, mode === "silent");
}

function* helpOnAll(): Generator<string> {
  yield "commands:";
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  for (const { name, summary } of COMMANDS) yield `  ${name.padEnd(width)}  ${summary}`;
  yield "";
  yield "'help COMMAND' says more. What follows # is a comment; \\ at the end goes on in the next line.";
  yield "An address is a symbol, a number, or a sum: main+0x10.";
}

function* helpOn(topic: string): Generator<string> {
  const command = COMMANDS.find(({ name }) => name === topic);
  if (command === undefined) throw new CommandError(`help: there is no command '${topic}'; try help`);
  const { name, usage, summary, details } = command;
  yield `${name} ${usage}`.trimEnd();
  yield `  ${summary}`;
  for (const line of details) yield `  ${line}`;
}
