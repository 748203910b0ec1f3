/**
 * What goes on between two events of a thread: from RD_ADD or RD_DELETE until link maps are consistent again, and from the
 * start of relocation to its end.
 */
import type { LinkerEvent } from "../../rtld/index.ts";

/** What is known of an event by what was before it. */
export interface Activity {
  /** Milliseconds for which the thread has run, counted from anywhere: without those for which it was stopped. */
  readonly time: number;
  /** Name of the object that asked for it, if that is known. */
  readonly by: string | undefined;
  /** Milliseconds for which what ends now has run. */
  readonly took: number | undefined;
}

/** Keeps, thread by thread, what was begun and how long it was stopped for that. */
export class Activities {
  readonly #begun = new Map<number, { readonly by: string | undefined; readonly time: number }>();
  readonly #stopped = new Map<number, number>();

  /** Takes each event, in order. */
  begin(event: LinkerEvent): Activity {
    const { tid, state } = event;
    const time = event.time - (this.#stopped.get(tid) ?? 0);
    const begun = this.#begun.get(tid);
    if (state === "RD_ADD" || state === "RD_DELETE" || event.event === "reloc_start") {
      // Loaders tell of the same twice at times: it began at the first.
      const by = begun === undefined ? event.by?.name : begun.by;
      this.#begun.set(tid, begun ?? { by, time });
      return { time, by, took: undefined };
    }
    this.#begun.delete(tid);
    const isEnd = begun !== undefined && event.event !== "exit";
    return { time, by: isEnd ? begun.by : undefined, took: isEnd ? time - begun.time : undefined };
  }

  /** The thread is about to run on. */
  end({ tid, time }: Pick<LinkerEvent, "tid" | "time">): void {
    this.#stopped.set(tid, (this.#stopped.get(tid) ?? 0) + performance.now() - time);
  }
}
