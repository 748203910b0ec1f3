/** Call frame instructions as text, spelt as readelf does. */
import { callFrameName, DW_CFA } from "../../constants/frame.ts";
import { registerName } from "../../constants/register.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";
import { expressionText } from "../expression/text.ts";
import type { Cie, Fde } from "./entry.ts";
import { FrameInstructionCursor } from "./instruction.ts";
import { frameExpression } from "./row.ts";

/**
 * The instructions of an entry, one a line: `DW_CFA_advance_loc: 4 to .text+0x14`, `DW_CFA_def_cfa: r7 (rsp) ofs 8`.
 * @param address how places are printed; by default {@link Relocatable.toString} does it
 * @throws DwarfError at the first that is malformed; those before it were given out
 */
export function* frameInstructionTexts(
  entry: Cie | Fde,
  address: (place: Relocatable) => string = String,
): IterableIterator<string> {
  const isFde = "cie" in entry;
  const cie = isFde ? entry.cie : entry;
  const at = new FrameInstructionCursor(cie, entry.instructions, entry.end);
  let place = isFde ? entry.start : undefined;
  while (at.next()) {
    if (at.opcode === DW_CFA.DW_CFA_set_loc) place = cie.pointers.at(at.value);
    else if (place !== undefined && isAdvance(at.opcode)) place = place.plus(at.value);
    const operands = operandText(cie, at, place === undefined ? "" : address(place));
    yield `${callFrameName(at.opcode, cie.context.machine)}${operands}`;
  }
}

function isAdvance(opcode: number): boolean {
  switch (opcode) {
    case DW_CFA.DW_CFA_advance_loc:
    case DW_CFA.DW_CFA_advance_loc1:
    case DW_CFA.DW_CFA_advance_loc2:
    case DW_CFA.DW_CFA_advance_loc4:
    case DW_CFA.DW_CFA_MIPS_advance_loc8:
      return true;
    default:
      return false;
  }
}

function operandText(cie: Cie, at: FrameInstructionCursor, place: string): string {
  const { opcode, value, extra } = at;
  const { machine } = cie.context;
  const register = registerText(at.register, machine);
  if (isAdvance(opcode)) return `: ${value} to ${place}`;
  switch (opcode) {
    case DW_CFA.DW_CFA_set_loc:
      return `: ${place}`;
    case DW_CFA.DW_CFA_offset:
    case DW_CFA.DW_CFA_offset_extended:
    case DW_CFA.DW_CFA_offset_extended_sf:
    case DW_CFA.DW_CFA_GNU_negative_offset_extended:
      return `: ${register} at cfa${signed(value)}`;
    case DW_CFA.DW_CFA_val_offset:
    case DW_CFA.DW_CFA_val_offset_sf:
      return `: ${register} is cfa${signed(value)}`;
    case DW_CFA.DW_CFA_restore:
    case DW_CFA.DW_CFA_restore_extended:
    case DW_CFA.DW_CFA_undefined:
    case DW_CFA.DW_CFA_same_value:
    case DW_CFA.DW_CFA_def_cfa_register:
      return `: ${register}`;
    case DW_CFA.DW_CFA_register:
      return `: ${register} in ${registerText(value, machine)}`;
    case DW_CFA.DW_CFA_def_cfa:
    case DW_CFA.DW_CFA_def_cfa_sf:
      return `: ${register} ofs ${value}`;
    case DW_CFA.DW_CFA_LLVM_def_aspace_cfa:
    case DW_CFA.DW_CFA_LLVM_def_aspace_cfa_sf:
      return `: ${register} ofs ${value} in addrspace${extra}`;
    case DW_CFA.DW_CFA_def_cfa_offset:
    case DW_CFA.DW_CFA_def_cfa_offset_sf:
    case DW_CFA.DW_CFA_GNU_args_size:
      return `: ${value}`;
    case DW_CFA.DW_CFA_def_cfa_expression:
      return ` (${expressionOf(cie, value, extra)})`;
    case DW_CFA.DW_CFA_expression:
    case DW_CFA.DW_CFA_val_expression:
      return `: ${register} (${expressionOf(cie, value, extra)})`;
    default:
      return "";
  }
}

function expressionOf(cie: Cie, offset: number, length: number): string {
  return expressionText(frameExpression(cie, offset, length), { like: "readelf" });
}

/** `r7 (rsp)`, or `r57` where it has no other name. */
function registerText(register: number, machine: number): string {
  const name = registerName(machine, register);
  return name === `r${register}` ? name : `r${register} (${name})`;
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}
