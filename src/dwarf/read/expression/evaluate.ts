/** A machine for expressions [DWARF5 2.5, 2.6]: given registers, memory and frame, it says where or what a thing is. */
import { DW_OP } from "../../constants/operation.ts";
import { dwarfError } from "../../place.ts";
import { Arithmetic } from "./evaluate-arithmetic.ts";
import type { Evaluation, EvaluationContext, Location, Piece } from "./evaluate-location.ts";
import { type BaseType, baseType, bytesToBits, type StackValue } from "./evaluate-value.ts";
import { type Expression, ExpressionCursor } from "./expression.ts";

/** Values on the stack, expressions that call expressions, pieces: no compiler comes near. */
const MOST_VALUES = 1024;
const DEEPEST_CALLS = 64;
const MOST_PIECES = 4096;
const MOST_STEPS = 10_000;

const { DW_OP_lit0, DW_OP_lit31, DW_OP_reg0, DW_OP_reg31, DW_OP_breg0, DW_OP_breg31 } = DW_OP;

/**
 * Evaluates the location of a thing.
 * @throws DwarfError DWARF_BAD_VALUE for an expression without meaning, DWARF_LOOP for an endless one, DWARF_UNSUPPORTED
 * where the context lacks what is asked for
 * @throws RelocationRequiredError for an address in a section that is not placed
 */
export function evaluate(expression: Expression, context: EvaluationContext): Evaluation {
  return new Evaluator(expression, context).location();
}

/**
 * Evaluates an expression that says a value: a bound, a call's argument, a rule of call frame information. A thing in
 * memory gives its address, one in a register what is in it.
 * @throws DwarfError and RelocationRequiredError as {@link evaluate}
 */
export function evaluateValue(expression: Expression, context: EvaluationContext): StackValue {
  return new Evaluator(expression, context).value();
}

class Evaluator {
  readonly #expression: Expression;
  readonly #context: EvaluationContext;
  readonly #arithmetic: Arithmetic;
  readonly #stack: StackValue[] = [];
  readonly #pieces: Piece[] = [];
  /** What the last operation said of the location, if it was one that does. */
  #location: Location | undefined;
  #uninitialized = false;
  #steps: number;
  #calls = 0;
  /** Of the current operation, for errors; in the section of its expression. */
  #at: ExpressionCursor;

  constructor(expression: Expression, context: EvaluationContext) {
    this.#expression = expression;
    this.#context = context;
    this.#at = new ExpressionCursor(expression);
    this.#steps = context.steps ?? MOST_STEPS;
    this.#arithmetic = new Arithmetic(expression.encoding.addressSize, this.#at.machine, (what) =>
      this.#bad(what),
    );
    for (const bits of context.stack ?? []) this.#pushNumber(bits);
  }

  location(): Evaluation {
    this.#run(this.#at);
    const pieces = this.#pieces;
    if (pieces.length === 0) {
      pieces.push({ location: this.#location ?? this.#top(), bits: undefined, bitOffset: 0 });
    } else if (this.#location !== undefined) this.#bad("found a location behind the last piece");
    return { pieces, uninitialized: this.#uninitialized };
  }

  value(): StackValue {
    this.#run(this.#at);
    const location = this.#location;
    if (this.#pieces.length > 0) this.#bad("found pieces, expected a value");
    switch (location?.kind) {
      case undefined:
      case "memory":
        return this.#pop();
      case "register":
        return this.#arithmetic.generic(this.#register(location.register));
      case "value":
        return location.value;
      case "bytes":
        return this.#arithmetic.generic(bytesToBits(location.bytes, this.#expression.reader.little));
      default:
        return this.#bad("found a pointer whose value is lost, expected a value");
    }
  }

  #run(at: ExpressionCursor): void {
    const outer = this.#at;
    this.#at = at;
    while (at.next()) {
      if (--this.#steps < 0) {
        const { section } = at.expression.reader;
        throw dwarfError(
          section,
          "DWARF_LOOP",
          at.offset,
          `expression: no end after ${this.#context.steps ?? MOST_STEPS} operations`,
        );
      }
      if (this.#location !== undefined && !isAfterLocation(at.opcode))
        this.#bad("found an operation behind a location");
      this.#step(at);
    }
    this.#at = outer;
  }

  #step(at: ExpressionCursor): void {
    const { opcode } = at;
    if (opcode >= DW_OP_lit0 && opcode <= DW_OP_lit31) this.#pushNumber(BigInt(opcode - DW_OP_lit0));
    else if (opcode >= DW_OP_reg0 && opcode <= DW_OP_reg31)
      this.#location = { kind: "register", register: opcode - DW_OP_reg0 };
    else if (opcode >= DW_OP_breg0 && opcode <= DW_OP_breg31) {
      this.#pushNumber(this.#register(opcode - DW_OP_breg0) + at.operand(0));
    } else if (
      !this.#stackOperation(at) &&
      !this.#locationOperation(at) &&
      !this.#frameOperation(at) &&
      !this.#typedOperation(at)
    ) {
      this.#unsupported("can't be evaluated");
    }
  }

  /** Constants, the stack, arithmetic and control flow [2.5.1.1, 2.5.1.3 to 2.5.1.5]. @returns whether it was one */
  #stackOperation(at: ExpressionCursor): boolean {
    const { opcode } = at;
    switch (opcode) {
      case DW_OP.DW_OP_addr:
      case DW_OP.DW_OP_addrx:
      case DW_OP.DW_OP_constx:
      case DW_OP.DW_OP_GNU_addr_index:
      case DW_OP.DW_OP_GNU_const_index:
        this.#pushRelocatable(at);
        return true;
      case DW_OP.DW_OP_const4u:
      case DW_OP.DW_OP_const4s:
      case DW_OP.DW_OP_const8u:
      case DW_OP.DW_OP_const8s:
        if (at.expression.reader.isRelocated(at.operandOffset)) this.#pushRelocatable(at);
        else this.#pushNumber(at.operand(0));
        return true;
      case DW_OP.DW_OP_const1u:
      case DW_OP.DW_OP_const1s:
      case DW_OP.DW_OP_const2u:
      case DW_OP.DW_OP_const2s:
      case DW_OP.DW_OP_constu:
      case DW_OP.DW_OP_consts:
        this.#pushNumber(at.operand(0));
        return true;
      case DW_OP.DW_OP_dup:
        this.#push(this.#peek(0));
        return true;
      case DW_OP.DW_OP_drop:
        this.#pop();
        return true;
      case DW_OP.DW_OP_over:
        this.#push(this.#peek(1));
        return true;
      case DW_OP.DW_OP_pick:
        this.#push(this.#peek(at.low[0] ?? 0));
        return true;
      case DW_OP.DW_OP_swap:
        this.#rotate(2);
        return true;
      case DW_OP.DW_OP_rot:
        this.#rotate(3);
        return true;
      case DW_OP.DW_OP_abs:
      case DW_OP.DW_OP_neg:
      case DW_OP.DW_OP_not:
        this.#push(this.#arithmetic.unary(opcode, this.#pop()));
        return true;
      case DW_OP.DW_OP_plus_uconst:
        this.#push(this.#arithmetic.plusConstant(this.#pop(), at.operand(0)));
        return true;
      case DW_OP.DW_OP_skip:
        at.jump(Number(at.operand(0)));
        return true;
      case DW_OP.DW_OP_bra:
        if (this.#arithmetic.isTrue(this.#pop())) at.jump(Number(at.operand(0)));
        return true;
      case DW_OP.DW_OP_nop:
        return true;
      default:
        if (!isBinary(opcode)) return false;
        break;
    }
    const right = this.#pop();
    this.#push(this.#arithmetic.binary(opcode, this.#pop(), right));
    return true;
  }

  /** What says where a thing is [2.6.1]. @returns whether it was one */
  #locationOperation(at: ExpressionCursor): boolean {
    switch (at.opcode) {
      case DW_OP.DW_OP_regx:
        this.#location = { kind: "register", register: at.low[0] ?? 0 };
        return true;
      case DW_OP.DW_OP_stack_value:
        this.#location = { kind: "value", value: this.#pop() };
        return true;
      case DW_OP.DW_OP_implicit_value:
        this.#location = { kind: "bytes", bytes: at.block(0) };
        return true;
      case DW_OP.DW_OP_implicit_pointer:
      case DW_OP.DW_OP_GNU_implicit_pointer:
        this.#location = { kind: "pointer", entry: Number(at.operand(0)), offset: at.operand(1) };
        return true;
      case DW_OP.DW_OP_piece:
        this.#piece(8 * Number(at.operand(0)), 0);
        return true;
      case DW_OP.DW_OP_bit_piece:
      case DW_OP.DW_OP_INTEL_bit_piece:
        this.#piece(Number(at.operand(0)), Number(at.operand(1)));
        return true;
      case DW_OP.DW_OP_GNU_uninit:
        this.#uninitialized = true;
        return true;
      default:
        return false;
    }
  }

  /** What asks the program: registers, memory, frames, calls [2.5.1.2, 2.5.1.3, 2.5.1.5, 2.5.1.7]. @returns whether it was one */
  #frameOperation(at: ExpressionCursor): boolean {
    const context = this.#context;
    switch (at.opcode) {
      case DW_OP.DW_OP_fbreg:
        this.#pushNumber((context.frameBase?.() ?? this.#lacks("a frame base")) + at.operand(0));
        return true;
      case DW_OP.DW_OP_bregx:
        this.#pushNumber(this.#register(at.low[0] ?? 0) + at.operand(1));
        return true;
      case DW_OP.DW_OP_call_frame_cfa:
        this.#pushNumber(context.frameAddress?.() ?? this.#lacks("a frame address"));
        return true;
      case DW_OP.DW_OP_push_object_address:
        this.#pushNumber(context.objectAddress?.() ?? this.#lacks("an object"));
        return true;
      case DW_OP.DW_OP_form_tls_address:
      case DW_OP.DW_OP_GNU_push_tls_address: {
        const offset = this.#popAddress();
        this.#pushNumber(context.threadAddress?.(offset) ?? this.#lacks("a thread"));
        return true;
      }
      case DW_OP.DW_OP_entry_value:
      case DW_OP.DW_OP_GNU_entry_value:
        this.#push(context.entryValue?.(at.inner(0)) ?? this.#lacks("values on entry"));
        return true;
      case DW_OP.DW_OP_GNU_parameter_ref:
        this.#push(context.parameterValue?.(this.#entryOffset(at, 0)) ?? this.#lacks("values of parameters"));
        return true;
      case DW_OP.DW_OP_GNU_variable_value:
        this.#push(context.variableValue?.(Number(at.operand(0))) ?? this.#lacks("values of variables"));
        return true;
      case DW_OP.DW_OP_call2:
      case DW_OP.DW_OP_call4:
        this.#call(this.#entryOffset(at, 0));
        return true;
      case DW_OP.DW_OP_call_ref:
        this.#call(Number(at.operand(0)));
        return true;
      case DW_OP.DW_OP_deref:
        this.#push(this.#load(this.#popAddress(), at.expression.encoding.addressSize));
        return true;
      case DW_OP.DW_OP_deref_size:
        this.#push(this.#load(this.#popAddress(), this.#genericSize(at)));
        return true;
      case DW_OP.DW_OP_xderef:
      case DW_OP.DW_OP_xderef_size: {
        const sized = at.opcode === DW_OP.DW_OP_xderef_size;
        const size = sized ? this.#genericSize(at) : at.expression.encoding.addressSize;
        const address = this.#popAddress();
        this.#push(this.#load(address, size, undefined, this.#popAddress()));
        return true;
      }
      default:
        return false;
    }
  }

  /** What has a base type [2.5.1.1 to 2.5.1.3, 2.5.1.6]. @returns whether it was one */
  #typedOperation(at: ExpressionCursor): boolean {
    switch (at.opcode) {
      case DW_OP.DW_OP_const_type:
      case DW_OP.DW_OP_GNU_const_type: {
        const type = this.#type(at, 0);
        const bytes = at.block(1);
        if (bytes.length !== type.size) this.#bad(`found ${bytes.length} bytes, expected ${type.size}`);
        this.#push({ type, bits: bytesToBits(bytes, at.expression.reader.little) });
        return true;
      }
      case DW_OP.DW_OP_regval_type:
      case DW_OP.DW_OP_GNU_regval_type: {
        const type = this.#type(at, 1);
        this.#push({ type, bits: BigInt.asUintN(8 * type.size, this.#register(at.low[0] ?? 0)) });
        return true;
      }
      case DW_OP.DW_OP_deref_type:
      case DW_OP.DW_OP_GNU_deref_type:
        this.#push(this.#load(this.#popAddress(), at.low[0] ?? 0, this.#type(at, 1)));
        return true;
      case DW_OP.DW_OP_xderef_type: {
        const address = this.#popAddress();
        this.#push(this.#load(address, at.low[0] ?? 0, this.#type(at, 1), this.#popAddress()));
        return true;
      }
      case DW_OP.DW_OP_convert:
      case DW_OP.DW_OP_GNU_convert:
        this.#push(this.#arithmetic.convert(this.#pop(), this.#typeOrGeneric(at)));
        return true;
      case DW_OP.DW_OP_reinterpret:
      case DW_OP.DW_OP_GNU_reinterpret:
        this.#push(this.#arithmetic.reinterpret(this.#pop(), this.#typeOrGeneric(at)));
        return true;
      default:
        return false;
    }
  }

  #piece(bits: number, bitOffset: number): void {
    // Nothing before the piece: that part is nowhere. [2.6.1.2]
    const location = this.#location ?? this.#top();
    if (this.#pieces.length === MOST_PIECES) this.#bad(`found more than ${MOST_PIECES} pieces`);
    this.#pieces.push({ location, bits, bitOffset });
    this.#location = undefined;
  }

  /** The address on top of the stack as a location. */
  #top(): Location {
    return this.#stack.length === 0 ? { kind: "absent" } : { kind: "memory", address: this.#popAddress() };
  }

  #call(entry: number): void {
    const { called } = this.#context;
    if (called === undefined) this.#lacks("entries to call");
    const expression = called?.(entry);
    // An entry without a location has no effect. [2.5.1.5]
    if (expression === undefined) return;
    if (this.#calls === DEEPEST_CALLS) {
      const { section } = this.#at.expression.reader;
      throw dwarfError(
        section,
        "DWARF_LOOP",
        this.#at.offset,
        `expression: more than ${DEEPEST_CALLS} calls in calls`,
      );
    }
    this.#calls++;
    this.#run(new ExpressionCursor(expression));
    this.#calls--;
  }

  #load(address: bigint, size: number, type?: BaseType, space?: bigint): StackValue {
    if (type !== undefined && size !== type.size) this.#bad(`found ${size} bytes of a type of ${type.size}`);
    const { memory } = this.#context;
    const bytes = memory === undefined ? this.#lacks("memory") : memory(address, size, space);
    if (bytes.length !== size) this.#bad(`memory: found ${bytes.length} bytes, expected ${size}`);
    const bits = bytesToBits(bytes, this.#expression.reader.little);
    return type === undefined ? this.#arithmetic.generic(bits) : { type, bits };
  }

  #genericSize(at: ExpressionCursor): number {
    const size = at.low[0] ?? 0;
    const { addressSize } = at.expression.encoding;
    return size >= 1 && size <= addressSize
      ? size
      : this.#bad(`found ${size} bytes, expected 1 to ${addressSize}`);
  }

  #type(at: ExpressionCursor, index: number): BaseType {
    const { unit } = at.expression;
    return unit === undefined
      ? this.#lacks("a unit with base types")
      : baseType(unit, this.#entryOffset(at, index));
  }

  #typeOrGeneric(at: ExpressionCursor): BaseType | undefined {
    return at.operand(0) === 0n ? undefined : this.#type(at, 0);
  }

  /** An operand that counts from the unit, as an offset in the section. */
  #entryOffset(at: ExpressionCursor, index: number): number {
    return (at.expression.unit?.header.offset ?? 0) + Number(at.operand(index));
  }

  #register(register: number): bigint {
    return this.#context.register?.(register) ?? this.#lacks("registers");
  }

  #pushRelocatable(at: ExpressionCursor): void {
    const { relocatable } = at;
    if (relocatable === undefined) this.#lacks("a unit with addresses");
    else this.#pushNumber(relocatable.resolve(this.#context.resolver));
  }

  #pushNumber(bits: bigint): void {
    this.#push(this.#arithmetic.generic(bits));
  }

  #push(value: StackValue): void {
    if (this.#stack.length === MOST_VALUES) this.#bad(`found more than ${MOST_VALUES} values on the stack`);
    this.#stack.push(value);
  }

  #pop(): StackValue {
    return this.#stack.pop() ?? this.#bad("found an empty stack");
  }

  #popAddress(): bigint {
    return this.#arithmetic.address(this.#pop());
  }

  #peek(depth: number): StackValue {
    const { length } = this.#stack;
    return (
      this.#stack[length - 1 - depth] ??
      this.#bad(`found ${length} values on the stack, expected ${depth + 1}`)
    );
  }

  /** The top value goes below the `count - 1` values under it. */
  #rotate(count: number): void {
    this.#peek(count - 1);
    const top = this.#pop();
    this.#stack.splice(this.#stack.length - count + 1, 0, top);
  }

  #lacks(what: string): never {
    return this.#unsupported(`asks for ${what}, which the context does not give`);
  }

  #unsupported(what: string): never {
    const { expression, offset, name } = this.#at;
    throw dwarfError(expression.reader.section, "DWARF_UNSUPPORTED", offset, `${name}: ${what}`);
  }

  #bad(what: string): never {
    const { expression, offset, name } = this.#at;
    throw dwarfError(expression.reader.section, "DWARF_BAD_VALUE", offset, `${name}: ${what}`);
  }
}

/** Operations that may follow one which says a location. */
function isAfterLocation(opcode: number): boolean {
  switch (opcode) {
    case DW_OP.DW_OP_piece:
    case DW_OP.DW_OP_bit_piece:
    case DW_OP.DW_OP_INTEL_bit_piece:
    case DW_OP.DW_OP_GNU_uninit:
    case DW_OP.DW_OP_nop:
      return true;
    default:
      return false;
  }
}

function isBinary(opcode: number): boolean {
  switch (opcode) {
    case DW_OP.DW_OP_and:
    case DW_OP.DW_OP_div:
    case DW_OP.DW_OP_minus:
    case DW_OP.DW_OP_mod:
    case DW_OP.DW_OP_mul:
    case DW_OP.DW_OP_or:
    case DW_OP.DW_OP_plus:
    case DW_OP.DW_OP_shl:
    case DW_OP.DW_OP_shr:
    case DW_OP.DW_OP_shra:
    case DW_OP.DW_OP_xor:
    case DW_OP.DW_OP_eq:
    case DW_OP.DW_OP_ge:
    case DW_OP.DW_OP_gt:
    case DW_OP.DW_OP_le:
    case DW_OP.DW_OP_lt:
    case DW_OP.DW_OP_ne:
      return true;
    default:
      return false;
  }
}
