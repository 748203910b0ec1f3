/** What happens to a process under control. */

/** Told apart by `kind`. The thread of those marked so is stopped until it is let run. */
export type ProcessEvent =
  /** Stopped: a thread is about to execute the instruction at a breakpoint. */
  | { readonly kind: "breakpoint"; readonly tid: number; readonly address: bigint }
  /** Stopped: the one instruction that was asked for is done. */
  | { readonly kind: "step"; readonly tid: number }
  /** Stopped: another program runs now, of which nothing was executed; all breakpoints are gone with the old one. */
  | { readonly kind: "exec"; readonly tid: number }
  /**
   * A thread gets a signal, and goes on; or stops before it does, where that was asked for. `code` is `si_code`: above 0 the
   * kernel sent it, as a terminal does.
   */
  | { readonly kind: "signal"; readonly tid: number; readonly signal: number; readonly code: number }
  /** A thread began. */
  | { readonly kind: "thread-start"; readonly tid: number }
  /** A thread ended; the last one's end is that of the process. */
  | { readonly kind: "thread-end"; readonly tid: number }
  /** The process was let go of. */
  | { readonly kind: "detach" }
  /** The process ended: by itself with a code, or by a signal; of one whose first thread had ended before, neither is known. */
  | { readonly kind: "exit"; readonly code: number | undefined; readonly signal: number | undefined };

/** What happened and was not taken yet, in order. */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #waiting: ((event: Event) => void) | undefined;

  push(event: Event): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#events.push(event);
    else waiting(event);
  }

  /** The next event, as soon as there is one. One waits at a time. */
  next(): Promise<Event> {
    const event = this.#events.shift();
    if (event !== undefined) return Promise.resolve(event);
    if (this.#waiting !== undefined)
      return Promise.reject(new Error("another call waits for the next event"));
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}
