/**
 * General registers as the kernel hands them out: `struct user_regs_struct`, or what it is called on the machine
 * [sys/user.h, asm/ptrace.h]. Names are those of gdb's target descriptions.
 */
import { EM } from "../../elf/constants/machine.ts";

/** Where the registers of a machine are. */
export interface RegisterLayout {
  /** Names in the order of the structure. */
  readonly names: readonly string[];
  /** Bytes of each register. */
  readonly width: 4 | 8;
  /** Name of the one with the address of the next instruction. */
  readonly pc: string;
  /** Name of the stack pointer. */
  readonly sp: string;
}

const numbered = (prefix: string, count: number, first = 0): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${first + i}`);

const split = (names: string): string[] => names.split(" ");

/** Of x86_64: 27 words. */
export const X86_64_REGISTERS = {
  names: [
    ...split("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss"),
    ...split("fs_base gs_base ds es fs gs"),
  ],
  width: 8,
  pc: "rip",
  sp: "rsp",
} as const satisfies RegisterLayout;

/** Of i386: 17 words. */
export const I386_REGISTERS: RegisterLayout = {
  names: split("ebx ecx edx esi edi ebp eax ds es fs gs orig_eax eip cs eflags esp ss"),
  width: 4,
  pc: "eip",
  sp: "esp",
};

const AARCH64_REGISTERS: RegisterLayout = {
  names: [...numbered("x", 31), "sp", "pc", "cpsr"],
  width: 8,
  pc: "pc",
  sp: "sp",
};

const ARM_REGISTERS: RegisterLayout = {
  names: [...numbered("r", 13), "sp", "lr", "pc", "cpsr", "orig_r0"],
  width: 4,
  pc: "pc",
  sp: "sp",
};

const RISCV64_REGISTERS: RegisterLayout = {
  names: [
    ...split("pc ra sp gp tp t0 t1 t2 fp s1"),
    ...numbered("a", 8),
    ...numbered("s", 10, 2),
    ...numbered("t", 4, 3),
  ],
  width: 8,
  pc: "pc",
  sp: "sp",
};

const S390X_REGISTERS: RegisterLayout = {
  // The access registers, of half a word each, are two in one.
  names: ["pswm", "pswa", ...numbered("r", 16), ...numbered("acrs", 8), "orig_r2"],
  width: 8,
  pc: "pswa",
  sp: "r15",
};

const POWERPC_REGISTERS: RegisterLayout = {
  names: [
    ...numbered("r", 32),
    ...split("pc msr orig_r3 ctr lr xer cr mq trap dar dsisr result"),
    ...numbered("reserved", 4),
  ],
  width: 4,
  pc: "pc",
  sp: "r1",
};

const LAYOUTS: ReadonlyMap<number, RegisterLayout> = new Map([
  [EM.EM_X86_64, X86_64_REGISTERS],
  [EM.EM_386, I386_REGISTERS],
  [EM.EM_AARCH64, AARCH64_REGISTERS],
  [EM.EM_ARM, ARM_REGISTERS],
  [EM.EM_RISCV, RISCV64_REGISTERS],
  [EM.EM_S390, S390X_REGISTERS],
  [EM.EM_PPC, POWERPC_REGISTERS],
]);

/** Registers of a machine; `undefined` if they are not known. */
export function registerLayoutOf(machine: number): RegisterLayout | undefined {
  return LAYOUTS.get(machine);
}
