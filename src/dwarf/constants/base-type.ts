/** Values that describe base types [DWARF5 7.8, tables 7.11 to 7.13]. */

/** `DW_AT_encoding`: how the bits of a base type are read. */
export const DW_ATE = {
  DW_ATE_void: 0x00,
  DW_ATE_address: 0x01,
  DW_ATE_boolean: 0x02,
  DW_ATE_complex_float: 0x03,
  DW_ATE_float: 0x04,
  DW_ATE_signed: 0x05,
  DW_ATE_signed_char: 0x06,
  DW_ATE_unsigned: 0x07,
  DW_ATE_unsigned_char: 0x08,
  DW_ATE_imaginary_float: 0x09,
  DW_ATE_packed_decimal: 0x0a,
  DW_ATE_numeric_string: 0x0b,
  DW_ATE_edited: 0x0c,
  DW_ATE_signed_fixed: 0x0d,
  DW_ATE_unsigned_fixed: 0x0e,
  DW_ATE_decimal_float: 0x0f,
  DW_ATE_UTF: 0x10,
  DW_ATE_UCS: 0x11,
  DW_ATE_ASCII: 0x12,
  // HP.
  DW_ATE_HP_float80: 0x80,
  DW_ATE_HP_complex_float80: 0x81,
  DW_ATE_HP_float128: 0x82,
  DW_ATE_HP_complex_float128: 0x83,
  DW_ATE_HP_floathpintel: 0x84,
  DW_ATE_HP_imaginary_float80: 0x85,
  DW_ATE_HP_imaginary_float128: 0x86,
  DW_ATE_HP_VAX_float: 0x88,
  DW_ATE_HP_VAX_float_d: 0x89,
  DW_ATE_HP_packed_decimal: 0x8a,
  DW_ATE_HP_zoned_decimal: 0x8b,
  DW_ATE_HP_edited: 0x8c,
  DW_ATE_HP_signed_fixed: 0x8d,
  DW_ATE_HP_unsigned_fixed: 0x8e,
  DW_ATE_HP_VAX_complex_float: 0x8f,
  DW_ATE_HP_VAX_complex_float_d: 0x90,
  // Altium and Sun, at numbers of HP.
  DW_ATE_ALTIUM_fract: 0x80,
  DW_ATE_ALTIUM_accum: 0x81,
  DW_ATE_SUN_imaginary_float: 0x86,
  // Sun.
  DW_ATE_SUN_interval_float: 0x91,
} as const;
export type DW_ATE = (typeof DW_ATE)[keyof typeof DW_ATE];

/** `DW_AT_decimal_sign`: where a decimal number keeps its sign. */
export const DW_DS = {
  DW_DS_unsigned: 0x01,
  DW_DS_leading_overpunch: 0x02,
  DW_DS_trailing_overpunch: 0x03,
  DW_DS_leading_separate: 0x04,
  DW_DS_trailing_separate: 0x05,
} as const;
export type DW_DS = (typeof DW_DS)[keyof typeof DW_DS];

/** `DW_AT_endianity`. */
export const DW_END = {
  DW_END_default: 0x00,
  DW_END_big: 0x01,
  DW_END_little: 0x02,
} as const;
export type DW_END = (typeof DW_END)[keyof typeof DW_END];
