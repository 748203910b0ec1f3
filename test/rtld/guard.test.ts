/** Processes that a guard controls: what is left of that when the controlling process is killed, or ends, or lets go. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUSY, PLUGIN } from "./programs.ts";
import { RtldWorkshop } from "./workshop.ts";

const workshop = new RtldWorkshop();
const controllers: ChildProcess[] = [];
let busy = "";
let plugin = "";
beforeAll(() => {
  busy = workshop.compile("busy", BUSY, "-pthread");
  plugin = workshop.compile("plugin.so", PLUGIN, "-shared", "-fPIC");
});
afterAll(() => {
  for (const one of controllers) one.kill("SIGKILL");
  workshop.remove();
});

/** Starts a process that controls another one, and waits until it follows that. */
async function control(pid: number, how: string): Promise<ChildProcess> {
  const fixture = join(import.meta.dirname, "attached.mjs");
  const child = spawn(process.execPath, [fixture, String(pid), how], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  controllers.push(child);
  for await (const line of createInterface({ input: child.stdout })) if (line === "follows") return child;
  throw new Error("the controlling process ended");
}

const tracerOf = (pid: number): string =>
  /^TracerPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";

describe("a guarded process", () => {
  it.each(["SIGKILL", "SIGTERM", "exit", "detach"])("goes on as it was after %s", async (how) => {
    const { pid, ended } = await workshop.start(busy, plugin);
    const child = await control(pid, how);
    expect(tracerOf(pid)).not.toBe("0");
    if (how === "SIGKILL" || how === "SIGTERM") child.kill(how);
    else child.kill("SIGUSR2");
    await once(child, "exit");
    while (tracerOf(pid) !== "0") await sleep(2);
    // It opens and closes the library some thousand times more meanwhile.
    await sleep(100);
    process.kill(pid, "SIGTERM");
    expect(await ended).toEqual({ output: "begins\nright\n", code: 7 });
  });

  it("tells its end", async () => {
    const { pid, ended } = await workshop.start(busy, plugin);
    const child = await control(pid, "exit");
    const told = once(child, "exit");
    process.kill(pid, "SIGTERM");
    expect(await ended).toMatchObject({ code: 7 });
    expect(await told).toEqual([7, null]);
  });
});
