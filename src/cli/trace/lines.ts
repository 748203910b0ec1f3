/** Events of a trace as lines. */
import type { LinkerEvent, LoadObject } from "../../rtld/index.ts";
import type { Activity } from "./activity.ts";

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** One event as JSON. @param start time that `t` counts from */
export function jsonLine(event: LinkerEvent, start: number, { by }: Activity): string {
  const object = ({ name, base, lmIdent }: LoadObject) => ({ name, base: hex(base), lmid: lmIdent });
  const { pid, state, added, removed, code, signal, error } = event;
  return JSON.stringify({
    t: seconds(event.time - start),
    pid,
    event: event.event,
    state,
    added: added.map(object),
    removed: removed.map(object),
    by,
    code,
    signal,
    message: error?.message,
  });
}

/** That a process was left stopped, as JSON. @param start time that `t` counts from */
export function stoppedJson({ pid, time }: LinkerEvent, start: number): string {
  const nothing = { state: "RD_NOSTATE", added: [], removed: [] };
  return JSON.stringify({ t: seconds(time - start), pid, event: "stopped", ...nothing });
}

/** That a process was left stopped, and what can be done with it. */
export function stoppedLine({ pid }: LinkerEvent): string {
  return `process ${pid} is stopped there: gdb -p ${pid}, or kill -CONT ${pid} to let it run`;
}

/** One event, and a line for each object that came or went. */
export function* eventLines(
  event: LinkerEvent,
  start: number,
  activity: Activity,
  withPid: boolean,
): Generator<string> {
  const time = seconds(event.time - start)
    .toFixed(6)
    .padStart(11);
  const who = withPid ? `  ${String(event.pid).padEnd(7)}` : "";
  yield `${time}${who}  ${event.event} ${detail(event)}${about(event, activity)}`.trimEnd();
  const indent = " ".repeat(time.length + who.length + 2);
  for (const one of event.added) {
    const space = one.lmIdent === 0 ? "" : ` in namespace ${one.lmIdent}`;
    yield `${indent}+ ${hex(one.base)}-${hex(one.end)} ${one.name}${space}`;
  }
  for (const one of event.removed) {
    const space = one.lmIdent === 0 ? "" : ` in namespace ${one.lmIdent}`;
    yield `${indent}- ${hex(one.base)} ${one.name}${space}`;
  }
}

/** Who asked for what begins, and how long what ends took. */
function about({ state }: LinkerEvent, { by, took }: Activity): string {
  if (took !== undefined) return `${state === "RD_NOSTATE" ? "" : " "}after ${took.toFixed(3)} ms`;
  return by === undefined ? "" : ` by ${by}`;
}

function detail({ event, state, code, signal, error }: LinkerEvent): string {
  if (event === "error") return error?.message ?? "";
  if (event === "exit") return signal === undefined ? `with code ${code}` : `by signal ${signal}`;
  return state === "RD_NOSTATE" ? "" : state;
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1e6;
}
