/** Values of attributes of constant class, and their names by attribute [DWARF5 7.8 to 7.21]. */
import { type Family, flagNames } from "../../elf/constants/family.ts";
import { DW_AT } from "./attribute.ts";
import { DW_ATE, DW_DS, DW_END } from "./base-type.ts";
import { DW_LANG } from "./language.ts";
import { dwarfName, type UserRange } from "./name.ts";

/** `DW_AT_accessibility` [table 7.14]. */
export const DW_ACCESS = {
  DW_ACCESS_public: 0x01,
  DW_ACCESS_protected: 0x02,
  DW_ACCESS_private: 0x03,
} as const;
export type DW_ACCESS = (typeof DW_ACCESS)[keyof typeof DW_ACCESS];

/** `DW_AT_visibility` [table 7.15]. */
export const DW_VIS = {
  DW_VIS_local: 0x01,
  DW_VIS_exported: 0x02,
  DW_VIS_qualified: 0x03,
} as const;
export type DW_VIS = (typeof DW_VIS)[keyof typeof DW_VIS];

/** `DW_AT_virtuality` [table 7.16]. */
export const DW_VIRTUALITY = {
  DW_VIRTUALITY_none: 0x00,
  DW_VIRTUALITY_virtual: 0x01,
  DW_VIRTUALITY_pure_virtual: 0x02,
} as const;
export type DW_VIRTUALITY = (typeof DW_VIRTUALITY)[keyof typeof DW_VIRTUALITY];

/** `DW_AT_identifier_case` [table 7.18]. */
export const DW_ID = {
  DW_ID_case_sensitive: 0x00,
  DW_ID_up_case: 0x01,
  DW_ID_down_case: 0x02,
  DW_ID_case_insensitive: 0x03,
} as const;
export type DW_ID = (typeof DW_ID)[keyof typeof DW_ID];

/** `DW_AT_calling_convention` [table 7.19]. */
export const DW_CC = {
  DW_CC_normal: 0x01,
  DW_CC_program: 0x02,
  DW_CC_nocall: 0x03,
  DW_CC_pass_by_reference: 0x04,
  DW_CC_pass_by_value: 0x05,
  // GNU.
  DW_CC_GNU_renesas_sh: 0x40,
  DW_CC_GNU_borland_fastcall_i386: 0x41,
  // Altium.
  DW_CC_ALTIUM_interrupt: 0x65,
  DW_CC_ALTIUM_near_system_stack: 0x66,
  DW_CC_ALTIUM_near_user_stack: 0x67,
  DW_CC_ALTIUM_huge_user_stack: 0x68,
  // Borland.
  DW_CC_BORLAND_safecall: 0xb0,
  DW_CC_BORLAND_stdcall: 0xb1,
  DW_CC_BORLAND_pascal: 0xb2,
  DW_CC_BORLAND_msfastcall: 0xb3,
  DW_CC_BORLAND_msreturn: 0xb4,
  DW_CC_BORLAND_thiscall: 0xb5,
  DW_CC_BORLAND_fastcall: 0xb6,
  // LLVM.
  DW_CC_LLVM_vectorcall: 0xc0,
  DW_CC_LLVM_Win64: 0xc1,
  DW_CC_LLVM_X86_64SysV: 0xc2,
  DW_CC_LLVM_AAPCS: 0xc3,
  DW_CC_LLVM_AAPCS_VFP: 0xc4,
  DW_CC_LLVM_IntelOclBicc: 0xc5,
  DW_CC_LLVM_SpirFunction: 0xc6,
  DW_CC_LLVM_OpenCLKernel: 0xc7,
  DW_CC_LLVM_Swift: 0xc8,
  DW_CC_LLVM_PreserveMost: 0xc9,
  DW_CC_LLVM_PreserveAll: 0xca,
  DW_CC_LLVM_X86RegCall: 0xcb,
  // gdb.
  DW_CC_GDB_IBM_OpenCL: 0xff,
} as const;
export type DW_CC = (typeof DW_CC)[keyof typeof DW_CC];

/** `DW_AT_inline` [table 7.20]. */
export const DW_INL = {
  DW_INL_not_inlined: 0x00,
  DW_INL_inlined: 0x01,
  DW_INL_declared_not_inlined: 0x02,
  DW_INL_declared_inlined: 0x03,
} as const;
export type DW_INL = (typeof DW_INL)[keyof typeof DW_INL];

/** `DW_AT_ordering` of an array [table 7.21]. */
export const DW_ORD = {
  DW_ORD_row_major: 0x00,
  DW_ORD_col_major: 0x01,
} as const;
export type DW_ORD = (typeof DW_ORD)[keyof typeof DW_ORD];

/** What begins each element of a `DW_AT_discr_list` [table 7.22]. */
export const DW_DSC = {
  DW_DSC_label: 0x00,
  DW_DSC_range: 0x01,
} as const;
export type DW_DSC = (typeof DW_DSC)[keyof typeof DW_DSC];

/** `DW_AT_defaulted` [table 7.24]. */
export const DW_DEFAULTED = {
  DW_DEFAULTED_no: 0x00,
  DW_DEFAULTED_in_class: 0x01,
  DW_DEFAULTED_out_of_class: 0x02,
} as const;
export type DW_DEFAULTED = (typeof DW_DEFAULTED)[keyof typeof DW_DEFAULTED];

/** `DW_AT_APPLE_property_attribute`: flags of an Objective-C property. */
export const DW_APPLE_PROPERTY = {
  DW_APPLE_PROPERTY_readonly: 0x0001,
  DW_APPLE_PROPERTY_getter: 0x0002,
  DW_APPLE_PROPERTY_assign: 0x0004,
  DW_APPLE_PROPERTY_readwrite: 0x0008,
  DW_APPLE_PROPERTY_retain: 0x0010,
  DW_APPLE_PROPERTY_copy: 0x0020,
  DW_APPLE_PROPERTY_nonatomic: 0x0040,
  DW_APPLE_PROPERTY_setter: 0x0080,
  DW_APPLE_PROPERTY_atomic: 0x0100,
  DW_APPLE_PROPERTY_weak: 0x0200,
  DW_APPLE_PROPERTY_strong: 0x0400,
  DW_APPLE_PROPERTY_unsafe_unretained: 0x0800,
  DW_APPLE_PROPERTY_nullability: 0x1000,
  DW_APPLE_PROPERTY_null_resettable: 0x2000,
  DW_APPLE_PROPERTY_class: 0x4000,
} as const;
export type DW_APPLE_PROPERTY = (typeof DW_APPLE_PROPERTY)[keyof typeof DW_APPLE_PROPERTY];

interface Enumerated {
  readonly prefix: string;
  readonly family: Family;
  readonly user?: UserRange;
}

const ENUMERATED: ReadonlyMap<number, Enumerated> = new Map<number, Enumerated>([
  [DW_AT.DW_AT_accessibility, { prefix: "DW_ACCESS", family: DW_ACCESS }],
  [DW_AT.DW_AT_visibility, { prefix: "DW_VIS", family: DW_VIS }],
  [DW_AT.DW_AT_virtuality, { prefix: "DW_VIRTUALITY", family: DW_VIRTUALITY }],
  [DW_AT.DW_AT_identifier_case, { prefix: "DW_ID", family: DW_ID }],
  [DW_AT.DW_AT_inline, { prefix: "DW_INL", family: DW_INL }],
  [DW_AT.DW_AT_ordering, { prefix: "DW_ORD", family: DW_ORD }],
  [DW_AT.DW_AT_defaulted, { prefix: "DW_DEFAULTED", family: DW_DEFAULTED }],
  [DW_AT.DW_AT_decimal_sign, { prefix: "DW_DS", family: DW_DS }],
  [DW_AT.DW_AT_encoding, { prefix: "DW_ATE", family: DW_ATE, user: { low: 0x80, high: 0xff } }],
  [DW_AT.DW_AT_endianity, { prefix: "DW_END", family: DW_END, user: { low: 0x40, high: 0xff } }],
  [DW_AT.DW_AT_calling_convention, { prefix: "DW_CC", family: DW_CC, user: { low: 0x40, high: 0xff } }],
  [DW_AT.DW_AT_language, { prefix: "DW_LANG", family: DW_LANG, user: { low: 0x8000, high: 0xffff } }],
]);

/**
 * The name of a constant that is the value of `attribute`: `DW_ATE_signed` for 5 of `DW_AT_encoding`.
 *
 * @returns `undefined` for attributes whose constants are plain numbers, and for no flag at all
 */
export function attributeValueName(attribute: number, value: number): string | undefined {
  if (attribute === DW_AT.DW_AT_APPLE_property_attribute) {
    return flagNames(value, [DW_APPLE_PROPERTY]).join("|") || undefined;
  }
  const known = ENUMERATED.get(attribute);
  return known && dwarfName(known.prefix, value, known.family, known.user);
}
