/** Fifth stop: a program is started under control, and its run-time linker followed from its first instruction on. */
import { closeSync, openSync } from "node:fs";
import { HostError } from "../../errors.ts";
import { followLinker, type LinkerEvent, Target } from "../../rtld/index.ts";
import { fact, heading, hex, say, show } from "./print.ts";

/** Objects that are shown; a program may have many. */
const MOST = 12;

export async function showTrace(): Promise<void> {
  heading("5. A program's start");
  const target = start();
  if (target === undefined)
    say("not shown: programs may not be controlled here (see ptrace_scope in ptrace(2))");
  else await follow(target);
}

/** Node itself, which is there wherever this runs, with nothing to do. @returns `undefined` if that is not allowed */
function start(): Target | undefined {
  const nothing = openSync("/dev/null", "r+");
  try {
    return Target.spawn(process.execPath, ["--version"], { stdio: [nothing, nothing, nothing] });
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  } finally {
    closeSync(nothing);
  }
}

async function follow(target: Target): Promise<void> {
  say("node --version is started, and its run-time linker followed. What it tells, in milliseconds:");
  const times = new Map<string, number>();
  let relocations = 0;
  await followLinker(target, (event) => {
    const begin = times.get("exec") ?? event.time;
    times.set(event.event, event.time);
    show(`${(event.time - begin).toFixed(1).padStart(7)}  ${describe(event)}`);
    for (const { base, name } of event.added.slice(0, MOST)) show(`         + ${hex(base)} ${name}`);
    if (event.added.length > MOST) show(`         and ${event.added.length - MOST} more`);
    for (const { name } of event.removed) show(`         - ${name}`);
    for (const one of event.added) relocations += one.relocationCount;
  });
  const span = (from: string, to: string) =>
    `${((times.get(to) ?? 0) - (times.get(from) ?? 0)).toFixed(1)} ms`;
  if (!times.has("RD_POSTINIT")) return;
  say("\nSo that is where the time went, before its first instruction:");
  fact("load and relocate", `${span("exec", "RD_PREINIT")}, ${relocations} relocations`);
  fact("initialize", span("RD_PREINIT", "RD_POSTINIT"));
  say("\n`bindery trace` shows this of any program, and `bindery maps` what a process has loaded.");
}

function describe({ event, state, code, error }: LinkerEvent): string {
  if (event === "exit") return `exit, code ${code ?? "none"}`;
  if (event === "error") return `nothing can be told: ${error?.message ?? ""}`;
  return event === "RD_DLACTIVITY" ? `${event} ${state}` : event;
}
