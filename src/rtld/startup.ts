/**
 * How far a program's start has come, by its first stack frame. On x86 glibc's run-time linker begins with `_start: call
 * _dl_start`, which loads and relocates, and goes on with `_dl_start_user: call _dl_init`, which initializes [glibc,
 * sysdeps/x86_64/dl-machine.h, sysdeps/i386/dl-machine.h, RTLD_START]: while the first address on the stack is that behind the
 * first of these calls, it still loads. What comes later puts other things there.
 */

/** What is to be known of the stack of a program's first thread. */
export interface FirstFrame {
  /** Words below the arguments. */
  readonly words: readonly bigint[];
  /** Address of the run-time linker's first instruction. */
  readonly entry: bigint;
}

/** Bytes from the run-time linker's first instruction to behind its first call, at most; others follow it at once. */
const FIRST_CALL = 0x10n;

/** Whether the run-time linker's first call has not returned yet. */
export function isLoading({ words, entry }: FirstFrame): boolean {
  return words.some((one) => one > entry && one - entry < FIRST_CALL);
}
