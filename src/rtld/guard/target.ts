/** A process that a guard controls for this one. */
import { HostError } from "../../errors.ts";
import { ProcessMemory } from "../../host/process-memory.ts";
import { Registers } from "../registers.ts";
import { checkAttachable } from "../target/attachable.ts";
import type { ControlledProcess, Origin, TargetEvent } from "../target/controlled.ts";
import { EventQueue } from "../target/event.ts";
import type { TargetOptions } from "../target/target.ts";
import { type GuardEvent, GuardLink } from "./link.ts";

/**
 * A running process under control, by a process in between that lets go of it, cleanly, also if this one is killed: no
 * breakpoint and no stopped thread is left behind. It may be a child of this process, however that was started.
 */
export class GuardedTarget implements ControlledProcess {
  readonly pid: number;
  readonly origin: Origin;
  readonly #link: GuardLink;
  readonly #memory: ProcessMemory;
  /** Breakpoints, and what they replace. */
  readonly #replaced = new Map<bigint, number>();
  readonly #events = new EventQueue<TargetEvent>();
  /** Registers of threads that are stopped, which came with their events. */
  readonly #registers = new Map<number, Uint8Array>();
  /** How many times all threads were let run. */
  #runs = 0;
  #ended = false;

  private constructor(pid: number, link: GuardLink, origin: Origin) {
    this.pid = pid;
    this.origin = origin;
    this.#link = link;
    this.#memory = new ProcessMemory(pid, "read");
    link.listen(pid, ({ event, registers, runs }) => {
      if (registers !== undefined && "tid" in event && runs === this.#runs)
        this.#registers.set(event.tid, registers);
      this.#on(event);
    });
  }

  /**
   * Takes control of a running process, all of whose threads are stopped then. Whatever becomes of this process, that one is
   * let go of without a breakpoint in it.
   *
   * @throws HostError if it is gone, a thread, or this very process, may not be controlled, or another process does so
   */
  static attach(pid: number, options: TargetOptions = {}): GuardedTarget {
    checkAttachable(pid);
    const link = new GuardLink();
    link.listen(pid, () => {});
    try {
      link.ask(pid, "attach", options);
      return new GuardedTarget(pid, link, "attach");
    } catch (error) {
      link.forget(pid);
      throw error;
    }
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  get threads(): readonly number[] {
    return this.#ended ? [] : (this.#link.ask(this.pid, "threads") as number[]);
  }

  get stoppedThreads(): readonly number[] {
    return this.#ended ? [] : (this.#link.ask(this.pid, "stoppedThreads") as number[]);
  }

  get breakpoints(): readonly bigint[] {
    return [...this.#replaced.keys()];
  }

  next(): Promise<TargetEvent> {
    return this.#events.next();
  }

  read(address: bigint, length: number): Uint8Array | undefined {
    const bytes = this.#ended ? undefined : this.#memory.read(address, length);
    if (bytes === undefined) return undefined;
    for (const [at, byte] of this.#replaced) {
      const offset = at - address;
      if (offset >= 0n && offset < BigInt(length)) bytes[Number(offset)] = byte;
    }
    return bytes;
  }

  write(address: bigint, bytes: Uint8Array): boolean {
    if (this.#ended || this.#link.ask(this.pid, "write", address, bytes) !== true) return false;
    for (const at of this.#replaced.keys()) {
      const byte = bytes[Number(at - address)];
      if (at >= address && byte !== undefined) this.#replaced.set(at, byte);
    }
    return true;
  }

  registers(tid: number): Registers | undefined {
    if (this.#ended) return undefined;
    const bytes = this.#registers.get(tid) ?? this.#link.ask(this.pid, "registers", tid);
    return bytes === undefined ? undefined : new Registers(bytes as Uint8Array);
  }

  setRegisters(tid: number, registers: Registers): boolean {
    this.#registers.delete(tid);
    return !this.#ended && this.#link.ask(this.pid, "setRegisters", tid, registers.bytes) === true;
  }

  insertBreakpoint(address: bigint): void {
    const [byte] = this.read(address, 1) ?? [];
    this.#link.ask(this.pid, "insertBreakpoint", address);
    if (byte !== undefined) this.#replaced.set(address, byte);
  }

  removeBreakpoint(address: bigint): void {
    if (!this.#ended) this.#link.ask(this.pid, "removeBreakpoint", address);
    this.#replaced.delete(address);
  }

  continue(tid?: number): void {
    if (tid === undefined) {
      this.#runs++;
      this.#registers.clear();
    } else this.#registers.delete(tid);
    if (!this.#ended) this.#link.tell(this.pid, "continue", tid);
  }

  step(tid: number): void {
    this.#registers.delete(tid);
    if (!this.#ended) this.#link.tell(this.pid, "step", tid);
  }

  dropSignal(tid: number): void {
    if (!this.#ended) this.#link.ask(this.pid, "dropSignal", tid);
  }

  stop(): void {
    if (!this.#ended) this.#link.ask(this.pid, "stop");
  }

  kill(): void {
    if (!this.#ended) this.#link.ask(this.pid, "kill");
  }

  detach(): void {
    if (this.#ended) return;
    this.#link.ask(this.pid, "detach");
    this.#on({ kind: "detach" });
  }

  /** As {@link detach}. */
  [Symbol.dispose](): void {
    this.detach();
  }

  #on(event: GuardEvent): void {
    if (this.#ended) return;
    if (event.kind === "fork") {
      const child = this.#takeChild(event.child, event.origin);
      if (child !== undefined) this.#events.push({ kind: "fork", pid: event.pid, child });
      return;
    }
    if (event.kind === "exec") {
      this.#replaced.clear();
      this.#memory.reopen();
    }
    if (event.kind === "exit" || event.kind === "detach") {
      this.#ended = true;
      this.#memory.close();
      this.#link.forget(this.pid);
    }
    this.#events.push(event);
  }

  /** @returns `undefined` if it was killed meanwhile */
  #takeChild(pid: number, origin: Origin): GuardedTarget | undefined {
    try {
      return new GuardedTarget(pid, this.#link, origin);
    } catch (error) {
      if (error instanceof HostError) return undefined;
      throw error;
    }
  }
}
