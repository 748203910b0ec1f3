/** What assembly text says: the statements and operands that the parser makes and the encoder consumes. */
import type { Register } from "iced-x86";

/** A sum of numbers and names; `$` is the address of the statement it stands in. */
export interface Expression {
  readonly terms: readonly Term[];
  /** As written, for messages. */
  readonly text: string;
}

interface Term {
  readonly negative: boolean;
  /** A number, or the name of a label or symbol. */
  readonly value: bigint | string;
}

export interface RegisterOperand {
  readonly kind: "register";
  readonly register: Register;
  readonly text: string;
}

export interface ImmediateOperand {
  readonly kind: "immediate";
  readonly value: Expression;
  /** `short` and `near` limit a branch to that form. */
  readonly reach: "short" | "near" | undefined;
  readonly text: string;
}

export interface MemoryOperand {
  readonly kind: "memory";
  /** Bytes accessed, from a keyword such as `dword ptr`; undefined when the text does not say. */
  readonly size: number | undefined;
  readonly far: boolean;
  /** The element is repeated: `dword bcst [rax]`, or `[rax]{1to16}` which also says how often. */
  readonly broadcast: boolean;
  readonly segment: Register;
  readonly base: Register;
  readonly index: Register;
  readonly scale: number;
  readonly displacement: Expression;
  /** `[rel x]`: relative to the instruction pointer though no `rip` is written; `[abs x]`: not relative. */
  readonly addressing: "rel" | "abs" | undefined;
  readonly text: string;
}

export type Operand = RegisterOperand | ImmediateOperand | MemoryOperand;

export interface InstructionStatement {
  readonly kind: "instruction";
  readonly line: number;
  /** Lower case, e.g. `lock`, `rep`, `notrack`. */
  readonly prefixes: readonly string[];
  readonly mnemonic: string;
  readonly operands: readonly Operand[];
  /** Contents of `{…}` in order, lower case: `k1`, `z`, `1to16`, `sae`, `rn-sae`. */
  readonly decorators: readonly string[];
  /** The whole statement, for messages. */
  readonly text: string;
}

export interface DataStatement {
  readonly kind: "data";
  readonly line: number;
  /** Bytes an item: 1, 2, 4 or 8. */
  readonly width: number;
  readonly items: readonly (Expression | Uint8Array)[];
}

export interface LabelStatement {
  readonly kind: "label";
  readonly line: number;
  readonly name: string;
}

export type Statement = InstructionStatement | DataStatement | LabelStatement;
