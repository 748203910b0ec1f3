/** What is known and done of one process behind a stub, by who lets its threads run. */
import type { RemoteError } from "../../errors.ts";
import type { DataModel } from "../proc/service.ts";
import type { Registers } from "../registers.ts";
import type { ProcessEvent } from "../target/event.ts";
import type { RemoteBreakpoints } from "./breakpoints.ts";
import type { ThreadId } from "./stop-reply.ts";
import type { RemoteThreads } from "./threads.ts";

/** One process, of which all beside its threads is done by who owns this. */
export interface RemoteProcess {
  readonly pid: number;
  /** What its threads are to do next. */
  readonly threads: RemoteThreads;
  readonly breakpoints: RemoteBreakpoints;
  /** Children come under control, too. */
  readonly followsChildren: boolean;
  /** A thread stops before it gets one of these. */
  readonly stopSignals: ReadonlySet<number>;
  model(): DataModel;
  registers(tid: number): Registers | undefined;
  setRegisters(tid: number, registers: Registers): boolean;
  /** Where a thread is, by the registers that a stop reply brings along. */
  pcIn(registers: ReadonlyMap<number, string>): bigint | undefined;
  emit(event: ProcessEvent): void;
  /** Whether a SIGINT is on its way to it, as far as can be known. */
  expectsInterrupt(): boolean;
  output(bytes: Uint8Array): void;
  /** What was read is not so any more. */
  forget(): void;
  /** Another program runs; all threads but one are gone. */
  execed(): void;
  /** A child with a copy of the memory was made, which is stopped: its breakpoints go. */
  clean(child: ThreadId): void;
  /** A child comes under control, by a thread that made it. */
  take(parent: number, child: ThreadId, origin: "fork" | "exec"): void;
  /** Nothing can be done any more. */
  broken(error: RemoteError): void;
}

/** A child of vfork(2), which has its parent's memory until it executes a program or ends. It runs. */
export interface Shadow {
  readonly parent: RemoteProcess;
  /** The thread that made it. */
  readonly tid: number;
  /** A signal that it is to get, as gdb numbers them. */
  signal: number;
}
