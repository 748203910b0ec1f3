/** The connection to a guard: a process of its own that controls others for this one. */
import { spawn } from "node:child_process";
import { closeSync, readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import { HostError } from "../../errors.ts";
import { openPipe } from "../../host/pipe.ts";
import type { Origin } from "../target/controlled.ts";
import type { ProcessEvent } from "../target/event.ts";
import { encode, FrameReader, HEADER, type Response } from "./protocol.ts";

const GONE = "the guard of the process is gone";

/** An event of a guarded process, as the guard sends it: a child is its process id. */
export type GuardEvent =
  | ProcessEvent
  | { readonly kind: "fork"; readonly pid: number; readonly child: number; readonly origin: Origin };

/** What the guard sends: an event, and the registers of the thread that it left stopped. */
export interface GuardMessage {
  readonly pid: number;
  readonly event: GuardEvent;
  readonly registers: Uint8Array | undefined;
  /** How many times all threads were let run before; if they were once more since, the registers are old. */
  readonly runs: number;
}

/** Takes the events of one process. */
export type GuardListener = (message: Pick<GuardMessage, "event" | "registers" | "runs">) => void;

/** That a process was let go of. */
const DETACHED = { event: { kind: "detach" }, registers: undefined, runs: 0 } as const;

/** One guard, shared by all targets that it controls; it ends when the last of them does, or this process. */
export class GuardLink {
  readonly #requests: number;
  readonly #answers: number;
  readonly #events: Socket;
  readonly #listeners = new Map<number, GuardListener>();
  #isOpen = true;

  constructor() {
    const [requests, answers, events] = [openPipe(), openPipe(), openPipe()];
    const program = fileURLToPath(new URL("./guard-main.js", import.meta.url));
    // A session of its own: an interrupt at the terminal is for this process, which says what is to be done.
    const child = spawn(process.execPath, [program], {
      detached: true,
      stdio: ["ignore", "ignore", "inherit", requests.read, answers.write, events.write],
    });
    child.on("error", () => {});
    child.unref();
    for (const end of [requests.read, answers.write, events.write]) closeSync(end);
    this.#requests = requests.write;
    this.#answers = answers.read;
    this.#events = new Socket({ fd: events.read, readable: true, writable: false });
    const reader = new FrameReader();
    this.#events.on("data", (piece: Buffer) => {
      for (const value of reader.push(piece)) {
        const message = value as GuardMessage;
        this.#listeners.get(message.pid)?.(message);
      }
    });
    this.#events.on("close", () => {
      for (const listener of [...this.#listeners.values()]) listener(DETACHED);
    });
  }

  /** Takes the events of a process from now on. */
  listen(pid: number, listener: GuardListener): void {
    this.#listeners.set(pid, listener);
  }

  /** Takes no more events of a process; after the last one the guard ends. */
  forget(pid: number): void {
    if (!this.#listeners.delete(pid) || this.#listeners.size > 0) return;
    this.#isOpen = false;
    closeSync(this.#requests);
    closeSync(this.#answers);
    this.#events.destroy();
  }

  /** Asks for something to be done, and does not wait: whatever comes of it is told by events. */
  tell(pid: number, method: string, ...args: readonly unknown[]): void {
    if (!this.#isOpen) return;
    try {
      writeSync(this.#requests, encode({ pid, method, args, isOneWay: true }));
    } catch {
      // The guard is gone, which the end of its events says.
    }
  }

  /** Asks for something to be done, and waits for it. @throws HostError that the guard met, or if it is gone */
  ask(pid: number, method: string, ...args: readonly unknown[]): unknown {
    if (!this.#isOpen)
      throw new HostError("HOST_UNSUPPORTED", method, `found process ${pid} no more under control`);
    try {
      writeSync(this.#requests, encode({ pid, method, args }));
    } catch {
      throw new HostError("HOST_UNSUPPORTED", method, GONE);
    }
    const length = this.#read(HEADER, method).readUInt32LE(0);
    const response = deserialize(this.#read(length, method)) as Response;
    if (!("error" in response)) return response.value;
    const { code, call, what, errno } = response.error;
    throw new HostError(code, call, what, errno);
  }

  #read(length: number, method: string): Buffer {
    const bytes = Buffer.alloc(length);
    for (let done = 0; done < length; ) {
      const count = readSync(this.#answers, bytes, done, length - done, null);
      if (count === 0) throw new HostError("HOST_UNSUPPORTED", method, GONE);
      done += count;
    }
    return bytes;
  }
}
