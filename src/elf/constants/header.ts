/** The file header's families [gABI, "ELF Header", "ELF Identification"]. */
import { nameOf } from "./family.ts";

/** Indexes into `e_ident`. */
export const EI = {
  EI_MAG0: 0,
  EI_CLASS: 4,
  EI_DATA: 5,
  EI_VERSION: 6,
  EI_OSABI: 7,
  EI_ABIVERSION: 8,
  EI_PAD: 9,
  EI_NIDENT: 16,
} as const;

/** `e_ident[EI_CLASS]`: width of addresses. */
export const ELFCLASS = { ELFCLASSNONE: 0, ELFCLASS32: 1, ELFCLASS64: 2 } as const;
export type ELFCLASS = (typeof ELFCLASS)[keyof typeof ELFCLASS];

/** `e_ident[EI_DATA]`: byte order. */
export const ELFDATA = { ELFDATANONE: 0, ELFDATA2LSB: 1, ELFDATA2MSB: 2 } as const;
export type ELFDATA = (typeof ELFDATA)[keyof typeof ELFDATA];

/** `e_version` and `e_ident[EI_VERSION]`. */
export const EV = { EV_NONE: 0, EV_CURRENT: 1 } as const;
export type EV = (typeof EV)[keyof typeof EV];

/** `e_ident[EI_OSABI]`: whose extensions the file uses. */
export const ELFOSABI = {
  ELFOSABI_NONE: 0,
  ELFOSABI_HPUX: 1,
  ELFOSABI_NETBSD: 2,
  ELFOSABI_GNU: 3,
  ELFOSABI_HURD: 4,
  ELFOSABI_SOLARIS: 6,
  ELFOSABI_AIX: 7,
  ELFOSABI_IRIX: 8,
  ELFOSABI_FREEBSD: 9,
  ELFOSABI_TRU64: 10,
  ELFOSABI_MODESTO: 11,
  ELFOSABI_OPENBSD: 12,
  ELFOSABI_OPENVMS: 13,
  ELFOSABI_NSK: 14,
  ELFOSABI_AROS: 15,
  ELFOSABI_FENIXOS: 16,
  ELFOSABI_CLOUDABI: 17,
  ELFOSABI_ARM_AEABI: 64,
  ELFOSABI_ARM: 97,
  ELFOSABI_STANDALONE: 255,
} as const;
export type ELFOSABI = (typeof ELFOSABI)[keyof typeof ELFOSABI];

/** `e_type`: what kind of file this is. */
export const ET = {
  ET_NONE: 0,
  ET_REL: 1,
  ET_EXEC: 2,
  ET_DYN: 3,
  ET_CORE: 4,
} as const;
export type ET = (typeof ET)[keyof typeof ET];

const ET_RANGES = { ET_LOOS: 0xfe00, ET_LOPROC: 0xff00 };

/** `ET_DYN`, or `ET_LOOS+0x…` for reserved values. */
export function fileTypeName(value: number): string {
  return nameOf("ET", value, [ET], ET_RANGES);
}

/** `ELFOSABI_GNU`, or `ELFOSABI_0x…`. */
export function osAbiName(value: number): string {
  return nameOf("ELFOSABI", value, [ELFOSABI]);
}

/** `e_phnum` value that says the real count is in section header 0's `sh_info`. */
export const PN_XNUM = 0xffff;
