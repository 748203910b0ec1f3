/** One function over many items, in threads. */
import { Worker } from "node:worker_threads";
import type { Message, Shared } from "./worker.ts";

/** What to do, and how. */
export interface Jobs<Item> {
  /** A module that calls `serveJobs` when it is loaded. */
  readonly module: URL;
  /** For the function that the module makes, in each thread: plain data. */
  readonly context: unknown;
  readonly items: readonly Item[];
  /** How much each item is; the largest are begun first, so that no thread is left alone with one at the end. */
  readonly weights: readonly number[];
  /** Threads. */
  readonly jobs: number;
  /** Is told of each item that is done, in the order in which that happens. */
  readonly onDone?: (index: number) => void;
}

/** What came of an item: a result, or the error that ended the thread which had it, such as a lack of memory. */
export type Outcome<Result> =
  | { readonly result: Result; readonly error?: undefined }
  | { readonly error: Error; readonly result?: undefined };

/**
 * Gives what came of each item, in the order of the items, as soon as it and those before it are done. Threads end when
 * there are no items left, or when the caller stops asking.
 * @throws what the function throws: it is to return what it expects to go wrong
 */
export async function* runJobs<Item, Result>(jobs: Jobs<Item>): AsyncGenerator<Outcome<Result>, void, void> {
  const run = new Run<Item, Result>(jobs);
  try {
    for (let index = 0; index < jobs.items.length; index++) yield await run.outcome(index);
  } finally {
    await run.stop();
  }
}

class Run<Item, Result> {
  readonly #jobs: Jobs<Item>;
  readonly #shared: Shared<Item>;
  /** Threads by number; one that ended is replaced. */
  readonly #threads = new Map<number, Worker>();
  /** By number: when the thread is ready, or has ended. */
  readonly #started = new Map<number, Promise<void>>();
  readonly #outcomes = new Map<number, Outcome<Result>>();
  #defect: { readonly error: unknown } | undefined;
  #stopped = false;
  /** Goes on with who waits for an outcome. */
  #wake: () => void = () => undefined;

  constructor(jobs: Jobs<Item>) {
    const { context, items, weights } = jobs;
    const largestFirst = items.map((_, index) => index);
    largestFirst.sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0));
    this.#jobs = jobs;
    this.#shared = {
      context,
      items,
      order: Uint32Array.from(largestFirst),
      next: new Int32Array(new SharedArrayBuffer(4)),
      owners: new Int32Array(new SharedArrayBuffer(4 * items.length)),
    };
    const count = Math.min(jobs.jobs, items.length);
    for (let number = 1; number <= count; number++) this.#start(number);
  }

  async outcome(index: number): Promise<Outcome<Result>> {
    for (;;) {
      if (this.#defect !== undefined) throw this.#defect.error;
      const outcome = this.#outcomes.get(index);
      if (outcome !== undefined) {
        this.#outcomes.delete(index);
        return outcome;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends all threads, those that are still starting when they are done with that: V8 may crash on the way there. */
  async stop(): Promise<void> {
    this.#stopped = true;
    Atomics.store(this.#shared.next, 0, this.#jobs.items.length);
    await Promise.all(
      [...this.#threads].map(async ([number, thread]) => {
        await this.#started.get(number);
        await thread.terminate();
      }),
    );
  }

  #start(number: number): void {
    const thread = new Worker(this.#jobs.module, { workerData: { ...this.#shared, number } });
    let cause: Error | undefined;
    this.#threads.set(number, thread);
    let ready = (): void => undefined;
    this.#started.set(
      number,
      new Promise((resolve) => {
        ready = resolve;
      }),
    );
    thread.on("message", (message: Message<Result>) => {
      ready();
      if ("ready" in message) return;
      if ("defect" in message) this.#defect ??= { error: message.defect };
      else this.#settle(message.index, { result: message.result });
      this.#wake();
    });
    thread.on("error", (error) => {
      cause = error instanceof Error ? error : new Error(String(error));
    });
    thread.on("exit", (code) => {
      ready();
      this.#threads.delete(number);
      if (!this.#stopped) this.#ended(number, cause, code);
      this.#wake();
    });
  }

  /** When a thread ends before its time, what it had is lost, and another one goes on with the rest. */
  #ended(number: number, cause: Error | undefined, code: number): void {
    const lost = this.#shared.owners.indexOf(number);
    const error = cause ?? new Error(`the thread ended with status ${code}`);
    if (lost >= 0) {
      this.#settle(lost, { error });
      this.#start(number);
    } else if (cause !== undefined || code !== 0) this.#defect ??= { error };
  }

  #settle(index: number, outcome: Outcome<Result>): void {
    this.#shared.owners[index] = 0;
    this.#outcomes.set(index, outcome);
    this.#jobs.onDone?.(index);
  }
}
