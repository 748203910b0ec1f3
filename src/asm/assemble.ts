/** Lays assembly text out at an address: labels, data, and branches as short as their targets allow. */
import { AsmError } from "../errors.ts";
import { InstructionEncoder } from "./encode.ts";
import { parse } from "./parse.ts";
import { type Choice, type Decorations, select } from "./select.ts";
import type { DataStatement, Expression, InstructionStatement, LabelStatement, Statement } from "./syntax.ts";

/** What the assembler may ask its caller. */
export interface AssembleOptions {
  /**
   * Gives names that the text does not define an address, e.g. from a symbol table.
   * Undefined for a name it does not know either.
   */
  readonly resolve?: (name: string) => bigint | undefined;
}

/** Machine code and where its labels ended up. */
export interface Assembly {
  readonly bytes: Uint8Array;
  /** Addresses of the labels of the text, in its order. */
  readonly labels: ReadonlyMap<string, bigint>;
}

/** A statement with its place, which moves until the branches have found their sizes. */
type Placed =
  | { readonly statement: LabelStatement; address: bigint }
  | { readonly statement: DataStatement; address: bigint; bytes: Uint8Array }
  | {
      readonly statement: InstructionStatement;
      readonly choices: readonly Choice[];
      readonly decorations: Decorations;
      address: bigint;
      bytes: Uint8Array;
    };

/**
 * Assembles x86-64 text in Intel syntax, as iced's MASM, Intel and NASM formatters print it and gdb shows it
 * with `set disassembly-flavor intel`.
 *
 * Statements are separated by line breaks or `;`, comments begin with `#` or `//`. Accepted are labels
 * (`name:`), `db`/`dw`/`dd`/`dq` data, all instructions of 64-bit mode that iced knows with their prefixes,
 * masks, broadcasts and rounding modes. A branch target or an address is a number, a label, a resolved name,
 * `$` (this statement) or a sum of these. `[rip+8]` counts from the next instruction, `[rip+name]` means `name`.
 *
 * @param text the program
 * @param address where its first byte will be
 * @returns the machine code, each instruction in its shortest form
 * @throws {AsmError} with the line and the token that is wrong
 */
export function assemble(text: string, address: bigint, options: AssembleOptions = {}): Uint8Array {
  return assembleWithLabels(text, address, options).bytes;
}

/** Like {@link assemble}, and says where the labels are. */
export function assembleWithLabels(text: string, address: bigint, options: AssembleOptions = {}): Assembly {
  const program = parse(text).map((statement) => prepare(statement, address));
  const names = labelNames(program);
  const labels = new Map<string, bigint>();
  using encoder = new InstructionEncoder();
  // Each round places everything with the label addresses of the round before. Instructions only ever grow, and
  // none beyond 15 bytes, so this ends.
  for (let changed = true; changed; ) {
    changed = layOut(program, address, names, labels, options, encoder);
  }
  const size = program.reduce((sum, item) => sum + ("bytes" in item ? item.bytes.length : 0), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const item of program) {
    if ("bytes" in item) {
      bytes.set(item.bytes, at);
      at += item.bytes.length;
    }
  }
  return { bytes, labels };
}

function prepare(statement: Statement, address: bigint): Placed {
  const bytes = new Uint8Array();
  switch (statement.kind) {
    case "label":
      return { statement, address };
    case "data":
      return { statement, address, bytes };
    case "instruction":
      return { statement, address, bytes, ...select(statement) };
  }
}

function labelNames(program: readonly Placed[]): Set<string> {
  const names = new Set<string>();
  for (const { statement } of program) {
    if (statement.kind === "label") {
      if (names.has(statement.name)) {
        throw new AsmError("ASM_DUPLICATE", statement.line, statement.name, "label defined twice");
      }
      names.add(statement.name);
    }
  }
  return names;
}

/** One round; true when an address or a size changed. */
function layOut(
  program: readonly Placed[],
  start: bigint,
  names: ReadonlySet<string>,
  labels: Map<string, bigint>,
  options: AssembleOptions,
  encoder: InstructionEncoder,
): boolean {
  let changed = false;
  let address = start;
  for (const item of program) {
    changed ||= item.address !== address;
    item.address = address;
    const { line } = item.statement;
    const resolveName = (name: string): bigint | undefined => {
      // A label further down has no address in the first round; near is the guess that lets branches start short.
      const own = name === "$" || names.has(name);
      return own ? (labels.get(name) ?? item.address) : options.resolve?.(name);
    };
    const evaluate = (expression: Expression): bigint => sum(expression, line, resolveName);
    if (item.statement.kind === "label") {
      changed ||= labels.get(item.statement.name) !== address;
      labels.set(item.statement.name, address);
    } else if ("bytes" in item) {
      const before = item.bytes.length;
      item.bytes =
        "choices" in item
          ? padded(
              encoder.encode(item.statement, item.choices, item.decorations, address, evaluate, before),
              before,
            )
          : dataBytes(item.statement, evaluate);
      changed ||= item.bytes.length !== before;
      address += BigInt(item.bytes.length);
    }
  }
  return changed;
}

/** Fills an instruction that shrank after others grew with one-byte `nop`s, so that sizes never shrink. */
function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) {
    return bytes;
  }
  const NOP = 0x90;
  const filled = new Uint8Array(length).fill(NOP);
  filled.set(bytes);
  return filled;
}

function sum(expression: Expression, line: number, lookUp: (name: string) => bigint | undefined): bigint {
  let total = 0n;
  for (const { negative, value } of expression.terms) {
    const amount = typeof value === "bigint" ? value : lookUp(value);
    if (amount === undefined) {
      throw new AsmError(
        "ASM_UNDEFINED",
        line,
        String(value),
        "neither a label of this text nor a known symbol",
      );
    }
    total += negative ? -amount : amount;
  }
  return total;
}

/** Little-endian bytes of a data statement. */
function dataBytes(
  { width, items, line }: DataStatement,
  evaluate: (expression: Expression) => bigint,
): Uint8Array {
  const bytes: number[] = [];
  const bits = BigInt(width * 8);
  for (const item of items) {
    if (item instanceof Uint8Array) {
      bytes.push(...item);
      continue;
    }
    const value = evaluate(item);
    if (value < -(1n << (bits - 1n)) || value >= 1n << bits) {
      throw new AsmError("ASM_RANGE", line, item.text, `does not fit in ${width} bytes`);
    }
    for (let byte = 0n; byte < bits; byte += 8n) {
      bytes.push(Number(BigInt.asUintN(8, value >> byte)));
    }
  }
  return Uint8Array.from(bytes);
}
