/** A thread of a process under control. */
import { ptraceGetRegisters, ptraceSetRegisters } from "../../host/ptrace.ts";
import { Registers } from "../registers.ts";
import { letGo } from "./let-go.ts";

/** Where a breakpoint is passed without telling: the thread was told of it already when a signal came between. */
export interface SilentPlace {
  readonly address: bigint;
  readonly sp: bigint;
}

/** State of one thread, kept by its {@link Target}. */
export class Thread {
  readonly tid: number;
  /** `listening`: stopped with its whole process by a signal, until `SIGCONT`, and not for its tracer. */
  state: "running" | "stopped" | "listening" = "running";
  /** Whether it should run when nothing is in the way. */
  wanted: "run" | "stop" = "run";
  /** Signal to give it when it runs again. */
  signal = 0;
  /** Of a breakpoint that it stands at, and that was told. */
  at: bigint | undefined;
  silent: SilentPlace | undefined;
  /** It was asked for one instruction. */
  stepping = false;
  /** A child after vfork(2) that shares the memory of its parent until it executes a program. */
  readonly isShadow: boolean;
  /** It waits in vfork(2) for such a child, and can't be stopped. */
  inVfork = false;
  /** A first thread that had ended before control began; one that executes a program takes its place. */
  hasEnded = false;
  /** A signal stopped the whole process. */
  inGroupStop = false;
  /** Its registers, if it is stopped and they were asked for since it did. */
  #registers: Registers | undefined;
  /** They are not those that the kernel has. */
  #areChanged = false;

  constructor(tid: number, isShadow: boolean) {
    this.tid = tid;
    this.isShadow = isShadow;
  }

  /** Whether it may execute instructions now. */
  get isMoving(): boolean {
    return this.state === "running" && !this.inVfork;
  }

  /** Its registers while it is stopped; what is changed there takes effect with {@link changed}. `undefined` if it is gone. */
  get registers(): Registers | undefined {
    if (this.#registers === undefined) {
      const bytes = ptraceGetRegisters(this.tid);
      if (bytes !== undefined) this.#registers = new Registers(bytes);
    }
    return this.#registers;
  }

  /** Its registers were changed, and are to be written before it runs. */
  changed(): void {
    this.#areChanged = true;
  }

  /** Changes its registers. @returns false if it is gone */
  setRegisters({ bytes }: Registers): boolean {
    if (!ptraceSetRegisters(this.tid, bytes)) return false;
    this.forget();
    return true;
  }

  /** It stopped anew: what was known of its registers is old. */
  forget(): void {
    this.#registers = undefined;
    this.#areChanged = false;
  }

  /** Is called before it runs: its registers become what they were changed to. */
  prepare(): void {
    if (this.#areChanged && this.#registers !== undefined)
      ptraceSetRegisters(this.tid, this.#registers.bytes);
    this.forget();
  }

  /** Lets go of it, with the signal that it was about to get. */
  release(): void {
    this.prepare();
    letGo(this.tid, this.signal);
  }
}
