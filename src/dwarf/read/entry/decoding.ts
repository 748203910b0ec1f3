/** How values are decoded: forms that are read the same way share a number. */
import { DW_FORM, isStringIndex } from "../../constants/form.ts";

/**
 * The ways. `rare` is what compilers seldom write, and is looked at by form. `wasm/entries.ts` knows these numbers; those
 * up to `strp` have a width that depends on the unit alone.
 */
export const DECODING = {
  rare: 0,
  data1: 1,
  data2: 2,
  data4: 3,
  strx4: 4,
  ref4: 5,
  offset: 6,
  present: 7,
  strp: 8,
  udata: 9,
  sdata: 10,
  exprloc: 11,
  block1: 12,
  addr: 13,
  string: 14,
  implicit: 15,
  data8: 16,
} as const;

const FORMS: readonly (readonly [decoding: number, ...forms: number[]])[] = [
  [
    DECODING.data1,
    DW_FORM.DW_FORM_data1,
    DW_FORM.DW_FORM_flag,
    DW_FORM.DW_FORM_strx1,
    DW_FORM.DW_FORM_addrx1,
  ],
  [DECODING.data2, DW_FORM.DW_FORM_data2, DW_FORM.DW_FORM_strx2, DW_FORM.DW_FORM_addrx2],
  [DECODING.data4, DW_FORM.DW_FORM_data4],
  [DECODING.strx4, DW_FORM.DW_FORM_strx4, DW_FORM.DW_FORM_addrx4, DW_FORM.DW_FORM_ref_sup4],
  [DECODING.ref4, DW_FORM.DW_FORM_ref4],
  [
    DECODING.offset,
    DW_FORM.DW_FORM_line_strp,
    DW_FORM.DW_FORM_sec_offset,
    DW_FORM.DW_FORM_strp_sup,
    DW_FORM.DW_FORM_GNU_ref_alt,
    DW_FORM.DW_FORM_GNU_strp_alt,
  ],
  [DECODING.strp, DW_FORM.DW_FORM_strp],
  [DECODING.present, DW_FORM.DW_FORM_flag_present],
  [
    DECODING.udata,
    DW_FORM.DW_FORM_udata,
    DW_FORM.DW_FORM_strx,
    DW_FORM.DW_FORM_addrx,
    DW_FORM.DW_FORM_loclistx,
    DW_FORM.DW_FORM_rnglistx,
    DW_FORM.DW_FORM_GNU_addr_index,
    DW_FORM.DW_FORM_GNU_str_index,
  ],
  [DECODING.sdata, DW_FORM.DW_FORM_sdata],
  [DECODING.exprloc, DW_FORM.DW_FORM_exprloc, DW_FORM.DW_FORM_block],
  [DECODING.block1, DW_FORM.DW_FORM_block1],
  [DECODING.addr, DW_FORM.DW_FORM_addr],
  [DECODING.string, DW_FORM.DW_FORM_string],
  [DECODING.implicit, DW_FORM.DW_FORM_implicit_const],
  [DECODING.data8, DW_FORM.DW_FORM_data8],
];

/** {@link decodingOf} by form, for forms below 0x100; those of GNU are above. */
export const DECODINGS = new Uint8Array(0x100);
const far = new Map<number, number>();
for (const [decoding, ...forms] of FORMS) {
  for (const form of forms) {
    if (form < DECODINGS.length) DECODINGS[form] = decoding;
    else far.set(form, decoding);
  }
}

/** How values of a form are decoded: one of {@link DECODING}. */
export function decodingOf(form: number): number {
  return form < DECODINGS.length ? (DECODINGS[form] ?? 0) : (far.get(form) ?? 0);
}

/** Whether a form is a string that is neither in place nor at an offset of `.debug_str`. */
export function isStringElsewhere(form: number): boolean {
  return form === DW_FORM.DW_FORM_line_strp || form === DW_FORM.DW_FORM_indirect || isStringIndex(form);
}
