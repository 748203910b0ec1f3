/** Arithmetic and conversion of values on an expression's stack [DWARF5 2.5.1.4, 2.5.1.6]. */
import { EM } from "../../../elf/constants/machine.ts";
import { DW_ATE } from "../../constants/base-type.ts";
import { DW_OP, operationName } from "../../constants/operation.ts";
import {
  type BaseType,
  extendedBits,
  floatOfBits,
  floatToBits,
  type NumberKind,
  numberKind,
  type StackValue,
} from "./evaluate-value.ts";

/** Throws an error about the current operation. */
export type Failure = (what: string) => never;

export class Arithmetic {
  readonly #addressSize: number;
  readonly #machine: number;
  readonly #fail: Failure;

  /** @param addressSize bytes of a value of the generic type */
  constructor(addressSize: number, machine: number, fail: Failure) {
    this.#addressSize = addressSize;
    this.#machine = machine;
    this.#fail = fail;
  }

  /** A value of the generic type; what does not fit is dropped. */
  generic(bits: bigint): StackValue {
    return { type: undefined, bits: BigInt.asUintN(8 * this.#addressSize, bits) };
  }

  /** Bits of a value. */
  width({ type }: StackValue): number {
    return 8 * (type?.size ?? this.#addressSize);
  }

  /** Whether a value is an integer that is not 0: what `DW_OP_bra` asks. */
  isTrue(value: StackValue): boolean {
    this.#integral(value, DW_OP.DW_OP_bra);
    return value.bits !== 0n;
  }

  /** An integer of any type as the generic value that addresses are. */
  address(value: StackValue): bigint {
    return BigInt.asUintN(8 * this.#addressSize, this.#number(value, false));
  }

  /** `DW_OP_abs`, `DW_OP_neg`, `DW_OP_not`. */
  unary(opcode: number, value: StackValue): StackValue {
    if (this.#kind(value) === "float") {
      if (opcode === DW_OP.DW_OP_not) this.#wrongKind(opcode);
      const number = floatOfBits(value.bits, this.width(value) / 8);
      return this.#float(value, opcode === DW_OP.DW_OP_abs ? Math.abs(number) : -number);
    }
    this.#integral(value, opcode);
    const number = this.#number(value, true);
    switch (opcode) {
      case DW_OP.DW_OP_abs:
        return this.#integer(value, number < 0n ? -number : number);
      case DW_OP.DW_OP_neg:
        return this.#integer(value, -number);
      default:
        return this.#integer(value, ~number);
    }
  }

  /** The operations of two values of one type; `left` was pushed first. */
  binary(opcode: number, left: StackValue, right: StackValue): StackValue {
    if (isShift(opcode)) return this.#shift(opcode, left, right);
    const [a, b] = [left.type, right.type];
    if (a?.encoding !== b?.encoding || a?.size !== b?.size) this.#fail("found operands of two types");
    if (this.#kind(left) === "float") return this.#floating(opcode, left, right);
    this.#integral(left, opcode);
    // The generic type has no sign of its own: each operation says how it takes it.
    const signed = opcode !== DW_OP.DW_OP_mod;
    const x = this.#number(left, signed);
    const y = this.#number(right, signed);
    switch (opcode) {
      case DW_OP.DW_OP_and:
        return this.#integer(left, x & y);
      case DW_OP.DW_OP_or:
        return this.#integer(left, x | y);
      case DW_OP.DW_OP_xor:
        return this.#integer(left, x ^ y);
      case DW_OP.DW_OP_plus:
        return this.#integer(left, x + y);
      case DW_OP.DW_OP_minus:
        return this.#integer(left, x - y);
      case DW_OP.DW_OP_mul:
        return this.#integer(left, x * y);
      case DW_OP.DW_OP_div:
        return this.#integer(left, x / this.#divisor(y));
      case DW_OP.DW_OP_mod:
        return this.#integer(left, x % this.#divisor(y));
      default:
        return this.generic(compare(opcode, x < y, x === y) ? 1n : 0n);
    }
  }

  /** `DW_OP_plus_uconst`: the constant takes the type of the value. */
  plusConstant(value: StackValue, constant: bigint): StackValue {
    if (this.#kind(value) === "float") {
      return this.#float(value, floatOfBits(value.bits, this.width(value) / 8) + Number(constant));
    }
    this.#integral(value, DW_OP.DW_OP_plus_uconst);
    return this.#integer(value, value.bits + constant);
  }

  /** `DW_OP_convert`: the same number in another type. */
  convert(value: StackValue, type: BaseType | undefined): StackValue {
    const from = this.#kind(value);
    if (from === "other") this.#fail("found a value that is no number");
    if (type?.encoding === DW_ATE.DW_ATE_float) {
      const number =
        from === "float"
          ? floatOfBits(value.bits, this.width(value) / 8)
          : Number(this.#number(value, false));
      if (type.size === 4 || type.size === 8) return { type, bits: floatToBits(number, type.size) };
      const hasExtended = this.#machine === EM.EM_X86_64 || this.#machine === EM.EM_386;
      if (hasExtended && (type.size === 12 || type.size === 16)) return { type, bits: extendedBits(number) };
    }
    const to = type === undefined ? "unsigned" : numberKind(type);
    if (to !== "signed" && to !== "unsigned")
      this.#fail(`found a type of encoding ${type?.encoding} and ${type?.size} bytes`);
    let number = 0n;
    if (from === "float") {
      const exact = Math.trunc(floatOfBits(value.bits, this.width(value) / 8));
      if (!Number.isFinite(exact)) this.#fail("found a number that no integer is");
      number = BigInt(exact);
    } else number = this.#number(value, false);
    return { type, bits: BigInt.asUintN(8 * (type?.size ?? this.#addressSize), number) };
  }

  /** `DW_OP_reinterpret`: the same bits in another type of the same size. */
  reinterpret(value: StackValue, type: BaseType | undefined): StackValue {
    const size = type?.size ?? this.#addressSize;
    if (8 * size !== this.width(value))
      this.#fail(`found a value of ${this.width(value) / 8} bytes, expected ${size}`);
    return { type, bits: value.bits };
  }

  #shift(opcode: number, value: StackValue, by: StackValue): StackValue {
    this.#integral(value, opcode);
    this.#integral(by, opcode);
    const width = this.width(value);
    const distance = this.#number(by, false);
    if (distance < 0n) this.#fail("found a negative distance");
    // Beyond the width nothing but the sign is left.
    const steps = distance > BigInt(width) ? BigInt(width) : distance;
    if (opcode === DW_OP.DW_OP_shl) return this.#integer(value, value.bits << steps);
    if (opcode === DW_OP.DW_OP_shr) return this.#integer(value, value.bits >> steps);
    return this.#integer(value, BigInt.asIntN(width, value.bits) >> steps);
  }

  #floating(opcode: number, left: StackValue, right: StackValue): StackValue {
    const size = this.width(left) / 8;
    const x = floatOfBits(left.bits, size);
    const y = floatOfBits(right.bits, size);
    switch (opcode) {
      case DW_OP.DW_OP_plus:
        return this.#float(left, x + y);
      case DW_OP.DW_OP_minus:
        return this.#float(left, x - y);
      case DW_OP.DW_OP_mul:
        return this.#float(left, x * y);
      case DW_OP.DW_OP_div:
        return this.#float(left, x / y);
      case DW_OP.DW_OP_and:
      case DW_OP.DW_OP_or:
      case DW_OP.DW_OP_xor:
      case DW_OP.DW_OP_mod:
        return this.#wrongKind(opcode);
      default: {
        // Every comparison with no number is false, but that of being different.
        const unordered = Number.isNaN(x) || Number.isNaN(y);
        const holds = unordered ? opcode === DW_OP.DW_OP_ne : compare(opcode, x < y, x === y);
        return this.generic(holds ? 1n : 0n);
      }
    }
  }

  #kind({ type }: StackValue): NumberKind {
    return type === undefined ? "unsigned" : numberKind(type);
  }

  #integral(value: StackValue, opcode: number): void {
    const kind = this.#kind(value);
    if (kind !== "signed" && kind !== "unsigned") this.#wrongKind(opcode);
  }

  /** An integer by the sign of its type; of the generic type as asked. */
  #number(value: StackValue, genericSigned: boolean): bigint {
    const kind = this.#kind(value);
    if (kind !== "signed" && kind !== "unsigned") this.#fail("found a value that is no integer");
    const signed = value.type === undefined ? genericSigned : kind === "signed";
    return signed ? BigInt.asIntN(this.width(value), value.bits) : value.bits;
  }

  #integer(like: StackValue, number: bigint): StackValue {
    return { type: like.type, bits: BigInt.asUintN(this.width(like), number) };
  }

  #float(like: StackValue, number: number): StackValue {
    return { type: like.type, bits: floatToBits(number, this.width(like) / 8) };
  }

  #divisor(number: bigint): bigint {
    return number === 0n ? this.#fail("found a divisor of 0") : number;
  }

  #wrongKind(opcode: number): never {
    return this.#fail(`${operationName(opcode)}: has no meaning for the type of its operand`);
  }
}

function isShift(opcode: number): boolean {
  return opcode === DW_OP.DW_OP_shl || opcode === DW_OP.DW_OP_shr || opcode === DW_OP.DW_OP_shra;
}

function compare(opcode: number, less: boolean, equal: boolean): boolean {
  switch (opcode) {
    case DW_OP.DW_OP_eq:
      return equal;
    case DW_OP.DW_OP_ne:
      return !equal;
    case DW_OP.DW_OP_lt:
      return less;
    case DW_OP.DW_OP_le:
      return less || equal;
    case DW_OP.DW_OP_gt:
      return !less && !equal;
    default:
      return !less;
  }
}
