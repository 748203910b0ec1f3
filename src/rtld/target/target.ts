/**
 * A process that this one controls itself [ptrace(2)]. Only to pass a breakpoint whose instruction can't be carried out otherwise, all
 * threads are stopped for the time of one instruction.
 */
import { readdirSync } from "node:fs";
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
import { HostError } from "../../errors.ts";
import { ProcessMemory } from "../../host/process-memory.ts";
import { PTRACE_O, ptraceSeize } from "../../host/ptrace.ts";
import { type SpawnOptions, spawnStopped } from "../../host/spawn-stopped.ts";
import { awaitThread, kill, threadWatch, type WaitListener, type WaitStatus } from "../../host/wait.ts";
import { Registers } from "../registers.ts";
import { checkAttachable } from "./attachable.ts";
import { Breakpoints } from "./breakpoints.ts";
import { ThreadControl } from "./control.ts";
import type { ControlledProcess, Origin, TargetEvent } from "./controlled.ts";
import { EventQueue } from "./event.ts";
import { onFarewell, stay } from "./farewell.ts";
import { letGo } from "./let-go.ts";
import type { Thread } from "./thread.ts";

/** How to control a process. */
export interface TargetOptions {
  /** Whether children that it makes come under control, too; otherwise they run free, without breakpoints. */
  readonly followChildren?: boolean;
  /** Signals before which a thread stops; it gets the signal when it goes on. By default none. */
  readonly stopSignals?: readonly number[];
}

/** How to start a program under control. */
export interface TargetSpawnOptions extends SpawnOptions, TargetOptions {}

const TRACE =
  PTRACE_O.PTRACE_O_TRACECLONE |
  PTRACE_O.PTRACE_O_TRACEFORK |
  PTRACE_O.PTRACE_O_TRACEVFORK |
  PTRACE_O.PTRACE_O_TRACEVFORKDONE |
  PTRACE_O.PTRACE_O_TRACEEXEC;
const SIGKILL = 9;

/**
 * A process that this one controls itself until that ends, or {@link Target.detach}. Made on the main thread. If this process
 * ends meanwhile, so does what it started, and its children that are under control; what it attached to is let go of. Only if
 * this process is killed by `SIGKILL`, that keeps its breakpoints: see `GuardedTarget`.
 */
export class Target implements ControlledProcess {
  readonly pid: number;
  readonly origin: Origin;
  readonly #memory: ProcessMemory;
  readonly #breakpoints: Breakpoints;
  readonly #control: ThreadControl;
  readonly #events = new EventQueue<TargetEvent>();
  readonly #options: TargetOptions;
  /** Children that are about to stop, to be let go of or taken in. */
  readonly #children = new Map<number, WaitListener>();
  /** It ends when this process does, as the kernel has it for what this process started. */
  readonly #isOurs: boolean;
  readonly #onExit = () => (this.#isOurs ? this.kill() : this.detach());
  #ended = false;
  #isLeaving = false;
  #isComing = false;

  private constructor(pid: number, options: TargetOptions, origin: Origin, isOurs = origin === "spawn") {
    this.pid = pid;
    this.origin = origin;
    this.#isOurs = isOurs;
    this.#options = options;
    this.#memory = new ProcessMemory(pid, "write");
    this.#breakpoints = new Breakpoints(this.#memory);
    this.#control = new ThreadControl(pid, this.#breakpoints, {
      emit: (event) => this.#emit(event),
      read: (address, length) => this.read(address, length),
      execed: () => {
        this.#breakpoints.forgetAll();
        this.#memory.reopen();
      },
      forked: (parent, child) => this.#expectChild(parent, child),
      orphaned: () => this.#leaveShadows(),
      shadowExeced: (child) => this.#takeChild(this.pid, child, "exec"),
      stopSignals: new Set(options.stopSignals),
    });
    onFarewell(this.#onExit);
  }

  /**
   * Starts a program, which stops before its first instruction, and ends when this process does.
   *
   * @throws HostError with the error of execve(2) if it can't be executed
   */
  static spawn(program: string, args: readonly string[] = [], options: TargetSpawnOptions = {}): Target {
    const pid = spawnStopped(program, args, options, TRACE);
    const target = new Target(pid, options, "spawn");
    target.#control.add(pid, "stopped", "stop");
    return target;
  }

  /**
   * Takes control of a running process, all of whose threads are stopped then.
   *
   * Without a guard: if this process is killed by SIGKILL, breakpoints stay in that one, which dies of the next that it comes
   * to. Processes that matter are taken by `GuardedTarget.attach`, which leaves them clean in that case, too, and takes
   * children of this process; this one saves two switches between processes for each event.
   *
   * @throws HostError if it is gone, may not be controlled or another process does so; or is a child that Node's
   * `child_process` of this very process waits for, and so would miss its end
   */
  static attach(pid: number, options: TargetOptions = {}): Target {
    if (parentOf(pid) === process.pid) {
      const what = `process ${pid}: found a child of this process, which Node waits for, expected that of another`;
      throw new HostError("HOST_UNSUPPORTED", "ptrace", what);
    }
    checkAttachable(pid);
    const target = new Target(pid, options, "attach");
    try {
      target.#isComing = true;
      target.#seizeAll();
      target.#isComing = false;
      // It may have executed another program before it stopped.
      target.#memory.reopen();
      return target;
    } catch (error) {
      target.#leave();
      throw error;
    }
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get threads(): readonly number[] {
    return this.#own().map((one) => one.tid);
  }

  get stoppedThreads(): readonly number[] {
    return this.#own()
      .filter((one) => one.state === "stopped")
      .map((one) => one.tid);
  }

  next(): Promise<TargetEvent> {
    return this.#events.next();
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    const bytes = this.#ended ? undefined : this.#memory.read(address, length);
    if (bytes !== undefined) this.#breakpoints.hide(address, bytes);
    return bytes;
  }

  write(address: bigint, bytes: Uint8Array): boolean {
    if (this.#ended) return false;
    const under = Uint8Array.from(bytes);
    this.#breakpoints.slipUnder(address, under);
    return this.#memory.write(address, under);
  }

  registers(tid: number): Registers | undefined {
    const thread = this.#control.threads.get(tid);
    const registers = thread?.state === "stopped" ? thread.registers : undefined;
    return registers === undefined ? undefined : new Registers(registers.bytes);
  }

  setRegisters(tid: number, registers: Registers): boolean {
    const thread = this.#control.threads.get(tid);
    return thread?.state === "stopped" && thread.setRegisters(registers);
  }

  get breakpoints(): readonly bigint[] {
    return this.#breakpoints.addresses;
  }

  insertBreakpoint(address: bigint): void {
    this.#breakpoints.insert(address);
  }

  removeBreakpoint(address: bigint): void {
    this.#breakpoints.remove(address);
  }

  continue(tid?: number): void {
    this.#control.run(tid === undefined ? this.#own() : this.#threadsOf(tid));
  }

  step(tid: number): void {
    const threads = this.#threadsOf(tid);
    for (const thread of threads) thread.stepping = true;
    this.#control.run(threads);
  }

  dropSignal(tid: number): void {
    for (const thread of this.#threadsOf(tid)) if (thread.state === "stopped") thread.signal = 0;
  }

  stop(): void {
    this.#control.stop();
  }

  kill(): void {
    if (!this.#ended) kill(this.pid, SIGKILL);
  }

  detach(): void {
    if (this.#ended) return;
    this.#isLeaving = true;
    try {
      this.#control.stop();
    } catch (error) {
      // One that the kernel keeps runs nothing, and is let go of when it stops.
      if (!(error instanceof HostError)) throw error;
    }
    this.#leave();
  }

  /** As {@link detach}. */
  [Symbol.dispose](): void {
    this.detach();
  }

  #own(): Thread[] {
    return [...this.#control.threads.values()].filter((one) => !one.isShadow && !one.hasEnded);
  }

  #threadsOf(tid: number): Thread[] {
    const thread = this.#control.threads.get(tid);
    return thread === undefined || thread.isShadow ? [] : [thread];
  }

  #leave(): void {
    this.#isLeaving = true;
    this.#settleChildren();
    if (this.#ended) return;
    this.#breakpoints.removeAll();
    const threads = [...this.#control.threads.values()];
    for (const thread of threads) if (thread.isShadow) this.#release(thread);
    this.#control.awaitVforks();
    for (const thread of this.#control.threads.values()) this.#release(thread);
    this.#emit({ kind: "detach" });
  }

  #release(thread: Thread): void {
    this.#control.drop(thread);
    thread.release();
  }

  #emit(event: TargetEvent): void {
    // Told later, it would be taken for another one than that which was attached to.
    if (this.#isComing && event.kind === "exec") return;
    if (event.kind === "exit" || event.kind === "detach") this.#end();
    this.#events.push(event);
  }

  #end(): void {
    this.#ended = true;
    stay(this.#onExit);
    this.#memory.close();
  }

  #seizeAll(): void {
    for (let found = true; found; ) {
      found = false;
      // New ones may come while it goes on, from threads that are not seized yet.
      for (const tid of tasksOf(this.pid)) {
        if (this.#control.threads.has(tid) || !this.#seize(tid)) continue;
        this.#control.add(tid, "running", "run");
        found = true;
      }
    }
    if (!this.#control.threads.has(this.pid)) {
      this.#control.add(this.pid, "stopped", "stop").hasEnded = true;
    }
    this.#control.stop();
  }

  /** @returns false for a thread that is ending, or that came under control with the one that made it */
  #seize(tid: number): boolean {
    try {
      return ptraceSeize(tid, TRACE);
    } catch (error) {
      const text = readTextIfAny(`/proc/${this.pid}/task/${tid}/status`) ?? "";
      const isOver = text === "" || /^State:\s*[XZ]/m.test(text);
      if (isOver || text.includes(`\nTracerPid:\t${process.pid}\n`)) return false;
      throw error;
    }
  }

  /** A child with a copy of the memory: once it stopped, its breakpoints go, and so does it, or it comes under control. */
  #expectChild(parent: number, child: number): void {
    const told = (status: WaitStatus) => {
      this.#children.delete(child);
      threadWatch.forget(child);
      if (status.kind === "stopped" && this.#cleanCopy(child)) this.#takeChild(parent, child, "fork");
    };
    this.#children.set(child, told);
    threadWatch.watch(child, told);
  }

  /** Takes all breakpoints out of a child. @returns false if it was killed meanwhile */
  #cleanCopy(child: number): boolean {
    try {
      using memory = new ProcessMemory(child, "write");
      this.#breakpoints.removeFrom(memory);
      return true;
    } catch (error) {
      return lost(child, error);
    }
  }

  #takeChild(parent: number, child: number, origin: Origin): void {
    if (this.#options.followChildren !== true || this.#isLeaving) {
      letGo(child, 0);
      return;
    }
    try {
      const target = new Target(child, this.#options, origin, this.#isOurs);
      target.#control.add(child, "stopped", "stop");
      this.#emit({ kind: "fork", pid: parent, child: target });
    } catch (error) {
      lost(child, error);
    }
  }

  #settleChildren(): void {
    // They were made stopped, unless they were killed: one or the other is told at once.
    for (const [child, told] of [...this.#children]) told(awaitThread(child));
  }

  #leaveShadows(): void {
    try {
      this.#control.stop();
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
    }
    this.#breakpoints.removeAll();
    for (const thread of [...this.#control.threads.values()]) if (thread.isShadow) this.#release(thread);
  }
}

/** A child can't be looked at any more, for it was killed: only its end is still to come. @returns false */
function lost(child: number, error: unknown): false {
  if (!(error instanceof HostError)) throw error;
  letGo(child, 0);
  return false;
}

/** Threads of a process. @throws HostError if it is gone */
function tasksOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    throw new HostError("HOST_SYSCALL", "ptrace", `found no process ${pid}`, 3);
  }
}

/** The process that started another one; `undefined` if that is gone. */
function parentOf(pid: number): number | undefined {
  const text = readTextIfAny(`/proc/${pid}/status`);
  const [, parent] = /^PPid:\s*(\d+)$/m.exec(text ?? "") ?? [];
  return parent === undefined ? undefined : Number(parent);
}
