/**
 * Writing `.eh_frame`: common information entries, frame description entries, and instructions for them.
 * [LSB 5.0, 10.6.1; DWARF5 6.4]
 *
 * Pointers are absolute (`DW_EH_PE_absptr`, 8 bytes, little-endian), which suits code that is placed already: such a
 * record means the same wherever its bytes lie.
 */
import { DwarfError } from "../../errors.ts";
import { DW_CFA, DW_EH_PE } from "../constants/frame.ts";

/** What frame description entries have in common. */
export interface CommonInformation {
  /** Factor of all advances; the smallest instruction's size. */
  readonly codeAlignment: number;
  /** Factor of all saved-register offsets; minus the size of a register. */
  readonly dataAlignment: number;
  /** DWARF number of the column that holds the return address. */
  readonly returnAddressRegister: number;
  /** Instructions that hold at the first byte of every function. */
  readonly initialInstructions: Uint8Array;
  /** Address of the personality routine, for functions with a language-specific data area. */
  readonly personality?: bigint;
}

/** One function's call-frame information. */
export interface FrameDescription {
  /** Address of the first byte covered. */
  readonly start: bigint;
  /** Number of bytes covered. */
  readonly length: number;
  readonly instructions: Uint8Array;
  /** Address of the language-specific data area; only under a CIE with a personality. */
  readonly lsda?: bigint;
}

/** A CIE, its length field included. */
export function encodeCie(cie: CommonInformation): Uint8Array {
  const withPersonality = cie.personality !== undefined;
  const out = new FrameWriter();
  out.u32(0).u8(1);
  for (const char of withPersonality ? "zPLR\0" : "zR\0") out.u8(char.charCodeAt(0));
  out.uleb(cie.codeAlignment);
  out.sleb(cie.dataAlignment);
  // Version 1 keeps the return address register in one byte; all machines of interest have it below 128.
  out.uleb(cie.returnAddressRegister);
  if (cie.personality === undefined) {
    out.uleb(1);
  } else {
    out.uleb(11);
    out.u8(DW_EH_PE.DW_EH_PE_absptr);
    out.u64(cie.personality);
    out.u8(DW_EH_PE.DW_EH_PE_absptr);
  }
  out.u8(DW_EH_PE.DW_EH_PE_absptr);
  out.bytes(cie.initialInstructions);
  return out.record();
}

/**
 * An FDE, its length field included.
 * @param cieDistance bytes from the start of the CIE to the start of this FDE
 */
export function encodeFde(fde: FrameDescription, cieDistance: number): Uint8Array {
  const out = new FrameWriter();
  // The CIE pointer is counted back from itself, not from the start of the record.
  out.u32(cieDistance + 4);
  out.u64(fde.start);
  out.u64(BigInt(fde.length));
  if (fde.lsda === undefined) {
    out.uleb(0);
  } else {
    out.uleb(8);
    out.u64(fde.lsda);
  }
  out.bytes(fde.instructions);
  return out.record();
}

/** Builds a call-frame instruction sequence; each method appends one instruction and returns the builder. */
export class FrameInstructions {
  readonly #out = new FrameWriter();
  readonly #cie: Pick<CommonInformation, "codeAlignment" | "dataAlignment">;

  /** @param cie the factors of the CIE under which the instructions will stand */
  constructor(cie: Pick<CommonInformation, "codeAlignment" | "dataAlignment">) {
    this.#cie = cie;
  }

  /** The rows that follow hold from `bytes` of code further on. */
  advance(bytes: number): this {
    const delta = bytes / this.#cie.codeAlignment;
    if (!Number.isInteger(delta) || delta < 0 || delta > 0xffff_ffff) {
      const unit = this.#cie.codeAlignment;
      throw new DwarfError(
        "DWARF_BAD_VALUE",
        {},
        `DW_CFA_advance_loc: ${bytes} bytes is no multiple of ${unit} within 32 bits`,
      );
    }
    if (delta < 0x40) this.#out.u8(DW_CFA.DW_CFA_advance_loc | delta);
    else if (delta < 0x100) this.#out.u8(DW_CFA.DW_CFA_advance_loc1).u8(delta);
    else if (delta < 0x1_0000) this.#out.u8(DW_CFA.DW_CFA_advance_loc2).u16(delta);
    else this.#out.u8(DW_CFA.DW_CFA_advance_loc4).u32(delta);
    return this;
  }

  /** The canonical frame address is `register + offset`. */
  defCfa(register: number, offset: number): this {
    this.#out.u8(DW_CFA.DW_CFA_def_cfa).uleb(register).uleb(offset);
    return this;
  }

  defCfaRegister(register: number): this {
    this.#out.u8(DW_CFA.DW_CFA_def_cfa_register).uleb(register);
    return this;
  }

  defCfaOffset(offset: number): this {
    this.#out.u8(DW_CFA.DW_CFA_def_cfa_offset).uleb(offset);
    return this;
  }

  /**
   * `register` (below 64) was saved at canonical frame address + `offset`; the offset is usually negative.
   * @throws DwarfError DWARF_BAD_VALUE for an offset that is no multiple of the factor, or on its other side
   */
  offset(register: number, offset: number): this {
    const factored = offset / this.#cie.dataAlignment;
    if (!Number.isInteger(factored) || factored < 0) {
      const factor = this.#cie.dataAlignment;
      throw new DwarfError("DWARF_BAD_VALUE", {}, `DW_CFA_offset: ${offset} is no multiple of ${factor}`);
    }
    this.#out.u8(DW_CFA.DW_CFA_offset | shortRegister("DW_CFA_offset", register)).uleb(factored);
    return this;
  }

  /** `register` (below 64) is again as the CIE says. */
  restore(register: number): this {
    this.#out.u8(DW_CFA.DW_CFA_restore | shortRegister("DW_CFA_restore", register));
    return this;
  }

  rememberState(): this {
    this.#out.u8(DW_CFA.DW_CFA_remember_state);
    return this;
  }

  restoreState(): this {
    this.#out.u8(DW_CFA.DW_CFA_restore_state);
    return this;
  }

  /** The instructions so far. */
  finish(): Uint8Array {
    return this.#out.contents();
  }
}

/** A register for the low six bits of an instruction. */
function shortRegister(instruction: string, register: number): number {
  if (Number.isInteger(register) && register >= 0 && register < 64) return register;
  throw new DwarfError("DWARF_BAD_VALUE", {}, `${instruction}: register ${register} is not below 64`);
}

class FrameWriter {
  readonly #bytes: number[] = [];

  u8(value: number): this {
    this.#bytes.push(value & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >> 8);
  }

  u32(value: number): this {
    return this.u16(value).u16(value >>> 16);
  }

  u64(value: bigint): this {
    return this.u32(Number(value & 0xffff_ffffn)).u32(Number((value >> 32n) & 0xffff_ffffn));
  }

  uleb(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    return this.u8(rest);
  }

  sleb(value: number): this {
    let rest = value;
    while (rest < -64 || rest > 63) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    return this.u8(rest & 0x7f);
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.#bytes.push(byte);
    return this;
  }

  contents(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /** The bytes so far behind their length, padded with DW_CFA_nop to a multiple of 8. */
  record(): Uint8Array {
    const size = (4 + this.#bytes.length + 7) & ~7;
    const out = new Uint8Array(size);
    out.set(this.#bytes, 4);
    out.fill(DW_CFA.DW_CFA_nop, 4 + this.#bytes.length);
    new DataView(out.buffer).setUint32(0, size - 4, true);
    return out;
  }
}
