/** What the threads of a process behind a stub are to do next, and what was told of them. */

/** Where a breakpoint is passed without telling: the thread was told of it already when a signal came between. */
interface SilentPlace {
  readonly address: bigint;
  readonly sp: bigint;
}

/** The stub stops all threads together; which of them are let run again is kept here. */
export class RemoteThreads {
  /** Those that do not run until they are let. */
  #held: Set<number> | "all" = "all";
  /** Breakpoints that threads stand at, and that were told. */
  readonly at = new Map<number, bigint>();
  readonly silent = new Map<number, SilentPlace>();
  /** Signals that threads get when they run again, as gdb numbers them. */
  readonly signals = new Map<number, number>();
  /** Those that were asked for one instruction. */
  readonly stepping = new Set<number>();

  /** Whether none may run. */
  get areAllHeld(): boolean {
    return this.#held === "all";
  }

  /** Whether all may run. */
  get areAllFree(): boolean {
    return this.#held !== "all" && this.#held.size === 0;
  }

  isHeld(tid: number): boolean {
    return this.#held === "all" || this.#held.has(tid);
  }

  hold(tid: number): void {
    if (this.#held !== "all") this.#held.add(tid);
  }

  holdAll(): void {
    this.#held = "all";
    this.stepping.clear();
  }

  /** Lets one run, or all. @param others all threads there are */
  free(tid: number | undefined, others: () => readonly number[]): void {
    if (tid === undefined) this.#held = new Set();
    else if (this.#held === "all") this.#held = new Set(others().filter((one) => one !== tid));
    else this.#held.delete(tid);
  }

  /** A thread is gone. */
  drop(tid: number): void {
    if (this.#held !== "all") this.#held.delete(tid);
    this.at.delete(tid);
    this.silent.delete(tid);
    this.signals.delete(tid);
    this.stepping.delete(tid);
  }

  /** Only this one is left, which executes another program, and is held. */
  exec(tid: number): void {
    this.#held = new Set([tid]);
    for (const kept of [this.at, this.silent, this.signals, this.stepping]) kept.clear();
  }

  /** One that stands at a breakpoint, and may run. */
  nextAtBreakpoint(): { readonly tid: number; readonly address: bigint } | undefined {
    for (const [tid, address] of this.at) if (!this.isHeld(tid)) return { tid, address };
    return undefined;
  }
}
