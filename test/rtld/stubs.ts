/** Stubs of gdb's remote protocol, and what is followed through them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type ControlledProcess,
  followLinker,
  type LinkerEvent,
  type LoadObject,
} from "../../src/rtld/index.ts";

const started: ChildProcess[] = [];

/** Ends all that was started here. */
export function endStubs(): void {
  for (const { pid } of started.splice(0)) {
    try {
      if (pid !== undefined) process.kill(-pid, "SIGKILL");
    } catch {
      // It ended by itself.
    }
  }
}

/** How stubs ended that crashed, or gave up on an error of their own. */
const crashes: string[] = [];

/**
 * Does `action`, and again, up to three times in all, where it fails because a gdbserver crashed: that of gdb 13 does, now and
 * then, when threads end while it stops all.
 */
export async function withoutCrashes(action: () => Promise<void>): Promise<void> {
  for (let times = 1; ; times++) {
    const before = crashes.length;
    try {
      return await action();
    } catch (error) {
      // It may not be known yet how it ended.
      await new Promise((resolve) => setTimeout(resolve, 200));
      if (crashes.length === before) throw error;
      if (times === 3) throw new Error(crashes.slice(before).join("\n"), { cause: error });
    }
  }
}

/** Starts a program in a group of its own, and waits for what it prints. */
async function start(program: string, args: readonly string[], stream: "stdout" | "stderr", pattern: RegExp) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  started.push(child);
  child.on("exit", (code, signal) => {
    const isCrash = signal !== null ? signal !== "SIGKILL" && signal !== "SIGTERM" : code !== 0;
    if (isCrash) crashes.push(`${program} ended: ${signal ?? code}: ${text}`);
  });
  let text = "";
  for (const output of [child.stdout, child.stderr]) {
    output.on("data", (piece: Buffer) => {
      if (output === child[stream]) text += piece;
    });
  }
  while (!pattern.test(text)) {
    await Promise.race([once(child[stream], "data"), once(child, "exit")]);
    if (child.exitCode !== null) throw new Error(`${program} ended: ${text}`);
  }
  return { child, match: pattern.exec(text)?.[1] ?? "" };
}

/** Starts a gdbserver on the loopback. @returns its address */
export async function gdbserver(...args: string[]): Promise<string> {
  const { match } = await start(
    "gdbserver",
    ["--once", "127.0.0.1:0", ...args],
    "stderr",
    /Listening on port (\d+)/,
  );
  return `127.0.0.1:${match}`;
}

/** Starts a gdbserver that has no process, and stays. @returns its address */
export async function gdbserverWithout(): Promise<string> {
  const args = ["--multi", "127.0.0.1:0"];
  const { match } = await start("gdbserver", args, "stderr", /Listening on port (\d+)/);
  return `127.0.0.1:${match}`;
}

/** As {@link gdbserver}, for a process that runs. */
export async function gdbserverFor(pid: number): Promise<string> {
  const args = ["--once", "--attach", "127.0.0.1:0", String(pid)];
  const { match } = await start("gdbserver", args, "stderr", /Listening on port (\d+)/);
  return `127.0.0.1:${match}`;
}

/** Starts a proxy; see stub-proxy.mjs. @returns its address */
export async function proxy(how: "damage" | "poor" | "blind", program: string): Promise<string> {
  const script = fileURLToPath(new URL("./stub-proxy.mjs", import.meta.url));
  const { match } = await start(process.execPath, [script, how, program], "stdout", /(\d+)\n/);
  return `127.0.0.1:${match}`;
}

/** An event in short, and the names of what came and went. */
export function summary(event: LinkerEvent): string {
  const names = (sign: string, objects: readonly LoadObject[]) =>
    objects.map(({ name }) => `${sign}${basename(name)}`);
  const state = event.event === "RD_DLACTIVITY" ? [event.state] : [];
  const how = event.code === undefined ? [] : [`code ${event.code}`];
  return [event.event, ...state, ...how, ...names("+", event.added), ...names("-", event.removed)].join(" ");
}

/** All events of a process to its end. */
export async function sequence(target: ControlledProcess): Promise<string[]> {
  const events: string[] = [];
  await followLinker(target, (event) => {
    events.push(summary(event));
  });
  return events;
}

/**
 * Follows a program to its end.
 * @param count as many objects are loaded when `objects` is taken: names, biases and TLS numbers of the main namespace, which
 *   must be read while the process has them
 */
export async function followObjects(
  target: ControlledProcess,
  count: number,
): Promise<{ events: string[]; objects: readonly string[] }> {
  const events: string[] = [];
  let loaded: readonly LoadObject[] = [];
  let objects: readonly string[] = [];
  await followLinker(target, (event) => {
    events.push(summary(event));
    loaded = [...loaded.filter((one) => !event.removed.includes(one)), ...event.added];
    if (loaded.length !== count) return;
    objects = loaded
      .filter((one) => one.lmIdent === 0)
      .map((one) => `${one.isProgram ? "" : one.name} ${one.bias.toString(16)} ${one.tlsModId}`);
  });
  return { events, objects };
}
