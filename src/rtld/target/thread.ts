/** A thread of a process under control. */
import type { Registers } from "../registers.ts";

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
  /** Its registers where it stopped, if they were asked for and are the same still. */
  registers: Registers | undefined;
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

  constructor(tid: number, isShadow: boolean) {
    this.tid = tid;
    this.isShadow = isShadow;
  }

  /** Whether it may execute instructions now. */
  get isMoving(): boolean {
    return this.state === "running" && !this.inVfork;
  }
}
