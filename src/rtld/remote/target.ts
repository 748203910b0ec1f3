/** A process that a stub controls: gdbserver, qemu, rr and others that speak gdb's remote protocol [GDB manual, "Remote Protocol"]. */
import { HostError, RemoteError } from "../../errors.ts";
import { instructionAddress } from "../machine/address.ts";
import { isPending } from "../pending-signal.ts";
import type { Registers } from "../registers.ts";
import type { ControlledProcess, Origin, TargetEvent } from "../target/controlled.ts";
import { EventQueue } from "../target/event.ts";
import { RemoteBreakpoints } from "./breakpoints.ts";
import { RemoteControl } from "./control.ts";
import { machineOfArchitecture, plainRegisters } from "./description.ts";
import { RemoteFacts, type RemoteFiles } from "./facts.ts";
import { RemoteFileStore } from "./files.ts";
import { found } from "./link.ts";
import { RemoteMemory } from "./memory.ts";
import type { RemoteProcess } from "./process.ts";
import { RemoteRegisters } from "./registers.ts";
import { parseStopReply, type ThreadId } from "./stop-reply.ts";
import { RemoteStub, type StubOptions } from "./stub.ts";
import { RemoteThreads } from "./threads.ts";

/** How to control a process through a stub. */
export interface RemoteOptions extends StubOptions, RemoteFiles {
  /** Signals before which a thread stops; it gets the signal when it goes on. By default none. */
  readonly stopSignals?: readonly number[];
  /** A process there that a stub without one attaches to, as `gdbserver --multi` does. */
  readonly attach?: number;
  /** A program there, and its arguments, that a stub without a process starts. */
  readonly run?: readonly string[];
  /** Whether children come under control, too. Not by default; and not all stubs tell of them. */
  readonly followChildren?: boolean;
  /** Takes what the program prints through the stub, as some without a system do; by default it is printed. */
  readonly onOutput?: (bytes: Uint8Array) => void;
}

const SIGINT = 2;
const SIGKILL = 9;
/** Bytes of the longest breakpoint instruction. */
const LONGEST_TRAP = 8n;

/**
 * A process that a stub controls until it ends, or {@link RemoteTarget.detach}. Made on the main thread.
 *
 * Stubs stop and start all threads together: at an event all are stopped, and those that it is not about run on as soon as
 * one is let run; so are those of children that are under control. Who reads or changes something while the process runs
 * interrupts it for the time that takes. Other children run free, without breakpoints; begin and end of threads are not told.
 * What can be thrown besides is a RemoteError, where the connection breaks.
 */
export class RemoteTarget implements ControlledProcess {
  readonly pid: number;
  readonly origin: Origin;
  readonly facts: RemoteFacts;
  readonly #stub: RemoteStub;
  readonly #threads = new RemoteThreads();
  readonly #memory: RemoteMemory;
  readonly #breakpoints: RemoteBreakpoints;
  readonly #control: RemoteControl;
  readonly #process: RemoteProcess;
  readonly #files: RemoteFileStore;
  readonly #events = new EventQueue<TargetEvent | { readonly kind: "broken"; readonly error: RemoteError }>();
  readonly #onExit = () => this.#leave();
  #registers: RemoteRegisters | undefined;
  #error: RemoteError | undefined;
  #hasEnded = false;

  private constructor(stub: RemoteStub, control: RemoteControl, options: RemoteOptions, how: Taken) {
    this.#stub = stub;
    this.#control = control;
    this.pid = how.pid;
    this.origin = how.origin;
    const { link } = stub;
    const turn = () => stub.turn(this.pid);
    turn();
    this.#memory = new RemoteMemory(link, stub.packetSize, turn);
    this.#breakpoints = new RemoteBreakpoints(link, this.#memory, turn);
    const { architecture, registers } = stub.description();
    if (registers.length > 0) this.#registers = new RemoteRegisters(link, registers);
    const { onOutput = (bytes) => process.stdout.write(bytes) } = options;
    const ask = (question: string) => link.ask(question);
    this.#files = new RemoteFileStore({ pid: this.pid, packetSize: stub.packetSize, ask });
    this.#process = {
      pid: this.pid,
      threads: this.#threads,
      breakpoints: this.#breakpoints,
      followsChildren: options.followChildren === true,
      stopSignals: new Set(options.stopSignals),
      model: () => this.facts.model(),
      registers: (tid) => this.registers(tid),
      setRegisters: (tid, changed) => this.setRegisters(tid, changed),
      pcIn: (known) => this.#registerFile().pcIn(known, this.facts.model()),
      emit: (event) => this.#emit(event),
      expectsInterrupt: () => isPending(this.#text("status"), SIGINT),
      output: onOutput,
      forget: () => this.#forget(),
      execed: () => this.#onExec(),
      clean: (child) => this.#clean(child),
      take: (parent, { pid }, origin) => {
        const target = new RemoteTarget(stub, control, options, { pid, origin });
        this.#emit({ kind: "fork", pid: parent, child: target });
      },
      broken: (error) => this.#break(error),
    };
    control.add(this.#process);
    this.facts = new RemoteFacts(
      {
        memory: { name: link.name, read: (address, length) => this.read(address, length) },
        machine: machineOfArchitecture(architecture),
        object: (name, annex) =>
          control.atRest(() => {
            turn();
            return stub.object(name, annex);
          }),
        served: (path) => this.#served(path),
        maps: () => this.#text("maps"),
      },
      options,
    );
    process.once("exit", this.#onExit);
  }

  /**
   * Connects to a stub, whose process is stopped then.
   *
   * @param address `HOST:PORT`; the path of a socket, with `unix:` or a slash before it; or `| COMMAND`, such as
   * `| gdbserver - PROGRAM`, whose standard input and output are the connection
   * @throws RemoteError if there is no stub, it does not answer, or it has no process
   */
  static async connect(address: string, options: RemoteOptions = {}): Promise<RemoteTarget> {
    const stub = await RemoteStub.connect(address, options);
    try {
      const { pid, tid } = firstThread(stub, options);
      const own = pid || tid;
      if (options.followChildren === true && !stub.tellsOfChildren) {
        throw stub.link.error(
          "RSP_UNSUPPORTED",
          "found no events of children, expected a stub that tells of them",
        );
      }
      const id = stub.hasProcesses ? `:${own.toString(16)}` : "";
      const origin = stub.link.ask(`qAttached${id}`) === "0" ? "spawn" : "attach";
      return new RemoteTarget(stub, new RemoteControl(stub), options, { pid: own, origin });
    } catch (error) {
      stub.link.close();
      throw error;
    }
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get threads(): readonly number[] {
    return this.hasEnded ? [] : this.#control.atRest(() => this.#listThreads());
  }

  /** All, while the stub has them stopped. */
  get stoppedThreads(): readonly number[] {
    return this.#control.isStopped ? this.#listThreads() : [];
  }

  get breakpoints(): readonly bigint[] {
    return this.#breakpoints.addresses;
  }

  /** The promise rejects with a RemoteError once the connection broke. */
  async next(): Promise<TargetEvent> {
    if (this.#error !== undefined) throw this.#error;
    const event = await this.#events.next();
    if (event.kind === "broken") throw event.error;
    return event;
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    if (this.hasEnded) return undefined;
    return this.#control.atRest(() => {
      const bytes = this.#memory.read(address, length);
      if (bytes !== undefined) this.#breakpoints.hide(address, bytes);
      return bytes;
    });
  }

  write(address: bigint, bytes: Uint8Array): boolean {
    if (this.hasEnded) return false;
    return this.#control.atRest(() => {
      const end = address + BigInt(bytes.length);
      const under = this.#breakpoints.addresses.filter((at) => at < end && at + LONGEST_TRAP > address);
      return this.#breakpoints.without(under, this.facts.model(), () => this.#memory.write(address, bytes));
    });
  }

  registers(tid: number): Registers | undefined {
    return this.#withThread(tid, () => this.#registerFile().get(tid, this.facts.model()));
  }

  setRegisters(tid: number, registers: Registers): boolean {
    const { at } = this.#threads;
    const model = this.facts.model();
    const set = this.#withThread(tid, () => {
      if (instructionAddress(at.get(tid) ?? -1n, model) !== registers.pc) at.delete(tid);
      return this.#registerFile().set(tid, registers, model);
    });
    return set === true;
  }

  insertBreakpoint(address: bigint): void {
    if (this.hasEnded || this.#breakpoints.has(address)) return;
    try {
      this.#control.atRest(() => this.#breakpoints.insert(address, this.facts.model()));
    } catch (error) {
      if (!(error instanceof RemoteError) || error.code !== "RSP_REFUSED") throw error;
      throw new HostError("HOST_UNSUPPORTED", "breakpoint", error.message);
    }
  }

  removeBreakpoint(address: bigint): void {
    if (this.hasEnded || !this.#breakpoints.has(address)) return;
    this.#control.atRest(() => this.#breakpoints.remove(address, this.facts.model()));
  }

  continue(tid?: number): void {
    if (this.hasEnded) return;
    const threads = this.#threads;
    const free = () => threads.free(tid, () => this.threads);
    const isHeld = tid === undefined ? !threads.areAllFree : threads.isHeld(tid);
    // One that is held while others run is let run with them, after all were stopped.
    if (isHeld) this.#control.atRest(free);
    else free();
    this.#control.go();
  }

  step(tid: number): void {
    if (this.hasEnded) return;
    this.#threads.stepping.add(tid);
    this.continue(tid);
  }

  dropSignal(tid: number): void {
    this.#threads.signals.delete(tid);
  }

  stop(): void {
    this.#control.interrupt();
    this.#threads.holdAll();
    // Others run on.
    if (this.#control.isShared) this.#control.go();
  }

  /** Where the connection breaks meanwhile, {@link next} says so. */
  kill(): void {
    if (this.hasEnded) return;
    const { link } = this.#stub;
    try {
      this.#control.interrupt();
      if (this.hasEnded) return;
      if (link.ask(`vKill;${this.pid.toString(16)}`) !== "OK") link.send("k");
    } catch (error) {
      if (error instanceof RemoteError) return;
      throw error;
    }
    this.#emit({ kind: "exit", code: undefined, signal: SIGKILL });
    this.#goOnSoon();
  }

  detach(): void {
    if (this.hasEnded) return;
    this.#control.interrupt();
    if (this.hasEnded) return;
    const model = this.facts.model();
    for (const address of this.#breakpoints.addresses) this.#breakpoints.remove(address, model);
    this.#control.release(this.#process);
    this.#emit({ kind: "detach" });
    this.#goOnSoon();
  }

  /** As {@link detach}. */
  [Symbol.dispose](): void {
    this.detach();
  }

  /** Does something with a stopped thread; `undefined` if it runs, or there is none. */
  #withThread<T>(tid: number, action: () => T): T | undefined {
    if (
      this.hasEnded ||
      !(this.#control.isStopped || (this.#control.isShared && this.#threads.isHeld(tid)))
    ) {
      return undefined;
    }
    return this.#control.atRest(() => (this.#stub.select({ pid: this.pid, tid }) ? action() : undefined));
  }

  /** Others run on, unless they are let go of at the same time: an interrupt for that would reach those that are free. */
  #goOnSoon(): void {
    setImmediate(() => this.#control.go());
  }

  /** Breakpoints that a child has with its copy of the memory. */
  #clean(child: ThreadId): void {
    const memory = new RemoteMemory(this.#stub.link, this.#stub.packetSize, () => this.#stub.select(child));
    this.#stub.select(child);
    this.#breakpoints.removeFrom(memory, this.facts.model());
  }

  #listThreads(): number[] {
    const threads = this.#stub.threads().filter(({ pid }) => pid === this.pid || pid === 0);
    return threads.length === 0 ? [this.pid] : threads.map(({ tid }) => tid);
  }

  #registerFile(): RemoteRegisters {
    this.#registers ??= new RemoteRegisters(this.#stub.link, plainRegisters(this.facts.model().machine));
    return this.#registers;
  }

  #served(path: string): { readonly path: string | undefined } | undefined {
    if (this.hasEnded) return { path: undefined };
    return this.#control.atRest(() => (this.#files.isServed ? { path: this.#files.path(path) } : undefined));
  }

  /** One of the process's files in `/proc`. */
  #text(name: string): string | undefined {
    if (this.hasEnded) return undefined;
    return this.#control.atRest(() =>
      this.#files.isServed ? this.#files.text(`/proc/${this.pid}/${name}`) : undefined,
    );
  }

  #forget(): void {
    this.#memory.forget();
    this.#registers?.forget();
  }

  #onExec(): void {
    this.#forget();
    this.#breakpoints.forget();
    this.facts.forget();
    this.#stub.turn(this.pid);
    const { registers } = this.#stub.description();
    this.#registers = registers.length > 0 ? new RemoteRegisters(this.#stub.link, registers) : undefined;
  }

  #emit(event: TargetEvent): void {
    if (event.kind === "exit" || event.kind === "detach") this.#end();
    this.#events.push(event);
  }

  #break(error: RemoteError): void {
    this.#end();
    this.#error = error;
    this.#events.push({ kind: "broken", error });
  }

  #end(): void {
    this.#hasEnded = true;
    this.#files.close();
    this.#control.leave(this.pid);
    process.off("exit", this.#onExit);
  }

  /** This process exits: nobody is left to tell what can't be done. */
  #leave(): void {
    try {
      this.detach();
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
    }
  }
}

/** How a process came under control. */
interface Taken {
  readonly pid: number;
  readonly origin: Origin;
}

/** The thread that the stub says has stopped, or any, once it has the process that was asked for. */
function firstThread(stub: RemoteStub, { attach, run }: RemoteOptions): ThreadId {
  const { link } = stub;
  if (attach !== undefined || run !== undefined) link.demand("!", "processes that are asked for");
  const hex = (text: string) => Buffer.from(text).toString("hex");
  const answer =
    attach !== undefined
      ? link.demand(`vAttach;${attach.toString(16)}`, `attaching to process ${attach}`)
      : run !== undefined
        ? link.demand(`vRun;${run.map(hex).join(";")}`, `starting ${run[0] ?? "a program"}`)
        : link.ask("?");
  const reply = parseStopReply(answer);
  if (reply?.kind !== "stop") {
    throw link.error("RSP_BAD_REPLY", `${found(answer)}, expected a process that is stopped`);
  }
  return reply.thread ?? stub.threads()[0] ?? { pid: 1, tid: 1 };
}
