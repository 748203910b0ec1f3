/** Expressions as text, in the spellings of readelf and llvm-dwarfdump. */
import { DW_OP } from "../../constants/operation.ts";
import { registerName } from "../../constants/register.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";
import { type Expression, ExpressionCursor } from "./expression.ts";
import { FORM, suboperationName } from "./operand.ts";

/** Expressions in expressions are printed as deep as this. */
const DEEPEST = 16;

/** How an expression is printed. */
export interface ExpressionStyle {
  /** `DW_OP_fbreg: -36; DW_OP_stack_value`, or `DW_OP_fbreg -36, DW_OP_stack_value`. */
  readonly like: "readelf" | "llvm";
  /** Prints the relocatable operand of an address or constant; without it the bytes of the file are printed. */
  readonly address?: (value: Relocatable) => string;
}

/**
 * All operations of an expression.
 * @throws DwarfError at an operation that can't be decoded
 */
export function expressionText(expression: Expression, style: ExpressionStyle): string {
  return nested(expression, style, 0);
}

function nested(expression: Expression, style: ExpressionStyle, depth: number): string {
  const parts: string[] = [];
  const at = new ExpressionCursor(expression);
  while (at.next())
    parts.push(style.like === "llvm" ? llvmText(at, style, depth) : readelfText(at, style, depth));
  return parts.join(style.like === "llvm" ? ", " : "; ");
}

/** The register that an operation names; `undefined` for others. */
function registerOf(at: ExpressionCursor): number | undefined {
  const { opcode } = at;
  if (opcode >= DW_OP.DW_OP_reg0 && opcode <= DW_OP.DW_OP_reg31) return opcode - DW_OP.DW_OP_reg0;
  if (opcode >= DW_OP.DW_OP_breg0 && opcode <= DW_OP.DW_OP_breg31) return opcode - DW_OP.DW_OP_breg0;
  switch (opcode) {
    case DW_OP.DW_OP_regx:
    case DW_OP.DW_OP_bregx:
    case DW_OP.DW_OP_regval_type:
    case DW_OP.DW_OP_GNU_regval_type:
      return at.low[0];
    default:
      return undefined;
  }
}

function address(at: ExpressionCursor, { address: print }: ExpressionStyle): string | undefined {
  if (print === undefined) return undefined;
  const value = at.relocatable;
  return value && print(value);
}

function inner(at: ExpressionCursor, style: ExpressionStyle, depth: number): string {
  return depth < DEEPEST ? nested(at.inner(0), style, depth + 1) : "...";
}

function bytes(at: ExpressionCursor, index: number, prefix: string): string {
  return Array.from(
    at.block(index),
    (byte) => prefix + byte.toString(16).padStart(prefix === "" ? 1 : 2, "0"),
  ).join(" ");
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

/** An offset in the unit as an offset in the section. */
function inSection(at: ExpressionCursor, index: number): bigint {
  return at.operand(index) + BigInt(at.expression.unit?.header.offset ?? 0);
}

function readelfText(at: ExpressionCursor, style: ExpressionStyle, depth: number): string {
  const { name, opcode } = at;
  const register = registerOf(at);
  const shown = register === undefined ? "" : `(${registerName(at.machine, register)})`;
  const relocated = address(at, style);
  if (relocated !== undefined) return `${name}: ${relocated}`;
  switch (opcode) {
    case DW_OP.DW_OP_addr:
      return `${name}: ${at.operand(0).toString(16)}`;
    case DW_OP.DW_OP_regx:
      return `${name}: ${at.operand(0)} ${shown}`;
    case DW_OP.DW_OP_bregx:
      return `${name}: ${at.operand(0)} ${shown} ${at.operand(1)}`;
    case DW_OP.DW_OP_bit_piece:
      return `${name}: size: ${at.operand(0)} offset: ${at.operand(1)} `;
    case DW_OP.DW_OP_call2:
    case DW_OP.DW_OP_call4:
    case DW_OP.DW_OP_GNU_parameter_ref:
      return `${name}: <${hex(inSection(at, 0))}>`;
    case DW_OP.DW_OP_call_ref:
    case DW_OP.DW_OP_GNU_variable_value:
      return `${name}: <${hex(at.operand(0))}>`;
    case DW_OP.DW_OP_implicit_value:
      return `${name} ${at.operand(0)} byte block: ${bytes(at, 0, "")} `;
    case DW_OP.DW_OP_implicit_pointer:
    case DW_OP.DW_OP_GNU_implicit_pointer:
      return `${name}: <${hex(at.operand(0))}> ${at.operand(1)}`;
    case DW_OP.DW_OP_entry_value:
    case DW_OP.DW_OP_GNU_entry_value:
      return `${name}: (${inner(at, style, depth)})`;
    case DW_OP.DW_OP_const_type:
    case DW_OP.DW_OP_GNU_const_type:
      return `${name}: <${hex(inSection(at, 0))}>  ${at.operand(1)} byte block: ${bytes(at, 1, "")} `;
    case DW_OP.DW_OP_regval_type:
    case DW_OP.DW_OP_GNU_regval_type:
      return `${name}: ${at.operand(0)} ${shown} <${hex(inSection(at, 1))}>`;
    case DW_OP.DW_OP_deref_type:
    case DW_OP.DW_OP_GNU_deref_type:
    case DW_OP.DW_OP_xderef_type:
      return `${name}: ${at.operand(0)} <${hex(inSection(at, 1))}>`;
    case DW_OP.DW_OP_convert:
    case DW_OP.DW_OP_GNU_convert:
    case DW_OP.DW_OP_reinterpret:
    case DW_OP.DW_OP_GNU_reinterpret:
      // 0 is the generic type, no offset.
      return at.operand(0) === 0n ? `${name} <0>` : `${name} <${hex(inSection(at, 0))}>`;
    case DW_OP.DW_OP_addrx:
    case DW_OP.DW_OP_constx:
    case DW_OP.DW_OP_GNU_addr_index:
    case DW_OP.DW_OP_GNU_const_index:
      return `${name} <${hex(at.operand(0))}>`;
    case DW_OP.DW_OP_LLVM_user:
      return [
        suboperationName(at.low[0] ?? 0),
        ...at.forms.slice(1).map((_, i) => String(at.operand(i + 1))),
      ].join(" ");
    default: {
      const head = register === undefined ? name : `${name} ${shown}`;
      return at.forms.length === 0 ? head : `${head}: ${at.forms.map((_, i) => at.operand(i)).join(" ")}`;
    }
  }
}

function llvmText(at: ExpressionCursor, style: ExpressionStyle, depth: number): string {
  const { name, opcode } = at;
  const relocated = address(at, style);
  if (relocated !== undefined) return `${name} ${relocated}`;
  const register = registerOf(at);
  const shown = register === undefined ? "" : registerName(at.machine, register).toUpperCase();
  switch (opcode) {
    case DW_OP.DW_OP_regx:
      return `${name} ${shown}`;
    case DW_OP.DW_OP_bregx:
      return `${name} ${shown}${signed(at.operand(1))}`;
    case DW_OP.DW_OP_regval_type:
    case DW_OP.DW_OP_GNU_regval_type:
      return `${name} ${shown} ${type(at, 1)}`;
    case DW_OP.DW_OP_entry_value:
    case DW_OP.DW_OP_GNU_entry_value:
      return `${name}(${inner(at, style, depth)})`;
    case DW_OP.DW_OP_const_type:
    case DW_OP.DW_OP_GNU_const_type:
      return `${name} ${type(at, 0)} ${bytes(at, 1, "0x")}`;
    case DW_OP.DW_OP_deref_type:
    case DW_OP.DW_OP_GNU_deref_type:
    case DW_OP.DW_OP_xderef_type:
      return `${name} ${hex(at.operand(0))} ${type(at, 1)}`;
    case DW_OP.DW_OP_convert:
    case DW_OP.DW_OP_GNU_convert:
    case DW_OP.DW_OP_reinterpret:
    case DW_OP.DW_OP_GNU_reinterpret:
      return `${name} ${at.operand(0) === 0n ? "0x0" : type(at, 0)}`;
    case DW_OP.DW_OP_LLVM_user:
      return [
        suboperationName(at.low[0] ?? 0),
        ...at.forms.slice(1).map((_, i) => llvmOperand(at, i + 1)),
      ].join(" ");
    default:
      if (opcode >= DW_OP.DW_OP_breg0 && opcode <= DW_OP.DW_OP_breg31)
        return `${name} ${shown}${signed(at.operand(0))}`;
      return [name, shown, ...at.forms.map((_, i) => llvmOperand(at, i))]
        .filter((part) => part !== "")
        .join(" ");
  }
}

function llvmOperand(at: ExpressionCursor, index: number): string {
  switch (at.forms[index]) {
    case FORM.block:
    case FORM.block1:
      return [hex(at.operand(index)), bytes(at, index, "0x")].filter((part) => part !== "").join(" ");
    case FORM.s1:
    case FORM.s2:
    case FORM.s4:
    case FORM.s8:
    case FORM.sleb:
      return signed(at.operand(index));
    default:
      return hex(at.operand(index));
  }
}

function signed(value: bigint): string {
  return value < 0n ? String(value) : `+${value}`;
}

/** A base type, by its offset in the section. */
function type(at: ExpressionCursor, index: number): string {
  return `(0x${inSection(at, index).toString(16).padStart(8, "0")})`;
}
