/** Expressions [DWARF5 2.5], decoded one operation after the other. */
import { readU16, readU32 } from "../../../bytes/endian.ts";
import { leb128Length, readSleb128, readUleb128 } from "../../../bytes/leb128.ts";
import { DW_EH_PE } from "../../constants/frame.ts";
import { DW_OP, operationName } from "../../constants/operation.ts";
import type { DwarfUnit } from "../../dwarf.ts";
import { dwarfError } from "../../place.ts";
import type { FieldReader } from "../../relocation/field.ts";
import { Relocatable, type RelocatableSource } from "../../relocation/relocatable.ts";
import type { Encoding } from "../entry/abbrev.ts";
import { unitBases } from "../unit/addr-table.ts";
import { FORM, machineOperationName, operandForms, suboperationForms } from "./operand.ts";

/** Most operands that an operation has, that of `DW_OP_LLVM_user` which tells the operation counted. */
const OPERANDS = 3;
/** Kinds of `DW_OP_WASM_location` whose index is 4 bytes: a global that a linker places. */
const WASM_GLOBAL_FIXED = 3;

/** Bytes of an expression, and what they depend on. */
export interface Expression {
  readonly reader: FieldReader;
  /** In the section of the reader. */
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
  readonly encoding: Encoding;
  /** The unit that it belongs to; `undefined` in call frame information. */
  readonly unit: DwarfUnit | undefined;
}

/** An expression of a unit, wherever its bytes are. */
export function unitExpression(
  unit: DwarfUnit,
  reader: FieldReader,
  offset: number,
  length: number,
): Expression {
  return { reader, offset, length, encoding: unit.header, unit };
}

/** A place in an expression. Nothing is allocated by walking. */
export class ExpressionCursor {
  readonly expression: Expression;
  /** Of the current operation, in the section. */
  offset: number;
  /** Its `DW_OP_`. */
  opcode = 0;
  /** How its operands are written: values of `FORM`. */
  forms: readonly number[] = [];
  /** Halves of each operand; of blocks, where the bytes begin and how many they are. */
  readonly low = new Uint32Array(OPERANDS);
  readonly high = new Uint32Array(OPERANDS);
  /** Where the first operand begins. */
  operandOffset = 0;
  readonly #table: readonly (readonly number[] | undefined)[];
  readonly #bytes: Uint8Array;
  readonly #little: boolean;
  readonly #end: number;
  #position: number;

  /** @throws DwarfError DWARF_TRUNCATED when the expression is not within its section */
  constructor(expression: Expression) {
    const { reader, offset, length } = expression;
    this.expression = expression;
    this.offset = offset;
    this.#bytes = reader.bytes;
    this.#little = reader.little;
    this.#end = offset + length;
    this.#position = offset;
    this.#table = operandForms(this.machine);
    if (!(this.#end <= reader.bytes.length))
      this.#fail(offset, `expression of ${length} bytes: runs past the end of the section`);
  }

  /** `e_machine` of the file. */
  get machine(): number {
    return this.expression.reader.section.elf.header.machine;
  }

  /** Where the next operation begins, in the section. */
  get position(): number {
    return this.#position;
  }

  /**
   * Moves to the next operation and decodes its operands.
   * @returns false at the end
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for an unknown operation
   */
  next(): boolean {
    const at = this.#position;
    if (at >= this.#end) return false;
    const opcode = this.#bytes[at] ?? 0;
    const forms = this.#table[opcode];
    if (forms === undefined) {
      const { section } = this.expression.reader;
      throw dwarfError(section, "DWARF_UNSUPPORTED", at, `${operationName(opcode)}: unknown operation`);
    }
    this.offset = at;
    this.opcode = opcode;
    this.forms = forms;
    this.operandOffset = at + 1;
    this.#position = at + 1;
    for (let i = 0; i < forms.length; i++) this.#operand(i, forms[i] ?? 0);
    return true;
  }

  /**
   * Goes on at another operation, as `DW_OP_skip` and `DW_OP_bra` do.
   * @param distance bytes from the end of the current operation
   * @throws DwarfError DWARF_BAD_REFERENCE when that is outside the expression
   */
  jump(distance: number): void {
    const to = this.#position + distance;
    if (to < this.expression.offset || to > this.#end) {
      const { section } = this.expression.reader;
      throw dwarfError(
        section,
        "DWARF_BAD_REFERENCE",
        this.offset,
        `branch by ${distance} bytes: leaves the expression`,
      );
    }
    this.#position = to;
  }

  /** `DW_OP_plus_uconst`. */
  get name(): string {
    return machineOperationName(this.machine, this.opcode) ?? operationName(this.opcode);
  }

  /** An operand's value, with the sign that its form has. Of a block, the number of its bytes. */
  operand(index: number): bigint {
    const value = (BigInt(this.high[index] ?? 0) << 32n) | BigInt(this.low[index] ?? 0);
    switch (this.forms[index]) {
      case FORM.s1:
      case FORM.s2:
      case FORM.s4:
      case FORM.s8:
      case FORM.sleb:
        return BigInt.asIntN(64, value);
      case FORM.block:
      case FORM.block1:
        return BigInt(this.high[index] ?? 0);
      default:
        return value;
    }
  }

  /** The bytes of a block operand. A view of the section. */
  block(index: number): Uint8Array {
    const start = this.low[index] ?? 0;
    return this.#bytes.subarray(start, start + (this.high[index] ?? 0));
  }

  /** The expression that a block operand holds, as `DW_OP_entry_value` has one. */
  inner(index: number): Expression {
    return { ...this.expression, offset: this.low[index] ?? 0, length: this.high[index] ?? 0 };
  }

  /**
   * The operand as a relocatable value: of `DW_OP_addr`, of constants of 4 and 8 bytes, and of indices of addresses. An
   * offset in a thread's block counts from a symbol of type `STT_TLS`. `undefined` for other operations.
   * @throws DwarfError DWARF_BAD_REFERENCE for an index of no address
   */
  get relocatable(): Relocatable | undefined {
    const { reader, encoding, unit } = this.expression;
    const at = this.operandOffset;
    switch (this.opcode) {
      case DW_OP.DW_OP_addr:
        return reader.address(at, encoding.addressSize);
      case DW_OP.DW_OP_const4u:
        return reader.address(at, 4);
      case DW_OP.DW_OP_const8u:
      case DW_OP.DW_OP_const8s:
        return reader.address(at, 8);
      case DW_OP.DW_OP_const4s:
        return new Relocatable(signed4(reader), at, 8);
      case DW_OP.DW_OP_addrx:
      case DW_OP.DW_OP_constx:
      case DW_OP.DW_OP_GNU_addr_index:
      case DW_OP.DW_OP_GNU_const_index:
        return unit && unitBases(unit).indexed((this.high[0] ?? 0) * 0x1_0000_0000 + (this.low[0] ?? 0));
      default:
        return undefined;
    }
  }

  /** Decodes an operand; those of an operation behind `DW_OP_LLVM_user` after it. */
  #operand(index: number, form: number): void {
    switch (form) {
      case FORM.u1:
        this.#set(index, this.#bytes[this.#take(1)] ?? 0, 0);
        return;
      case FORM.s1:
        this.#setSigned(index, ((this.#bytes[this.#take(1)] ?? 0) << 24) >> 24);
        return;
      case FORM.u2:
        this.#set(index, readU16(this.#bytes, this.#take(2), this.#little), 0);
        return;
      case FORM.s2:
        this.#setSigned(index, (readU16(this.#bytes, this.#take(2), this.#little) << 16) >> 16);
        return;
      case FORM.u4:
        this.#fixed(index, 4);
        return;
      case FORM.s4:
        this.#setSigned(index, readU32(this.#bytes, this.#take(4), this.#little) | 0);
        return;
      case FORM.u8:
      case FORM.s8:
        this.#fixed(index, 8);
        return;
      case FORM.address:
        this.#fixed(index, this.expression.encoding.addressSize);
        return;
      case FORM.reference:
        this.#reference(index);
        return;
      case FORM.uleb:
      case FORM.sleb:
        this.#leb(index, form === FORM.sleb);
        return;
      case FORM.block:
        this.#leb(index, false);
        this.#block(index, (this.high[index] ?? 0) * 0x1_0000_0000 + (this.low[index] ?? 0));
        return;
      case FORM.block1:
        this.#block(index, this.#bytes[this.#take(1)] ?? 0);
        return;
      case FORM.encoded:
        this.#encoded(index, this.low[index - 1] ?? 0);
        return;
      case FORM.wasmIndex:
        if (this.low[index - 1] === WASM_GLOBAL_FIXED) this.#fixed(index, 4);
        else this.#leb(index, false);
        return;
      default:
        this.#suboperation(index);
        return;
    }
  }

  #suboperation(index: number): void {
    this.#leb(index, false);
    const forms = suboperationForms(this.low[index] ?? 0);
    if (forms === undefined) {
      const { section } = this.expression.reader;
      const found = `0x${(this.low[index] ?? 0).toString(16)}`;
      throw dwarfError(
        section,
        "DWARF_UNSUPPORTED",
        this.offset,
        `DW_OP_LLVM_user: unknown operation ${found}`,
      );
    }
    this.operandOffset = this.#position;
    this.forms = [FORM.uleb, ...forms];
    for (let i = 0; i < forms.length; i++) this.#operand(index + 1 + i, forms[i] ?? 0);
  }

  #fixed(index: number, size: number): void {
    const at = this.#take(size);
    const [bytes, little] = [this.#bytes, this.#little];
    if (size === 8)
      this.#set(
        index,
        readU32(bytes, little ? at : at + 4, little),
        readU32(bytes, little ? at + 4 : at, little),
      );
    else this.#set(index, size === 4 ? readU32(bytes, at, little) : readU16(bytes, at, little), 0);
  }

  /** An offset in a debug section may have a relocation of its own. */
  #reference(index: number): void {
    const { version, addressSize, offsetSize } = this.expression.encoding;
    const size = version === 2 ? addressSize : offsetSize;
    const value = this.expression.reader.offset(this.#take(size), size);
    this.#set(index, value, value / 0x1_0000_0000);
  }

  /** [LSB 5.0, 10.5.1] */
  #encoded(index: number, encoding: number): void {
    switch (encoding & 0x0f) {
      case DW_EH_PE.DW_EH_PE_absptr:
        this.#fixed(index, this.expression.encoding.addressSize);
        return;
      case DW_EH_PE.DW_EH_PE_udata2:
      case DW_EH_PE.DW_EH_PE_sdata2:
        this.#fixed(index, 2);
        return;
      case DW_EH_PE.DW_EH_PE_udata4:
      case DW_EH_PE.DW_EH_PE_sdata4:
        this.#fixed(index, 4);
        return;
      case DW_EH_PE.DW_EH_PE_udata8:
      case DW_EH_PE.DW_EH_PE_sdata8:
        this.#fixed(index, 8);
        return;
      case DW_EH_PE.DW_EH_PE_uleb128:
      case DW_EH_PE.DW_EH_PE_sleb128:
        this.#leb(index, (encoding & 0x0f) === DW_EH_PE.DW_EH_PE_sleb128);
        return;
      default: {
        const what = `DW_OP_GNU_encoded_addr: unknown encoding 0x${encoding.toString(16)}`;
        throw dwarfError(this.expression.reader.section, "DWARF_UNSUPPORTED", this.offset, what);
      }
    }
  }

  #leb(index: number, signed: boolean): void {
    const at = this.#position;
    const first = this.#bytes[at] ?? 0;
    if (at < this.#end && first < 0x80) {
      this.#position = at + 1;
      if (signed) this.#setSigned(index, (first << 25) >> 25);
      else this.#set(index, first, 0);
      return;
    }
    const length = leb128Length(this.#bytes, at);
    if (length === 0 || at + length > this.#end)
      this.#fail(this.offset, "operand: found a LEB128 without an end");
    const value = signed ? readSleb128(this.#bytes, at) : readUleb128(this.#bytes, at);
    this.#position = at + length;
    this.#set(index, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
  }

  #block(index: number, length: number): void {
    this.#set(index, this.#take(length), length);
  }

  #set(index: number, low: number, high: number): void {
    this.low[index] = low;
    this.high[index] = high;
  }

  #setSigned(index: number, value: number): void {
    this.low[index] = value;
    this.high[index] = value < 0 ? 0xffff_ffff : 0;
  }

  #take(size: number): number {
    const at = this.#position;
    if (!(at + size <= this.#end)) {
      this.#fail(
        this.offset,
        `operand: found ${this.#end - at} bytes before the end of the expression, expected ${size}`,
      );
    }
    this.#position = at + size;
    return at;
  }

  #fail(at: number, what: string): never {
    throw dwarfError(this.expression.reader.section, "DWARF_TRUNCATED", at, what);
  }
}

/** Fields of 4 bytes as numbers of 8. */
function signed4(reader: FieldReader): RelocatableSource {
  return {
    section: reader.section,
    infoAt(offset) {
      const info = reader.infoAt(offset, 4);
      return info.target === undefined ? { ...info, addend: BigInt.asIntN(32, info.addend) } : info;
    },
  };
}
