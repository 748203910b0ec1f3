/** Events of a trace as lines. */
import type { BindingEvent, LinkerEvent, LoadObject } from "../../rtld/index.ts";
import { objectName } from "../object-name.ts";
import type { Activity } from "./activity.ts";

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** One event as JSON. @param start time that `t` counts from */
export function jsonLine(event: LinkerEvent, start: number, { by }: Activity): string {
  const object = ({ name, base, lmIdent }: LoadObject) => ({ name, base: hex(base), lmid: lmIdent });
  const { pid, state, added, removed, code, signal, error } = event;
  const { name } = event.object ?? {};
  return JSON.stringify({
    t: seconds(event.time - start),
    pid,
    event: event.event,
    state,
    added: added.map(object),
    removed: removed.map(object),
    by,
    object: name,
    code,
    signal,
    message: error?.message,
  });
}

/** A binding as JSON. @param start time that `t` counts from */
export function bindingJson(event: BindingEvent, start: number): string {
  const { time, pid, symbol, from, to, address, isLazy } = event;
  const nothing = { state: "RD_NOSTATE", added: [], removed: [] };
  const binding = { symbol, from: from.name, to: to?.name, address: hex(address), lazy: isLazy };
  return JSON.stringify({ t: seconds(time - start), pid, event: "bind", ...nothing, ...binding });
}

/** A binding. */
export function bindingLine(event: BindingEvent, start: number, withPid: boolean): string {
  const { symbol, from, to, address, isLazy } = event;
  const when = isLazy ? "at its first call" : "by relocation";
  return `${heading(event, start, withPid)}bind ${symbol} of ${from.name} to ${hex(address)} ${to?.name ?? "nowhere"}, ${when}`;
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
  const head = heading(event, start, withPid);
  yield head + [event.event, detail(event), about(activity)].filter(Boolean).join(" ");
  const indent = " ".repeat(head.length);
  for (const one of event.added) {
    const space = one.lmIdent === 0 ? "" : ` in namespace ${one.lmIdent}`;
    yield `${indent}+ ${hex(one.base)}-${hex(one.end)} ${objectName(one)}${space}`;
  }
  for (const one of event.removed) {
    const space = one.lmIdent === 0 ? "" : ` in namespace ${one.lmIdent}`;
    yield `${indent}- ${hex(one.base)} ${one.name}${space}`;
  }
}

/** When it was, and in which process. */
function heading({ time, pid }: Pick<LinkerEvent, "time" | "pid">, start: number, withPid: boolean): string {
  const text = seconds(time - start)
    .toFixed(6)
    .padStart(11);
  return withPid ? `${text}  ${String(pid).padEnd(7)}  ` : `${text}  `;
}

/** Who asked for what begins, and how long what ends took. */
function about({ by, took }: Activity): string {
  if (took !== undefined) return `after ${took.toFixed(3)} ms`;
  return by === undefined ? "" : `by ${by}`;
}

function detail({ event, state, object, code, signal, error }: LinkerEvent): string {
  if (object !== undefined) return `of ${object.name}`;
  if (event === "error") return error?.message ?? "";
  if (event === "exit") return signal === undefined ? `with code ${code}` : `by signal ${signal}`;
  return state === "RD_NOSTATE" ? "" : state;
}

function seconds(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1e6;
}
