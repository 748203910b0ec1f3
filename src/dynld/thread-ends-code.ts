/**
 * What modules register destructors of thread-local objects with, in place of `__cxa_thread_atexit` of the C++ library and
 * `__cxa_thread_atexit_impl` of the C library [Itanium C++ ABI, 3.3.6; glibc stdlib/cxa_thread_atexit_impl.c].
 *
 * The C library keeps an object for as long as a thread has such a destructor of it to call, and has no way to call those of
 * one object. So those of modules are in lists, one a thread, under a key of pthread_key_create(3); the C library is told of
 * each list, to have this code call them when the thread ends. It is in an object of its own, which stays. Each module has
 * an entry there, which tells this code the module's record.
 *
 *     record   8 bytes: destructors that are to be called   4: the key   4: whether the module is gone without them
 *     list     8: the first destructor                      4: the key
 *     each     8: the function   8: its argument            8: the next   8: the record
 */

/** Instructions for x86-64: a function that takes a destructor, its argument, and a record; and what calls those of a list. */
const CODE = `
  f3 0f 1e fa             endbr64
  53                      push rbx
  55                      push rbp
  41 54                   push r12
  41 55                   push r13
  48 83 ec 08             sub rsp, 0x8
  48 89 fb                mov rbx, rdi
  48 89 f5                mov rbp, rsi
  49 89 d4                mov r12, rdx
  41 8b 7c 24 08          mov edi, dword [r12+0x8]
  ff 15 de 00 00 00       call [pthread_getspecific]
  49 89 c5                mov r13, rax
  48 85 c0                test rax, rax
  75 42                   jne known
  bf 10 00 00 00          mov edi, 0x10
  ff 15 e3 00 00 00       call [malloc]
  48 85 c0                test rax, rax
  74 6b                   je fail
  49 89 c5                mov r13, rax
  48 c7 00 00 00 00 00    mov [rax], 0x0
  41 8b 7c 24 08          mov edi, dword [r12+0x8]
  89 78 08                mov dword [rax+0x8], edi
  48 89 c6                mov rsi, rax
  ff 15 b3 00 00 00       call [pthread_setspecific]
  48 8d 3d 4e 00 00 00    lea rdi, [run]
  4c 89 ee                mov rsi, r13
  48 8d 15 44 00 00 00    lea rdx, [run]
  ff 15 a4 00 00 00       call [__cxa_thread_atexit_impl]
known:
  bf 20 00 00 00          mov edi, 0x20
  ff 15 a1 00 00 00       call [malloc]
  48 85 c0                test rax, rax
  74 29                   je fail
  48 89 18                mov [rax], rbx
  48 89 68 08             mov [rax+0x8], rbp
  49 8b 4d 00             mov rcx, [r13]
  48 89 48 10             mov [rax+0x10], rcx
  4c 89 60 18             mov [rax+0x18], r12
  f0 49 ff 04 24          lock inc [r12]
  49 89 45 00             mov [r13], rax
  31 c0                   xor eax, eax
leave:
  48 83 c4 08             add rsp, 0x8
  41 5d                   pop r13
  41 5c                   pop r12
  5d                      pop rbp
  5b                      pop rbx
  c3                      ret
fail:
  83 c8 ff                or eax, 0xffffffff
  eb f0                   jmp leave
run:
  f3 0f 1e fa             endbr64
  53                      push rbx
  55                      push rbp
  41 54                   push r12
  48 89 fd                mov rbp, rdi
next:
  48 8b 5d 00             mov rbx, [rbp]
  48 85 db                test rbx, rbx
  74 2a                   je end
  48 8b 43 10             mov rax, [rbx+0x10]
  48 89 45 00             mov [rbp], rax
  4c 8b 63 18             mov r12, [rbx+0x18]
  41 83 7c 24 0c 00       cmp dword [r12+0xc], 0x0
  75 06                   jne freed
  48 8b 7b 08             mov rdi, [rbx+0x8]
  ff 13                   call [rbx]
freed:
  48 89 df                mov rdi, rbx
  ff 15 3f 00 00 00       call [free]
  f0 49 ff 0c 24          lock dec [r12]
  eb cd                   jmp next
end:
  8b 7d 08                mov edi, dword [rbp+0x8]
  31 f6                   xor esi, esi
  ff 15 15 00 00 00       call [pthread_setspecific]
  48 89 ef                mov rdi, rbp
  41 5c                   pop r12
  5d                      pop rbp
  5b                      pop rbx
  ff 25 20 00 00 00       jmp [free]
`;

/** Functions of the C library whose addresses are behind the code, in this order. */
export const THREAD_ENDS_CALLS: readonly string[] = [
  "pthread_getspecific",
  "pthread_setspecific",
  "__cxa_thread_atexit_impl",
  "malloc",
  "free",
];

/** The code with the addresses of {@link THREAD_ENDS_CALLS}, for any place. */
export function threadEndsCode(addresses: readonly bigint[]): Uint8Array {
  const hex = [...CODE.matchAll(/^ {2}((?:[0-9a-f]{2} )+)/gm)].map(([, bytes = ""]) => bytes.trim());
  const code = hex.flatMap((bytes) => bytes.split(" ").map((byte) => Number.parseInt(byte, 16)));
  const bytes = new Uint8Array(code.length + 8 * addresses.length);
  bytes.set(code);
  const view = new DataView(bytes.buffer, code.length);
  for (const [index, address] of addresses.entries()) view.setBigUint64(8 * index, address, true);
  return bytes;
}

/** Bytes of an entry. */
export const ENTRY_SIZE = 32;

/** An entry that goes on to the code at an address with a record, whatever its third argument is. */
export function threadEndsEntry(record: bigint, code: bigint): Uint8Array {
  const bytes = new Uint8Array(ENTRY_SIZE).fill(0xcc);
  const view = new DataView(bytes.buffer);
  // endbr64; mov rdx, record; mov rax, code; jmp rax
  bytes.set([0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0xba]);
  view.setBigUint64(6, record, true);
  bytes.set([0x48, 0xb8], 14);
  view.setBigUint64(16, code, true);
  bytes.set([0xff, 0xe0], 24);
  return bytes;
}
