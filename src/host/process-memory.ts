/** Memory of another process through `/proc/PID/mem` [proc(5)], past the protection of its pages. */
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { HostError } from "../errors.ts";
import { type NativeInteger, nativeFunction } from "./ffi.ts";
import { whyEmpty } from "./process-state.ts";

// Called as they are: Node's readSync and writeSync take several times as long for a few bytes.
const c = {
  pread: nativeFunction<(fd: number, bytes: Uint8Array, length: number, at: bigint) => NativeInteger>(
    "int64_t pread64(int fd, uint8_t *bytes, size_t length, uint64_t at)",
  ),
  pwrite: nativeFunction<(fd: number, bytes: Uint8Array, length: number, at: bigint) => NativeInteger>(
    "int64_t pwrite64(int fd, const uint8_t *bytes, size_t length, uint64_t at)",
  ),
};

/** Opened once: it stays that of the program that runs now, until {@link ProcessMemory.reopen}. */
export class ProcessMemory implements Disposable {
  /** How messages call it. */
  readonly name: string;
  readonly #pid: number;
  readonly #mode: "r" | "r+";
  #descriptor: number | undefined;

  /** @throws HostError if the process is gone or may not be looked at */
  constructor(pid: number, access: "read" | "write") {
    this.name = `memory of process ${pid}`;
    this.#pid = pid;
    this.#mode = access === "read" ? "r" : "r+";
    this.reopen();
  }

  /** All of `length` bytes at an address; `undefined` if one of them is not mapped, or the process is gone. */
  read(address: bigint, length: number): Uint8Array | undefined {
    const bytes = new Uint8Array(length);
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return undefined;
    for (let done = 0; done < length; ) {
      const rest = done === 0 ? bytes : bytes.subarray(done);
      const count = Number(c.pread(descriptor, rest, rest.length, address + BigInt(done)));
      if (count <= 0) return undefined;
      done += count;
    }
    return bytes;
  }

  /** Writes bytes; where the process may not write, it gets a page of its own. @returns false if nothing is mapped there */
  write(address: bigint, bytes: Uint8Array): boolean {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) return false;
    return Number(c.pwrite(descriptor, bytes, bytes.length, address)) === bytes.length;
  }

  /** Turns to the program that the process runs now: after exec, the memory of before is gone. */
  reopen(): void {
    this.close();
    try {
      this.#descriptor = inProcess(this.#pid, "mem", (path) => openSync(path, this.#mode));
    } catch (cause) {
      throw new HostError("HOST_SYSCALL", "open", `process ${this.#pid}: ${whyNotOpened(this.#pid, cause)}`);
    }
  }

  /** Closes it. Twice is harmless; nothing can be read afterwards. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** What the kernel's error number leaves open: who is refused, or has no memory. */
function whyNotOpened(pid: number, cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "EACCES" || code === "EPERM") {
    return "permission denied: expected to be of the same user, or root, and to be let by /proc/sys/kernel/yama/ptrace_scope";
  }
  if (code !== "ENOENT" && code !== "ESRCH") return message;
  const stat = statOf(pid);
  return stat === undefined ? "no such process" : (whyEmpty(stat) ?? message);
}

function statOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
}

/**
 * Does something with one of the process's files in `/proc`; of a process whose first thread ended before the others, with
 * that of another thread, for there it has none. Throws what the first thread's throws if that of none is there.
 */
export function inProcess<T>(pid: number, name: string, action: (path: string) => T): T {
  try {
    return action(`/proc/${pid}/${name}`);
  } catch (error) {
    for (const tid of tasksOf(pid)) {
      try {
        return action(`/proc/${pid}/task/${tid}/${name}`);
      } catch {
        // That one is ending, too.
      }
    }
    throw error;
  }
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
