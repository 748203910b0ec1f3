/** Call frame instructions, decoded one by one [DWARF5 6.4.2, 7.24]. */
import { leb128Length, readUleb128Number } from "../../../bytes/leb128.ts";
import { callFrameName, DW_CFA } from "../../constants/frame.ts";
import { dwarfError } from "../../place.ts";
import type { Cie } from "./entry.ts";

/**
 * A place among the instructions of a CIE or an FDE. Nothing is made while it moves; numbers are exact below 2^53 and
 * have the factors of the CIE in them.
 */
export class FrameInstructionCursor {
  /** Of the current instruction, in the section. */
  offset = -1;
  /** Its `DW_CFA_`, without the operand in its low bits. */
  opcode = 0;
  /** Its register, where it names one. */
  register = 0;
  /**
   * An advance in bytes of code; an offset in bytes; the second register of `DW_CFA_register`. Of `DW_CFA_set_loc` and
   * expressions: where the address, or the first operation, is in the section.
   */
  value = 0;
  /** Bytes of an expression; the address space of `DW_CFA_LLVM_def_aspace_cfa`. */
  extra = 0;

  #cie: Cie;
  #bytes: Uint8Array;
  #relocated: boolean;
  #position: number;
  #end: number;

  /** Instructions of `cie` from `from` to `end`; by default its own, which hold at the start of every function. */
  constructor(cie: Cie, from = cie.instructions, end = cie.end) {
    this.#cie = cie;
    this.#bytes = cie.context.reader.bytes;
    this.#relocated = cie.context.reader.section.relocations !== undefined;
    this.#position = from;
    this.#end = end;
  }

  /** Begins again, with other instructions. */
  reset(cie: Cie, from: number, end: number): void {
    this.#cie = cie;
    this.#bytes = cie.context.reader.bytes;
    this.#relocated = cie.context.reader.section.relocations !== undefined;
    this.#position = from;
    this.#end = end;
  }

  /**
   * Moves to the next instruction.
   * @returns false at the end
   * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED for an instruction whose operands are not known
   */
  next(): boolean {
    const at = this.#position;
    if (at >= this.#end) return false;
    this.offset = at;
    this.register = 0;
    this.value = 0;
    this.extra = 0;
    const byte = this.#bytes[at] ?? 0;
    this.#position = at + 1;
    if (byte < 0x40) {
      this.opcode = byte;
      this.#operands(byte);
      return true;
    }
    this.opcode = byte & 0xc0;
    const low = byte & 0x3f;
    if (this.opcode === DW_CFA.DW_CFA_advance_loc)
      this.value = this.#advance(at, 1, low) * this.#cie.codeAlignment;
    else {
      this.register = low;
      if (this.opcode === DW_CFA.DW_CFA_offset) this.value = this.#uleb() * this.#cie.dataAlignment;
    }
    return true;
  }

  #operands(opcode: number): void {
    switch (opcode) {
      case DW_CFA.DW_CFA_nop:
      case DW_CFA.DW_CFA_remember_state:
      case DW_CFA.DW_CFA_restore_state:
      case DW_CFA.DW_CFA_GNU_window_save:
        return;
      case DW_CFA.DW_CFA_set_loc:
        this.value = this.#position;
        this.#position += this.#cie.pointers.length(this.#position, this.#end);
        return;
      case DW_CFA.DW_CFA_advance_loc1:
        this.value = this.#delta(1);
        return;
      case DW_CFA.DW_CFA_advance_loc2:
        this.value = this.#delta(2);
        return;
      case DW_CFA.DW_CFA_advance_loc4:
        this.value = this.#delta(4);
        return;
      case DW_CFA.DW_CFA_MIPS_advance_loc8:
        this.value = this.#delta(8);
        return;
      case DW_CFA.DW_CFA_restore_extended:
      case DW_CFA.DW_CFA_undefined:
      case DW_CFA.DW_CFA_same_value:
      case DW_CFA.DW_CFA_def_cfa_register:
        this.register = this.#uleb();
        return;
      case DW_CFA.DW_CFA_offset_extended:
      case DW_CFA.DW_CFA_val_offset:
        this.register = this.#uleb();
        this.value = this.#uleb() * this.#cie.dataAlignment;
        return;
      case DW_CFA.DW_CFA_GNU_negative_offset_extended:
        this.register = this.#uleb();
        this.value = -this.#uleb() * this.#cie.dataAlignment;
        return;
      case DW_CFA.DW_CFA_offset_extended_sf:
      case DW_CFA.DW_CFA_val_offset_sf:
      case DW_CFA.DW_CFA_def_cfa_sf:
        this.register = this.#uleb();
        this.value = this.#sleb() * this.#cie.dataAlignment;
        return;
      case DW_CFA.DW_CFA_def_cfa:
      case DW_CFA.DW_CFA_register:
        this.register = this.#uleb();
        this.value = this.#uleb();
        return;
      case DW_CFA.DW_CFA_def_cfa_offset:
      case DW_CFA.DW_CFA_GNU_args_size:
        this.value = this.#uleb();
        return;
      case DW_CFA.DW_CFA_def_cfa_offset_sf:
        this.value = this.#sleb() * this.#cie.dataAlignment;
        return;
      case DW_CFA.DW_CFA_def_cfa_expression:
        this.#block();
        return;
      case DW_CFA.DW_CFA_expression:
      case DW_CFA.DW_CFA_val_expression:
        this.register = this.#uleb();
        this.#block();
        return;
      case DW_CFA.DW_CFA_LLVM_def_aspace_cfa:
        this.register = this.#uleb();
        this.value = this.#uleb();
        this.extra = this.#uleb();
        return;
      case DW_CFA.DW_CFA_LLVM_def_aspace_cfa_sf:
        this.register = this.#uleb();
        this.value = this.#sleb() * this.#cie.dataAlignment;
        this.extra = this.#uleb();
        return;
      default: {
        const name = callFrameName(opcode, this.#cie.context.machine);
        throw this.#error("DWARF_UNSUPPORTED", `instruction ${name}: its operands are not known`);
      }
    }
  }

  #delta(size: number): number {
    const at = this.#take(size);
    return this.#advance(at, size, this.#cie.context.reader.raw(at, size)) * this.#cie.codeAlignment;
  }

  /** An advance, which a linker that shortens code must be able to set. */
  #advance(at: number, size: number, raw: number): number {
    const { reader } = this.#cie.context;
    if (!this.#relocated || !reader.isRelocated(at)) return raw;
    const { target, addend } = reader.infoAt(at, size);
    if (target !== undefined) {
      throw this.#error("DWARF_BAD_RELOCATION", "advance: counts from a section, expected a number");
    }
    // Of one byte, the instruction's own, the low bits are the advance.
    return this.opcode === DW_CFA.DW_CFA_advance_loc ? Number(addend & 0x3fn) : Number(addend);
  }

  #block(): void {
    const length = this.#uleb();
    this.value = this.#take(length);
    this.extra = length;
  }

  #uleb(): number {
    return readUleb128Number(this.#bytes, this.#leb());
  }

  #sleb(): number {
    const bytes = this.#bytes;
    let at = this.#leb();
    let value = 0;
    let scale = 1;
    let byte = bytes[at] ?? 0;
    for (; byte >= 0x80; byte = bytes[++at] ?? 0) {
      value += (byte & 0x7f) * scale;
      scale *= 0x80;
    }
    // The last byte's bit 6 is the sign of all.
    return value + ((byte & 0x3f) - (byte & 0x40)) * scale;
  }

  /** Passes over a LEB128. */
  #leb(): number {
    const length = leb128Length(this.#bytes, this.#position);
    if (length === 0) throw this.#error("DWARF_TRUNCATED", "operand: found a LEB128 without an end");
    return this.#take(length);
  }

  #take(size: number): number {
    const at = this.#position;
    if (!(at + size <= this.#end)) {
      const found = `operand: found ${this.#end - at} bytes before the end, expected ${size}`;
      throw this.#error("DWARF_TRUNCATED", found);
    }
    this.#position = at + size;
    return at;
  }

  #error(code: "DWARF_TRUNCATED" | "DWARF_UNSUPPORTED" | "DWARF_BAD_RELOCATION", what: string): Error {
    return dwarfError(this.#cie.context.reader.section, code, this.offset, what);
  }
}
