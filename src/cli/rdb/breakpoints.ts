/** `break` and `delete` of `bindery rdb`. */
import type { Breakpoint, BreakpointPlace } from "../../rtld/index.ts";
import { type AddressTerm, type Arguments, CommandError } from "./parse.ts";
import type { Session } from "./session.ts";
import { hex } from "./text.ts";

/** Shows all of them. */
export function listBreakpoints(session: Session): void {
  const { breakpoints } = session.debugger;
  session.print(breakpoints.length === 0 ? "no active breakpoints." : "active breakpoints:");
  for (const { address, text } of breakpoints) {
    const where = (address === undefined ? "pending" : hex(address)).padEnd(14);
    const what = address === undefined ? text : session.names.of(address) + session.names.line(address);
    session.print(`\t${where} - ${what}`);
  }
}

/** Sets one, or one for each place that has code of a line. */
export function setBreakpoint(session: Session, args: Arguments): void {
  const line = args.take("line");
  const place = line === undefined ? placeOf(session, args.address()) : undefined;
  args.end();
  session.needProcess();
  if (place !== undefined) {
    report(session, session.debugger.setBreakpoint(place));
    return;
  }
  const { file, line: number } = line?.value ?? { file: "", line: 0 };
  const addresses = session.debugger.code.linesAt(file, number);
  if (addresses.length === 0) throw new CommandError(`break: no code is of ${file}:${number}`);
  for (const offset of addresses)
    report(session, session.debugger.setBreakpoint({ symbol: undefined, offset }));
}

function report(session: Session, { address, text }: Breakpoint): void {
  if (address === undefined) {
    session.print(`break point pending: ${text} is not loaded yet`);
  } else {
    session.print(`break point set at: ${hex(address)}`);
  }
}

/** A sum of one symbol and numbers stays so: the symbol may be somewhere else later. */
function placeOf(session: Session, term: AddressTerm): BreakpointPlace {
  const [symbol, ...others] = term.symbols;
  if (others.length > 0) return { symbol: undefined, offset: session.addressOf(term) };
  return { symbol, offset: term.offset };
}

/** Takes one away, or all. */
export function deleteBreakpoints(session: Session, args: Arguments): void {
  const { debugger: target } = session;
  if (args.isEmpty) {
    for (const one of target.breakpoints) target.deleteBreakpoint(one);
    session.print("all breakpoints deleted");
    return;
  }
  const term = args.address();
  args.end();
  const { symbol, offset } = placeOf(session, term);
  const named = target.breakpoints.filter(({ place }) => place.symbol === symbol && place.offset === offset);
  const address = named.length > 0 ? undefined : session.addressOf(term);
  const found = named.length > 0 ? named : target.breakpoints.filter((one) => one.address === address);
  if (found.length === 0) throw new CommandError(`unable to delete breakpoint at ${hex(address ?? 0n)}`);
  for (const one of found) {
    const { address: at, text } = one;
    target.deleteBreakpoint(one);
    session.print(at === undefined ? `breakpoint deleted: ${text}` : `breakpoint deleted at ${hex(at)}`);
  }
}
