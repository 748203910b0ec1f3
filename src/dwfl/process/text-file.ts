/** Small text files, as those of `/proc` and `/sys` are. */
import { readFileSync } from "node:fs";
import { HostError } from "../../errors.ts";

/** The text of a file. @throws HostError if it can't be read */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw readError("read", path, cause);
  }
}

/** The text of a file; `undefined` if it can't be read. */
export function readTextIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** What Node threw of a system call, as our error. */
export function readError(call: string, path: string, cause: unknown): HostError {
  const errno = cause instanceof Error && "errno" in cause ? Math.abs(Number(cause.errno)) : undefined;
  const what = cause instanceof Error ? cause.message : `${path}: ${String(cause)}`;
  return new HostError("HOST_SYSCALL", call, what, errno);
}
