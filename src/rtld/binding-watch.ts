/** Tells of bindings as they are made, in a process that is followed. */
import type { RtldAgent } from "./agent.ts";
import { type Binding, Bindings } from "./bindings.ts";
import type { DlCaller } from "./dl-caller.ts";
import type { LoadObject } from "./load-object.ts";
import type { LiveProcess } from "./proc/live.ts";

/** A binding in a process that is followed. The thread waits until the listener returns. */
export interface BindingEvent extends Binding {
  readonly pid: number;
  readonly tid: number;
  /** When it was noticed: milliseconds as `performance.now` counts them. */
  readonly time: number;
}

/** Which bindings to tell of, and whom. */
export interface BindingOptions {
  /** Names of functions, without versions. */
  readonly symbols: RegExp;
  /** Told of each, in order. */
  readonly listener: (event: BindingEvent) => void;
}

/** What is needed of who follows the process. */
export interface BindingWatchHost {
  readonly process: LiveProcess;
  readonly agent: RtldAgent;
  readonly caller: DlCaller;
  /** Whether it is told when relocation is complete. */
  readonly isTold: boolean;
}

/** Objects that are loaded and may not be relocated yet, and where it is known that they are. */
interface Pending {
  readonly objects: readonly LoadObject[];
  readonly tid: number;
  /** Where the call returns that loads them; `undefined` if that is not known, and the next event has to do. */
  readonly returns: bigint | undefined;
}

/** One process, while it executes one program. */
export class BindingWatch {
  readonly #host: BindingWatchHost;
  readonly #listener: BindingOptions["listener"];
  readonly #bindings: Bindings;
  #exit: bigint | undefined;
  #pending: readonly Pending[] = [];

  constructor(host: BindingWatchHost, { symbols, listener }: BindingOptions) {
    this.#host = host;
    this.#listener = listener;
    const { agent, process } = host;
    this.#bindings = new Bindings(
      { process, objects: () => agent.known, objectAt: (address) => agent.objectAt(address) },
      symbols,
    );
  }

  /** All that was added is relocated: the program is about to begin, or runs already. */
  relocated(tid: number, objects: readonly LoadObject[]): void {
    for (const object of objects) {
      for (const binding of this.#bindings.of(object)) this.#tell(tid, binding);
    }
    this.#exit ??= this.#insert(this.#bindings.binderExitAddress);
  }

  /** A thread has loaded objects, which are relocated next. */
  loaded(tid: number, objects: readonly LoadObject[]): void {
    const { caller, isTold } = this.#host;
    if (!isTold) this.#settle((one) => one.returns === undefined);
    if (objects.length === 0) return;
    const returns = isTold ? undefined : this.#insert(caller.callOf(tid)?.returns);
    this.#pending = [...this.#pending, { objects, tid, returns }];
  }

  /** What a thread has loaded is relocated. */
  complete(tid: number): void {
    this.#settle((one) => one.tid === tid);
  }

  /** A thread came to a breakpoint. @returns whether it was one of these, and is done with */
  reached(tid: number, address: bigint): boolean {
    if (address === this.#exit) {
      const binding = this.#bindings.made(tid);
      if (binding !== undefined) this.#tell(tid, binding);
      return true;
    }
    if (!this.#pending.some((one) => one.returns === address)) return false;
    this.#settle((one) => one.returns === address && one.tid === tid);
    if (!this.#pending.some((one) => one.returns === address))
      this.#host.process.target.removeBreakpoint(address);
    return true;
  }

  #settle(isDone: (pending: Pending) => boolean): void {
    const done = this.#pending.filter(isDone);
    this.#pending = this.#pending.filter((one) => !isDone(one));
    for (const { tid, objects } of done) this.relocated(tid, objects);
  }

  #insert(address: bigint | undefined): bigint | undefined {
    if (address !== undefined) this.#host.process.target.insertBreakpoint(address);
    return address;
  }

  #tell(tid: number, binding: Binding): void {
    this.#listener({ ...binding, pid: this.#host.process.target.pid, tid, time: performance.now() });
  }
}
