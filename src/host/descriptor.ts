/** Open files by their descriptors, with the offset that the kernel keeps for each. */
import { readSync } from "node:fs";
import { type NativeInteger, nativeFunction, systemError } from "./ffi.ts";

const lseek = nativeFunction<(fd: number, offset: number, whence: number) => NativeInteger>(
  "int64_t lseek(int fd, int64_t offset, int whence)",
);

/**
 * Moves the offset of an open file, counted from the start (`whence` 0), from where it is (1) or from the end (2).
 *
 * @returns where it is then, from the start
 * @throws HostError if the descriptor is not one, or of something without an offset
 */
export function seekDescriptor(fd: number, offset: number, whence: 0 | 1 | 2): number {
  const at = Number(lseek(fd, offset, whence));
  if (at < 0) throw systemError("lseek", `descriptor ${fd}`);
  return at;
}

/** Reads up to `length` bytes at the offset, and moves it. @returns how many there were, 0 at the end */
export function readDescriptor(fd: number, buffer: Uint8Array, length: number): number {
  return readSync(fd, buffer, 0, length, null);
}
