/** waitpid(2) and its kin: what became of children and traced threads. */
import { isMainThread } from "node:worker_threads";
import { HostError } from "../errors.ts";
import { nativeFunction, systemError } from "./ffi.ts";

const WNOHANG = 1;
const WUNTRACED = 2;
const WSTOPPED = 2;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
const __WALL = 0x4000_0000;
const P_ALL = 0;
const P_PID = 1;
const EINTR = 4;

const c = {
  waitpid: nativeFunction<(pid: number, status: Int32Array, options: number) => number>(
    "int waitpid(int pid, int32_t *status, int options)",
  ),
  waitid: nativeFunction<(type: number, id: number, info: Int32Array, options: number) => number>(
    "int waitid(int type, int id, int32_t *info, int options)",
  ),
  kill: nativeFunction<(pid: number, signal: number) => number>("int kill(int pid, int signal)"),
};

/** What happened to a thread: `status` of waitpid(2), taken apart. */
export type WaitStatus =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: number; readonly core: boolean }
  /** `event` is a `PTRACE_EVENT`, or 0. */
  | { readonly kind: "stopped"; readonly signal: number; readonly event: number };

const status = new Int32Array(1);

/** What happened to a thread since it was asked last; `undefined` if nothing did, or it is not ours. */
export function pollThread(tid: number): WaitStatus | undefined {
  return c.waitpid(tid, status, WNOHANG | __WALL) === tid ? decode(status[0] ?? 0) : undefined;
}

/**
 * Waits, without letting anything else happen here, for what happens to a thread next: for those of which it is known that
 * something will at once.
 *
 * @throws HostError if it is no child and not traced
 */
export function awaitThread(tid: number): WaitStatus {
  for (;;) {
    if (c.waitpid(tid, status, WUNTRACED | __WALL) === tid) return decode(status[0] ?? 0);
    const error = systemError("waitpid", `thread ${tid}`);
    if (error.errno !== EINTR) throw error;
  }
}

function decode(word: number): WaitStatus {
  const signal = word & 0x7f;
  if (signal === 0) return { kind: "exited", code: (word >> 8) & 0xff };
  if (signal !== 0x7f) return { kind: "killed", signal, core: (word & 0x80) !== 0 };
  return { kind: "stopped", signal: (word >> 8) & 0xff, event: word >> 16 };
}

const info = new Int32Array(32);

/** A child or traced thread of which there is something to know, which stays to be asked for; `undefined` for none. */
function peek(): number | undefined {
  info.fill(0);
  if (c.waitid(P_ALL, 0, info, WNOHANG | WSTOPPED | WEXITED | WNOWAIT | __WALL) !== 0) return undefined;
  // si_pid: behind si_signo, si_errno, si_code and what aligns the rest.
  const pid = info[4] ?? 0;
  return pid === 0 ? undefined : pid;
}

/** Whether a thread is a child of this process, or traced by it, and not yet asked for how it ended. */
export function isOurs(tid: number): boolean {
  return c.waitid(P_PID, tid, info, WNOHANG | WEXITED | WNOWAIT | __WALL) === 0;
}

/** Sends a signal. @returns false if there is no such process */
export function kill(pid: number, signal: number): boolean {
  if (c.kill(pid, signal) === 0) return true;
  const error = systemError("kill", `process ${pid}`);
  if (error.errno === 3) return false;
  throw error;
}

/** Called with each thing that happens to a thread. */
export type WaitListener = (status: WaitStatus) => void;

/** Most things that are told in a row before others of this process have their turn. */
const BURST = 256;
/** Some timer: while threads are watched, the process has something to wait for. */
const LONG = 2 ** 30;

/**
 * Tells what happens to threads that this process traces. The kernel says with `SIGCHLD` that something happened; which
 * thread it is about is looked at without taking it, so that children that others started stay theirs.
 */
class ThreadWatch {
  readonly #watched = new Map<number, WaitListener>();
  /** Those for which this process stays. */
  readonly #kept = new Set<number>();
  readonly #onSignal = () => this.#drain();
  #alive: NodeJS.Timeout | undefined;
  #draining = false;
  #again: NodeJS.Immediate | undefined;

  /**
   * Begins to watch a thread; what happened to it before is told soon.
   *
   * @param options whether this process stays as long as it is watched
   * @throws HostError off the main thread
   */
  watch(tid: number, listener: WaitListener, { keepsAlive = true } = {}): void {
    if (!isMainThread) {
      const what = "found a worker, expected the main thread: Node tells signals to that one only";
      throw new HostError("HOST_UNSUPPORTED", "wait", what);
    }
    if (this.#watched.size === 0) process.on("SIGCHLD", this.#onSignal);
    this.#watched.set(tid, listener);
    if (keepsAlive) {
      this.#kept.add(tid);
      this.#alive ??= setInterval(() => {}, LONG);
    }
    this.#soon();
  }

  /** Ends to watch a thread. */
  forget(tid: number): void {
    if (this.#kept.delete(tid) && this.#kept.size === 0) {
      clearInterval(this.#alive);
      this.#alive = undefined;
    }
    if (this.#watched.delete(tid) && this.#watched.size === 0) process.off("SIGCHLD", this.#onSignal);
  }

  #soon(): void {
    this.#again ??= setImmediate(() => {
      this.#again = undefined;
      this.#drain();
    });
  }

  #drain(): void {
    // A listener may do what calls for a look: the look that goes on sees to it.
    if (this.#draining) return;
    this.#draining = true;
    try {
      for (let count = 0; this.#watched.size > 0; count++) {
        if (count === BURST) {
          // The kernel names the same one first each time, of which there may always be more to know: the others have their turn.
          for (const one of [...this.#watched.keys()]) this.#take(one);
          this.#soon();
          return;
        }
        const tid = peek();
        if (tid === undefined) return;
        // One that is not watched hides others behind it.
        if (!this.#take(tid) && !this.#takeAny()) return;
      }
    } finally {
      this.#draining = false;
    }
  }

  #takeAny(): boolean {
    for (const tid of [...this.#watched.keys()]) if (this.#take(tid)) return true;
    return false;
  }

  #take(tid: number): boolean {
    const listener = this.#watched.get(tid);
    const found = listener === undefined ? undefined : pollThread(tid);
    if (found === undefined) return false;
    listener?.(found);
    return true;
  }
}

/** The one watch: the kernel tells a process, not a part of it. */
export const threadWatch = new ThreadWatch();
