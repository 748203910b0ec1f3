/** The side of {@link runJobs} that is in a thread. */
import { parentPort, workerData } from "node:worker_threads";

/** What all threads of a run have in common. */
export interface Shared<Item> {
  readonly context: unknown;
  readonly items: readonly Item[];
  /** Numbers of items in the order in which they are begun. */
  readonly order: Uint32Array;
  /** How many were begun. Shared memory. */
  readonly next: Int32Array;
  /** Of each item: the number of the thread that has it, 0 before and afterwards. Shared memory. */
  readonly owners: Int32Array;
}

/** What a thread says: that it is ready to begin, the result of an item, or that its function threw. */
export type Message<Result> =
  | { readonly ready: true }
  | { readonly index: number; readonly result: Result }
  | { readonly defect: unknown };

/**
 * Runs a function over items until none is left, beside other threads that take from the same ones.
 * @param make makes the function from what {@link runJobs} was given as `context`
 */
export async function serveJobs<Context, Item, Result>(
  make: (context: Context) => Promise<(item: Item) => Result>,
): Promise<void> {
  const { context, items, order, next, owners, number } = workerData as Shared<Item> & { number: number };
  const say = (message: Message<Result>): void => parentPort?.postMessage(message);
  try {
    const run = await make(context as Context);
    say({ ready: true });
    for (;;) {
      const index = order[Atomics.add(next, 0, 1)];
      const item = index === undefined ? undefined : items[index];
      if (index === undefined || item === undefined) return;
      Atomics.store(owners, index, number);
      say({ index, result: run(item) });
    }
  } catch (defect) {
    say({ defect });
  }
}
