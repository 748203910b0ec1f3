/** Dynamic section families [gABI, "Dynamic Section"; Solaris Linker and Libraries Guide; GNU extensions]. */
import { machineFor } from "../machine/registry.ts";
import { flagNames, nameOf } from "./family.ts";

/** `d_tag`: what an entry of the dynamic section says. */
export const DT = {
  DT_NULL: 0,
  DT_NEEDED: 1,
  DT_PLTRELSZ: 2,
  DT_PLTGOT: 3,
  DT_HASH: 4,
  DT_STRTAB: 5,
  DT_SYMTAB: 6,
  DT_RELA: 7,
  DT_RELASZ: 8,
  DT_RELAENT: 9,
  DT_STRSZ: 10,
  DT_SYMENT: 11,
  DT_INIT: 12,
  DT_FINI: 13,
  DT_SONAME: 14,
  DT_RPATH: 15,
  DT_SYMBOLIC: 16,
  DT_REL: 17,
  DT_RELSZ: 18,
  DT_RELENT: 19,
  DT_PLTREL: 20,
  DT_DEBUG: 21,
  DT_TEXTREL: 22,
  DT_JMPREL: 23,
  DT_BIND_NOW: 24,
  DT_INIT_ARRAY: 25,
  DT_FINI_ARRAY: 26,
  DT_INIT_ARRAYSZ: 27,
  DT_FINI_ARRAYSZ: 28,
  DT_RUNPATH: 29,
  DT_FLAGS: 30,
  DT_PREINIT_ARRAY: 32,
  DT_PREINIT_ARRAYSZ: 33,
  DT_SYMTAB_SHNDX: 34,
  DT_RELRSZ: 35,
  DT_RELR: 36,
  DT_RELRENT: 37,
  DT_ANDROID_REL: 0x6000000f,
  DT_ANDROID_RELSZ: 0x60000010,
  DT_ANDROID_RELA: 0x60000011,
  DT_ANDROID_RELASZ: 0x60000012,
  DT_ANDROID_RELR: 0x6fffe000,
  DT_ANDROID_RELRSZ: 0x6fffe001,
  DT_ANDROID_RELRENT: 0x6fffe003,
  DT_GNU_FLAGS_1: 0x6ffffdf4,
  DT_GNU_PRELINKED: 0x6ffffdf5,
  DT_GNU_CONFLICTSZ: 0x6ffffdf6,
  DT_GNU_LIBLISTSZ: 0x6ffffdf7,
  DT_CHECKSUM: 0x6ffffdf8,
  DT_PLTPADSZ: 0x6ffffdf9,
  DT_MOVEENT: 0x6ffffdfa,
  DT_MOVESZ: 0x6ffffdfb,
  DT_FEATURE_1: 0x6ffffdfc,
  DT_POSFLAG_1: 0x6ffffdfd,
  DT_SYMINSZ: 0x6ffffdfe,
  DT_SYMINENT: 0x6ffffdff,
  DT_GNU_HASH: 0x6ffffef5,
  DT_TLSDESC_PLT: 0x6ffffef6,
  DT_TLSDESC_GOT: 0x6ffffef7,
  DT_GNU_CONFLICT: 0x6ffffef8,
  DT_GNU_LIBLIST: 0x6ffffef9,
  DT_CONFIG: 0x6ffffefa,
  DT_DEPAUDIT: 0x6ffffefb,
  DT_AUDIT: 0x6ffffefc,
  DT_PLTPAD: 0x6ffffefd,
  DT_MOVETAB: 0x6ffffefe,
  DT_SYMINFO: 0x6ffffeff,
  DT_VERSYM: 0x6ffffff0,
  DT_RELACOUNT: 0x6ffffff9,
  DT_RELCOUNT: 0x6ffffffa,
  DT_FLAGS_1: 0x6ffffffb,
  DT_VERDEF: 0x6ffffffc,
  DT_VERDEFNUM: 0x6ffffffd,
  DT_VERNEED: 0x6ffffffe,
  DT_VERNEEDNUM: 0x6fffffff,
  DT_AUXILIARY: 0x7ffffffd,
  DT_USED: 0x7ffffffe,
  DT_FILTER: 0x7fffffff,
} as const;
export type DT = (typeof DT)[keyof typeof DT];

const DT_RANGES = { DT_LOOS: 0x6000000d, DT_LOPROC: 0x70000000 };

/** Bits of `DT_FLAGS`. */
export const DF = {
  DF_ORIGIN: 0x1,
  DF_SYMBOLIC: 0x2,
  DF_TEXTREL: 0x4,
  DF_BIND_NOW: 0x8,
  DF_STATIC_TLS: 0x10,
} as const;
export type DF = (typeof DF)[keyof typeof DF];

/** Bits of `DT_FLAGS_1`. */
export const DF_1 = {
  DF_1_NOW: 0x1,
  DF_1_GLOBAL: 0x2,
  DF_1_GROUP: 0x4,
  DF_1_NODELETE: 0x8,
  DF_1_LOADFLTR: 0x10,
  DF_1_INITFIRST: 0x20,
  DF_1_NOOPEN: 0x40,
  DF_1_ORIGIN: 0x80,
  DF_1_DIRECT: 0x100,
  DF_1_TRANS: 0x200,
  DF_1_INTERPOSE: 0x400,
  DF_1_NODEFLIB: 0x800,
  DF_1_NODUMP: 0x1000,
  DF_1_CONFALT: 0x2000,
  DF_1_ENDFILTEE: 0x4000,
  DF_1_DISPRELDNE: 0x8000,
  DF_1_DISPRELPND: 0x10000,
  DF_1_NODIRECT: 0x20000,
  DF_1_IGNMULDEF: 0x40000,
  DF_1_NOKSYMS: 0x80000,
  DF_1_NOHDR: 0x100000,
  DF_1_EDITED: 0x200000,
  DF_1_NORELOC: 0x400000,
  DF_1_SYMINTPOSE: 0x800000,
  DF_1_GLOBAUDIT: 0x1000000,
  DF_1_SINGLETON: 0x2000000,
  DF_1_STUB: 0x4000000,
  DF_1_PIE: 0x8000000,
} as const;
export type DF_1 = (typeof DF_1)[keyof typeof DF_1];

/** `DT_NEEDED`; `machine` is the `e_machine` that gives processor tags their meaning. */
export function dynamicTagName(value: number, machine = 0): string {
  return nameOf("DT", value, [DT, machineFor(machine)?.dynamicTags], DT_RANGES);
}

/** Names of the bits of a `DT_FLAGS` value. */
export function dynamicFlagNames(value: number): string[] {
  return flagNames(value, [DF]);
}

/** Names of the bits of a `DT_FLAGS_1` value. */
export function dynamicFlag1Names(value: number): string[] {
  return flagNames(value, [DF_1]);
}
