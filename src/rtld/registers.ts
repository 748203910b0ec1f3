/** General registers of x86_64 as the kernel hands them out: `struct user_regs_struct` [sys/user.h]. */

const NAMES = [
  "r15",
  "r14",
  "r13",
  "r12",
  "rbp",
  "rbx",
  "r11",
  "r10",
  "r9",
  "r8",
  "rax",
  "rcx",
  "rdx",
  "rsi",
  "rdi",
  "orig_rax",
  "rip",
  "cs",
  "eflags",
  "rsp",
  "ss",
  "fs_base",
  "gs_base",
  "ds",
  "es",
  "fs",
  "gs",
] as const;

/** Name of a register. */
export type RegisterName = (typeof NAMES)[number];

const INDEX = new Map(NAMES.map((name, index) => [name, index]));
const RIP = 16;
const RSP = 19;

/** A thread's registers, copied from where they came: changes count once they are written back. */
export class Registers {
  /** As ptrace(2) and core files have them: 27 words. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = Uint8Array.from(bytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  /** Names of all registers, in the order of the structure. */
  static get names(): readonly RegisterName[] {
    return NAMES;
  }

  /** Address of the next instruction. */
  get pc(): bigint {
    return this.#view.getBigUint64(8 * RIP, true);
  }

  set pc(value: bigint) {
    this.#view.setBigUint64(8 * RIP, value, true);
  }

  /** The stack pointer. */
  get sp(): bigint {
    return this.#view.getBigUint64(8 * RSP, true);
  }

  set sp(value: bigint) {
    this.#view.setBigUint64(8 * RSP, value, true);
  }

  /** Value of a register. */
  get(name: RegisterName): bigint {
    return this.#view.getBigUint64(8 * (INDEX.get(name) ?? 0), true);
  }

  /** Changes a register. */
  set(name: RegisterName, value: bigint): void {
    this.#view.setBigUint64(8 * (INDEX.get(name) ?? 0), value, true);
  }
}
