/** One row of a call frame table as an object, and as text. */
import { registerName } from "../../constants/register.ts";
import type { Expression } from "../expression/expression.ts";
import { expressionText } from "../expression/text.ts";
import type { Cie, Fde } from "./entry.ts";
import { FrameRows } from "./rows.ts";
import { type FrameState, RULE } from "./state.ts";

/** How the canonical frame address is found. */
export type CfaRule =
  | { readonly kind: "unspecified" }
  | {
      readonly kind: "register";
      readonly register: number;
      /** Bytes. */
      readonly offset: number;
      /** Address space, on processors that have several; else 0. */
      readonly space: number;
    }
  | { readonly kind: "expression"; readonly expression: Expression };

/** How a register of the caller is found; registers without a rule are as the ABI says. */
export type RegisterRule =
  | { readonly kind: "undefined" | "same_value" }
  /** `offset`: in memory at CFA + offset; `val_offset`: is CFA + offset. */
  | { readonly kind: "offset" | "val_offset"; readonly offset: number }
  | { readonly kind: "register"; readonly register: number }
  /** `expression`: in memory at what it gives; `val_expression`: is what it gives. Both begin with the CFA on the stack. */
  | { readonly kind: "expression" | "val_expression"; readonly expression: Expression }
  | { readonly kind: "constant"; readonly value: number };

/** One row of a call frame table, as an object. */
export interface FrameRow {
  /** First byte, and the one behind the last, from the start of the FDE. */
  readonly start: number;
  readonly end: number;
  readonly cfa: CfaRule;
  /** By DWARF register number, ascending. */
  readonly rules: ReadonlyMap<number, RegisterRule>;
  /** Bytes of arguments that were pushed for a call. */
  readonly argumentsSize: number;
}

/** The row that a cursor is at. */
export function frameRow(rows: FrameRows): FrameRow {
  const { state, start, end } = rows;
  const rules = new Map<number, RegisterRule>();
  for (let register = 0; register < state.count; register++) {
    const rule = registerRule(rows.cie, state, register);
    if (rule !== undefined) rules.set(register, rule);
  }
  return { start, end, cfa: cfaRule(rows.cie, state), rules, argumentsSize: state.argumentsSize };
}

/**
 * The row that holds at an offset from the start of an FDE.
 * @returns `undefined` if none does
 * @throws DwarfError where an instruction before it is malformed
 */
export function frameRowAt(fde: Fde, offset: number): FrameRow | undefined {
  const rows = new FrameRows(fde);
  return rows.seek(offset) ? frameRow(rows) : undefined;
}

/** `CFA=rsp+16: rbp=[CFA-16], rip=[CFA-8]`, memory in brackets. */
export function frameRowText(row: FrameRow, machine: number): string {
  const rules = [...row.rules].map(
    ([register, rule]) => `${registerName(machine, register)}=${ruleText(rule, machine)}`,
  );
  const cfa = `CFA=${cfaText(row.cfa, machine)}`;
  return rules.length === 0 ? cfa : `${cfa}: ${rules.join(", ")}`;
}

/** The bytes of an expression in call frame information. */
export function frameExpression(cie: Cie, offset: number, length: number): Expression {
  const { version, addressSize } = cie;
  const encoding = { version, addressSize, offsetSize: 4 };
  return { reader: cie.context.reader, offset, length, encoding, unit: undefined };
}

function cfaRule(cie: Cie, state: FrameState): CfaRule {
  if (state.cfaKind === RULE.unspecified) return { kind: "unspecified" };
  if (state.cfaKind === RULE.val_expression) {
    return { kind: "expression", expression: frameExpression(cie, state.cfaValue, state.cfaLength) };
  }
  return {
    kind: "register",
    register: state.cfaRegister,
    offset: state.cfaValue,
    space: state.cfaSpace,
  };
}

function registerRule(cie: Cie, state: FrameState, register: number): RegisterRule | undefined {
  const value = state.value(register);
  const kind = state.kind(register);
  switch (kind) {
    case RULE.unspecified:
      return undefined;
    case RULE.undefined:
      return { kind: "undefined" };
    case RULE.same_value:
      return { kind: "same_value" };
    case RULE.offset:
      return { kind: "offset", offset: value };
    case RULE.val_offset:
      return { kind: "val_offset", offset: value };
    case RULE.register:
      return { kind: "register", register: value };
    case RULE.constant:
      return { kind: "constant", value };
    case RULE.expression:
    case RULE.val_expression:
      return {
        kind: kind === RULE.expression ? "expression" : "val_expression",
        expression: frameExpression(cie, value, state.length(register)),
      };
  }
}

function cfaText(cfa: CfaRule, machine: number): string {
  if (cfa.kind === "unspecified") return "unspecified";
  if (cfa.kind === "expression") return expressionText(cfa.expression, { like: "llvm" });
  const space = cfa.space === 0 ? "" : ` in addrspace${cfa.space}`;
  return `${registerName(machine, cfa.register)}${cfa.offset === 0 ? "" : signed(cfa.offset)}${space}`;
}

function ruleText(rule: RegisterRule, machine: number): string {
  switch (rule.kind) {
    case "undefined":
      return "undefined";
    case "same_value":
      return "same";
    case "offset":
      return `[CFA${rule.offset === 0 ? "" : signed(rule.offset)}]`;
    case "val_offset":
      return `CFA${rule.offset === 0 ? "" : signed(rule.offset)}`;
    case "register":
      return registerName(machine, rule.register);
    case "constant":
      return String(rule.value);
    case "expression":
      return `[${expressionText(rule.expression, { like: "llvm" })}]`;
    case "val_expression":
      return expressionText(rule.expression, { like: "llvm" });
  }
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}
