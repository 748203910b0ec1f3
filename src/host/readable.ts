/** Tells when there is something to read, of descriptors that are read by who waits for it [fcntl(2), `O_ASYNC`]. */
import { isMainThread } from "node:worker_threads";
import { HostError } from "../errors.ts";
import { nativeFunction, systemError } from "./ffi.ts";

const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN = 8;
const O_ASYNC = 0o20000;

const fcntl = nativeFunction<(fd: number, command: number, value: number) => number>(
  "int fcntl(int fd, int command, int64_t value)",
);

/** Some timer: while descriptors are watched, the process has something to wait for. */
const LONG = 2 ** 30;

/**
 * Watches sockets and pipes. The kernel says by `SIGIO` that there is something to read on one of them, and each listener
 * looks whether it is on its own, which it reads as far as it wants, and without waiting.
 */
class ReadableWatch {
  readonly #watched = new Map<number, () => void>();
  #isListening = false;
  #alive: NodeJS.Timeout | undefined;

  /**
   * Begins to watch a descriptor; its listener is called soon, for what is there already. Of one that is watched already,
   * nothing changes.
   *
   * @throws HostError off the main thread
   */
  watch(fd: number, listener: () => void): void {
    if (this.#watched.has(fd)) return;
    if (!isMainThread) {
      const what = "found a worker, expected the main thread: Node tells signals to that one only";
      throw new HostError("HOST_UNSUPPORTED", "fcntl", what);
    }
    if (!this.#isListening) {
      // For good: a signal may be on its way after the last descriptor was forgotten, and would end the process.
      process.on("SIGIO", () => this.#look());
      this.#isListening = true;
    }
    setAsync(fd, true);
    if (this.#watched.size === 0) this.#alive = setInterval(() => {}, LONG);
    this.#watched.set(fd, listener);
    setImmediate(() => this.#watched.get(fd)?.());
  }

  /** Ends to watch a descriptor, which is still open. */
  forget(fd: number): void {
    if (!this.#watched.delete(fd)) return;
    setAsync(fd, false);
    if (this.#watched.size === 0) clearInterval(this.#alive);
  }

  #look(): void {
    for (const listener of [...this.#watched.values()]) listener();
  }
}

function setAsync(fd: number, on: boolean): void {
  const flags = fcntl(fd, F_GETFL, 0);
  const isOwned = !on || fcntl(fd, F_SETOWN, process.pid) === 0;
  if (flags < 0 || !isOwned || fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC) !== 0) {
    throw systemError("fcntl", `descriptor ${fd}`);
  }
}

/** The one watch: the kernel tells a process, not a part of it. */
export const readableWatch = new ReadableWatch();
