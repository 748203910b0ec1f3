/**
 * How far a program's start has come, by its first stack frame. On x86 glibc's run-time linker begins with `_start: call
 * _dl_start`, which loads and relocates, and goes on with `_dl_start_user: call _dl_init`, which initializes [glibc,
 * sysdeps/x86_64/dl-machine.h, RTLD_START]: the address that the first call on the stack returns to tells which of them it is.
 * The program's own first instructions push other things there.
 */

/** `starting`: objects are loaded. `initializing`: their initializers run. `running`: the program itself has begun. */
export type Phase = "starting" | "initializing" | "running";

/** What is to be known of the stack of a program's first thread. */
export interface FirstFrame {
  /** Words below the arguments, from the upper one down. */
  readonly words: readonly bigint[];
  /** Address of the run-time linker's first instruction. */
  readonly entry: bigint;
}

/** Bytes from the run-time linker's first instruction to behind its first call, at most, and to behind the second one. */
const FIRST_CALL = 0x20n;
const SECOND_CALL = 0x80n;

/** How far the start has come. */
export function phaseOf({ words, entry }: FirstFrame): Phase {
  const offsets = words.map((one) => one - entry);
  if (offsets.some((one) => one > 0n && one < FIRST_CALL)) return "starting";
  return offsets.some((one) => one >= FIRST_CALL && one < SECOND_CALL) ? "initializing" : "running";
}
