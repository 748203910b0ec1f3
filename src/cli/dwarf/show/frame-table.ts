/** Rows of a call frame table in columns, a register each, in the words of readelf. */
import { registerName } from "../../../dwarf/constants/register.ts";
import type { Expression } from "../../../dwarf/read/expression/expression.ts";
import { expressionText } from "../../../dwarf/read/expression/text.ts";
import type { CfaRule, FrameRow, RegisterRule } from "../../../dwarf/read/frame/row.ts";

/** A row as JSON. */
export interface ShownRow {
  readonly address: string;
  /** `rsp+8`, or `exp(DW_OP_breg7 RSP+8)`. */
  readonly cfa: string;
  /** By name: `c-16` is in memory at CFA-16, `v-16` is CFA-16; `u` undefined, `s` the same, `exp`, `vexp`, a register. */
  readonly registers: Readonly<Record<string, string>>;
}

/** A row, registers by name. */
export function shownRow(address: string, row: FrameRow, machine: number): ShownRow {
  const registers: Record<string, string> = {};
  for (const [register, rule] of row.rules) {
    registers[registerName(machine, register)] = ruleText(rule, machine);
  }
  return { address, cfa: cfaText(row.cfa, machine), registers };
}

/** A table of rows, with columns for registers. */
export function* tableText(from: {
  readonly registers: readonly string[];
  readonly rows: readonly ShownRow[];
}): IterableIterator<string> {
  const { registers: names, rows } = from;
  const table = [
    ["LOC", "CFA", ...names],
    ...rows.map(({ address, cfa, registers }) => [
      address,
      cfa,
      ...names.map((name) => registers[name] ?? "-"),
    ]),
  ];
  const widths = ["", "", ...names].map((_, column) =>
    table.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), 0),
  );
  for (const row of table) {
    yield row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  }
}

function cfaText(cfa: CfaRule, machine: number): string {
  switch (cfa.kind) {
    case "unspecified":
      return "u";
    case "expression":
      return `exp(${printed(cfa.expression)})`;
    case "register": {
      const space = cfa.space === 0 ? "" : ` in addrspace${cfa.space}`;
      return `${registerName(machine, cfa.register)}${signed(cfa.offset)}${space}`;
    }
  }
}

function ruleText(rule: RegisterRule, machine: number): string {
  switch (rule.kind) {
    case "undefined":
      return "u";
    case "same_value":
      return "s";
    case "offset":
      return `c${signed(rule.offset)}`;
    case "val_offset":
      return `v${signed(rule.offset)}`;
    case "register":
      return registerName(machine, rule.register);
    case "constant":
      return String(rule.value);
    case "expression":
      return `exp(${printed(rule.expression)})`;
    case "val_expression":
      return `vexp(${printed(rule.expression)})`;
  }
}

function printed(expression: Expression): string {
  return expressionText(expression, { like: "llvm" });
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}
