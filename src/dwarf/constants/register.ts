/** DWARF register numbers: what the psABI of each machine calls the registers of its call frames and expressions. */
import { type Family, nameIn } from "../../elf/constants/family.ts";
import { EM } from "../../elf/constants/machine.ts";

/** `words`, numbered from `first`. */
function names(first: number, words: string): Record<string, number> {
  return Object.fromEntries(words.split(" ").map((name, index) => [name, first + index]));
}

/** `count` registers from `first`: `prefix` with `from`, `from + 1`, … */
function bank(first: number, prefix: string, count: number, from = 0): Record<string, number> {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [prefix + (from + index), first + index]),
  );
}

/** x86-64, the registers that call frames speak of [AMD64 psABI 1.0, figure 3.36]. */
export const DW_REG_X86_64 = {
  rax: 0,
  rdx: 1,
  rcx: 2,
  rbx: 3,
  rsi: 4,
  rdi: 5,
  rbp: 6,
  rsp: 7,
  r8: 8,
  r9: 9,
  r10: 10,
  r11: 11,
  r12: 12,
  r13: 13,
  r14: 14,
  r15: 15,
  /** The return address; not the instruction pointer of the moment. */
  rip: 16,
} as const;
export type DW_REG_X86_64 = (typeof DW_REG_X86_64)[keyof typeof DW_REG_X86_64];

const X86_64: Family = {
  ...DW_REG_X86_64,
  ...bank(17, "xmm", 16),
  ...bank(33, "st", 8),
  ...bank(41, "mm", 8),
  ...names(49, "rflags es cs ss ds fs gs"),
  ...names(58, "fs.base gs.base"),
  ...names(62, "tr ldtr mxcsr fcw fsw"),
  ...bank(67, "xmm", 16, 16),
  ...bank(118, "k", 8),
  ...bank(126, "bnd", 4),
  ...bank(130, "r", 16, 16),
};

/** [Intel386 psABI 1.1, table 2.14] */
const I386: Family = {
  ...names(0, "eax ecx edx ebx esp ebp esi edi eip eflags"),
  ...bank(11, "st", 8),
  ...bank(21, "xmm", 8),
  ...bank(29, "mm", 8),
  ...names(37, "fcw fsw mxcsr es cs ss ds fs gs"),
  ...names(48, "tr ldtr"),
  ...bank(93, "k", 8),
};

/** [AADWARF64, "DWARF register names"] */
const AARCH64: Family = {
  ...bank(0, "x", 31),
  ...names(31, "sp pc elr ra_sign_state tpidrro_el0 tpidr_el0 tpidr_el1 tpidr_el2 tpidr_el3"),
  ...names(46, "vg ffr"),
  ...bank(48, "p", 16),
  ...bank(64, "v", 32),
  ...bank(96, "z", 32),
};

/** [AADWARF32, "DWARF register names"] */
const ARM: Family = {
  ...bank(0, "r", 13),
  ...names(13, "sp lr pc"),
  ...bank(64, "s", 32),
  ...bank(96, "f", 8),
  ...bank(104, "wcgr", 8),
  ...bank(112, "wr", 16),
  ...names(128, "spsr spsr_fiq spsr_irq spsr_abt spsr_und spsr_svc"),
  ...names(143, "ra_auth_code r8_usr r9_usr r10_usr r11_usr r12_usr r13_usr r14_usr"),
  ...names(151, "r8_fiq r9_fiq r10_fiq r11_fiq r12_fiq r13_fiq r14_fiq"),
  ...names(158, "r13_irq r14_irq r13_abt r14_abt r13_und r14_und r13_svc r14_svc"),
  ...bank(192, "wc", 8),
  ...bank(256, "d", 32),
  ...names(320, "tpidruro tpidrurw tpidpr htpidpr"),
};

/** [RISC-V psABI, "DWARF register numbers"] */
const RISCV: Family = {
  ...names(0, "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7"),
  ...names(18, "s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6"),
  ...names(32, "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7"),
  ...names(50, "fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11"),
  ...bank(96, "v", 32),
};

/** [64-bit ELF V2 ABI for Power, table 2.24], and the whole condition register of the older ABI at 64. */
const PPC64: Family = {
  ...bank(0, "r", 32),
  ...bank(32, "f", 32),
  ...names(64, "cr lr ctr"),
  ...bank(68, "cr", 8),
  xer: 76,
  ...bank(77, "vr", 32),
  ...names(109, "vrsave vscr"),
  ...names(114, "tfhar tfiar texasr"),
};

/** [s390x ELF ABI supplement 1.6, table 1.19]: floating and vector registers are numbered by pairs. */
const S390X: Family = {
  ...bank(0, "r", 16),
  ...names(16, "f0 f2 f4 f6 f1 f3 f5 f7 f8 f10 f12 f14 f9 f11 f13 f15"),
  ...bank(32, "cr", 16),
  ...bank(48, "a", 16),
  ...names(64, "pswm pswa"),
  ...names(68, "v16 v18 v20 v22 v17 v19 v21 v23 v24 v26 v28 v30 v25 v27 v29 v31"),
};

/** MIPS as gcc numbers it. 8 to 15 keep their numbers as names: o32 and n64 name them differently. */
const MIPS: Family = {
  ...names(0, "zero at v0 v1 a0 a1 a2 a3"),
  ...bank(8, "$", 8, 8),
  ...names(16, "s0 s1 s2 s3 s4 s5 s6 s7 t8 t9 k0 k1 gp sp fp ra"),
  ...bank(32, "f", 32),
  ...names(64, "hi lo"),
  ...names(176, "ac1hi ac1lo ac2hi ac2lo ac3hi ac3lo"),
};

/** [LoongArch psABI, "DWARF register numbers"] */
const LOONGARCH: Family = {
  ...names(0, "zero ra tp sp a0 a1 a2 a3 a4 a5 a6 a7 t0 t1 t2 t3 t4 t5 t6 t7 t8"),
  ...names(21, "r21 fp s0 s1 s2 s3 s4 s5 s6 s7 s8"),
  ...bank(32, "fa", 8),
  ...bank(40, "ft", 16),
  ...bank(56, "fs", 8),
};

const MACHINES: ReadonlyMap<number, Family> = new Map<number, Family>([
  [EM.EM_X86_64, X86_64],
  [EM.EM_386, I386],
  [EM.EM_AARCH64, AARCH64],
  [EM.EM_ARM, ARM],
  [EM.EM_RISCV, RISCV],
  [EM.EM_PPC64, PPC64],
  [EM.EM_S390, S390X],
  [EM.EM_MIPS, MIPS],
  [EM.EM_LOONGARCH, LOONGARCH],
]);

/** `rsp` for 7 on x86-64; `r57` where the machine, or the number on it, has no name. */
export function registerName(machine: number, register: number): string {
  const family = MACHINES.get(machine);
  return (family && nameIn(family, register)) ?? `r${register}`;
}
