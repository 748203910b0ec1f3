/** Lets the threads of processes behind a stub run, and says what happened to them [GDB manual, "vCont"]. */
import { RemoteError } from "../../errors.ts";
import type { ProcessEvent } from "../target/event.ts";
import type { Met } from "./breakpoints.ts";
import { isAbsent } from "./facts.ts";
import { found } from "./link.ts";
import type { RemoteProcess, Shadow } from "./process.ts";
import { Resumption } from "./resumption.ts";
import { hostSignal } from "./signals.ts";
import { parseStopReply, parseThreadId, type StopReply, type ThreadId } from "./stop-reply.ts";
import type { RemoteStub } from "./stub.ts";

type Stop = StopReply & { kind: "stop" };

const INTERRUPT = 3;
/** gdb's numbers of SIGINT and SIGTRAP. */
const SIGINT = 2;
const SIGTRAP = 5;
/** gdb's numbers of signals that stop processes: SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU. */
const SIGSTOP = 17;
const STOPS: readonly number[] = [SIGSTOP, 18, 21, 22];
/** `si_code` of a signal that was sent to one thread. */
const SI_TKILL = -6;
/** An error of no particular kind, as the answer to a request for a file [GDB manual, "File-I/O"]. */
const NO_FILES = "F-1,270f";

/**
 * All processes stop and run together. A breakpoint is passed by one thread, while the others wait and the breakpoint is
 * away.
 */
export class RemoteControl {
  readonly #stub: RemoteStub;
  readonly #processes = new Map<number, RemoteProcess>();
  readonly #shadows = new Map<number, Shadow>();
  /** Children that came under control, to which the stub may have sent a SIGSTOP of its own that it tells of later. */
  readonly #taken = new Set<number>();
  #state: "stopped" | "running" | "ended" = "stopped";
  /** How many events were told for which threads wait. */
  #told = 0;
  /** A thread that passes a breakpoint while the others wait. */
  #over: { readonly process: RemoteProcess; readonly tid: number; readonly address: bigint } | undefined;
  /** An interrupt was sent, and its stop did not come yet. */
  #isInterrupted = false;
  /** How many interrupts each process may get that another one stops of: stubs send them to groups of processes. */
  readonly #interrupts = new Map<number, number>();
  /** It is waited for a stop, by who lets the threads run again. */
  #isAwaited = false;
  /** Nothing ran at the last time that the stub said so. */
  #isIdle = false;

  constructor(stub: RemoteStub) {
    this.#stub = stub;
    stub.link.listen({
      packet: (payload) => this.#onPacket(payload),
      broken: (error) => this.#break(error),
    });
  }

  get isStopped(): boolean {
    return this.#state === "stopped";
  }

  /** Whether there is more than one process. */
  get isShared(): boolean {
    return this.#processes.size + this.#shadows.size > 1;
  }

  /** Takes a process in, which is stopped. */
  add(process: RemoteProcess): void {
    this.#processes.set(process.pid, process);
  }

  /** A process ended, or was let go of. With the last one the connection is closed. */
  leave(pid: number): void {
    this.#processes.delete(pid);
    if (this.#processes.size > 0) return;
    this.#letShadowsGo();
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
      if (!this.#isInterrupted) {
        this.#stub.link.sendByte(INTERRUPT);
        for (const pid of [...this.#processes.keys(), ...this.#shadows.keys()])
          this.#expectInterrupts(pid, 1);
      }
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
    if (this.#state !== "stopped") return;
    for (const process of this.#processes.values()) {
      if (process.threads.areAllHeld) continue;
      if (this.#passBreakpoint(process)) return;
    }
    const resumption = new Resumption(this.#stub);
    for (const [pid, shadow] of this.#shadows) {
      resumption.addWhole(pid, shadow.signal);
      shadow.signal = 0;
    }
    for (const process of this.#processes.values()) {
      if (!process.threads.areAllHeld) resumption.addFree(process, this.isShared);
    }
    if (!resumption.isEmpty) this.#run(resumption);
  }

  /** Lets a thread go on that stands at a breakpoint, and may. @returns whether one does */
  #passBreakpoint(process: RemoteProcess): boolean {
    const { threads, breakpoints } = process;
    for (let over = threads.nextAtBreakpoint(); over !== undefined; over = threads.nextAtBreakpoint()) {
      const { tid, address } = over;
      if (!breakpoints.has(address)) {
        threads.at.delete(tid);
      } else if (threads.signals.has(tid)) {
        // Its handler comes first, and ends where the breakpoint is, which was told already.
        threads.silent.set(tid, { address, sp: process.registers(tid)?.sp ?? 0n });
        threads.at.delete(tid);
      } else {
        this.#over = { process, tid, address };
        breakpoints.lift(address, process.model());
        const resumption = new Resumption(this.#stub);
        resumption.addStep(process, tid);
        this.#run(resumption);
        return true;
      }
    }
    return false;
  }

  #run(resumption: Resumption): void {
    const { link } = this.#stub;
    for (const process of this.#processes.values()) process.forget();
    this.#stub.forget();
    if (this.#stub.hasContinue) {
      link.send(resumption.packet);
    } else {
      link.ask(resumption.choice);
      link.send(resumption.plainPacket);
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
          this.#onExit(reply);
          return;
        case "none":
          this.#onNone();
          return;
        case "output":
          this.#first?.output(reply.bytes);
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
    this.#state = "ended";
    this.#stub.link.close();
    for (const process of [...this.#processes.values()]) process.broken(error);
  }

  /** The one that the connection began with, or the oldest that is left. */
  get #first(): RemoteProcess | undefined {
    const [first] = this.#processes.values();
    return first;
  }

  /** What is said without a process is of the only one. */
  #processOf(pid: number): RemoteProcess | undefined {
    return this.#processes.get(pid) ?? (pid === 0 || !this.#stub.hasProcesses ? this.#first : undefined);
  }

  #onExit({ pid, code, signal }: StopReply & { kind: "exit" }): void {
    this.#state = "stopped";
    const process = this.#shadows.delete(pid) ? undefined : this.#processOf(pid);
    if (this.#over?.process === process) this.#over = undefined;
    process?.emit({ kind: "exit", code, signal });
    this.#goOn();
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
    over?.process.threads.drop(over.tid);
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
    over?.process.breakpoints.lower(over.address, over.process.model());
    return over;
  }

  #tell(process: RemoteProcess, event: ProcessEvent & { tid: number }): void {
    process.threads.hold(event.tid);
    process.threads.stepping.delete(event.tid);
    this.#told++;
    process.emit(event);
  }

  #onStop(stop: Stop): void {
    const thread = stop.thread ?? this.#stub.threads()[0] ?? { pid: this.#first?.pid ?? 0, tid: 0 };
    const { pid, tid } = thread;
    this.#isIdle = false;
    this.#stub.turned(thread);
    const shadow = this.#shadows.get(pid);
    const process = shadow === undefined ? this.#processOf(pid) : undefined;
    if (stop.reasons.has("exec") && process !== undefined) {
      if (this.#over?.process === process) this.#over = undefined;
      process.threads.exec(tid);
      process.execed();
      this.#told++;
      process.emit({ kind: "exec", tid });
      return;
    }
    const over = this.#endOver();
    if (shadow !== undefined) this.#onShadow(shadow, stop, thread);
    else if (process === undefined) this.#goOn();
    else if (this.#isOfChildren(process, stop, thread)) return;
    else if (
      stop.signal === SIGINT &&
      this.#takeInterrupt(process.pid, () => this.#signalCode(process, tid) ?? 0)
    ) {
      this.#goOn();
    } else if (stop.signal === SIGTRAP) {
      this.#onTrap(process, stop, tid, over?.process === process && over.tid === tid);
    } else {
      this.#onSignal(process, stop.signal, tid);
    }
  }

  /** A child was made: its breakpoints go, and so does it, or it comes under control. @returns whether it is about that */
  #isOfChildren(process: RemoteProcess, { reasons }: Stop, thread: ThreadId): boolean {
    const { breakpoints, followsChildren } = process;
    const model = process.model();
    if (reasons.has("vforkdone")) {
      for (const address of breakpoints.addresses) breakpoints.lower(address, model);
      this.#goOn();
      return true;
    }
    const child = parseThreadId(reasons.get("fork") ?? reasons.get("vfork") ?? "");
    if (child === undefined) return false;
    if (reasons.has("vfork")) {
      // The memory is shared, and what is away there is so for the parent, too, until that is done.
      for (const address of breakpoints.addresses) breakpoints.lift(address, model);
      if (followsChildren) this.#shadows.set(child.pid, { parent: process, tid: thread.tid, signal: 0 });
    } else process.clean(child);
    if (followsChildren && reasons.has("fork")) {
      this.#take(process, thread.tid, child, "fork");
      return true;
    }
    if (!followsChildren) this.#letGo(child.pid);
    this.#stub.select(thread);
    this.#goOn();
    return true;
  }

  /** A child comes under control. Its parent goes on once whoever takes it had the time to look at it. */
  #take(parent: RemoteProcess, tid: number, child: ThreadId, origin: "fork" | "exec"): void {
    this.#told++;
    this.#taken.add(child.pid);
    // It may get interrupts that are meant for its parent.
    this.#stub.keepInterrupts();
    parent.take(tid, child, origin);
    setImmediate(() => this.#goOn());
  }

  #onShadow(shadow: Shadow, { reasons, signal }: Stop, thread: ThreadId): void {
    const child = parseThreadId(reasons.get("fork") ?? reasons.get("vfork") ?? "");
    if (child !== undefined) {
      // Who makes more of them before it executes a program has no breakpoints to inherit.
      this.#letGo(child.pid);
    } else if (reasons.has("exec")) {
      this.#shadows.delete(thread.pid);
      this.#take(shadow.parent, shadow.tid, thread, "exec");
      return;
    } else if (signal !== SIGINT || !this.#takeInterrupt(thread.pid, () => 0)) {
      shadow.signal = signal === SIGTRAP ? 0 : signal;
    }
    this.#goOn();
  }

  /** @returns whether a SIGINT is the interrupt that was asked for, or one that another process stopped of */
  #takeInterrupt(pid: number, code: () => number): boolean {
    const isLate = !this.#isInterrupted && (this.#interrupts.get(pid) ?? 0) > 0 && code() <= 0;
    if (!this.#isInterrupted && !isLate) return false;
    this.#isInterrupted = false;
    this.#expectInterrupts(pid, -1);
    return true;
  }

  #expectInterrupts(pid: number, more: number): void {
    const before = this.#interrupts.get(pid) ?? 0;
    // Of one that always was alone there is no doubt.
    this.#interrupts.set(pid, this.isShared || before > 0 ? Math.max(before + more, 0) : 0);
  }

  /** A child that has ended meanwhile is no error. */
  #letGo(pid: number): void {
    this.#stub.link.ask(this.#stub.detaching(pid));
  }

  /** Lets go of a process, once it had the interrupt that was meant for who controls it. @throws RemoteError */
  release(process: RemoteProcess): void {
    const { pid } = process;
    while ((this.#interrupts.get(pid) ?? 0) > 0 && process.expectsInterrupt()) {
      this.#isAwaited = true;
      try {
        const resumption = new Resumption(this.#stub);
        resumption.addWhole(pid, 0);
        this.#run(resumption);
        while (this.#state === "running") this.#stub.link.awaitEvent("interrupt");
      } finally {
        this.#isAwaited = false;
      }
    }
    this.#stub.link.demand(this.#stub.detaching(pid), "detaching");
  }

  /** Nobody is left who would take them in. */
  #letShadowsGo(): void {
    for (const pid of this.#shadows.keys()) if (!this.#stub.link.isClosed) this.#letGo(pid);
    this.#shadows.clear();
  }

  #onTrap(process: RemoteProcess, stop: Stop, tid: number, isOver: boolean): void {
    const { threads, breakpoints } = process;
    const registers = () => process.registers(tid);
    const pc = process.pcIn(stop.registers) ?? registers()?.pc ?? 0n;
    if (isOver) threads.at.delete(tid);
    const isMet = stop.reasons.has("swbreak");
    const isStep = threads.stepping.has(tid);
    const met = breakpoints.metAt(pc, process.model());
    if (met !== undefined && (isMet || (!isStep && !isOver) || met.isBehind)) {
      this.#onBreakpoint(process, met, tid);
    } else if (isStep) {
      if (met !== undefined) threads.at.set(tid, met.address);
      this.#tell(process, { kind: "step", tid });
    } else if (isOver || isMet) {
      this.#goOn();
    } else {
      this.#onSignal(process, stop.signal, tid);
    }
  }

  #onBreakpoint(process: RemoteProcess, { address, isBehind }: Met, tid: number): void {
    const { threads } = process;
    if (isBehind) {
      const registers = process.registers(tid);
      if (registers !== undefined) registers.pc = address;
      if (registers !== undefined) process.setRegisters(tid, registers);
    }
    const silent = threads.silent.get(tid);
    threads.silent.delete(tid);
    threads.at.set(tid, address);
    if (silent?.address === address && silent.sp === process.registers(tid)?.sp) this.#goOn();
    else this.#tell(process, { kind: "breakpoint", tid, address });
  }

  #onSignal(process: RemoteProcess, signal: number, tid: number): void {
    const { pid, threads } = process;
    const number = hostSignal(signal);
    const code = this.#signalCode(process, tid);
    const isOurs = signal === SIGSTOP && code === SI_TKILL && this.#taken.delete(pid);
    // Once more, without anything of the signal, is that it has stopped the process.
    if (isOurs || (code === undefined && STOPS.includes(signal))) {
      this.#goOn();
      return;
    }
    if (signal !== 0) threads.signals.set(tid, signal);
    const event = { kind: "signal", tid, signal: number, code: code ?? 0 } as const;
    if (process.stopSignals.has(number)) {
      this.#tell(process, event);
    } else {
      if (signal !== 0) process.emit(event);
      this.#goOn();
    }
  }

  /** `si_code` of the signal that a thread stopped with; 0 where the stub never says, `undefined` where it has none. */
  #signalCode({ pid, model }: RemoteProcess, tid: number): number | undefined {
    if (!this.#stub.hasObject("siginfo") || !this.#stub.select({ pid, tid })) return 0;
    try {
      const { buffer, byteLength } = this.#stub.object("siginfo", "");
      return byteLength < 12 ? 0 : new DataView(buffer).getInt32(8, model().little);
    } catch (error) {
      if (error instanceof RemoteError && isAbsent(error))
        return error.code === "RSP_REFUSED" ? undefined : 0;
      throw error;
    }
  }
}
