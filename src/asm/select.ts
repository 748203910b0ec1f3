/** Chooses the encodings of an instruction whose operand kinds, sizes and decorators a statement asks for. */
import { Code, OpCodeOperandKind as Kind, Register } from "iced-x86";
import { AsmError } from "../errors.ts";
import { type Opcode, opcodesNamed, STRING_STEMS } from "./opcode.ts";
import { accepts, ruleOf } from "./operand.ts";
import type { InstructionStatement, MemoryOperand, Operand } from "./syntax.ts";

/** An encoding, with one operand for each of its operand kinds, those the text leaves out filled in. */
export interface Choice {
  readonly opcode: Opcode;
  readonly operands: readonly Operand[];
}

/** `{k1}`, `{z}`, `{1to8}`, `{sae}`, `{rn-sae}` of one statement. */
export interface Decorations {
  readonly mask: Register;
  readonly zeroing: boolean;
  /** Elements of a `{1toN}`. */
  readonly repeat: number | undefined;
  readonly suppressExceptions: boolean;
  /** `n`, `d`, `u` or `z` of `{rn-sae}`. */
  readonly rounding: string | undefined;
}

/** Sizes that a keyword can say, so that leaving it out can be ambiguous. */
export const SPEAKABLE_SIZES: ReadonlySet<number> = new Set([1, 2, 4, 6, 8, 10, 16, 32, 64]);

/** Instructions that may name their registers, as in `monitor rax, ecx, edx`, though the encoding has no operands. */
const NAMES_IMPLIED: ReadonlySet<string> = new Set(["monitor", "monitorx", "mwait", "mwaitx"]);

/** What they may name, by position. */
const IMPLIED: readonly (readonly Register[])[] = [
  [Register.RAX, Register.EAX],
  [Register.RCX, Register.ECX],
  [Register.RDX, Register.EDX, Register.RBX, Register.EBX],
];

/**
 * The encodings of a statement, in iced's order.
 *
 * @throws {AsmError} `ASM_UNKNOWN_MNEMONIC`, `ASM_NO_ENCODING`, or `ASM_SYNTAX` for an unknown decorator
 */
export function select(statement: InstructionStatement): { choices: Choice[]; decorations: Decorations } {
  const { mnemonic, line, operands, text } = statement;
  const opcodes = opcodesNamed(mnemonic);
  if (opcodes === undefined) {
    throw new AsmError("ASM_UNKNOWN_MNEMONIC", line, mnemonic, "no such x86-64 instruction");
  }
  if (STRING_STEMS.includes(mnemonic) && operands.length === 0) {
    const sized = ["b", "w", "d", "q"].map((suffix) => mnemonic + suffix).join(", ");
    throw new AsmError("ASM_AMBIGUOUS", line, mnemonic, `no size, write one of: ${sized}`);
  }
  const decorations = readDecorations(statement);
  for (const written of spellings(mnemonic, operands)) {
    const choices = opcodes.flatMap((opcode) => {
      const placed = place(mnemonic, opcode, written);
      const prefixed = placed !== undefined && takesPrefixes(opcode, placed, statement.prefixes);
      return prefixed && suits(opcode, placed, decorations) && !isTrap(opcode, placed)
        ? [{ opcode, operands: placed }]
        : [];
    });
    if (choices.length > 0) {
      return { choices: wantedForm(mnemonic, choices), decorations };
    }
  }
  throw new AsmError("ASM_NO_ENCODING", line, text, refusal(statement, opcodes));
}

/** What the instruction does take: the forms with as many operands, or all. */
function refusal(statement: InstructionStatement, opcodes: readonly Opcode[]): string {
  const { operands, prefixes } = statement;
  const alike = opcodes.filter((opcode) => opcode.operands.length === operands.length);
  const forms = new Set((alike.length > 0 ? alike : opcodes).map(({ form }) => form));
  const what = prefixes.length === 0 ? "these operands" : `these operands with ${prefixes.join(" ")}`;
  return `no form takes ${what}, expected one of: ${[...forms].slice(0, 10).join("; ")}`;
}

/** The operands as written, then as other syntaxes write the same instruction. */
function* spellings(mnemonic: string, operands: readonly Operand[]): Generator<readonly Operand[]> {
  yield operands;
  const [first, second] = operands;
  if (first === undefined || second === undefined) {
    return;
  }
  if (first.kind === "register" && first.register === Register.ST0) {
    // `fld st, dword ptr [rax]` in XED's style.
    yield operands.slice(1);
  }
  if (mnemonic === "xchg" || mnemonic === "test") {
    // Both orders mean the same; the encodings have one.
    yield [second, first];
  }
  if (mnemonic === "imul" && second.kind === "immediate") {
    yield [first, first, second];
  }
}

/** `movabs` is the spelling that insists on a 64-bit immediate or address. */
function wantedForm(mnemonic: string, choices: Choice[]): Choice[] {
  if (mnemonic !== "movabs") {
    return choices;
  }
  return choices.filter(({ opcode }) =>
    opcode.operands.some((kind) => kind === Kind.imm64 || kind === Kind.mem_offs),
  );
}

/** `xchg eax, eax` clears the upper half of rax; its one-byte form is `nop`, which does not. */
function isTrap(opcode: Opcode, operands: readonly Operand[]): boolean {
  return (
    opcode.code === Code.Xchg_r32_EAX &&
    operands.every((operand) => operand.kind === "register" && operand.register === Register.EAX)
  );
}

/** Lays the written operands on the operand kinds, filling in those that the encoding implies. */
function place(mnemonic: string, opcode: Opcode, written: readonly Operand[]): Operand[] | undefined {
  const kinds = opcode.pseudoImmediate === undefined ? opcode.operands : opcode.operands.slice(0, -1);
  const given = withoutImplied(mnemonic, opcode, written);
  // At most five kinds, so trying both ways at each is cheap.
  const placeFrom = (k: number, g: number): Operand[] | undefined => {
    const kind = kinds[k];
    if (kind === undefined) {
      return g === given.length ? [] : undefined;
    }
    const rule = ruleOf(kind);
    const operand = given[g];
    if (rule === undefined || given.length - g > kinds.length - k) {
      return undefined;
    }
    if (operand !== undefined && accepts(rule, operand)) {
      const rest = placeFrom(k + 1, g + 1);
      if (rest !== undefined) {
        return [operand, ...rest];
      }
    }
    const implied = impliedOperand(opcode, kind, given.length);
    const rest = implied === undefined ? undefined : placeFrom(k + 1, g);
    return implied === undefined || rest === undefined ? undefined : [implied, ...rest];
  };
  return placeFrom(0, 0);
}

function withoutImplied(mnemonic: string, opcode: Opcode, written: readonly Operand[]): readonly Operand[] {
  const last = written.at(-1);
  if (opcode.impliesXmm0 && written.length > opcode.operands.length) {
    return last?.kind === "register" && last.register === Register.XMM0 ? written.slice(0, -1) : written;
  }
  const allImplied =
    NAMES_IMPLIED.has(mnemonic) &&
    opcode.operands.length === 0 &&
    written.every((operand, n) => operand.kind === "register" && IMPLIED[n]?.includes(operand.register));
  return allImplied ? [] : written;
}

/** The operand that stands in an encoding when the text leaves it out, where a syntax allows that. */
function impliedOperand(opcode: Opcode, kind: Kind, given: number): Operand | undefined {
  const rule = ruleOf(kind);
  if (rule?.string !== undefined) {
    return memoryAt(rule.string.base, Register.None);
  }
  if (kind === Kind.seg_rBX_al) {
    return memoryAt(Register.RBX, Register.AL);
  }
  if (kind === Kind.sti_opcode) {
    return given === 0 ? { kind: "register", register: Register.ST1, text: "st(1)" } : undefined;
  }
  const omits = opcode.operands.some(
    (other) => other === Kind.sti_opcode || ruleOf(other)?.string !== undefined,
  );
  return omits && rule?.fixed !== undefined
    ? { kind: "register", register: rule.fixed, text: Register[rule.fixed].toLowerCase() }
    : undefined;
}

function memoryAt(base: Register, index: Register): MemoryOperand {
  const displacement = { terms: [], text: "" };
  const rest = { size: undefined, far: false, broadcast: false, segment: Register.None, scale: 1 };
  return { kind: "memory", ...rest, base, index, displacement, addressing: undefined, text: "" };
}

/** The processor refuses `lock` unless the destination is memory. */
function takesPrefixes(opcode: Opcode, operands: readonly Operand[], prefixes: readonly string[]): boolean {
  return prefixes.every(
    (prefix) => opcode.prefixes.has(prefix) && (prefix !== "lock" || operands[0]?.kind === "memory"),
  );
}

/** Whether sizes and decorators agree with an encoding whose operand kinds already do. */
function suits(opcode: Opcode, operands: readonly Operand[], decorations: Decorations): boolean {
  const masked = decorations.mask !== Register.None;
  if (
    (masked && !opcode.mask) ||
    (!masked && opcode.maskRequired) ||
    (decorations.zeroing && !opcode.zeroing)
  ) {
    return false;
  }
  if (decorations.rounding !== undefined ? !opcode.rounding : decorations.suppressExceptions) {
    if (decorations.rounding !== undefined || !opcode.suppressExceptions) {
      return false;
    }
  }
  const memory = operands.find((operand) => operand.kind === "memory");
  if (memory === undefined) {
    return decorations.repeat === undefined;
  }
  if (decorations.rounding !== undefined || decorations.suppressExceptions) {
    return false;
  }
  if (memory.far ? !opcode.farMemory : opcode.farMemory && memory.size !== 6 && memory.size !== 10) {
    return false;
  }
  if (memory.broadcast || decorations.repeat !== undefined) {
    const element = opcode.broadcastSize;
    const elements = element === 0 ? 0 : opcode.memorySize / element;
    const sized = memory.size === undefined || memory.size === element;
    return element > 0 && sized && (decorations.repeat ?? elements) === elements;
  }
  return memory.size === undefined || opcode.memorySize === 0 || opcode.memorySize === memory.size;
}

/** Reads `{…}`; XED's `rne-sae` is the same as `rn-sae`. */
function readDecorations(statement: InstructionStatement): Decorations {
  let mask: Register = Register.None;
  let zeroing = false;
  let repeat: number | undefined;
  let suppressExceptions = false;
  let rounding: string | undefined;
  for (const decorator of statement.decorators) {
    const [, number] = /^(?:k|1to)([0-9]+)$/.exec(decorator) ?? [];
    const [, mode] = /^r([nduz])e?-sae$/.exec(decorator) ?? [];
    if (decorator === "z") {
      zeroing = true;
    } else if (decorator === "sae") {
      suppressExceptions = true;
    } else if (mode !== undefined) {
      rounding = mode;
    } else if (number !== undefined && decorator.startsWith("1to")) {
      repeat = Number(number);
    } else if (number !== undefined && Number(number) >= 1 && Number(number) <= 7) {
      mask = (Register.K0 + Number(number)) as Register;
    } else {
      const expected = "expected {k1}…{k7}, {z}, {1toN}, {sae} or {rn-sae}";
      throw new AsmError("ASM_SYNTAX", statement.line, `{${decorator}}`, `unknown decorator, ${expected}`);
    }
  }
  return { mask, zeroing, repeat, suppressExceptions, rounding };
}
