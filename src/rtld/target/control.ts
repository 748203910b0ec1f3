/** Stops and starts the threads of one process, and says what happened to them [ptrace(2)]. */
import { existsSync } from "node:fs";
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
import { HostError } from "../../errors.ts";
import {
  hasShadowStack,
  PTRACE_EVENT,
  ptraceContinue,
  ptraceEventMessage,
  ptraceInterrupt,
  ptraceListen,
  ptraceSignalCode,
  ptraceStep,
} from "../../host/ptrace.ts";
import { sharesMemory } from "../../host/shared-memory.ts";
import { pollThread, threadWatch, type WaitStatus } from "../../host/wait.ts";
import type { Registers } from "../registers.ts";
import type { Breakpoints } from "./breakpoints.ts";
import { emulate } from "./emulate.ts";
import type { ProcessEvent } from "./event.ts";
import { Thread } from "./thread.ts";

const SIGTRAP = 5;
/** SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU. */
const STOP_SIGNALS: ReadonlySet<number> = new Set([19, 20, 21, 22]);
/** `si_code` of a breakpoint instruction on x86. */
const SI_KERNEL = 0x80;
/** Milliseconds that threads may take to stop. */
const PATIENCE = 5000;
/** Milliseconds that are waited for who is in vfork(2), which most leave at once. */
const VFORK_PATIENCE = 200;
/** Milliseconds between two looks while it is waited for them. */
const PAUSE = 0.05;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** What is done beside threads, by who owns this. */
export interface ControlHost {
  emit(event: ProcessEvent): void;
  /** Memory as the program has it, without breakpoints. */
  read(address: bigint, length: number): Uint8Array | undefined;
  /** Another program runs; all threads but one are gone. */
  execed(): void;
  /** A child was made with memory of its own, and will stop. */
  forked(parent: number, child: number): void;
  /** Children that share the memory are all that is left in it, and running. */
  orphaned(): void;
  /** A child that shared this memory executes a program of its own now, and is stopped. */
  shadowExeced(tid: number): void;
  /** A thread stops before it gets one of these. */
  readonly stopSignals: ReadonlySet<number>;
}

/** A breakpoint being passed with all other threads stopped. */
interface StepOver {
  readonly thread: Thread;
  readonly address: bigint;
  phase: "gathering" | "stepping";
}

export class ThreadControl {
  readonly pid: number;
  readonly threads = new Map<number, Thread>();
  readonly #breakpoints: Breakpoints;
  readonly #host: ControlHost;
  #over: StepOver | undefined;
  /** Those that wait for their turn to pass a breakpoint. */
  readonly #queue: Thread[] = [];
  /** Those that are stopped and are to run. */
  readonly #ready = new Set<Thread>();

  constructor(pid: number, breakpoints: Breakpoints, host: ControlHost) {
    this.pid = pid;
    this.#breakpoints = breakpoints;
    this.#host = host;
  }

  /** Takes a traced thread in. */
  add(tid: number, state: "running" | "stopped", wanted: "run" | "stop", isShadow = false): Thread {
    const thread = new Thread(tid, isShadow);
    thread.state = state;
    thread.wanted = wanted;
    this.threads.set(tid, thread);
    threadWatch.watch(tid, (status) => this.#onStatus(thread, status));
    return thread;
  }

  /** Lets go of a thread. */
  drop(thread: Thread): void {
    threadWatch.forget(thread.tid);
    this.threads.delete(thread.tid);
    this.#ready.delete(thread);
  }

  /** Lets threads run. */
  run(threads: Iterable<Thread>): void {
    for (const thread of threads) {
      if (thread.hasEnded) continue;
      thread.wanted = "run";
      if (thread.state === "stopped") this.#ready.add(thread);
    }
    this.#settle();
  }

  /**
   * Stops all threads, which takes the time of a few system calls; those in vfork(2) run nothing until they are done there.
   *
   * @throws HostError if one does not stop
   */
  stop(): void {
    for (const thread of this.threads.values()) thread.wanted = "stop";
    this.#ready.clear();
    for (const thread of this.threads.values()) if (thread.state !== "stopped") ptraceInterrupt(thread.tid);
    if (this.#await(() => this.#moving().length > 0 || this.#over !== undefined, PATIENCE)) return;
    const found = `found a thread of process ${this.pid} that goes on for ${PATIENCE} ms, expected a stop`;
    throw new HostError("HOST_UNSUPPORTED", "ptrace", found);
  }

  /** Waits for a moment until none runs in vfork(2): one that stopped before it waits there can be let go of. */
  awaitVforks(): void {
    const waits = (one: Thread) => one.inVfork && one.state === "running";
    this.#await(() => [...this.threads.values()].some(waits), VFORK_PATIENCE);
  }

  /** @returns whether nothing is missing any more */
  #await(isMissing: () => boolean, patience: number): boolean {
    for (const deadline = Date.now() + patience; isMissing(); ) {
      let changed = false;
      for (const thread of [...this.threads.values()]) {
        const status = thread.state === "stopped" ? undefined : pollThread(thread.tid);
        if (status === undefined) continue;
        changed = true;
        this.#onStatus(thread, status);
      }
      if (changed) continue;
      for (const thread of this.#moving()) if (isZombie(this.pid, thread.tid)) thread.state = "stopped";
      if (Date.now() > deadline) return false;
      Atomics.wait(clock, 0, 0, PAUSE);
    }
    return true;
  }

  #moving(): Thread[] {
    return [...this.threads.values()].filter((one) => one.isMoving || one.state === "listening");
  }

  #onStatus(thread: Thread, status: WaitStatus): void {
    if (this.threads.get(thread.tid) !== thread) return;
    thread.forget();
    if (status.kind === "stopped") {
      thread.state = "stopped";
      this.#onStop(thread, status.signal, status.event);
      // One that was let go of, or is another target's now, is not ours to run.
      const isOurs = this.threads.get(thread.tid) === thread;
      if (isOurs && thread.wanted === "run" && thread.state === "stopped") this.#ready.add(thread);
    } else {
      this.#onEnd(thread, status);
    }
    this.#settle();
  }

  #onEnd(thread: Thread, status: Exclude<WaitStatus, { kind: "stopped" }>): void {
    if (this.#over?.thread === thread) this.#endStepOver();
    this.drop(thread);
    if (thread.isShadow) return;
    if (thread.tid !== this.pid) {
      this.#host.emit({ kind: "thread-end", tid: thread.tid });
      const rest = [...this.threads.values()].filter((one) => !one.isShadow);
      // How a process ended whose first thread was never under control only its parent is told.
      if (rest.every((one) => one.hasEnded)) this.#endProcess(undefined, undefined);
      return;
    }
    const code = status.kind === "exited" ? status.code : undefined;
    this.#endProcess(code, status.kind === "killed" ? status.signal : undefined);
  }

  #endProcess(code: number | undefined, signal: number | undefined): void {
    for (const other of [...this.threads.values()]) if (!other.isShadow) this.drop(other);
    this.#leaveShadows();
    this.#host.emit({ kind: "exit", code, signal });
  }

  /** Children that share the memory stay when the process ends or leaves it, with what is in it. */
  #leaveShadows(): void {
    const over = this.#over?.thread;
    if (over !== undefined && this.threads.get(over.tid) !== over) this.#over = undefined;
    if (![...this.threads.values()].some((one) => one.isShadow)) return;
    // One of them may have waited for those that are gone to stop.
    this.#settle();
    this.#host.orphaned();
  }

  #onStop(thread: Thread, signal: number, event: number): void {
    const { tid } = thread;
    if (event === 0) {
      this.#onSignal(thread, signal);
      return;
    }
    if (event === PTRACE_EVENT.PTRACE_EVENT_STOP) {
      thread.inGroupStop = STOP_SIGNALS.has(signal);
      if (this.#isTrapPending(thread)) {
        // The stop came before the signal of a breakpoint that was executed: that one is the next thing to happen.
        thread.state = "running";
        thread.prepare();
        ptraceContinue(tid, 0);
        return;
      }
    }
    if (this.#over?.thread === thread && this.#over.phase === "stepping") {
      // It stopped before the instruction was done.
      if (event === PTRACE_EVENT.PTRACE_EVENT_STOP) this.#stepOnce(this.#over);
      else this.#endStepOver();
    }
    switch (event) {
      case PTRACE_EVENT.PTRACE_EVENT_EXEC:
        this.#onExec(thread);
        return;
      case PTRACE_EVENT.PTRACE_EVENT_VFORK_DONE:
        thread.inVfork = false;
        return;
      case PTRACE_EVENT.PTRACE_EVENT_CLONE:
      case PTRACE_EVENT.PTRACE_EVENT_FORK:
      case PTRACE_EVENT.PTRACE_EVENT_VFORK:
        this.#onNew(thread, event);
    }
  }

  #onNew(thread: Thread, event: number): void {
    const made = ptraceEventMessage(thread.tid);
    // Killed meanwhile, it has not made anything that is to be told.
    if (made === undefined) return;
    const isVfork = event === PTRACE_EVENT.PTRACE_EVENT_VFORK;
    if (isVfork) thread.inVfork = true;
    // While all are being stopped, it stays where it begins, unless another one waits for it.
    const wanted = isVfork ? "run" : thread.wanted;
    if (isThreadOf(this.pid, made)) {
      this.add(made, "running", wanted);
      if (!thread.isShadow) this.#host.emit({ kind: "thread-start", tid: made });
    } else if (sharesMemory(thread.tid, made) ?? event !== PTRACE_EVENT.PTRACE_EVENT_FORK) {
      // The event is one thing, and whose the memory is another: clone(2) takes both.
      this.add(made, "running", wanted, true);
    } else this.#host.forked(this.pid, made);
  }

  #isTrapPending({ tid, registers }: Thread): boolean {
    if (registers === undefined || !this.#breakpoints.has(registers.pc - 1n)) return false;
    // By its own number, for a child that shares the memory is no thread of the process.
    const text = readTextIfAny(`/proc/${tid}/status`);
    const [, pending = "0"] = /^SigPnd:\s*([0-9a-f]+)$/m.exec(text ?? "") ?? [];
    return (BigInt(`0x${pending}`) & (1n << BigInt(SIGTRAP - 1))) !== 0n;
  }

  #onExec(thread: Thread): void {
    if (thread.isShadow) {
      this.drop(thread);
      this.#host.shadowExeced(thread.tid);
      return;
    }
    for (const other of [...this.threads.values()]) if (other !== thread && !other.isShadow) this.drop(other);
    this.#leaveShadows();
    this.#over = undefined;
    this.#queue.length = 0;
    thread.hasEnded = false;
    thread.at = undefined;
    thread.silent = undefined;
    thread.stepping = false;
    thread.wanted = "stop";
    this.#host.execed();
    this.#host.emit({ kind: "exec", tid: thread.tid });
  }

  #onSignal(thread: Thread, signal: number): void {
    const { tid } = thread;
    const registers = signal === SIGTRAP ? thread.registers : undefined;
    const isOver = this.#over?.thread === thread && this.#over.phase === "stepping";
    if (registers !== undefined) {
      const code = ptraceSignalCode(tid) ?? 0;
      if (code === SI_KERNEL) {
        // Where a breakpoint is over the program's own, that is what was executed.
        const isOwn = isOver && registers.pc - 1n === this.#over?.address;
        if (!isOwn && this.#onTrap(thread, registers)) return;
      } else if (code > 0 && isOver) {
        this.#endStepOver();
        if (thread.stepping) this.#endStep(thread, registers.pc);
        return;
      } else if (code > 0 && thread.stepping) {
        this.#endStep(thread, registers.pc);
        return;
      }
    }
    if (isOver) {
      // Its handler comes first, and ends where the breakpoint is, which was told already; unless the instruction is done.
      const { pc, sp } = thread.registers ?? {};
      const address = this.#over?.address;
      this.#endStepOver();
      if (sp !== undefined && address !== undefined && pc === address) thread.silent = { address, sp };
    }
    thread.signal = signal;
    if (thread.isShadow) return;
    if (this.#host.stopSignals.has(signal)) {
      thread.wanted = "stop";
      thread.stepping = false;
    }
    this.#host.emit({ kind: "signal", tid, signal, code: ptraceSignalCode(tid) ?? 0 });
  }

  /** A breakpoint instruction was executed. @returns whether it was one of ours */
  #onTrap(thread: Thread, registers: Registers): boolean {
    const address = registers.pc - 1n;
    if (this.#breakpoints.isForeign(address)) return false;
    registers.pc = address;
    thread.changed();
    // One that was taken away before this thread could tell: it executes what is there now.
    if (!this.#breakpoints.has(address)) return true;
    const { silent } = thread;
    thread.silent = undefined;
    thread.at = address;
    if (thread.isShadow || (silent?.address === address && silent.sp === registers.sp)) return true;
    thread.wanted = "stop";
    thread.stepping = false;
    this.#host.emit({ kind: "breakpoint", tid: thread.tid, address });
    return true;
  }

  #endStep(thread: Thread, pc: bigint): void {
    thread.stepping = false;
    thread.wanted = "stop";
    thread.at = this.#breakpoints.has(pc) ? pc : undefined;
    this.#host.emit({ kind: "step", tid: thread.tid });
  }

  /** Goes on with what can be gone on with. */
  #settle(): void {
    for (;;) {
      if (this.#over !== undefined) {
        const { thread, phase } = this.#over;
        if (phase === "stepping" || this.#moving().some((one) => one !== thread && one.isMoving)) return;
        this.#over.phase = "stepping";
        this.#breakpoints.lift(this.#over.address);
        this.#stepOnce(this.#over);
        return;
      }
      const next = this.#queue.shift();
      if (next !== undefined) this.#beginStepOver(next);
      else if (!this.#releaseReady()) return;
    }
  }

  /** @returns whether there is more to do */
  #releaseReady(): boolean {
    const ready = [...this.#ready];
    this.#ready.clear();
    for (const thread of ready)
      if (thread.wanted === "run" && thread.state === "stopped") this.#release(thread);
    return this.#queue.length > 0 || this.#ready.size > 0;
  }

  #release(thread: Thread): void {
    if (thread.inGroupStop) {
      thread.state = "listening";
      thread.prepare();
      ptraceListen(thread.tid);
      return;
    }
    if (thread.at !== undefined && !this.#passBreakpoint(thread)) return;
    thread.state = "running";
    const { signal } = thread;
    thread.signal = 0;
    thread.prepare();
    if (thread.stepping) ptraceStep(thread.tid, signal);
    else ptraceContinue(thread.tid, signal);
  }

  /** @returns whether the thread can go on at once: there is no breakpoint in its way, or its instruction was carried out */
  #passBreakpoint(thread: Thread): boolean {
    const { at, tid, registers } = thread;
    if (registers === undefined) return true;
    const first = at === registers.pc ? this.#breakpoints.replaced(at) : undefined;
    if (first === undefined) {
      thread.at = undefined;
      return true;
    }
    const host = {
      read: (address: bigint, length: number) => this.#host.read(address, length),
      hasShadowStack: () => hasShadowStack(tid),
    };
    if (!emulate(registers, first, host)) {
      this.#queue.push(thread);
      return false;
    }
    thread.changed();
    thread.at = undefined;
    if (!thread.stepping) return true;
    this.#endStep(thread, registers.pc);
    return false;
  }

  #beginStepOver(thread: Thread): void {
    const { at: address, wanted, state } = thread;
    if (address === undefined || wanted === "stop" || state !== "stopped") return;
    this.#over = { thread, address, phase: "gathering" };
    for (const other of this.threads.values()) {
      if (other !== thread && other.isMoving) ptraceInterrupt(other.tid);
    }
  }

  #stepOnce({ thread }: StepOver): void {
    thread.state = "running";
    thread.prepare();
    if (!ptraceStep(thread.tid, 0)) this.#endStepOver();
  }

  #endStepOver(): void {
    const over = this.#over;
    if (over === undefined) return;
    this.#over = undefined;
    this.#breakpoints.lower(over.address);
    over.thread.at = undefined;
  }
}

/** Whether a new task is a thread of the process, and not a process of its own. */
function isThreadOf(pid: number, tid: number): boolean {
  return existsSync(`/proc/${pid}/task/${tid}`);
}

/** Whether a first thread ended that stays until the others do: it does nothing any more, and can't be stopped. */
function isZombie(pid: number, tid: number): boolean {
  const text = tid === pid ? readTextIfAny(`/proc/${pid}/task/${tid}/stat`) : undefined;
  return text?.slice(text.lastIndexOf(")") + 2).startsWith("Z") === true;
}
