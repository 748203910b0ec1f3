/** How each operand kind of iced's opcode table takes an operand of the text: one row a kind. */
import { OpCodeOperandKind as Kind, OpKind, Register } from "iced-x86";
import { familyOf, type RegisterFamily } from "./register.ts";
import type { MemoryOperand, Operand } from "./syntax.ts";

/** Where an immediate goes and which values the field holds. */
export interface ImmediateRule {
  readonly opKind: OpKind;
  /** Bits stored in the instruction. */
  readonly bits: number;
  /** Bits it is sign-extended to; equal to `bits` for a plain field, which takes signed and unsigned values. */
  readonly extended: number;
}

/** Memory at a register that the instruction implies. */
export interface StringRule {
  /** A prefix can choose another segment; `es:[rdi]` has no choice. */
  readonly segments: boolean;
  readonly base: Register;
  readonly narrow: Register;
  readonly opKind: OpKind;
  readonly narrowKind: OpKind;
}

/** What one operand kind accepts. */
export interface OperandRule {
  readonly family?: RegisterFamily;
  readonly fixed?: Register;
  /** `index`: a vector index of this family; `offset`: an absolute address only. */
  readonly memory?: "plain" | "xmm" | "ymm" | "zmm" | "offset";
  /** A memory operand that the instruction implies: the register that must be written as its base. */
  readonly string?: StringRule;
  readonly immediate?: ImmediateRule;
  /** Bytes of a branch displacement. */
  readonly branch?: 1 | 4;
}

const plain = (family: RegisterFamily): OperandRule => ({ family });
const orMemory = (family: RegisterFamily): OperandRule => ({ family, memory: "plain" });
const fixed = (register: Register): OperandRule => ({ fixed: register });
const immediate = (opKind: OpKind, bits: number, extended = bits): OperandRule => ({
  immediate: { opKind, bits, extended },
});

const STRING_SOURCE: StringRule = {
  segments: true,
  base: Register.RSI,
  narrow: Register.ESI,
  opKind: OpKind.MemorySegRSI,
  narrowKind: OpKind.MemorySegESI,
};
const STRING_TARGET: StringRule = {
  segments: false,
  base: Register.RDI,
  narrow: Register.EDI,
  opKind: OpKind.MemoryESRDI,
  narrowKind: OpKind.MemoryESEDI,
};
const MASKED_TARGET: StringRule = {
  ...STRING_TARGET,
  segments: true,
  opKind: OpKind.MemorySegRDI,
  narrowKind: OpKind.MemorySegEDI,
};

/** Kinds not listed belong to 16- and 32-bit code or to retired extensions, and accept nothing. */
const RULES: ReadonlyMap<Kind, OperandRule> = new Map<Kind, OperandRule>([
  [Kind.mem_offs, { memory: "offset" }],
  [Kind.mem, { memory: "plain" }],
  [Kind.mem_mpx, { memory: "plain" }],
  [Kind.mem_mib, { memory: "plain" }],
  [Kind.sibmem, { memory: "plain" }],
  [Kind.mem_vsib32x, { memory: "xmm" }],
  [Kind.mem_vsib64x, { memory: "xmm" }],
  [Kind.mem_vsib32y, { memory: "ymm" }],
  [Kind.mem_vsib64y, { memory: "ymm" }],
  [Kind.mem_vsib32z, { memory: "zmm" }],
  [Kind.mem_vsib64z, { memory: "zmm" }],
  [Kind.r8_or_mem, orMemory("r8")],
  [Kind.r16_or_mem, orMemory("r16")],
  [Kind.r32_or_mem, orMemory("r32")],
  [Kind.r32_or_mem_mpx, orMemory("r32")],
  [Kind.r64_or_mem, orMemory("r64")],
  [Kind.r64_or_mem_mpx, orMemory("r64")],
  [Kind.mm_or_mem, orMemory("mmx")],
  [Kind.xmm_or_mem, orMemory("xmm")],
  [Kind.ymm_or_mem, orMemory("ymm")],
  [Kind.zmm_or_mem, orMemory("zmm")],
  [Kind.bnd_or_mem_mpx, orMemory("bound")],
  [Kind.k_or_mem, orMemory("mask")],
  [Kind.r8_reg, plain("r8")],
  [Kind.r8_opcode, plain("r8")],
  [Kind.r16_reg, plain("r16")],
  [Kind.r16_reg_mem, plain("r16")],
  [Kind.r16_rm, plain("r16")],
  [Kind.r16_opcode, plain("r16")],
  [Kind.r32_reg, plain("r32")],
  [Kind.r32_reg_mem, plain("r32")],
  [Kind.r32_rm, plain("r32")],
  [Kind.r32_opcode, plain("r32")],
  [Kind.r32_vvvv, plain("r32")],
  [Kind.r64_reg, plain("r64")],
  [Kind.r64_reg_mem, plain("r64")],
  [Kind.r64_rm, plain("r64")],
  [Kind.r64_opcode, plain("r64")],
  [Kind.r64_vvvv, plain("r64")],
  [Kind.seg_reg, plain("segment")],
  [Kind.k_reg, plain("mask")],
  [Kind.kp1_reg, plain("mask")],
  [Kind.k_rm, plain("mask")],
  [Kind.k_vvvv, plain("mask")],
  [Kind.mm_reg, plain("mmx")],
  [Kind.mm_rm, plain("mmx")],
  [Kind.xmm_reg, plain("xmm")],
  [Kind.xmm_rm, plain("xmm")],
  [Kind.xmm_vvvv, plain("xmm")],
  [Kind.xmmp3_vvvv, plain("xmm")],
  [Kind.xmm_is4, plain("xmm")],
  [Kind.xmm_is5, plain("xmm")],
  [Kind.ymm_reg, plain("ymm")],
  [Kind.ymm_rm, plain("ymm")],
  [Kind.ymm_vvvv, plain("ymm")],
  [Kind.ymm_is4, plain("ymm")],
  [Kind.ymm_is5, plain("ymm")],
  [Kind.zmm_reg, plain("zmm")],
  [Kind.zmm_rm, plain("zmm")],
  [Kind.zmm_vvvv, plain("zmm")],
  [Kind.zmmp3_vvvv, plain("zmm")],
  [Kind.cr_reg, plain("control")],
  [Kind.dr_reg, plain("debug")],
  [Kind.bnd_reg, plain("bound")],
  [Kind.tmm_reg, plain("tile")],
  [Kind.tmm_rm, plain("tile")],
  [Kind.tmm_vvvv, plain("tile")],
  [Kind.sti_opcode, plain("x87")],
  [Kind.st0, fixed(Register.ST0)],
  [Kind.es, fixed(Register.ES)],
  [Kind.cs, fixed(Register.CS)],
  [Kind.ss, fixed(Register.SS)],
  [Kind.ds, fixed(Register.DS)],
  [Kind.fs, fixed(Register.FS)],
  [Kind.gs, fixed(Register.GS)],
  [Kind.al, fixed(Register.AL)],
  [Kind.cl, fixed(Register.CL)],
  [Kind.ax, fixed(Register.AX)],
  [Kind.dx, fixed(Register.DX)],
  [Kind.eax, fixed(Register.EAX)],
  [Kind.rax, fixed(Register.RAX)],
  [Kind.imm4_m2z, immediate(OpKind.Immediate8, 4)],
  [Kind.imm8, immediate(OpKind.Immediate8, 8)],
  [Kind.imm8_const_1, immediate(OpKind.Immediate8, 1)],
  [Kind.imm8sex16, immediate(OpKind.Immediate8to16, 8, 16)],
  [Kind.imm8sex32, immediate(OpKind.Immediate8to32, 8, 32)],
  [Kind.imm8sex64, immediate(OpKind.Immediate8to64, 8, 64)],
  [Kind.imm16, immediate(OpKind.Immediate16, 16)],
  [Kind.imm32, immediate(OpKind.Immediate32, 32)],
  [Kind.imm32sex64, immediate(OpKind.Immediate32to64, 32, 64)],
  [Kind.imm64, immediate(OpKind.Immediate64, 64)],
  [Kind.seg_rSI, { string: STRING_SOURCE }],
  [Kind.es_rDI, { string: STRING_TARGET }],
  [Kind.seg_rDI, { string: MASKED_TARGET }],
  [Kind.seg_rBX_al, { memory: "plain" }],
  [Kind.br64_1, { branch: 1 }],
  [Kind.br64_4, { branch: 4 }],
  [Kind.xbegin_4, { branch: 4 }],
]);

/** The rule of an operand kind, `undefined` for a kind that 64-bit text can't ask for. */
export function ruleOf(kind: Kind): OperandRule | undefined {
  return RULES.get(kind);
}

/** Whether an operand can stand where the rule applies, its values aside. */
export function accepts(rule: OperandRule, operand: Operand): boolean {
  switch (operand.kind) {
    case "register":
      return rule.fixed === operand.register || (rule.family ?? "") === familyOf(operand.register);
    case "immediate":
      return rule.branch === undefined
        ? rule.immediate !== undefined && operand.reach === undefined
        : operand.reach === undefined || operand.reach === (rule.branch === 1 ? "short" : "near");
    case "memory":
      return acceptsMemory(rule, operand);
  }
}

function acceptsMemory(rule: OperandRule, operand: MemoryOperand): boolean {
  if (rule.string !== undefined) {
    const bare = operand.index === Register.None && operand.displacement.terms.length === 0;
    const placed =
      rule.string.segments || operand.segment === Register.None || operand.segment === Register.ES;
    return bare && placed && (operand.base === rule.string.base || operand.base === rule.string.narrow);
  }
  if (rule.memory === undefined) {
    return false;
  }
  if (rule.memory === "offset") {
    return operand.base === Register.None && operand.index === Register.None && operand.addressing !== "rel";
  }
  const family = familyOf(operand.index);
  const vector = family === "xmm" || family === "ymm" || family === "zmm" ? family : "plain";
  return vector === rule.memory;
}

/**
 * The value to store for an immediate, sign-extended to 64 bits.
 *
 * @returns undefined when the field can't hold it
 */
export function fitImmediate(rule: ImmediateRule, value: bigint): bigint | undefined {
  const { bits, extended } = rule;
  if (bits === 1) {
    return value === 1n ? 1n : undefined;
  }
  if (value < -(1n << BigInt(extended - 1)) || value >= 1n << BigInt(extended)) {
    return undefined;
  }
  const signed = BigInt.asIntN(extended, value);
  return bits === extended || signed === BigInt.asIntN(bits, signed) ? signed : undefined;
}
