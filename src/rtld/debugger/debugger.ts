/** A small debugger: breakpoints, steps past linkage tables, backtraces, and what the run-time linker does. */
import { readTextIfAny } from "../../dwfl/process/text-file.ts";
import { BinderyError, HostError } from "../../errors.ts";
import { GuardedTarget } from "../guard/target.ts";
import { isPending } from "../pending-signal.ts";
import { LiveProcess } from "../proc/live.ts";
import type { DataModel } from "../proc/service.ts";
import { Registers } from "../registers.ts";
import { type RemoteOptions, RemoteTarget } from "../remote/target.ts";
import type { ControlledProcess, TargetEvent } from "../target/controlled.ts";
import { Target, type TargetSpawnOptions } from "../target/target.ts";
import { backtrace, type Frame } from "./backtrace.ts";
import { type Breakpoint, type BreakpointPlace, BreakpointSites } from "./breakpoint.ts";
import { BreakpointList, type SiteOwner } from "./breakpoint-list.ts";
import { CodeMap } from "./code-map.ts";
import { LocalCode, RemoteCode } from "./code-source.ts";
import { LinkerWatch } from "./linker-watch.ts";
import { RunControl } from "./run-control.ts";
import { type DebuggerListener, STOP_SIGNALS, type Stop } from "./stop.ts";

const SIGINT = 2;
/** Milliseconds after which the other threads may run, too, if one step is not done: it may wait for one of them. */
const STEP_PATIENCE = 50;
/** Most tables that one call leads through. */
const MOST_TABLES = 16;

/** Most bytes that a binder leaves on the stack up to its last instruction: on i386 it returns into the function. */
const BINDER_WORDS = 32n;

/** A thread on its way past a linkage table. */
interface Passage {
  readonly tid: number;
  readonly address: bigint;
  /** Where its stack was: the same code is run for other calls in between. */
  readonly sp: bigint;
}

/**
 * A process that is debugged. All its threads stop together: {@link continue} and {@link step} let it run, and return why it
 * stopped. One of them at a time; {@link interrupt} ends it.
 */
export class Debugger implements Disposable {
  /** The process. */
  readonly target: ControlledProcess;
  /** What its code is, while it is stopped. */
  readonly code: CodeMap;
  /** Whether a step into a linkage table goes on into the function. */
  pltSkip = true;
  /** The thread that the last stop was about; another one may be chosen. */
  thread: number;
  readonly #listener: DebuggerListener;
  readonly #process: LiveProcess;
  readonly #control: RunControl;
  readonly #sites: BreakpointSites<SiteOwner>;
  readonly #watch: LinkerWatch;
  readonly #breakpoints: BreakpointList;
  #jitFunctions: readonly bigint[] = [];
  #stepping: number | undefined;
  #passage: Passage | undefined;
  /** The terminal's own interrupt is still on its way to the process. */
  #expectsInterrupt = false;
  #end: Extract<Stop, { kind: "exit" }> | undefined;

  private constructor(target: ControlledProcess, listener: DebuggerListener) {
    this.target = target;
    this.thread = target.pid;
    this.#listener = listener;
    this.#control = new RunControl(target);
    const read = (address: bigint, length: number) => target.read(address, length);
    this.#process = new LiveProcess(target);
    const isHere = target.facts === undefined;
    this.code = new CodeMap(
      isHere ? new LocalCode(target.pid) : new RemoteCode(this.#process, () => this.#watch.objects),
      read,
    );
    this.#sites = new BreakpointSites(
      (address) => target.insertBreakpoint(address),
      (address) => target.removeBreakpoint(address),
    );
    this.#breakpoints = new BreakpointList({
      code: this.code,
      read,
      sites: this.#sites,
      listener,
      registersOf: (tid) => this.registersOf(tid),
    });
    this.#watch = new LinkerWatch(this.#process, {
      add: (address) => this.#sites.add(address, "linker"),
      delete: (address) => this.#sites.delete(address, "linker"),
    });
    this.#watch.begin();
    this.#bind();
  }

  /**
   * Starts a program, which is stopped before its first instruction, and ends when this process does.
   *
   * @throws HostError with the error of execve(2) if it can't be executed
   */
  static spawn(
    program: string,
    args: readonly string[] = [],
    options: TargetSpawnOptions = {},
    listener: DebuggerListener = () => {},
  ): Debugger {
    return new Debugger(Target.spawn(program, args, { stopSignals: STOP_SIGNALS, ...options }), listener);
  }

  /** Takes a running process, which is stopped then. @throws HostError if it is gone, or may not be controlled */
  static attach(pid: number, listener: DebuggerListener = () => {}): Debugger {
    return new Debugger(GuardedTarget.attach(pid, { stopSignals: STOP_SIGNALS }), listener);
  }

  /**
   * Takes the process of a stub, as {@link RemoteTarget.connect} does; which is stopped.
   *
   * @throws RemoteError if there is no stub, it does not answer, or it has no process
   */
  static async connect(
    address: string,
    options: RemoteOptions = {},
    listener: DebuggerListener = () => {},
  ): Promise<Debugger> {
    const target = await RemoteTarget.connect(address, { stopSignals: STOP_SIGNALS, ...options });
    try {
      return new Debugger(target, listener);
    } catch (error) {
      target.detach();
      throw error;
    }
  }

  /** How the process ended, or that it was let go of; `undefined` while it is here. */
  get end(): Extract<Stop, { kind: "exit" }> | undefined {
    return this.#end;
  }

  /** Whether the process runs at the moment. */
  get isRunning(): boolean {
    return this.#control.isRunning;
  }

  /** Breakpoints, in the order they were set. */
  get breakpoints(): readonly Breakpoint[] {
    return this.#breakpoints.all;
  }

  /** Its run-time linker: what is loaded, and what the agent can tell. */
  get linker(): LinkerWatch {
    return this.#watch;
  }

  /** Width of words, order of bytes, machine. @throws HostError if the process is gone */
  get model(): DataModel {
    return this.#process.pdmodel();
  }

  /** What is mapped, as `/proc/PID/maps` has it where the process is; `undefined` if that can't be had. */
  get maps(): string | undefined {
    return this.#process.maps();
  }

  /** Registers of the thread, as its program has them; `undefined` if the process ended. */
  get registers(): Registers | undefined {
    return this.registersOf(this.thread);
  }

  /** Registers of a thread; `undefined` if it is gone. */
  registersOf(tid: number): Registers | undefined {
    try {
      const bytes = this.target.hasEnded ? undefined : this.#process.lgetregs(tid);
      return bytes === undefined ? undefined : Registers.of(bytes, this.model);
    } catch (error) {
      // It was killed meanwhile, and nobody was told yet.
      if (error instanceof HostError) return undefined;
      throw error;
    }
  }

  /** Frames of the thread, the innermost first. */
  *backtrace(): Generator<Frame> {
    const { registers, code, target } = this;
    if (registers === undefined) return;
    const read = (address: bigint, length: number) => target.read(address, length);
    yield* backtrace({ code, read, machine: this.model.machine }, registers);
  }

  /**
   * Sets a breakpoint. One at a symbol that is nowhere waits until an object with it is loaded or made.
   *
   * @throws HostError if nothing is mapped at a plain address
   */
  setBreakpoint(place: BreakpointPlace): Breakpoint {
    return this.#breakpoints.set(place);
  }

  /** Takes a breakpoint away. Twice is harmless. */
  deleteBreakpoint(breakpoint: Breakpoint): void {
    this.#breakpoints.delete(breakpoint);
  }

  /** Lets all threads run, until something stops them. */
  continue(): Promise<Stop> {
    return this.#run(() => this.target.continue());
  }

  /**
   * Lets the thread execute one instruction; if that leads to an entry of a linkage table, and {@link pltSkip} is on, all that
   * is needed to come past it.
   */
  async step(): Promise<Stop> {
    const tid = this.thread;
    const from = this.target.registers(tid)?.pc ?? 0n;
    const stop = await this.#stepOnce(tid);
    return stop.kind === "step" && this.pltSkip ? this.#passTables(stop, from) : stop;
  }

  /** Stops the process, if it runs: {@link continue} and {@link step} return then. */
  interrupt(): void {
    this.#control.interrupt();
  }

  /** Ends the process by force. @returns how it ended */
  kill(): Promise<Stop> {
    this.target.kill();
    return this.#run(() => {});
  }

  /** Lets go of the process, which runs on without breakpoints. Twice is harmless. */
  detach(): void {
    this.target.detach();
    this.code[Symbol.dispose]();
    this.#end ??= { kind: "exit", code: undefined, signal: undefined };
  }

  /** As {@link detach}. */
  [Symbol.dispose](): void {
    this.detach();
  }

  /** Goes past tables until there is none any more. */
  async #passTables(arrived: Stop, from: bigint): Promise<Stop> {
    let stop = arrived;
    for (let count = 0; count < MOST_TABLES && stop.kind === "step"; count++) {
      const { tid } = stop;
      const registers = this.target.registers(tid);
      const info = registers && this.#watch.pltAt(registers.pc, tid, from);
      if (registers === undefined || info === undefined) break;
      if (info.target !== 0n) stop = await this.#runTo({ tid, address: info.target, sp: registers.sp });
      for (let i = 0; i < info.nstep && stop.kind === "step"; i++) stop = await this.#stepOnce(tid);
    }
    return stop;
  }

  async #runTo(passage: Passage): Promise<Stop> {
    this.#passage = passage;
    this.#sites.add(passage.address, "table");
    try {
      return await this.#run(() => this.target.continue());
    } finally {
      this.#passage = undefined;
      this.#sites.delete(passage.address, "table");
    }
  }

  async #stepOnce(tid: number): Promise<Stop> {
    this.#stepping = tid;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await this.#run(() => {
        // Asked for now: while one runs, a stub would have to be interrupted for it.
        const others = this.target.threads.filter((one) => one !== tid);
        this.target.step(tid);
        if (others.length > 0) timer = setTimeout(() => this.#letRun(others), STEP_PATIENCE);
      });
    } finally {
      clearTimeout(timer);
      this.#stepping = undefined;
    }
  }

  #letRun(threads: readonly number[]): void {
    try {
      for (const tid of threads) this.target.continue(tid);
    } catch (error) {
      // That the process or its stub is gone is told by what comes next.
      if (!(error instanceof BinderyError)) throw error;
    }
  }

  /** @param start lets those threads run that are to */
  async #run(start: () => void): Promise<Stop> {
    if (this.#end !== undefined) return this.#end;
    for (;;) {
      const event = await this.#control.next(start);
      const stop = event.kind === "interrupt" ? this.#interrupted() : this.#on(event);
      if (stop !== undefined) {
        await this.#control.stop();
        this.code.forget();
        if (stop.kind === "exit") this.#end = stop;
        else {
          if (stop.kind === "interrupt") this.#takeInterrupt();
          this.thread = stop.tid;
        }
        return stop;
      }
      if (this.#control.isRunning && isStopped(event)) this.target.continue(event.tid);
    }
  }

  #interrupted(): Stop {
    const { threads } = this.target;
    return { kind: "interrupt", tid: threads.includes(this.thread) ? this.thread : (threads[0] ?? 0) };
  }

  /** A terminal interrupts the process, too, which is not to notice: it was meant for who debugs it. */
  #takeInterrupt(): void {
    const taken = this.#control.withdraw(isTerminalInterrupt);
    for (const event of taken) if (event.kind === "signal") this.target.dropSignal(event.tid);
    const { facts, pid } = this.target;
    const status = facts === undefined ? readTextIfAny(`/proc/${pid}/status`) : undefined;
    this.#expectsInterrupt = taken.length === 0 && isPending(status, SIGINT);
  }

  /** @returns why to stop; `undefined` to go on */
  #on(event: TargetEvent): Stop | undefined {
    switch (event.kind) {
      case "breakpoint":
        return this.#arrived(event.tid, event.address);
      case "step": {
        if (event.tid !== this.#stepping) return undefined;
        const pc = this.target.registers(event.tid)?.pc;
        return (pc === undefined ? undefined : this.#arrived(event.tid, pc)) ?? event;
      }
      case "signal":
        return this.#signalled(event);
      case "exec":
        this.#execed(event.tid);
        return undefined;
      case "exit":
        return event;
      case "detach":
        return { kind: "exit", code: undefined, signal: undefined };
      default:
        return undefined;
    }
  }

  /** A thread is where somebody wanted it to stop. */
  #arrived(tid: number, address: bigint): Stop | undefined {
    const registers = this.target.registers(tid);
    if (registers?.pc !== address) return undefined;
    const owners = [...this.#sites.at(address)];
    if (owners.includes("linker")) this.#onLinker(tid);
    if (owners.includes("jit")) this.#bind();
    const passage = this.#passage;
    const isPast = passage?.tid === tid && passage.address === address && isSameCall(passage, registers.sp);
    const breakpoint = this.#breakpoints.arrived(tid, address);
    if (breakpoint !== undefined) return { kind: "breakpoint", tid, breakpoint };
    return isPast ? { kind: "step", tid } : undefined;
  }

  #onLinker(tid: number): void {
    const message = this.#watch.arrived(tid);
    if (message === undefined) {
      const { error } = this.#watch;
      if (error !== undefined) this.#listener({ kind: "lost-linker", error });
      return;
    }
    if (message.state === "RD_CONSISTENT" || message.type === "RD_PREINIT") this.#bind();
    if (message.type !== "RD_NONE") this.#listener({ kind: "linker", tid, message });
  }

  #signalled(event: Extract<TargetEvent, { kind: "signal" }>): Stop | undefined {
    const { tid, signal } = event;
    if (!STOP_SIGNALS.includes(signal)) return undefined;
    if (!isTerminalInterrupt(event)) return { kind: "signal", tid, signal };
    this.target.dropSignal(tid);
    const isExpected = this.#expectsInterrupt;
    this.#expectsInterrupt = false;
    return isExpected ? undefined : { kind: "interrupt", tid };
  }

  #execed(tid: number): void {
    this.#sites.clear();
    this.#jitFunctions = [];
    this.code.forget();
    this.#breakpoints.forgetAddresses();
    this.#listener({ kind: "exec", tid });
    this.#watch.begin();
    this.#bind();
  }

  /** Something was loaded, unloaded or made. */
  #bind(): void {
    this.code.forget();
    const functions = this.code.jitRegisterFunctions;
    for (const one of this.#jitFunctions) if (!functions.includes(one)) this.#sites.delete(one, "jit");
    for (const one of functions) this.#sites.add(one, "jit");
    this.#jitFunctions = functions;
    this.#breakpoints.bind();
  }
}

/** Whether a thread is where it binds the call itself: what it calls for that is deeper in the stack. */
function isSameCall(passage: Passage, sp: bigint): boolean {
  return sp <= passage.sp && passage.sp - sp <= BINDER_WORDS;
}

/** Whether an event leaves its thread stopped. */
function isStopped(
  event: TargetEvent | { readonly kind: "interrupt" },
): event is TargetEvent & { tid: number } {
  if (event.kind === "signal") return STOP_SIGNALS.includes(event.signal);
  return event.kind === "breakpoint" || event.kind === "step" || event.kind === "exec";
}

/** The kernel sends it for a terminal; other processes send theirs themselves. */
function isTerminalInterrupt(event: TargetEvent): boolean {
  return event.kind === "signal" && event.signal === SIGINT && event.code > 0;
}
