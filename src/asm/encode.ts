/** Turns one selected instruction into bytes at an address: tries each encoding, keeps the shortest that fits. */
import { Encoder, Instruction, OpKind, Register, RoundingControl } from "iced-x86";
import { AsmError } from "../errors.ts";
import { fitImmediate, type OperandRule, ruleOf } from "./operand.ts";
import { familyOf } from "./register.ts";
import { type Choice, type Decorations, SPEAKABLE_SIZES } from "./select.ts";
import type { Expression, InstructionStatement, MemoryOperand, Operand } from "./syntax.ts";

/** Gives an expression its value. */
export type Evaluate = (expression: Expression) => bigint;

interface Encoding {
  readonly bytes: Uint8Array;
  readonly choice: Choice;
}

const ROUNDING: Readonly<Record<string, RoundingControl>> = {
  n: RoundingControl.RoundToNearest,
  d: RoundingControl.RoundDown,
  u: RoundingControl.RoundUp,
  z: RoundingControl.RoundTowardZero,
};

/** An encoder in wasm memory; dispose of it. */
export class InstructionEncoder implements Disposable {
  readonly #encoder = new Encoder(64);

  [Symbol.dispose](): void {
    this.#encoder.free();
  }

  /**
   * The shortest encoding of an instruction at `address` that is at least `minimum` bytes long.
   *
   * The bound is for branch relaxation: a statement that has grown must not shrink again. When nothing is that
   * long any more, the longest encoding is padded by the caller.
   *
   * @throws {AsmError} `ASM_RANGE` when a value fits no encoding, `ASM_AMBIGUOUS` when a size is missing
   */
  encode(
    statement: InstructionStatement,
    choices: readonly Choice[],
    decorations: Decorations,
    address: bigint,
    evaluate: Evaluate,
    minimum: number,
  ): Uint8Array {
    const encodings: Encoding[] = [];
    let refusal = "no encoding holds these values";
    for (const choice of choices) {
      const result = this.#try(statement, choice, decorations, address, evaluate);
      if (typeof result === "string") {
        refusal = result;
      } else {
        encodings.push({ bytes: result, choice });
      }
    }
    if (encodings.length === 0) {
      throw new AsmError("ASM_RANGE", statement.line, statement.text, refusal);
    }
    const sized = resolveSize(statement, encodings);
    const long = sized.filter(({ bytes }) => bytes.length >= minimum);
    const best = (long.length > 0 ? long : sized).toSorted((a, b) => cost(a) - cost(b))[0];
    return best?.bytes ?? new Uint8Array();
  }

  /** The bytes, or why there are none. */
  #try(
    statement: InstructionStatement,
    choice: Choice,
    decorations: Decorations,
    address: bigint,
    evaluate: Evaluate,
  ): Uint8Array | string {
    let refusal = "no encoding holds these values";
    for (const form of addressForms(choice.operands)) {
      const instruction = new Instruction();
      try {
        const problem = fill(instruction, choice, evaluate, form, address);
        if (problem !== undefined) {
          refusal = problem;
          continue;
        }
        decorate(instruction, decorations);
        applyPrefixes(instruction, statement);
        return this.#emit(instruction, address, form);
      } catch (error) {
        if (error instanceof AsmError) {
          throw error;
        }
        // What was written before the refusal must not precede the next instruction.
        this.#encoder.takeBuffer();
        refusal = explain(error);
      } finally {
        instruction.free();
      }
    }
    return refusal;
  }

  #emit(instruction: Instruction, address: bigint, form: AddressForm): Uint8Array {
    const length = this.#encoder.encode(instruction, address);
    const bytes = this.#encoder.takeBuffer();
    if (form !== "next-relative") {
      return bytes;
    }
    // `[rip+8]` counts from the end of the instruction, whose length is known only now.
    instruction.memoryDisplacementU64 = BigInt.asUintN(
      64,
      instruction.memoryDisplacementU64 + BigInt(length),
    );
    this.#encoder.encode(instruction, address);
    return this.#encoder.takeBuffer();
  }
}

/** What iced's encoder objects to, without the instruction that it repeats at the end. */
function explain(error: unknown): string {
  const message = String(error instanceof Error ? error.message : error).replace(
    / \([^()]*(\([^()]*\))*[^()]*\)$/,
    "",
  );
  const [, bits] = /^Branch distance is too far away.*must fit in an i(\d+)$/.exec(message) ?? [];
  if (bits === "32") {
    return "target is out of reach of a 32-bit displacement, load it into a register and branch to that";
  }
  return bits === undefined ? message : `target is out of reach of an ${bits}-bit displacement`;
}

/**
 * How an address without base and index is encoded. `target-relative`: the value is an address, stored relative
 * to rip; `next-relative`: the value counts from the next instruction; `absolute`: a sign-extended 32-bit field.
 */
type AddressForm = "target-relative" | "next-relative" | "absolute";

/** The forms to try for a statement's memory operand, the preferred first. */
function addressForms(operands: readonly Operand[]): readonly AddressForm[] {
  const memory = operands.find((operand) => operand.kind === "memory");
  if (memory === undefined || memory.index !== Register.None) {
    return ["absolute"];
  }
  const named = memory.displacement.terms.some(({ value }) => typeof value === "string");
  if (familyOf(memory.base) === "ip") {
    return [named ? "target-relative" : "next-relative"];
  }
  if (memory.base !== Register.None || memory.addressing === "abs" || memory.segment !== Register.None) {
    return ["absolute"];
  }
  if (memory.addressing === "rel") {
    return ["target-relative"];
  }
  return named ? ["target-relative", "absolute"] : ["absolute", "target-relative"];
}

/** Prefers short encodings, and among sizes that nothing in the text decides the 64-bit mode's own over 16 bits. */
function cost({ bytes, choice }: Encoding): number {
  const sizeless = choice.operands.every((operand) => operand.kind === "immediate");
  return bytes.length + (sizeless && choice.opcode.operandSize === 16 ? 100 : 0);
}

/** Refuses `inc [rax]`; `call [rax]` and `push [rax]` have a size of their own in 64-bit mode. */
function resolveSize(statement: InstructionStatement, encodings: readonly Encoding[]): readonly Encoding[] {
  const memory = statement.operands.find((operand) => operand.kind === "memory");
  if (memory === undefined || memory.size !== undefined) {
    return encodings;
  }
  const speakable = encodings.filter(({ choice }) => SPEAKABLE_SIZES.has(choice.opcode.memorySize));
  const sizes = new Set(speakable.map(({ choice }) => choice.opcode.memorySize));
  if (sizes.size <= 1) {
    return encodings;
  }
  const usual = speakable.filter(
    ({ choice }) => choice.opcode.defaultSize64 && choice.opcode.memorySize === 8,
  );
  if (usual.length === 0) {
    const what = `${[...sizes].join(", ")} bytes are possible, write byte ptr, word ptr, dword ptr, qword ptr, …`;
    throw new AsmError("ASM_AMBIGUOUS", statement.line, memory.text, what);
  }
  return usual;
}

/** Writes code and operands into an instruction; returns why not, when a value does not fit. */
function fill(
  instruction: Instruction,
  choice: Choice,
  evaluate: Evaluate,
  form: AddressForm,
  address: bigint,
): string | undefined {
  const { opcode, operands } = choice;
  instruction.code = opcode.code;
  let immediates = 0;
  for (const [n, operand] of operands.entries()) {
    const rule: OperandRule = ruleOf(opcode.operands[n] ?? 0) ?? {};
    if (operand.kind === "register") {
      instruction.setOpKind(n, OpKind.Register);
      instruction.setOpRegister(n, operand.register);
    } else if (operand.kind === "memory") {
      fillMemory(instruction, n, operand, rule, evaluate, form, address);
    } else if (rule.branch !== undefined) {
      instruction.setOpKind(n, OpKind.NearBranch64);
      instruction.nearBranch64 = BigInt.asUintN(64, evaluate(operand.value));
    } else if (rule.immediate !== undefined) {
      const value = evaluate(operand.value);
      const fit = fitImmediate(rule.immediate, value);
      if (fit === undefined) {
        return `${operand.text} does not fit in ${rule.immediate.bits} bits`;
      }
      const kind = immediates > 0 ? OpKind.Immediate8_2nd : rule.immediate.opKind;
      setImmediate(instruction, n, kind, fit, rule.immediate.bits);
      immediates += 1;
    }
  }
  if (opcode.pseudoImmediate !== undefined) {
    const n = opcode.operands.length - 1;
    setImmediate(instruction, n, OpKind.Immediate8, BigInt(opcode.pseudoImmediate), 8);
  }
  return undefined;
}

function setImmediate(instruction: Instruction, n: number, kind: OpKind, value: bigint, bits: number): void {
  instruction.setOpKind(n, kind);
  if (kind === OpKind.Immediate8 || kind === OpKind.Immediate8_2nd || kind === OpKind.Immediate16) {
    // Plain small fields are unsigned in iced.
    instruction.setImmediateU32(n, Number(BigInt.asUintN(bits, value)));
  } else {
    instruction.setImmediateI64(n, value);
  }
}

function fillMemory(
  instruction: Instruction,
  n: number,
  operand: MemoryOperand,
  rule: OperandRule,
  evaluate: Evaluate,
  form: AddressForm,
  address: bigint,
): void {
  if (rule.string === undefined || rule.string.segments) {
    instruction.segmentPrefix = operand.segment;
  }
  if (rule.string !== undefined) {
    const { narrow, narrowKind, opKind } = rule.string;
    instruction.setOpKind(n, operand.base === narrow ? narrowKind : opKind);
    return;
  }
  instruction.setOpKind(n, OpKind.Memory);
  instruction.isBroadcast = operand.broadcast;
  const value = operand.displacement.terms.length === 0 ? 0n : evaluate(operand.displacement);
  if (form !== "absolute") {
    const narrow = operand.base === Register.EIP;
    instruction.memoryBase = narrow ? Register.EIP : Register.RIP;
    instruction.memoryDisplSize = narrow ? 4 : 8;
    const target = form === "next-relative" ? value + address : value;
    instruction.memoryDisplacementU64 = BigInt.asUintN(narrow ? 32 : 64, target);
    return;
  }
  const narrow = familyOf(operand.base) === "r32" || familyOf(operand.index) === "r32";
  // rsp can't be an index; `[rax+rsp]` means the same as `[rsp+rax]`.
  const swap = operand.scale === 1 && (operand.index === Register.RSP || operand.index === Register.ESP);
  instruction.memoryBase = swap ? operand.index : operand.base;
  instruction.memoryIndex = swap ? operand.base : operand.index;
  instruction.memoryIndexScale = operand.scale;
  instruction.memoryDisplSize = displacementSize(operand, value, narrow);
  instruction.memoryDisplacementU64 = BigInt.asUintN(narrow ? 32 : 64, value);
}

/** 1 lets the encoder choose between 8 (compressed or not) and 32 bits; an address alone takes the full width. */
function displacementSize(operand: MemoryOperand, value: bigint, narrow: boolean): number {
  if (operand.base !== Register.None) {
    return value === 0n ? 0 : 1;
  }
  return narrow ? 4 : 8;
}

function decorate(instruction: Instruction, decorations: Decorations): void {
  instruction.opMask = decorations.mask;
  instruction.zeroingMasking = decorations.zeroing;
  if (decorations.repeat !== undefined) {
    instruction.isBroadcast = true;
  }
  if (decorations.suppressExceptions) {
    instruction.suppressAllExceptions = true;
  }
  const rounding = decorations.rounding === undefined ? undefined : ROUNDING[decorations.rounding];
  if (rounding !== undefined) {
    instruction.roundingControl = rounding;
  }
}

function applyPrefixes(instruction: Instruction, statement: InstructionStatement): void {
  for (const prefix of statement.prefixes) {
    switch (prefix) {
      case "lock":
        instruction.hasLockPrefix = true;
        break;
      case "rep":
      case "repe":
      case "repz":
        instruction.hasRepPrefix = true;
        break;
      case "repne":
      case "repnz":
      case "bnd":
        instruction.hasRepnePrefix = true;
        break;
      case "xacquire":
        instruction.hasXacquirePrefix = true;
        break;
      case "xrelease":
        instruction.hasXreleasePrefix = true;
        break;
      case "hnt":
      case "hint-not-taken":
        instruction.segmentPrefix = Register.CS;
        break;
      default:
        // notrack, ht and hint-taken are all the ds prefix.
        instruction.segmentPrefix = Register.DS;
    }
  }
}
