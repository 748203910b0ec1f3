/** Section families [gABI, "Sections"]. What a processor adds is in `machine/`. */
import { machineFor } from "../machine/registry.ts";
import { flagNames, nameOf } from "./family.ts";

/** `sh_type`: what a section holds. */
export const SHT = {
  SHT_NULL: 0,
  SHT_PROGBITS: 1,
  SHT_SYMTAB: 2,
  SHT_STRTAB: 3,
  SHT_RELA: 4,
  SHT_HASH: 5,
  SHT_DYNAMIC: 6,
  SHT_NOTE: 7,
  SHT_NOBITS: 8,
  SHT_REL: 9,
  SHT_SHLIB: 10,
  SHT_DYNSYM: 11,
  SHT_INIT_ARRAY: 14,
  SHT_FINI_ARRAY: 15,
  SHT_PREINIT_ARRAY: 16,
  SHT_GROUP: 17,
  SHT_SYMTAB_SHNDX: 18,
  SHT_RELR: 19,
  SHT_ANDROID_REL: 0x60000001,
  SHT_ANDROID_RELA: 0x60000002,
  SHT_LLVM_ODRTAB: 0x6fff4c00,
  SHT_LLVM_LINKER_OPTIONS: 0x6fff4c01,
  SHT_LLVM_ADDRSIG: 0x6fff4c03,
  SHT_LLVM_DEPENDENT_LIBRARIES: 0x6fff4c04,
  SHT_LLVM_SYMPART: 0x6fff4c05,
  SHT_LLVM_PART_EHDR: 0x6fff4c06,
  SHT_LLVM_PART_PHDR: 0x6fff4c07,
  SHT_LLVM_BB_ADDR_MAP_V0: 0x6fff4c08,
  SHT_LLVM_CALL_GRAPH_PROFILE: 0x6fff4c09,
  SHT_LLVM_BB_ADDR_MAP: 0x6fff4c0a,
  SHT_LLVM_OFFLOADING: 0x6fff4c0b,
  SHT_LLVM_LTO: 0x6fff4c0c,
  SHT_ANDROID_RELR: 0x6fffff00,
  SHT_GNU_ATTRIBUTES: 0x6ffffff5,
  SHT_GNU_HASH: 0x6ffffff6,
  SHT_GNU_LIBLIST: 0x6ffffff7,
  SHT_CHECKSUM: 0x6ffffff8,
  SHT_SUNW_move: 0x6ffffffa,
  SHT_SUNW_COMDAT: 0x6ffffffb,
  SHT_SUNW_syminfo: 0x6ffffffc,
  SHT_GNU_verdef: 0x6ffffffd,
  SHT_GNU_verneed: 0x6ffffffe,
  SHT_GNU_versym: 0x6fffffff,
} as const;
export type SHT = (typeof SHT)[keyof typeof SHT];

const SHT_RANGES = { SHT_LOOS: 0x60000000, SHT_LOPROC: 0x70000000, SHT_LOUSER: 0x80000000 };

/** `sh_flags`. All values that are defined fit the low 32 bits. */
export const SHF = {
  SHF_WRITE: 0x1,
  SHF_ALLOC: 0x2,
  SHF_EXECINSTR: 0x4,
  SHF_MERGE: 0x10,
  SHF_STRINGS: 0x20,
  SHF_INFO_LINK: 0x40,
  SHF_LINK_ORDER: 0x80,
  SHF_OS_NONCONFORMING: 0x100,
  SHF_GROUP: 0x200,
  SHF_TLS: 0x400,
  SHF_COMPRESSED: 0x800,
  SHF_GNU_RETAIN: 0x200000,
  SHF_GNU_MBIND: 0x1000000,
  SHF_EXCLUDE: 0x80000000,
} as const;
export type SHF = (typeof SHF)[keyof typeof SHF];

/** Section indexes with a meaning of their own, as `st_shndx` and `e_shstrndx` use them. */
export const SHN = {
  SHN_UNDEF: 0,
  SHN_ABS: 0xfff1,
  SHN_COMMON: 0xfff2,
  SHN_XINDEX: 0xffff,
} as const;
export type SHN = (typeof SHN)[keyof typeof SHN];

/** First of the reserved section indexes; below it, and from 0x10000 on, an index names a section. */
export const SHN_LORESERVE = 0xff00;
/** Last of the reserved section indexes. */
export const SHN_HIRESERVE = 0xffff;
const SHN_RANGES = { SHN_LORESERVE, SHN_LOOS: 0xff20 };

/** First word of a section group [gABI, "Section Groups"]. */
export const GRP = { GRP_COMDAT: 0x1 } as const;
export type GRP = (typeof GRP)[keyof typeof GRP];

/** `ch_type` of a compressed section [gABI, "Section Compression"]. */
export const ELFCOMPRESS = { ELFCOMPRESS_ZLIB: 1, ELFCOMPRESS_ZSTD: 2 } as const;
export type ELFCOMPRESS = (typeof ELFCOMPRESS)[keyof typeof ELFCOMPRESS];

/** `SHT_SYMTAB`; `machine` is the `e_machine` that gives processor types their meaning. */
export function sectionTypeName(value: number, machine = 0): string {
  return nameOf("SHT", value, [SHT, machineFor(machine)?.sectionTypes], SHT_RANGES);
}

/** `["SHF_ALLOC", "SHF_EXECINSTR"]`; `machine` is the `e_machine` that gives processor bits their meaning. */
export function sectionFlagNames(value: number, machine = 0): string[] {
  return flagNames(value, [SHF, machineFor(machine)?.sectionFlags]);
}

/** `SHN_ABS` for a reserved section index, or the number in decimal for an ordinary one. */
export function sectionIndexName(value: number, machine = 0): string {
  if (value !== 0 && (value < SHN_LORESERVE || value > SHN_HIRESERVE)) return String(value);
  return nameOf("SHN", value, [SHN, machineFor(machine)?.sectionIndexes], SHN_RANGES);
}

/** `ELFCOMPRESS_ZSTD`, or a text relative to the reserved range. */
export function compressionName(value: number): string {
  const ranges = { ELFCOMPRESS_LOOS: 0x60000000, ELFCOMPRESS_LOPROC: 0x70000000 };
  return nameOf("ELFCOMPRESS", value, [ELFCOMPRESS], ranges);
}
