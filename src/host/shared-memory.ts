/** kcmp(2): what two processes share. */
import { type NativeInteger, nativeFunction } from "./ffi.ts";

/** x86_64's [asm/unistd_64.h]. Elsewhere no call has this number, and the answer is that nothing is known. */
const SYS_kcmp = 312;
const KCMP_VM = 1;

const c = {
  syscall: nativeFunction<
    (number: number, a: number, b: number, type: number, first: number, second: number) => NativeInteger
  >("long syscall(long number, long a, long b, long type, unsigned long first, unsigned long second)"),
};

/** Whether two threads have the same memory; `undefined` where the kernel does not say, or one of them is gone. */
export function sharesMemory(a: number, b: number): boolean | undefined {
  const order = Number(c.syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0));
  return order < 0 ? undefined : order === 0;
}
