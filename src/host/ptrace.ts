/**
 * ptrace(2): requests to threads that this one traces. All are for a thread that is stopped, save seizing and
 * interrupting, and must come from the thread of this process that seized it.
 */
import { lastErrno, type NativeInteger, nativeFunction, nativeView, systemError } from "./ffi.ts";
import { malloc } from "./memory.ts";

/** Options of {@link ptraceSeize} [ptrace(2), PTRACE_SETOPTIONS]. */
export const PTRACE_O = {
  PTRACE_O_TRACEFORK: 0x02,
  PTRACE_O_TRACEVFORK: 0x04,
  PTRACE_O_TRACECLONE: 0x08,
  PTRACE_O_TRACEEXEC: 0x10,
  PTRACE_O_TRACEVFORKDONE: 0x20,
  PTRACE_O_EXITKILL: 0x10_0000,
} as const;

/** What a stop is about, in the bits above its signal [ptrace(2)]. */
export const PTRACE_EVENT = {
  PTRACE_EVENT_FORK: 1,
  PTRACE_EVENT_VFORK: 2,
  PTRACE_EVENT_CLONE: 3,
  PTRACE_EVENT_EXEC: 4,
  PTRACE_EVENT_VFORK_DONE: 5,
  PTRACE_EVENT_STOP: 128,
} as const;

// Requests, the same on x86_64 as on most machines [sys/ptrace.h].
const PTRACE_CONT = 7;
const PTRACE_SINGLESTEP = 9;
const PTRACE_GETREGS = 12;
const PTRACE_SETREGS = 13;
const PTRACE_DETACH = 17;
const PTRACE_GETEVENTMSG = 0x4201;
const PTRACE_GETSIGINFO = 0x4202;
const PTRACE_GETREGSET = 0x4204;
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const PTRACE_LISTEN = 0x4208;

const NT_X86_SHSTK = 0x204;
const ESRCH = 3;
const EINVAL = 22;

/** Bytes of `struct user_regs_struct` of x86_64: 27 words [sys/user.h]. */
const REGISTERS_SIZE = 216;

const c = {
  plain: nativeFunction<(request: number, tid: number, address: number, data: number) => NativeInteger>(
    "int64_t ptrace(int request, int tid, uintptr_t address, uintptr_t data)",
  ),
  buffer: nativeFunction<(request: number, tid: number, address: number, data: Uint8Array) => NativeInteger>(
    "int64_t ptrace(int request, int tid, uintptr_t address, uint8_t *data)",
  ),
  at: nativeFunction<(request: number, tid: number, address: number, data: bigint) => NativeInteger>(
    "int64_t ptrace(int request, int tid, uintptr_t address, uintptr_t data)",
  ),
};

/** @returns false if the thread is gone, or not stopped */
function request(name: string, tid: number, result: NativeInteger): boolean {
  if (Number(result) === 0) return true;
  const error = systemError(`ptrace(${name})`, `thread ${tid}`);
  if (error.errno === ESRCH) return false;
  throw error;
}

/**
 * Begins to trace a thread, which goes on running.
 *
 * @param options `PTRACE_O` bits
 * @returns false if it is gone
 * @throws HostError if it may not be traced, or another process does
 */
export function ptraceSeize(tid: number, options: number): boolean {
  return request("PTRACE_SEIZE", tid, c.plain(PTRACE_SEIZE, tid, 0, options));
}

/** Asks a running thread to stop, which it does with `PTRACE_EVENT_STOP`. @returns false if it is gone */
export function ptraceInterrupt(tid: number): boolean {
  return request("PTRACE_INTERRUPT", tid, c.plain(PTRACE_INTERRUPT, tid, 0, 0));
}

/** Lets a thread run, and gives it a signal if `signal` is not 0. @returns false if it is gone */
export function ptraceContinue(tid: number, signal: number): boolean {
  return request("PTRACE_CONT", tid, c.plain(PTRACE_CONT, tid, 0, signal));
}

/** As {@link ptraceContinue}, for one instruction. */
export function ptraceStep(tid: number, signal: number): boolean {
  return request("PTRACE_SINGLESTEP", tid, c.plain(PTRACE_SINGLESTEP, tid, 0, signal));
}

/** Leaves a thread stopped with its process, by a signal that stops, until `SIGCONT`. @returns false if it is gone */
export function ptraceListen(tid: number): boolean {
  return request("PTRACE_LISTEN", tid, c.plain(PTRACE_LISTEN, tid, 0, 0));
}

/** Ends tracing a thread, which runs on, with a signal if `signal` is not 0. @returns false if it is gone */
export function ptraceDetach(tid: number, signal: number): boolean {
  return request("PTRACE_DETACH", tid, c.plain(PTRACE_DETACH, tid, 0, signal));
}

/** The general registers as `struct user_regs_struct`; `undefined` if the thread is gone or runs. */
export function ptraceGetRegisters(tid: number): Uint8Array | undefined {
  const bytes = new Uint8Array(REGISTERS_SIZE);
  return request("PTRACE_GETREGS", tid, c.buffer(PTRACE_GETREGS, tid, 0, bytes)) ? bytes : undefined;
}

/** Changes the general registers. @returns false if the thread is gone or runs */
export function ptraceSetRegisters(tid: number, bytes: Uint8Array): boolean {
  return request("PTRACE_SETREGS", tid, c.buffer(PTRACE_SETREGS, tid, 0, bytes));
}

/** What a `PTRACE_EVENT` stop is about: the new thread's number, or the one that exec'ed. */
export function ptraceEventMessage(tid: number): number | undefined {
  const message = new BigUint64Array(1);
  const bytes = new Uint8Array(message.buffer);
  if (!request("PTRACE_GETEVENTMSG", tid, c.buffer(PTRACE_GETEVENTMSG, tid, 0, bytes))) return undefined;
  return Number(message[0]);
}

/** `siginfo_t` of the last question. */
const info = new Int32Array(32);
const infoBytes = new Uint8Array(info.buffer);

/** `si_code` of the signal that a thread stopped with. */
export function ptraceSignalCode(tid: number): number | undefined {
  if (!request("PTRACE_GETSIGINFO", tid, c.buffer(PTRACE_GETSIGINFO, tid, 0, infoBytes))) return undefined;
  // Behind si_signo and si_errno.
  return info[2];
}

/** `struct iovec` and the word that it is about. */
let vector: bigint | undefined;
/** Whether the machine, or its kernel, has no shadow stacks at all. */
let hasNoShadowStacks = false;

/** Whether a thread has a shadow stack, so that returns can't be made by changing registers alone. */
export function hasShadowStack(tid: number): boolean {
  if (hasNoShadowStacks) return false;
  if (vector === undefined) {
    vector = malloc(24);
    const words = new BigUint64Array(nativeView(vector, 24));
    words[0] = vector + 16n;
    words[1] = 8n;
  }
  if (Number(c.at(PTRACE_GETREGSET, tid, NT_X86_SHSTK, vector)) === 0) return true;
  // Threads without one say ENODEV.
  hasNoShadowStacks = lastErrno() === EINVAL;
  return false;
}
