/** Compares what a tool prints with what we should print in its place, line by line. */
import { eachLine } from "./stream.ts";

/** Differences kept of one comparison; behind them it ends. */
const MOST_DIFFERENCES = 8;
/** Characters shown of a line that differs. */
const SHOWN = 240;

/** A tool, and how its lines and ours are brought to one spelling. */
export interface Oracle {
  readonly tool: string;
  readonly args: readonly string[];
  /** Our lines, in the order of the tool. */
  readonly ours: Iterator<string>;
  /** A line of the tool in the spelling of ours; `undefined` for one that says nothing to compare. */
  normal(line: string): string | undefined;
  /** The rule by which two different lines are right all the same, or the tool is known to be wrong. */
  excuse?(ours: string, theirs: string): string | undefined;
  /** Why the tool is known to crash on the file, whose rest is not compared then. */
  readonly crash?: string | undefined;
}

/** What came of a comparison. */
export interface Comparison {
  /** Lines that were compared. */
  lines: number;
  /** Ours, theirs. */
  readonly differences: string[];
  /** How often each rule excused a difference. */
  readonly excused: Map<string, number>;
}

/** Runs the tool and compares. An error while making our lines is a difference. */
export async function compareLines(oracle: Oracle): Promise<Comparison> {
  const result: Comparison = { lines: 0, differences: [], excused: new Map() };
  const { ours } = oracle;
  const take = (line: string): boolean => {
    const theirs = oracle.normal(line);
    if (theirs === undefined) return true;
    result.lines++;
    const mine = nextLine(ours);
    if (mine === theirs) return true;
    const rule = mine === undefined ? undefined : oracle.excuse?.(mine, theirs);
    if (rule === undefined) {
      result.differences.push(difference(mine ?? "(nothing more)", theirs));
      return mine !== undefined && result.differences.length < MOST_DIFFERENCES;
    }
    result.excused.set(rule, (result.excused.get(rule) ?? 0) + 1);
    return true;
  };
  const signal = await eachLine(oracle.tool, oracle.args, take);
  if (signal !== undefined && oracle.crash !== undefined) {
    result.excused.set(oracle.crash, 1);
    return result;
  }
  if (signal !== undefined) result.differences.push(`${oracle.tool}: ended by ${signal}`);
  if (result.differences.length === 0) {
    const more = nextLine(ours);
    if (more !== undefined) result.differences.push(difference(more, "(nothing more)"));
  }
  return result;
}

/** Both lines; of long ones what is around the first character that differs. */
function difference(ours: string, theirs: string): string {
  let from = 0;
  while (from < ours.length && ours[from] === theirs[from]) from++;
  const start = Math.max(0, from - SHOWN / 2);
  const shown = (text: string): string => {
    const part = text.slice(start === 0 ? 0 : start, start + SHOWN);
    return `${start === 0 ? "" : `${text.slice(0, 40)} ... `}${part}`;
  };
  return `ours:   ${shown(ours)}\ntheirs: ${shown(theirs)}`;
}

function nextLine(lines: Iterator<string>): string | undefined {
  try {
    const { done, value } = lines.next();
    // Tools print a string with its line ends, and what is behind the first is no line to compare.
    return done === true ? undefined : value.split("\n", 1)[0];
  } catch (error) {
    return `! ${error}`;
  }
}
