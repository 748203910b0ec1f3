/**
 * x86-64 machine code for functions that tests bind.
 */
import type { Allocation, BindOptions, LiveObject } from "../../../src/dlbind/index.ts";
import { SHF } from "../../../src/elf/constants/section.ts";

export const TEXT = SHF.SHF_ALLOC | SHF.SHF_EXECINSTR;
export const RODATA = SHF.SHF_ALLOC;
export const DATA = SHF.SHF_ALLOC | SHF.SHF_WRITE;

/** `int f(void)`: mov eax, value; ret */
export function returning(value: number): Uint8Array {
  const code = Uint8Array.of(0xb8, 0, 0, 0, 0, 0xc3);
  new DataView(code.buffer).setInt32(1, value, true);
  return code;
}

/** `void *f(void)`: movabs rax, value; ret */
export function returningAddress(value: bigint): Uint8Array {
  const code = Uint8Array.of(0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xc3);
  new DataView(code.buffer).setBigUint64(2, value, true);
  return code;
}

/** `int add(int, int)`: lea eax, [rdi + rsi]; ret */
export const ADD = Uint8Array.of(0x8d, 0x04, 0x37, 0xc3);

/** `int compare(const int *, const int *)`: mov eax, [rdi]; sub eax, [rsi]; ret */
export const COMPARE_INTS = Uint8Array.of(0x8b, 0x07, 0x2b, 0x06, 0xc3);

/**
 * `void f(void (*callee)(long), long argument)` with a frame pointer:
 * push rbp; mov rbp, rsp; mov rax, rdi; mov rdi, rsi; call rax; pop rbp; ret
 */
export const CALL_WITH_FRAME = Uint8Array.from(
  Buffer.from("55 4889e5 4889f8 4889f7 ffd0 5d c3".replaceAll(" ", ""), "hex"),
);

/** The same without a frame pointer: push rbx; xor ebx, ebx; mov rax, rdi; mov rdi, rsi; call rax; pop rbx; ret */
export const CALL_WITHOUT_FRAME = Uint8Array.from(
  Buffer.from("53 31db 4889f8 4889f7 ffd0 5b c3".replaceAll(" ", ""), "hex"),
);

/** Allocates text for the code and binds a name to it. */
export function bindCode(
  lib: LiveObject,
  name: string,
  code: Uint8Array,
  options: BindOptions = {},
): Allocation {
  const allocation = lib.alloc(code.length, TEXT);
  allocation.write(code);
  lib.bind(name, allocation, options);
  return allocation;
}
