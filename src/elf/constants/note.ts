/**
 * Notes [gABI, "Note Sections"]: the meaning of `n_type` depends on the owner's name, so there is one family an owner.
 */

import { type Family, nameOf } from "./family.ts";
import { EM } from "./machine.ts";

/** Notes of core files: owners `CORE` and `LINUX` [Linux uapi/linux/elf.h]. */
export const NT_CORE = {
  NT_PRSTATUS: 0x1,
  NT_PRFPREG: 0x2,
  NT_PRPSINFO: 0x3,
  NT_TASKSTRUCT: 0x4,
  NT_PLATFORM: 0x5,
  NT_AUXV: 0x6,
  NT_GWINDOWS: 0x7,
  NT_ASRS: 0x8,
  NT_PSTATUS: 0xa,
  NT_PSINFO: 0xd,
  NT_PRCRED: 0xe,
  NT_UTSNAME: 0xf,
  NT_LWPSTATUS: 0x10,
  NT_LWPSINFO: 0x11,
  NT_PRFPXREG: 0x14,
  NT_PPC_VMX: 0x100,
  NT_PPC_SPE: 0x101,
  NT_PPC_VSX: 0x102,
  NT_PPC_TAR: 0x103,
  NT_PPC_PPR: 0x104,
  NT_PPC_DSCR: 0x105,
  NT_PPC_EBB: 0x106,
  NT_PPC_PMU: 0x107,
  NT_PPC_TM_CGPR: 0x108,
  NT_PPC_TM_CFPR: 0x109,
  NT_PPC_TM_CVMX: 0x10a,
  NT_PPC_TM_CVSX: 0x10b,
  NT_PPC_TM_SPR: 0x10c,
  NT_PPC_TM_CTAR: 0x10d,
  NT_PPC_TM_CPPR: 0x10e,
  NT_PPC_TM_CDSCR: 0x10f,
  NT_PPC_PKEY: 0x110,
  NT_386_TLS: 0x200,
  NT_386_IOPERM: 0x201,
  NT_X86_XSTATE: 0x202,
  NT_S390_HIGH_GPRS: 0x300,
  NT_S390_TIMER: 0x301,
  NT_S390_TODCMP: 0x302,
  NT_S390_TODPREG: 0x303,
  NT_S390_CTRS: 0x304,
  NT_S390_PREFIX: 0x305,
  NT_S390_LAST_BREAK: 0x306,
  NT_S390_SYSTEM_CALL: 0x307,
  NT_S390_TDB: 0x308,
  NT_S390_VXRS_LOW: 0x309,
  NT_S390_VXRS_HIGH: 0x30a,
  NT_S390_GS_CB: 0x30b,
  NT_S390_GS_BC: 0x30c,
  NT_S390_RI_CB: 0x30d,
  NT_ARM_VFP: 0x400,
  NT_ARM_TLS: 0x401,
  NT_ARM_HW_BREAK: 0x402,
  NT_ARM_HW_WATCH: 0x403,
  NT_ARM_SYSTEM_CALL: 0x404,
  NT_ARM_SVE: 0x405,
  NT_ARM_PAC_MASK: 0x406,
  NT_ARM_PACA_KEYS: 0x407,
  NT_ARM_PACG_KEYS: 0x408,
  NT_ARM_TAGGED_ADDR_CTRL: 0x409,
  NT_ARM_PAC_ENABLED_KEYS: 0x40a,
  NT_ARM_SSVE: 0x40b,
  NT_ARM_ZA: 0x40c,
  NT_ARM_ZT: 0x40d,
  NT_VMCOREDD: 0x700,
  NT_MIPS_DSP: 0x800,
  NT_MIPS_FP_MODE: 0x801,
  NT_MIPS_MSA: 0x802,
  NT_RISCV_CSR: 0x900,
  NT_RISCV_VECTOR: 0x901,
  NT_LARCH_CPUCFG: 0xa00,
  NT_LARCH_CSR: 0xa01,
  NT_LARCH_LSX: 0xa02,
  NT_LARCH_LASX: 0xa03,
  NT_LARCH_LBT: 0xa04,
  NT_FILE: 0x46494c45,
  NT_PRXFPREG: 0x46e62b7f,
  NT_SIGINFO: 0x53494749,
} as const;
export type NT_CORE = (typeof NT_CORE)[keyof typeof NT_CORE];

/** Notes of owner `GNU`. */
export const NT_GNU = {
  NT_GNU_ABI_TAG: 1,
  NT_GNU_HWCAP: 2,
  NT_GNU_BUILD_ID: 3,
  NT_GNU_GOLD_VERSION: 4,
  NT_GNU_PROPERTY_TYPE_0: 5,
} as const;
export type NT_GNU = (typeof NT_GNU)[keyof typeof NT_GNU];

/** Notes of owner `stapsdt`: probe points [systemtap wiki, "UserSpaceProbeImplementation"]. */
export const NT_STAPSDT = { NT_STAPSDT: 3 } as const;

/** Notes of owner `FDO`: packaging metadata and dlopen dependencies, both JSON. */
export const NT_FDO = { NT_FDO_PACKAGING_METADATA: 0xcafe1a7e, NT_FDO_DLOPEN_METADATA: 0x407c0c0a } as const;

/** Notes of owner `Linux` in kernel images and modules. */
export const NT_LINUX = { LINUX_ELFNOTE_BUILD_SALT: 0x100, LINUX_ELFNOTE_LTO_INFO: 0x101 } as const;

/** Operating systems of an `NT_GNU_ABI_TAG`. */
export const ELF_NOTE_OS = {
  ELF_NOTE_OS_LINUX: 0,
  ELF_NOTE_OS_GNU: 1,
  ELF_NOTE_OS_SOLARIS2: 2,
  ELF_NOTE_OS_FREEBSD: 3,
} as const;
export type ELF_NOTE_OS = (typeof ELF_NOTE_OS)[keyof typeof ELF_NOTE_OS];

/** `pr_type` of the properties in an `NT_GNU_PROPERTY_TYPE_0` that every machine has. */
export const GNU_PROPERTY = {
  GNU_PROPERTY_STACK_SIZE: 1,
  GNU_PROPERTY_NO_COPY_ON_PROTECTED: 2,
  GNU_PROPERTY_1_NEEDED: 0xb0008000,
} as const;
export type GNU_PROPERTY = (typeof GNU_PROPERTY)[keyof typeof GNU_PROPERTY];

/** `pr_type` of the properties that x86 adds [x86-64 psABI, "Program Property"]. */
export const GNU_PROPERTY_X86 = {
  GNU_PROPERTY_X86_FEATURE_1_AND: 0xc0000002,
  GNU_PROPERTY_X86_FEATURE_2_NEEDED: 0xc0008001,
  GNU_PROPERTY_X86_ISA_1_NEEDED: 0xc0008002,
  GNU_PROPERTY_X86_FEATURE_2_USED: 0xc0010001,
  GNU_PROPERTY_X86_ISA_1_USED: 0xc0010002,
} as const;

/** `pr_type` of the properties that AArch64 adds. */
export const GNU_PROPERTY_AARCH64 = {
  GNU_PROPERTY_AARCH64_FEATURE_1_AND: 0xc0000000,
  GNU_PROPERTY_AARCH64_FEATURE_PAUTH: 0xc0000001,
} as const;

/** Keys of the auxiliary vector, as `NT_AUXV` holds them [Linux uapi/linux/auxvec.h]. */
export const AT = {
  AT_NULL: 0,
  AT_IGNORE: 1,
  AT_EXECFD: 2,
  AT_PHDR: 3,
  AT_PHENT: 4,
  AT_PHNUM: 5,
  AT_PAGESZ: 6,
  AT_BASE: 7,
  AT_FLAGS: 8,
  AT_ENTRY: 9,
  AT_NOTELF: 10,
  AT_UID: 11,
  AT_EUID: 12,
  AT_GID: 13,
  AT_EGID: 14,
  AT_PLATFORM: 15,
  AT_HWCAP: 16,
  AT_CLKTCK: 17,
  AT_SECURE: 23,
  AT_BASE_PLATFORM: 24,
  AT_RANDOM: 25,
  AT_HWCAP2: 26,
  AT_EXECFN: 31,
  AT_MINSIGSTKSZ: 51,
  AT_SYSINFO: 32,
  AT_SYSINFO_EHDR: 33,
} as const;
export type AT = (typeof AT)[keyof typeof AT];

const OWNERS: Readonly<Record<string, Family>> = {
  CORE: NT_CORE,
  LINUX: NT_CORE,
  GNU: NT_GNU,
  stapsdt: NT_STAPSDT,
  FDO: NT_FDO,
  Linux: NT_LINUX,
};

/** `NT_GNU_BUILD_ID`, or `NT_0x…` for a type or an owner that is not known. */
export function noteTypeName(owner: string, type: number): string {
  return nameOf("NT", type, [Object.hasOwn(OWNERS, owner) ? OWNERS[owner] : undefined]);
}

/** `GNU_PROPERTY_X86_FEATURE_1_AND`; `machine` is the `e_machine` that gives processor properties their meaning. */
export function propertyName(type: number, machine = 0): string {
  const processor =
    machine === EM.EM_AARCH64
      ? GNU_PROPERTY_AARCH64
      : machine === EM.EM_X86_64 || machine === EM.EM_386
        ? GNU_PROPERTY_X86
        : undefined;
  return nameOf("GNU_PROPERTY", type, [GNU_PROPERTY, processor], { GNU_PROPERTY_LOPROC: 0xc0000000 });
}

/** `AT_PHDR`, or `AT_0x…`. */
export function auxTypeName(type: number): string {
  return nameOf("AT", type, [AT]);
}
