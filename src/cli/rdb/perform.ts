/** From a line to the command that carries it out, and from the start of a line to what may follow. */
import { COMMANDS } from "./commands.ts";
import { Arguments, CommandError, tokenize } from "./parse.ts";
import type { Session } from "./session.ts";

/** Most symbols that a completion offers. */
const MOST_COMPLETIONS = 200;
/** Commands whose argument is an address. */
const TAKES_SYMBOL: ReadonlySet<string> = new Set(["break", "delete", "dis", "print", "value"]);

/** Carries out one line. @throws CommandError or BinderyError; what was done until then is done */
export async function perform(session: Session, line: string): Promise<void> {
  const [first, ...rest] = tokenize(line);
  if (first === undefined) return;
  const command = COMMANDS.find(({ name }) => name === first.text);
  if (command === undefined) throw new CommandError(`unknown command: ${first.text}; try help`);
  await command.run(session, new Arguments(command.name, rest));
}

/** What may stand where a line ends: commands, topics of help, symbols; and what of the line it would replace. */
export function complete({ debugger: target }: Session, line: string): [string[], string] {
  const [, command = "", word = ""] = /^\s*(?:(\S+)\s+(?:.*[\s+])?)?(\S*)$/.exec(line) ?? [];
  const among = (all: readonly string[]): [string[], string] => [
    all.filter((one) => one.startsWith(word)).map((one) => `${one} `),
    word,
  ];
  if (command === "" || command === "help") return among(COMMANDS.map(({ name }) => name));
  if (command === "event") return among(["on", "off"]);
  if (command === "step") return among(["silent"]);
  if (!TAKES_SYMBOL.has(command) || word === "" || target.end !== undefined) return [[], word];
  if (word.startsWith("$")) {
    return among(["$regs", ...(target.registers?.names ?? []).map((name) => `$${name}`)]);
  }
  return [[...target.code.namesBeginning(word, MOST_COMPLETIONS)], word];
}
