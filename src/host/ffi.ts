/**
 * The one place that loads the FFI library.
 *
 * Addresses cross this boundary as `bigint`; the C prototypes below say `uintptr_t` where the C library says
 * a pointer, so that no pointer objects exist outside this room. koffi gives small integers back as `number`,
 * hence {@link toAddress}.
 */
import koffi from "koffi";
import { HostError } from "../errors.ts";

/** What koffi gives for an integer wider than 32 bits: a `number` while it is exact, a `bigint` beyond. */
export type NativeInteger = number | bigint;

/** A C function as koffi makes it. */
export type NativeFunction = (...args: unknown[]) => unknown;

/** Bytes of stack that native code has: as much as a program or thread of C has, which it is written for. */
const STACK = 8 << 20;
giveStack();
const libc = koffi.load(null);

/** Makes koffi's own 2 MiB, and 128 KiB in other threads, more. */
function giveStack(): void {
  const { sync_stack_size: here = 0, async_stack_size: elsewhere = 0 } = koffi.config();
  try {
    koffi.config({
      sync_stack_size: Math.max(STACK, here),
      async_stack_size: Math.max(STACK, elsewhere),
    });
  } catch {
    // The program has used koffi before, with what it asked for.
  }
}

/**
 * A function of the running process by C prototype, e.g. `int close(int)`.
 * The caller states the TypeScript type that matches the prototype.
 */
export function nativeFunction<F extends (...args: never[]) => unknown>(prototype: string): F {
  return libc.func(prototype) as unknown as F;
}

/** A callable for the C function at `address`; `prototype` is a C declaration whose name does not matter. */
export function callableAt(address: bigint, prototype: string): NativeFunction {
  return koffi.decode(address, prototypeOf(prototype)) as NativeFunction;
}

const prototypes = new Map<string, ReturnType<typeof koffi.proto>>();

/** koffi refuses to define one named prototype twice, so each declaration is parsed once and kept. */
export function prototypeOf(declaration: string): ReturnType<typeof koffi.proto> {
  let proto = prototypes.get(declaration);
  if (proto === undefined) {
    // Anonymous: the name in the declaration would otherwise be registered process-wide.
    const anonymous = declaration.replace(/([A-Za-z_]\w*)\s*\(/, "(");
    try {
      proto = koffi.proto(anonymous);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new HostError("HOST_UNSUPPORTED", "prototype", `"${declaration}" is no C prototype: ${why}`);
    }
    prototypes.set(declaration, proto);
  }
  return proto;
}

/** Wraps an address that koffi returned. */
export function toAddress(value: NativeInteger): bigint {
  return BigInt.asUintN(64, BigInt(value));
}

/** An `ArrayBuffer` over native memory; it owns nothing and dangles once the memory is unmapped. */
export function nativeView(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

const errnoNames = new Map(Object.entries(koffi.os.errno).map(([name, value]) => [value, name] as const));
const strerror = nativeFunction<(errno: number) => string>("const char *strerror(int)");

/** `errno` of the system call just made. */
export function lastErrno(): number {
  return koffi.errno();
}

/** The error of the system call just made, as a {@link HostError}: `mmap: ENOMEM, Cannot allocate memory`. */
export function systemError(call: string, detail = "", errno = koffi.errno()): HostError {
  const name = errnoNames.get(errno) ?? `errno ${errno}`;
  const where = detail === "" ? "" : `${detail}: `;
  return new HostError("HOST_SYSCALL", call, `${where}${name}, ${strerror(errno)}`, errno);
}
