/** Attribute values as text. */
import { attributeValueName } from "../../dwarf/constants/attribute-value.ts";
import { DW_FORM } from "../../dwarf/constants/form.ts";
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import { unitBases } from "../../dwarf/read/addr-table.ts";
import type { EntryCursor } from "../../dwarf/read/cursor.ts";
import { expressionText } from "../../dwarf/read/expression-text.ts";
import { attributeExpression } from "../../dwarf/read/location.ts";

/** The value of the cursor's current attribute: `"main"`, `.text+0x10`, `{0x2d}`, `DW_ATE_signed`, `7`. */
export function valueText(unit: DwarfUnit, at: EntryCursor): string {
  const string = unit.dwarf.string(unit, at);
  if (string !== undefined) return JSON.stringify(string);
  const address = unitBases(unit).address(at.form, at.valueOffset, at.low);
  if (address !== undefined) return address.toString();
  const expression = attributeExpression(unit, at);
  if (expression !== undefined && at.form === DW_FORM.DW_FORM_exprloc) {
    return expressionText(expression, { like: "llvm", address: String });
  }
  switch (at.form) {
    case DW_FORM.DW_FORM_flag:
    case DW_FORM.DW_FORM_flag_present:
      return at.low === 0 ? "false" : "true";
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref8:
    case DW_FORM.DW_FORM_ref_udata:
    case DW_FORM.DW_FORM_ref_addr:
      return `{0x${at.low.toString(16)}}`;
    case DW_FORM.DW_FORM_ref_sig8:
      return `type 0x${at.constant.toString(16).padStart(16, "0")}`;
    case DW_FORM.DW_FORM_sec_offset:
    case DW_FORM.DW_FORM_GNU_ref_alt:
    case DW_FORM.DW_FORM_GNU_strp_alt:
    case DW_FORM.DW_FORM_strp_sup:
      return `0x${at.low.toString(16)}`;
    case DW_FORM.DW_FORM_loclistx:
    case DW_FORM.DW_FORM_rnglistx:
      return `index ${at.low}`;
    case DW_FORM.DW_FORM_block:
    case DW_FORM.DW_FORM_block1:
    case DW_FORM.DW_FORM_block2:
    case DW_FORM.DW_FORM_block4:
    case DW_FORM.DW_FORM_data16:
      return Array.from(at.block, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    default: {
      const { constant } = at;
      const name =
        constant >= 0n && constant <= 0xffffn
          ? attributeValueName(at.attribute, Number(constant))
          : undefined;
      return name ?? String(constant);
    }
  }
}
