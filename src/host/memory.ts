/**
 * Memory of the running process: files in memory, mappings, and views on them.
 */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { HostError } from "../errors.ts";
import { type NativeInteger, nativeFunction, nativeView, systemError, toAddress } from "./ffi.ts";

// Values of <sys/mman.h> and <linux/memfd.h>, the same on every Linux machine that Node runs on.
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MFD_CLOEXEC = 1;
/** Linux 6.3 and later want to be told; older kernels refuse the flag with EINVAL. */
const MFD_EXEC = 0x10;

const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const EINVAL = 22;

const c = {
  memfd_create: nativeFunction<(name: string, flags: number) => number>(
    "int memfd_create(const char *name, unsigned int flags)",
  ),
  mmap: nativeFunction<
    (
      at: NativeInteger,
      length: number,
      prot: number,
      flags: number,
      fd: number,
      offset: number,
    ) => NativeInteger
  >("uintptr_t mmap(uintptr_t at, size_t length, int prot, int flags, int fd, int64_t offset)"),
  munmap: nativeFunction<(at: bigint, length: number) => number>("int munmap(uintptr_t at, size_t length)"),
  posix_fallocate: nativeFunction<(fd: number, offset: number, length: number) => number>(
    "int posix_fallocate(int fd, int64_t offset, int64_t length)",
  ),
  malloc: nativeFunction<(size: number) => NativeInteger>("uintptr_t malloc(size_t size)"),
  free: nativeFunction<(address: bigint) => void>("void free(uintptr_t address)"),
  memcpy: nativeFunction<(to: bigint, from: Uint8Array, size: number) => NativeInteger>(
    "uintptr_t memcpy(uintptr_t to, const uint8_t *from, size_t size)",
  ),
  memmove: nativeFunction<(to: Uint8Array, from: bigint, size: number) => NativeInteger>(
    "uintptr_t memmove(_Out_ uint8_t *to, uintptr_t from, size_t size)",
  ),
};

/**
 * An anonymous file in memory of `size` bytes, sparse; the caller closes the descriptor.
 * [memfd_create(2)]
 * @throws HostError when the kernel refuses.
 */
export function memfdCreate(name: string, size: number): number {
  let fd = c.memfd_create(name, MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0) {
    const refused = systemError("memfd_create", name);
    if (refused.errno !== EINVAL) throw refused;
    fd = c.memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) throw systemError("memfd_create", name);
  }
  try {
    ftruncateSync(fd, size);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/** Maps `length` bytes of `fd` from its start, shared, readable and writable. The caller unmaps. */
export function mapShared(fd: number, length: number): bigint {
  const address = toAddress(c.mmap(0, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  if (address === MAP_FAILED) throw systemError("mmap", `${length} bytes`);
  return address;
}

/** Maps `length` bytes of `fd` from its start, private and readable. The caller unmaps. */
export function mapReadable(fd: number, length: number): bigint {
  const address = toAddress(c.mmap(0, length, PROT_READ, MAP_PRIVATE, fd, 0));
  if (address === MAP_FAILED) throw systemError("mmap", `${length} bytes`);
  return address;
}

/**
 * Maps `fd`, `size` bytes long, readable, behind `room` bytes of zeros, a multiple of a page, that can be written to. The
 * caller unmaps `room + size` bytes. Nothing of the file is read.
 */
export function mapBehind(fd: number, size: number, room: number): bigint {
  const access = PROT_READ | PROT_WRITE;
  const address = toAddress(c.mmap(0, room + size, access, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (address === MAP_FAILED) throw systemError("mmap", `${room + size} bytes`);
  const start = address + BigInt(room);
  if (toAddress(c.mmap(start, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0)) !== MAP_FAILED)
    return address;
  const refused = systemError("mmap", `${size} bytes`);
  unmap(address, room + size);
  throw refused;
}

/** Maps `length` bytes of `fd` from its start, private, readable and executable. The caller unmaps. */
export function mapExecutable(fd: number, length: number): bigint {
  const address = toAddress(c.mmap(0, length, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
  if (address === MAP_FAILED) throw systemError("mmap", `${length} bytes`);
  return address;
}

/**
 * Puts private memory without a file, all zeros, readable and executable, in the place of what is mapped at
 * `[address, address + length)`. {@link pokeMemory} writes to it.
 */
export function replaceByAnonymous(address: bigint, length: number): void {
  const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE;
  const mapped = toAddress(c.mmap(address, length, PROT_READ | PROT_EXEC, flags, -1, 0));
  if (mapped === MAP_FAILED) throw systemError("mmap", `${length} bytes at 0x${address.toString(16)}`);
}

/** Undoes {@link mapShared}, {@link mapBehind} and {@link mapExecutable}. */
export function unmap(address: bigint, length: number): void {
  if (c.munmap(address, length) !== 0) throw systemError("munmap", `0x${address.toString(16)}`);
}

/**
 * Takes the blocks of `[offset, offset + length)` now, so that a full disk is an error here and not a SIGBUS at a
 * later store. [posix_fallocate(3)]
 */
export function allocateBlocks(fd: number, offset: number, length: number): void {
  const errno = c.posix_fallocate(fd, offset, length);
  if (errno !== 0) throw systemError("posix_fallocate", `${length} bytes`, errno);
}

/** A buffer from the C heap, for bytes that native code keeps a pointer to. The caller frees. */
export function malloc(size: number): bigint {
  const address = toAddress(c.malloc(size));
  if (address === 0n) throw systemError("malloc", `${size} bytes`);
  return address;
}

/** Undoes {@link malloc}. */
export function free(address: bigint): void {
  c.free(address);
}

/** Copies `bytes` to native memory that the caller knows to be mapped and writable. */
export function copyTo(address: bigint, bytes: Uint8Array): void {
  c.memcpy(address, bytes, bytes.length);
}

/** Copies native memory that the caller knows to be mapped: for few bytes, less than a view takes. */
export function copyFrom(address: bigint, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  c.memmove(bytes, address, size);
  return bytes;
}

/** A view over mapped memory; see {@link detach} for its end. */
export function viewOf(address: bigint, length: number): ArrayBuffer {
  return nativeView(address, length);
}

/**
 * Ends every view on `buffer`: typed arrays over it become empty and a `DataView` throws a `TypeError`, where a
 * stale view on unmapped memory would take the process down. From Node 21 on this is `ArrayBuffer.transfer`;
 * before, handing the buffer to a byte stream transfers it as the Streams Standard demands.
 */
export function detach(buffer: ArrayBuffer): void {
  if (buffer.byteLength === 0) return;
  const transferable = buffer as ArrayBuffer & { transfer?: () => ArrayBuffer };
  if (transferable.transfer !== undefined) {
    transferable.transfer();
    return;
  }
  new ReadableStream({
    type: "bytes",
    start(controller) {
      controller.enqueue(new Uint8Array(buffer));
    },
  });
}

/**
 * Writes to this process's memory past the protection of the page, as a debugger would: a private page is copied
 * first, and stays unwritable for everyone else. [proc(5), /proc/pid/mem]
 */
export function pokeMemory(address: bigint, bytes: Uint8Array): void {
  const fd = openSync("/proc/self/mem", "r+");
  try {
    // writeSync ignores a bigint position; user addresses fit in 47 bits, so the number is exact.
    const written = writeSync(fd, bytes, 0, bytes.length, Number(address));
    if (written !== bytes.length) {
      throw new HostError(
        "HOST_SYSCALL",
        "pwrite",
        `/proc/self/mem took ${written} of ${bytes.length} bytes`,
      );
    }
  } finally {
    closeSync(fd);
  }
}
