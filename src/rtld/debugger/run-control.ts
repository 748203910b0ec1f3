/** Runs a process as a whole: when one of its threads has something to tell, all of them are stopped. */
import { setImmediate as turn } from "node:timers/promises";
import type { ControlledProcess, TargetEvent } from "../target/controlled.ts";

/** Turns of this process's event loop in which nothing more comes from a process all of whose threads are stopped. */
const QUIET_TURNS = 2;

/** An interrupt that was asked for, rather than something that happened. */
export interface Interrupt {
  readonly kind: "interrupt";
}

const INTERRUPT: Interrupt = { kind: "interrupt" };

/**
 * The events of a process, one at a time. What other threads told while all were being stopped is kept, and told first when
 * the process is to run again: nothing is lost, and nothing runs before it was told.
 */
export class RunControl {
  readonly #target: ControlledProcess;
  readonly #held: TargetEvent[] = [];
  /** The call that waits for the next event: there may be one only. */
  #coming: Promise<TargetEvent> | undefined;
  #interrupt: (() => void) | undefined;
  #isRunning = false;

  constructor(target: ControlledProcess) {
    this.#target = target;
  }

  /** Whether threads run, or may. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /**
   * What happens next.
   *
   * @param start lets the process run, if it is stopped and nothing is left to tell
   */
  async next(start: () => void): Promise<TargetEvent | Interrupt> {
    if (!this.#isRunning) {
      const held = this.#held.shift();
      if (held !== undefined) return held;
      this.#isRunning = true;
      start();
    }
    const interrupted = new Promise<Interrupt>((resolve) => {
      this.#interrupt = () => resolve(INTERRUPT);
    });
    this.#coming ??= this.#target.next();
    const event = await Promise.race([this.#coming, interrupted]);
    this.#interrupt = undefined;
    if (event.kind !== "interrupt") this.#coming = undefined;
    return event;
  }

  /** Ends a wait, if somebody waits. */
  interrupt(): void {
    this.#interrupt?.();
  }

  /** Stops all threads, and keeps what they still had to tell. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    if (this.#target.hasEnded) return;
    this.#target.stop();
    // Another process may be in between; it has sent what happened before once it answers again.
    if (this.#target.threads.length === 0) return;
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      this.#coming ??= this.#target.next();
      const event = await Promise.race([this.#coming, turn()]);
      if (event === undefined) quiet++;
      else {
        this.#coming = undefined;
        this.#held.push(event);
      }
    }
  }

  /** Takes out what a test holds for of what is kept. @returns it */
  withdraw(test: (event: TargetEvent) => boolean): TargetEvent[] {
    const taken = this.#held.filter(test);
    this.#held.splice(0, this.#held.length, ...this.#held.filter((one) => !taken.includes(one)));
    return taken;
  }
}
