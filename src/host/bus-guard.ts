/**
 * What happens when a mapped file is cut: the kernel sends SIGBUS for a page that is gone [mmap(2)]. The handler here puts
 * a page of zeros in its place, if it is of a range that is guarded, and notes that; for anything else the process ends as
 * if there were no handler. Machine code, for a signal can't wait for JavaScript; x86-64 Linux.
 */

import { closeSync, writeSync } from "node:fs";
import { type NativeInteger, nativeFunction, systemError } from "./ffi.ts";
import { copyTo, malloc, mapExecutable, memfdCreate, viewOf } from "./memory.ts";

/** Ranges that can be guarded: each has its start, its end and whether a page of it was gone, in 8 bytes each. */
const RANGES = 64;
const RANGE_SIZE = 24;
const PAGE = 4096;

const SIGBUS = 7;
const SYS_RT_SIGACTION = 13;
const SA_SIGINFO = 4n;
const SA_RESTORER = 0x0400_0000n;
const SA_ONSTACK = 0x0800_0000n;
/** Bytes of the kernel's `struct sigaction`: handler, flags, restorer, mask. */
const ACTION_SIZE = 32;

const RESTORER = 0x92;
const TABLE_AT = 0x06;
const DEFAULT_AT = 0x32;
/** The handler; the addresses of the table and of the default action are put where they are 0. */
const CODE = [
  "488b4610", //             mov rax, [rsi+16]        si_addr
  "49b80000000000000000", // mov r8, table
  "b940000000", //           mov ecx, 64
  "493b00", //               next: cmp rax, [r8]
  "7206", //                 jb skip
  "493b4008", //             cmp rax, [r8+8]
  "723c", //                 jb ours
  "4983c018", //             skip: add r8, 24
  "ffc9", //                 dec ecx
  "75ed", //                 jnz next
  "b80d000000", //           others: mov eax, 13      rt_sigaction(SIGBUS, default, 0, 8)
  "bf07000000", //           mov edi, 7
  "48be0000000000000000", // mov rsi, default
  "31d2", //                 xor edx, edx
  "41ba08000000", //         mov r10d, 8
  "0f05", //                 syscall
  "b827000000", //           mov eax, 39              kill(getpid(), SIGBUS)
  "0f05", //                 syscall
  "89c7", //                 mov edi, eax
  "be07000000", //           mov esi, 7
  "b83e000000", //           mov eax, 62
  "0f05", //                 syscall
  "c3", //                   ret
  "49c7401001000000", //     ours: mov qword [r8+16], 1
  "482500f0ffff", //         and rax, -4096           mmap(page, 4096, PROT_READ, MAP_PRIVATE|FIXED|ANONYMOUS, -1, 0)
  "4889c7", //               mov rdi, rax
  "be00100000", //           mov esi, 4096
  "ba01000000", //           mov edx, 1
  "41ba32000000", //         mov r10d, 0x32
  "49c7c0ffffffff", //       mov r8, -1
  "4531c9", //               xor r9d, r9d
  "b809000000", //           mov eax, 9
  "0f05", //                 syscall
  "4885c0", //               test rax, rax
  "7895", //                 js others
  "c3", //                   ret
  "b80f000000", //           restorer: mov eax, 15    rt_sigreturn
  "0f05", //                 syscall
].join("");

const syscall = nativeFunction<
  (number: number, a: number, b: NativeInteger, c: NativeInteger, d: number) => NativeInteger
>("long syscall(long number, long a, uintptr_t b, uintptr_t c, long d)");

/** Says whether pages of a guarded range were gone. */
export type Guarded = () => boolean;

/** The table of ranges; made when the first is guarded, for the process's life. */
let table: BigUint64Array | undefined;
let used = 0;

/** Whether the machine is one that the handler is written for. */
export function canGuard(): boolean {
  return process.arch === "x64" && used < RANGES;
}

/**
 * Guards a mapping, for the process's life.
 * @throws HostError if the handler can't be installed
 */
export function guard(address: bigint, length: number): Guarded {
  table ??= install();
  const ranges = table;
  const at = 3 * used++;
  ranges[at + 1] = address + BigInt(length);
  // The start last: until then the range holds nothing.
  ranges[at] = address;
  return () => ranges[at + 2] !== 0n;
}

function install(): BigUint64Array {
  const size = RANGES * RANGE_SIZE;
  const memory = malloc(size + 2 * ACTION_SIZE);
  copyTo(memory, new Uint8Array(size + 2 * ACTION_SIZE));
  const ranges = new BigUint64Array(viewOf(memory, size));
  // No address is at or above it, so that an unused range holds nothing.
  for (let at = 0; at < ranges.length; at += 3) ranges[at] = 0xffff_ffff_ffff_ffffn;
  const defaultAction = memory + BigInt(size);
  const action = defaultAction + BigInt(ACTION_SIZE);
  const code = Uint8Array.from(Buffer.from(CODE, "hex"));
  const words = new DataView(code.buffer);
  words.setBigUint64(TABLE_AT, memory, true);
  words.setBigUint64(DEFAULT_AT, defaultAction, true);
  const file = memfdCreate("bindery bus guard", PAGE);
  writeSync(file, code, 0, code.length, 0);
  const handler = mapExecutable(file, PAGE);
  closeSync(file);
  const fields = new BigUint64Array([
    handler,
    SA_SIGINFO | SA_RESTORER | SA_ONSTACK,
    handler + BigInt(RESTORER),
    0n,
  ]);
  copyTo(action, new Uint8Array(fields.buffer));
  if (Number(syscall(SYS_RT_SIGACTION, SIGBUS, action, 0n, 8)) !== 0)
    throw systemError("rt_sigaction", "SIGBUS");
  return ranges;
}
