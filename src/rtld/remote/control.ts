/** Lets the threads of a process behind a stub run, and says what happened to them [GDB manual, "vCont"]. */
import { RemoteError } from "../../errors.ts";
import type { DataModel } from "../proc/service.ts";
import type { Registers } from "../registers.ts";
import type { ProcessEvent } from "../target/event.ts";
import type { Met, RemoteBreakpoints } from "./breakpoints.ts";
import { found } from "./link.ts";
import { hostSignal } from "./signals.ts";
import { parseStopReply, parseThreadId, type StopReply, type ThreadId } from "./stop-reply.ts";
import type { RemoteStub } from "./stub.ts";
import { RemoteThreads } from "./threads.ts";

type Stop = StopReply & { kind: "stop" };

const INTERRUPT = 3;
/** gdb's numbers of SIGINT and SIGTRAP. */
const SIGINT = 2;
const SIGTRAP = 5;
/** An error of no particular kind, as the answer to a request for a file [GDB manual, "File-I/O"]. */
const NO_FILES = "F-1,270f";

/** What is done beside threads, by who owns this. */
export interface RemoteControlHost {
  readonly pid: number;
  readonly breakpoints: RemoteBreakpoints;
  /** A thread stops before it gets one of these. */
  readonly stopSignals: ReadonlySet<number>;
  model(): DataModel;
  registers(tid: number): Registers | undefined;
  setRegisters(tid: number, registers: Registers): boolean;
  /** Where a thread is, by the registers that a stop reply brings along. */
  pcIn(registers: ReadonlyMap<number, string>): bigint | undefined;
  emit(event: ProcessEvent): void;
  output(bytes: Uint8Array): void;
  /** What was read is not so any more. */
  forget(): void;
  /** Another program runs; all threads but one are gone. */
  execed(): void;
  /** Nothing can be done any more. */
  broken(error: RemoteError): void;
}

/**
 * The process stops and runs as a whole. A breakpoint is passed by one thread, while the others wait and the breakpoint is
 * away.
 */
export class RemoteControl {
  readonly threads = new RemoteThreads();
  readonly #stub: RemoteStub;
  readonly #host: RemoteControlHost;
  #state: "stopped" | "running" | "ended" = "stopped";
  /** How many events were told for which threads wait. */
  #told = 0;
  /** A thread that passes a breakpoint while the others wait. */
  #over: { readonly tid: number; readonly address: bigint } | undefined;
  /** An interrupt was sent, and its stop did not come yet. */
  #isInterrupted = false;
  /** It is waited for a stop, by who lets the threads run again. */
  #isAwaited = false;
  /** Nothing ran at the last time that the stub said so. */
  #isIdle = false;

  constructor(stub: RemoteStub, host: RemoteControlHost) {
    this.#stub = stub;
    this.#host = host;
    stub.link.listen({
      packet: (payload) => this.#onPacket(payload),
      broken: (error) => this.#break(error),
    });
  }

  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** Nothing is done any more; the connection is closed. */
  end(): void {
    this.#state = "ended";
    this.#stub.link.close();
  }

  /** Does something while nothing runs, and lets run again what ran. */
  atRest<T>(action: () => T): T {
    if (this.#state !== "running") return action();
    const told = this.#told;
    this.interrupt();
    try {
      return action();
    } finally {
      if (this.#told === told) this.go();
    }
  }

  /** Waits until nothing runs. What happens first is told as it would have been. @throws RemoteError if that does not come */
  interrupt(): void {
    if (this.#state !== "running") return;
    this.#isAwaited = true;
    try {
      if (!this.#isInterrupted) this.#stub.link.sendByte(INTERRUPT);
      this.#isInterrupted = true;
      const { link } = this.#stub;
      for (const deadline = performance.now() + link.timeout; this.#state === "running"; ) {
        if (performance.now() > deadline) {
          throw link.error("RSP_TIMEOUT", `found the process running ${link.timeout} ms after an interrupt`);
        }
        link.awaitEvent("interrupt");
      }
    } catch (error) {
      if (error instanceof RemoteError) this.#break(error);
      throw error;
    } finally {
      this.#isAwaited = false;
    }
  }

  /** Lets run what may, unless it does. */
  go(): void {
    if (this.#state !== "stopped" || this.threads.areAllHeld) return;
    const { threads } = this;
    for (let over = threads.nextAtBreakpoint(); over !== undefined; over = threads.nextAtBreakpoint()) {
      const { tid, address } = over;
      if (!this.#host.breakpoints.has(address)) {
        threads.at.delete(tid);
      } else if (threads.signals.has(tid)) {
        // Its handler comes first, and ends where the breakpoint is, which was told already.
        threads.silent.set(tid, { address, sp: this.#host.registers(tid)?.sp ?? 0n });
        threads.at.delete(tid);
      } else {
        this.#over = over;
        this.#host.breakpoints.lift(address, this.#host.model());
        this.#run([this.#action(tid, "s")], tid);
        return;
      }
    }
    const { actions, single } = this.#actions();
    if (actions.length > 0) this.#run(actions, single);
  }

  #id(tid: number): ThreadId {
    return { pid: this.#host.pid, tid };
  }

  #action(tid: number, verb: "c" | "s"): string {
    const signal = this.threads.signals.get(tid);
    this.threads.signals.delete(tid);
    // Of a signal that has no number, nothing can be said.
    const given =
      signal === undefined || hostSignal(signal) === 0
        ? verb
        : `${verb.toUpperCase()}${signal.toString(16).padStart(2, "0")}`;
    return `${given}:${this.#stub.id(this.#id(tid))}`;
  }

  /** What each thread does; the single one that does something else than the others. */
  #actions(): { readonly actions: readonly string[]; readonly single: number | undefined } {
    const { threads } = this;
    const special = [...new Set([...threads.stepping, ...threads.signals.keys()])].filter(
      (tid) => !threads.isHeld(tid),
    );
    const actions = special.map((tid) => this.#action(tid, threads.stepping.has(tid) ? "s" : "c"));
    if (threads.areAllFree) {
      actions.push("c");
    } else {
      const list = this.#stub.threads().filter(({ pid }) => pid === this.#host.pid || pid === 0);
      const rest = list.filter(({ tid }) => !threads.isHeld(tid) && !special.includes(tid));
      actions.push(...rest.map(({ tid }) => this.#action(tid, "c")));
    }
    return { actions, single: special[0] };
  }

  #run(actions: readonly string[], single: number | undefined): void {
    const { link } = this.#stub;
    this.#host.forget();
    this.#stub.forget();
    if (this.#stub.hasContinue) {
      link.send(`vCont;${actions.join(";")}`);
    } else {
      // A stub that can't let single threads run lets all run, or one step.
      link.ask(`Hc${single === undefined ? "0" : this.#stub.id(this.#id(single))}`);
      link.send((actions[0] ?? "c").replace(/:.*/, ""));
    }
    this.#state = "running";
    link.watch();
  }

  #onPacket(payload: string): void {
    if (this.#state !== "running") return;
    const reply = parseStopReply(payload);
    try {
      switch (reply?.kind) {
        case "stop":
          this.#state = "stopped";
          this.#onStop(reply);
          return;
        case "exit":
          this.#host.emit(reply);
          return;
        case "none":
          this.#onNone();
          return;
        case "output":
          this.#host.output(reply.bytes);
          return;
        case "file":
          this.#stub.link.send(NO_FILES);
          return;
        default:
          throw this.#stub.link.error(
            "RSP_BAD_REPLY",
            `${found(payload)}, expected what happened to the process`,
          );
      }
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.#break(error);
    }
  }

  #break(error: RemoteError): void {
    if (this.#state === "ended") return;
    this.end();
    this.#host.broken(error);
  }

  /** Goes on after what needs nobody, unless someone waits for a stop. */
  #goOn(): void {
    // One that waits for a stop lets the threads run; but its own stop is still to come.
    if (this.#isAwaited && !this.#isInterrupted) return;
    this.go();
  }

  /** All that was let run is gone; others may wait for it. */
  #onNone(): void {
    this.#state = "stopped";
    const over = this.#endOver();
    if (over !== undefined) this.threads.drop(over.tid);
    if (this.#isIdle) {
      throw this.#stub.link.error("RSP_BAD_REPLY", "found that nothing runs, expected the process to");
    }
    this.#isIdle = true;
    this.#goOn();
  }

  /** Puts back the breakpoint that a thread passed. @returns who did */
  #endOver() {
    const over = this.#over;
    this.#over = undefined;
    if (over !== undefined) this.#host.breakpoints.lower(over.address, this.#host.model());
    return over;
  }

  #tell(event: ProcessEvent & { tid: number }): void {
    this.threads.hold(event.tid);
    this.threads.stepping.delete(event.tid);
    this.#told++;
    this.#host.emit(event);
  }

  #onStop(stop: Stop): void {
    const thread = stop.thread ?? this.#stub.threads()[0] ?? this.#id(this.#host.pid);
    const { tid } = thread;
    this.#isIdle = false;
    this.#stub.turned(thread);
    if (stop.reasons.has("exec")) {
      this.#over = undefined;
      this.threads.exec(tid);
      this.#host.execed();
      this.#told++;
      this.#host.emit({ kind: "exec", tid });
      return;
    }
    const over = this.#endOver();
    if (this.#isOfChildren(stop, thread)) {
      this.#goOn();
    } else if (this.#isInterrupted && stop.signal === SIGINT) {
      this.#isInterrupted = false;
      this.#goOn();
    } else if (stop.signal === SIGTRAP) {
      this.#onTrap(stop, tid, over?.tid === tid);
    } else {
      this.#onSignal(stop.signal, tid);
    }
  }

  /** A child was made, which is let go of, without breakpoints. */
  #isOfChildren({ reasons }: Stop, parent: ThreadId): boolean {
    const { breakpoints } = this.#host;
    const model = this.#host.model();
    if (reasons.has("vforkdone")) {
      for (const address of breakpoints.addresses) breakpoints.lower(address, model);
      return true;
    }
    const child = parseThreadId(reasons.get("fork") ?? reasons.get("vfork") ?? "");
    if (child === undefined) return false;
    // After vfork the memory is shared, and what is away there is so for the parent, too, until that is done.
    this.#stub.select(reasons.has("vfork") ? parent : child);
    for (const address of breakpoints.addresses) breakpoints.lift(address, model);
    this.#stub.link.ask(`D;${child.pid.toString(16)}`);
    this.#stub.select(parent);
    return true;
  }

  #onTrap(stop: Stop, tid: number, isOver: boolean): void {
    const { threads } = this;
    const { breakpoints } = this.#host;
    const registers = () => this.#host.registers(tid);
    const pc = this.#host.pcIn(stop.registers) ?? registers()?.pc ?? 0n;
    if (isOver) threads.at.delete(tid);
    const isMet = stop.reasons.has("swbreak");
    const isStep = threads.stepping.has(tid);
    const met = breakpoints.metAt(pc, this.#host.model());
    if (met !== undefined && (isMet || (!isStep && !isOver) || met.isBehind)) {
      this.#onBreakpoint(met, tid);
    } else if (isStep) {
      if (met !== undefined) threads.at.set(tid, met.address);
      this.#tell({ kind: "step", tid });
    } else if (isOver || isMet) {
      this.#goOn();
    } else {
      this.#onSignal(stop.signal, tid);
    }
  }

  #onBreakpoint({ address, isBehind }: Met, tid: number): void {
    const { threads } = this;
    if (isBehind) {
      const registers = this.#host.registers(tid);
      if (registers !== undefined) registers.pc = address;
      if (registers !== undefined) this.#host.setRegisters(tid, registers);
    }
    const silent = threads.silent.get(tid);
    threads.silent.delete(tid);
    threads.at.set(tid, address);
    if (silent?.address === address && silent.sp === this.#host.registers(tid)?.sp) this.#goOn();
    else this.#tell({ kind: "breakpoint", tid, address });
  }

  #onSignal(signal: number, tid: number): void {
    const number = hostSignal(signal);
    if (signal !== 0) this.threads.signals.set(tid, signal);
    const event = { kind: "signal", tid, signal: number, code: this.#signalCode(tid) } as const;
    if (this.#host.stopSignals.has(number)) {
      this.#tell(event);
    } else {
      if (signal !== 0) this.#host.emit(event);
      this.#goOn();
    }
  }

  /** `si_code` of the signal that a thread stopped with; 0 where the stub does not say. */
  #signalCode(tid: number): number {
    if (!this.#stub.hasObject("siginfo") || !this.#stub.select(this.#id(tid))) return 0;
    const { buffer, byteLength } = this.#stub.object("siginfo", "");
    return byteLength < 12 ? 0 : new DataView(buffer).getInt32(8, this.#host.model().little);
  }
}
