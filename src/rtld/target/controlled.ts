/** What can be done with a process under control, whoever holds it. */
import type { ProcessFacts } from "../proc/facts.ts";
import type { Registers } from "../registers.ts";
import type { ProcessEvent } from "./event.ts";

/** What happens to a process under control, told apart by `kind`. */
export type TargetEvent =
  | ProcessEvent
  /** A child was made that is under control, too, and is stopped; after vfork(2), once it executes a program. */
  | { readonly kind: "fork"; readonly pid: number; readonly child: ControlledProcess };

/**
 * How a process came under control: `spawn` and `exec` with a program of which nothing was executed, started from here, or by
 * a process under control that shared its memory until then [vfork(2)]; `fork` as a copy of such a process.
 */
export type Origin = "spawn" | "attach" | "fork" | "exec";

/**
 * A process under control: its threads, breakpoints, registers and memory.
 *
 * Each thread stops and runs by itself: an event leaves the thread that it is about stopped and the others as they are.
 * Signals are passed on as they come, unless a stop before some was asked for.
 */
export interface ControlledProcess extends Disposable {
  /** Process id. */
  readonly pid: number;
  readonly origin: Origin;
  /** What is known of it beside what is here; if it is not there, the process is on this machine, and `/proc` says it. */
  readonly facts?: ProcessFacts;
  /** Whether it ended, or was let go of. */
  readonly hasEnded: boolean;
  /** Ids of its threads. */
  readonly threads: readonly number[];
  /** Ids of the threads that are stopped. */
  readonly stoppedThreads: readonly number[];
  /** Addresses with a breakpoint. */
  readonly breakpoints: readonly bigint[];
  /** What happens next. What was not taken yet is kept, in order; one call waits at a time. */
  next(): Promise<TargetEvent>;
  /** Memory as the program has it, without breakpoints; `undefined` if one of the bytes is not mapped. */
  read(address: bigint, length: number): Uint8Array | undefined;
  /** Writes memory, also code; breakpoints stay. @returns false if nothing is mapped there */
  write(address: bigint, bytes: Uint8Array): boolean;
  /** Registers of a stopped thread; `undefined` if it runs, or there is none. */
  registers(tid: number): Registers | undefined;
  /** Changes the registers of a stopped thread. @returns false if it runs, or there is none */
  setRegisters(tid: number, registers: Registers): boolean;
  /**
   * Puts a breakpoint at an instruction; of all threads, each that comes there stops before it. Once for each address.
   *
   * @throws HostError if nothing is mapped there
   */
  insertBreakpoint(address: bigint): void;
  /** Takes a breakpoint away. Where there is none, nothing happens. */
  removeBreakpoint(address: bigint): void;
  /** Lets a stopped thread run, or all of them. Those that run go on. */
  continue(tid?: number): void;
  /** Lets a stopped thread execute one instruction; the event `step` tells that it did. */
  step(tid: number): void;
  /** Takes back the signal that a stopped thread would get when it goes on. */
  dropSignal(tid: number): void;
  /** Stops all threads. Done when this returns. @throws HostError if one can't be stopped */
  stop(): void;
  /** Ends the process by force; the event `exit` tells that it did. */
  kill(): void;
  /**
   * Lets go of the process, which runs on as if nothing had been: without breakpoints, with the signals that it was about
   * to get, and stopped only if a signal had stopped it. Also done when the controlling process ends by itself. Twice is
   * harmless. A thread that the kernel keeps, as in vfork(2), is let go of when it comes from there, or this process ends.
   */
  detach(): void;
}
