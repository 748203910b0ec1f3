/** Pipes that block, for questions whose answer is waited for. */
import { nativeFunction, systemError } from "./ffi.ts";

const O_CLOEXEC = 0o2000000;
const pipe2 = nativeFunction<(ends: Int32Array, flags: number) => number>(
  "int pipe2(int32_t *ends, int flags)",
);

/** Both ends of a pipe, by their descriptors. */
export interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** Makes a pipe, which programs that this process executes do not get. The caller closes both ends. */
export function openPipe(): Pipe {
  const ends = new Int32Array(2);
  if (pipe2(ends, O_CLOEXEC) !== 0) throw systemError("pipe2");
  return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
}
