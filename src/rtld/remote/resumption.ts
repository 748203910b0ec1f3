/** What threads are to do next, in the words of the protocol [GDB manual, "vCont"]. */
import type { RemoteProcess } from "./process.ts";
import { hostSignal } from "./signals.ts";
import type { ThreadId } from "./stop-reply.ts";
import type { RemoteStub } from "./stub.ts";

/** Actions of threads, put together one after the other. Threads that no action is for stay stopped. */
export class Resumption {
  readonly #stub: Pick<RemoteStub, "id" | "threads">;
  readonly #actions: string[] = [];
  /** One that does something else than the others. */
  #single: ThreadId | undefined;

  constructor(stub: Pick<RemoteStub, "id" | "threads">) {
    this.#stub = stub;
  }

  /** Whether nothing is to run. */
  get isEmpty(): boolean {
    return this.#actions.length === 0;
  }

  /** All of it. */
  get packet(): string {
    return `vCont;${this.#actions.join(";")}`;
  }

  /** Which threads {@link plainPacket} is about, for a stub that can't let single threads run. */
  get choice(): string {
    return `Hc${this.#single === undefined ? "0" : this.#stub.id(this.#single)}`;
  }

  /** What such a stub is told, which lets all run, or one step. */
  get plainPacket(): string {
    return (this.#actions[0] ?? "c").replace(/:.*/, "");
  }

  /** All threads of a process run, with one of gdb's numbers of signals if `signal` is not 0. */
  addWhole(pid: number, signal: number): void {
    this.#actions.push(`${withSignal("c", signal)}:p${pid.toString(16)}.-1`);
  }

  /** One thread executes one instruction, and nothing else runs. */
  addStep(process: RemoteProcess, tid: number): void {
    this.#add(process, tid, "s");
    this.#single = { pid: process.pid, tid };
  }

  /**
   * All threads of a process that nobody looks at run, or step.
   *
   * @param isShared whether there are other processes
   */
  addFree(process: RemoteProcess, isShared: boolean): void {
    const { pid, threads } = process;
    const special = [...new Set([...threads.stepping, ...threads.signals.keys()])].filter(
      (tid) => !threads.isHeld(tid),
    );
    for (const tid of special) this.#add(process, tid, threads.stepping.has(tid) ? "s" : "c");
    const [single] = special;
    if (single !== undefined) this.#single = { pid, tid: single };
    if (threads.areAllFree) {
      this.#actions.push(isShared ? `c:p${pid.toString(16)}.-1` : "c");
      return;
    }
    for (const { pid: owner, tid } of this.#stub.threads()) {
      const isOwn = owner === pid || owner === 0;
      if (isOwn && !threads.isHeld(tid) && !special.includes(tid)) this.#add(process, tid, "c");
    }
  }

  /** A thread gets the signal that it was about to get. */
  #add({ pid, threads }: RemoteProcess, tid: number, verb: "c" | "s"): void {
    const signal = threads.signals.get(tid) ?? 0;
    threads.signals.delete(tid);
    // Of a signal that has no number, nothing can be said.
    const known = hostSignal(signal) === 0 ? 0 : signal;
    this.#actions.push(`${withSignal(verb, known)}:${this.#stub.id({ pid, tid })}`);
  }
}

function withSignal(verb: "c" | "s", signal: number): string {
  return signal === 0 ? verb : verb.toUpperCase() + signal.toString(16).padStart(2, "0");
}
