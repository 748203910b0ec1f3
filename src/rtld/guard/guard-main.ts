/**
 * The program of a guard: controls processes for another one, and lets go of them, cleanly, when that one is gone. Requests
 * come at descriptor 3, answers go to 4, events to 5.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { HostError } from "../../errors.ts";
import { Registers } from "../registers.ts";
import { Target, type TargetOptions } from "../target/target.ts";
import type { GuardMessage } from "./link.ts";
import { encode, FrameReader, type Request, type Response } from "./protocol.ts";

const targets = new Map<number, Target>();
/** How many times all threads of a process were let run. */
const runs = new Map<number, number>();
const requests = new Socket({ fd: 3, readable: true, writable: false });
const events = new Socket({ fd: 5, readable: false, writable: true });
const reader = new FrameReader();

requests.on("data", (piece: Buffer) => {
  for (const frame of reader.push(piece)) {
    const request = frame as Request;
    const response = answer(request);
    if (request.isOneWay === true) continue;
    const said = encode(response);
    try {
      writeSync(4, said);
    } catch {
      // Who asked is gone.
      process.exit(0);
    }
  }
});
// What is controlled is let go of when this process exits.
requests.on("close", () => process.exit(0));
events.on("error", () => process.exit(0));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

function answer({ pid, method, args }: Request): Response {
  try {
    return { value: perform(pid, method, args) };
  } catch (error) {
    if (error instanceof HostError) {
      const { code, call, errno, message } = error;
      return { error: { code, call, what: message.slice(call.length + 2), errno } };
    }
    return { error: { code: "HOST_UNSUPPORTED", call: method, what: String(error), errno: undefined } };
  }
}

function perform(pid: number, method: string, args: readonly unknown[]): unknown {
  if (method === "attach") {
    follow(Target.attach(pid, args[0] as TargetOptions));
    return undefined;
  }
  const target = targets.get(pid);
  if (target === undefined)
    throw new HostError("HOST_UNSUPPORTED", method, `found no process ${pid} under control`);
  switch (method) {
    case "threads":
      return target.threads;
    case "stoppedThreads":
      return target.stoppedThreads;
    case "write":
      return target.write(args[0] as bigint, args[1] as Uint8Array);
    case "registers":
      return target.registers(args[0] as number)?.bytes;
    case "setRegisters":
      return target.setRegisters(args[0] as number, new Registers(args[1] as Uint8Array));
    case "insertBreakpoint":
      return target.insertBreakpoint(args[0] as bigint);
    case "removeBreakpoint":
      return target.removeBreakpoint(args[0] as bigint);
    case "continue":
      if (args[0] === undefined) runs.set(pid, (runs.get(pid) ?? 0) + 1);
      return target.continue(args[0] as number | undefined);
    case "step":
      return target.step(args[0] as number);
    case "dropSignal":
      return target.dropSignal(args[0] as number);
    case "stop":
      return target.stop();
    case "kill":
      return target.kill();
    case "detach":
      return target.detach();
    default:
      throw new HostError("HOST_UNSUPPORTED", method, "found a request that is not known");
  }
}

async function follow(target: Target): Promise<void> {
  const { pid } = target;
  targets.set(pid, target);
  for (;;) {
    const event = await target.next();
    if (event.kind === "fork") {
      const { child } = event;
      if (child instanceof Target) void follow(child);
      send({
        pid,
        event: { kind: "fork", pid, child: child.pid, origin: child.origin },
        registers: undefined,
        runs: 0,
      });
    } else {
      if (event.kind === "exit" || event.kind === "detach") {
        targets.delete(pid);
        runs.delete(pid);
      }
      // Whoever controls the process asks for them next, as a rule.
      const registers = "tid" in event ? target.registers(event.tid)?.bytes : undefined;
      send({ pid, event, registers, runs: runs.get(pid) ?? 0 });
      if (event.kind === "exit" || event.kind === "detach") return;
    }
  }
}

function send(message: GuardMessage): void {
  events.write(encode(message));
}
