/** What a stub says of a process that stopped [GDB manual, "Stop Reply Packets"]. */
import { hostSignal } from "./signals.ts";

/** Process and thread; 0 where the stub does not say. */
export interface ThreadId {
  readonly pid: number;
  readonly tid: number;
}

/** Told apart by `kind`. */
export type StopReply =
  /** A thread stopped; with it, all did. */
  | {
      readonly kind: "stop";
      /** As gdb numbers signals. */
      readonly signal: number;
      readonly thread: ThreadId | undefined;
      /** Some registers, by their numbers in the target description, in the target's order of bytes. */
      readonly registers: ReadonlyMap<number, string>;
      /** Why, as `fork`, `exec` or `swbreak`, where it is more than the signal; and what belongs to it. */
      readonly reasons: ReadonlyMap<string, string>;
    }
  | {
      readonly kind: "exit";
      /** Process; 0 where the stub does not say. */
      readonly pid: number;
      readonly code: number | undefined;
      readonly signal: number | undefined;
    }
  /** Nothing runs any more of what was let run. */
  | { readonly kind: "none" }
  /** The program prints through the stub. */
  | { readonly kind: "output"; readonly bytes: Uint8Array }
  /** The stub wants a file opened or read here, which is not done. */
  | { readonly kind: "file" };

/** Takes a reply apart; `undefined` for what is none. */
export function parseStopReply(text: string): StopReply | undefined {
  const [, signal = "", rest = ""] = /^[TS]([0-9a-fA-F]{2})(.*)$/s.exec(text) ?? [];
  if (signal !== "") return parseStop(Number.parseInt(signal, 16), text[0] === "T" ? rest : "");
  const [, how, status = "", of = "0"] =
    /^([WX])([0-9a-fA-F]+)(?:;process:([0-9a-fA-F]+))?$/.exec(text) ?? [];
  if (how !== undefined) {
    const value = Number.parseInt(status, 16);
    const pid = Number.parseInt(of, 16);
    return how === "W"
      ? { kind: "exit", pid, code: value & 0xff, signal: undefined }
      : { kind: "exit", pid, code: undefined, signal: hostSignal(value) };
  }
  if (text === "N") return { kind: "none" };
  if (/^O([0-9a-fA-F]{2})*$/.test(text)) {
    return { kind: "output", bytes: Uint8Array.from(Buffer.from(text.slice(1), "hex")) };
  }
  return text.startsWith("F") ? { kind: "file" } : undefined;
}

function parseStop(signal: number, text: string): StopReply | undefined {
  const registers = new Map<number, string>();
  const reasons = new Map<string, string>();
  let thread: ThreadId | undefined;
  for (const pair of text.split(";")) {
    if (pair === "") continue;
    const colon = pair.indexOf(":");
    if (colon < 0) return undefined;
    const [name, value] = [pair.slice(0, colon), pair.slice(colon + 1)];
    // A register's number; `fork` and other words have letters that no number has.
    if (/^[0-9a-f]+$/i.test(name)) registers.set(Number.parseInt(name, 16), value);
    else if (name === "thread") thread = parseThreadId(value);
    else reasons.set(name, value);
  }
  return { kind: "stop", signal, thread, registers, reasons };
}

/** `pPID.TID`, or `TID` from a stub that knows one process; `undefined` for what is neither. */
export function parseThreadId(text: string): ThreadId | undefined {
  const [, pid = "0", tid] = /^(?:p([0-9a-f]+)\.)?([0-9a-f]+)$/i.exec(text) ?? [];
  if (tid === undefined) return undefined;
  return { pid: Number.parseInt(pid, 16), tid: Number.parseInt(tid, 16) };
}
