/**
 * Rows of line programs [DWARF5 6.2.5]. The cursor is the state machine of the specification: its fields are the
 * registers, and a row allocates nothing.
 */
import { leb128Length } from "../../../bytes/leb128.ts";
import { DW_LNE, DW_LNS, lineOpcodeName } from "../../constants/line.ts";
import { dwarfError } from "../../place.ts";
import { Relocatable } from "../../relocation/relocatable.ts";
import type { LineHeader } from "./header.ts";

// The compiler of the engine turns a `switch` over these into a table; over properties of an object it does not.
const {
  DW_LNS_copy,
  DW_LNS_advance_pc,
  DW_LNS_advance_line,
  DW_LNS_set_file,
  DW_LNS_set_column,
  DW_LNS_negate_stmt,
  DW_LNS_set_basic_block,
  DW_LNS_const_add_pc,
  DW_LNS_fixed_advance_pc,
  DW_LNS_set_prologue_end,
  DW_LNS_set_epilogue_begin,
  DW_LNS_set_isa,
} = DW_LNS;

const TWO_32 = 0x1_0000_0000;

/** A place among the rows of a line program. */
export class LineRows {
  readonly header: LineHeader;
  /** Where the address stands that the row counts from, the operand of a `DW_LNE_set_address`; -1 without one: 0. */
  baseField = -1;
  /** Bytes of that address. */
  baseSize = 0;
  /** Bytes from that address to the row's; below 0 where the program goes back. */
  distance = 0;
  /** Operation within a VLIW instruction. */
  opIndex = 0;
  /** Number of the file in the header's table. */
  file = 1;
  /** From 1; 0 where there is no source. */
  line = 1;
  /** From 1; 0 for the beginning of the line. */
  column = 0;
  isStmt: boolean;
  basicBlock = false;
  /** The row's address is behind the last instruction of a sequence, and the next row begins another sequence. */
  endSequence = false;
  prologueEnd = false;
  epilogueBegin = false;
  isa = 0;
  discriminator = 0;
  /** Set by {@link skip}, never cleared by it. */
  fell = false;
  /**
   * Where the opcodes behind the row are. Who keeps it with the other fields can come back to a row: all of them set again,
   * the cursor goes on from there.
   */
  position: number;

  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #opcodeBase: number;
  readonly #vliw: boolean;
  /** By opcode: bytes that a special one advances; instructions on a VLIW machine. */
  readonly #advances: Uint32Array;
  /** By opcode: lines that a special one adds. */
  readonly #lines: Int32Array;
  /** What the last call of `#leb` read, in signed halves: small integers to the engine, whatever the bits. */
  #low = 0;
  #high = 0;

  /** A cursor before the first row. */
  constructor(header: LineHeader) {
    this.header = header;
    const { opcodeBase, lineBase, lineRange, minimumInstructionLength, maximumOperations } = header;
    this.isStmt = header.defaultIsStmt;
    this.#bytes = header.reader.bytes;
    this.#end = header.end;
    this.position = header.program;
    this.#opcodeBase = opcodeBase;
    this.#vliw = maximumOperations > 1;
    const { advances, lines } = specialOpcodes(
      opcodeBase,
      lineBase,
      lineRange,
      this.#vliw ? 1 : minimumInstructionLength,
    );
    this.#advances = advances;
    this.#lines = lines;
  }

  /**
   * Moves to the next row.
   * @returns false at the end of the program
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  next(): boolean {
    return this.skip(1);
  }

  /**
   * Moves `count` rows on, or to a row on the way that ends a sequence or follows a `DW_LNE_set_address`: for who needs few
   * of many rows. {@link fell} tells whether an address on the way was below the one before.
   * @returns false at the end of the program
   * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE
   */
  skip(count: number): boolean {
    if (this.endSequence) this.#reset();
    this.#clearMarks();
    const bytes = this.#bytes;
    const end = this.#end;
    const opcodeBase = this.#opcodeBase;
    const advances = this.#advances;
    const lines = this.#lines;
    const vliw = this.#vliw;
    let { distance, line } = this;
    let at = this.position;
    let left = count;
    let previous = distance;
    while (at < end) {
      const opcode = bytes[at++] ?? 0;
      if (opcode >= opcodeBase) {
        line = (line + (lines[opcode] ?? 0)) | 0;
        if (vliw) distance += this.#operations(advances[opcode] ?? 0);
        else distance += advances[opcode] ?? 0;
        if (left > 1) {
          if (distance < previous) this.fell = true;
          previous = distance;
          left--;
          this.#clearMarks();
          continue;
        }
        if (distance < previous) this.fell = true;
        this.distance = distance;
        this.line = line >>> 0;
        this.position = at;
        return true;
      }
      switch (opcode) {
        case DW_LNS_copy:
          if (distance < previous) this.fell = true;
          if (left > 1) {
            previous = distance;
            left--;
            this.#clearMarks();
            break;
          }
          this.distance = distance;
          this.line = line >>> 0;
          this.position = at;
          return true;
        case DW_LNS_advance_line: {
          const byte = bytes[at] ?? 0;
          const second = bytes[at + 1] ?? 0;
          if (byte < 0x80) {
            line = (line + ((byte << 25) >> 25)) | 0;
            at++;
          } else if (second < 0x80) {
            line = (line + ((((byte & 0x7f) | (second << 7)) << 18) >> 18)) | 0;
            at += 2;
          } else {
            at = this.#leb(at, true);
            line = (line + this.#low) | 0;
          }
          break;
        }
        case DW_LNS_set_column: {
          const byte = bytes[at] ?? 0;
          if (byte < 0x80) {
            this.column = byte;
            at++;
          } else {
            at = this.#leb(at, false);
            this.column = this.#low >>> 0;
          }
          break;
        }
        case DW_LNS_negate_stmt:
          this.isStmt = !this.isStmt;
          break;
        case DW_LNS_set_file: {
          const byte = bytes[at] ?? 0;
          if (byte < 0x80) {
            this.file = byte;
            at++;
          } else {
            at = this.#leb(at, false);
            this.file = this.#low >>> 0;
          }
          break;
        }
        case DW_LNS_advance_pc:
          at = this.#leb(at, false);
          distance += this.#advance(at);
          break;
        case DW_LNS_const_add_pc:
          if (vliw) distance += this.#operations(advances[255] ?? 0);
          else distance += advances[255] ?? 0;
          break;
        case 0: {
          // Inline, for compilers write many: a discriminator of one byte.
          if (bytes[at] === 2 && bytes[at + 1] === 4 && (bytes[at + 2] ?? 0) < 0x80) {
            this.discriminator = bytes[at + 2] ?? 0;
            at += 3;
            break;
          }
          this.distance = distance;
          at = this.#extended(at);
          // The address was set, if it moved.
          if (this.distance !== distance || this.distance === 0) {
            distance = this.distance;
            previous = distance;
            left = 1;
          }
          if (this.endSequence) {
            this.line = line >>> 0;
            this.position = at;
            return true;
          }
          break;
        }
        case DW_LNS_fixed_advance_pc:
          distance += this.#fixedAdvance(at);
          at += 2;
          break;
        case DW_LNS_set_basic_block:
          this.basicBlock = true;
          break;
        case DW_LNS_set_prologue_end:
          this.prologueEnd = true;
          break;
        case DW_LNS_set_epilogue_begin:
          this.epilogueBegin = true;
          break;
        case DW_LNS_set_isa:
          at = this.#leb(at, false);
          this.isa = this.#low >>> 0;
          break;
        default:
          at = this.#skipUnknown(opcode, at);
      }
    }
    this.position = at;
    if (at > end) this.#truncated(end, "opcode");
    return false;
  }

  /** The row's address: nothing of its relocation is looked at yet. */
  address(): Relocatable {
    return lineAddress(this.header, this.baseField, this.baseSize, this.distance);
  }

  /** Registers that count for one row only. */
  #clearMarks(): void {
    this.basicBlock = false;
    this.prologueEnd = false;
    this.epilogueBegin = false;
    this.discriminator = 0;
  }

  #reset(): void {
    this.baseField = -1;
    this.baseSize = 0;
    this.distance = 0;
    this.opIndex = 0;
    this.file = 1;
    this.line = 1;
    this.column = 0;
    this.isStmt = this.header.defaultIsStmt;
    this.endSequence = false;
    this.isa = 0;
  }

  /** Bytes that the operand just read advances. Compilers that go back write a number near 2^64. */
  #advance(at: number): number {
    const low = this.#low >>> 0;
    const operations = this.#high === 0 ? low : this.#high * TWO_32 + low;
    if (this.#vliw) return this.#operations(operations);
    const bytes = operations * this.header.minimumInstructionLength;
    if (!Number.isSafeInteger(bytes)) this.#bad(at, `advance of ${bytes} bytes: expected less than 2^53`);
    return bytes;
  }

  /** Advances operations of VLIW instructions [DWARF5 6.2.5.1]. Returns the bytes. */
  #operations(operations: number): number {
    const { maximumOperations, minimumInstructionLength } = this.header;
    const sum = this.opIndex + operations;
    const instructions = Math.floor(sum / maximumOperations);
    this.opIndex = sum - instructions * maximumOperations;
    const bytes = instructions * minimumInstructionLength;
    if (!Number.isSafeInteger(sum) || !Number.isSafeInteger(bytes)) {
      this.#bad(this.position, `advance of ${operations} operations: expected less than 2^53`);
    }
    return bytes;
  }

  /** Assemblers for machines whose linkers shorten code leave this operand to relocations. */
  #fixedAdvance(at: number): number {
    const { reader } = this.header;
    this.opIndex = 0;
    if (at + 2 > this.#end) this.#truncated(at, "DW_LNS_fixed_advance_pc");
    return reader.offset(at, 2);
  }

  /** Runs the extended opcode whose length is at `at`. Returns where it ends. */
  #extended(at: number): number {
    const start = this.#leb(at, false);
    const low = this.#low >>> 0;
    const length = this.#high === 0 ? low : (this.#high >>> 0) * TWO_32 + low;
    const end = start + length;
    if (end > this.#end) this.#truncated(at, `extended opcode of ${length} bytes`);
    // No bytes are no opcode: other readers pass over them too.
    if (length === 0) return end;
    switch (this.#bytes[start]) {
      case DW_LNE.DW_LNE_end_sequence:
        this.endSequence = true;
        break;
      case DW_LNE.DW_LNE_set_address:
        if (length !== 9 && length !== 5 && length !== 3) {
          this.#bad(start, `DW_LNE_set_address: found ${length - 1} bytes, expected 2, 4 or 8`);
        }
        this.baseField = start + 1;
        this.baseSize = length - 1;
        this.distance = 0;
        this.opIndex = 0;
        break;
      case DW_LNE.DW_LNE_set_discriminator:
        if (this.#leb(start + 1, false) > end) this.#truncated(start, "DW_LNE_set_discriminator");
        this.discriminator = this.#low >>> 0;
        break;
      case DW_LNE.DW_LNE_define_file:
        this.header.defineFile(start + 1);
        break;
    }
    return end;
  }

  /** Passes over an opcode that only its header knows. */
  #skipUnknown(opcode: number, at: number): number {
    let next = at;
    const operands = this.header.standardOpcodeLengths[opcode - 1] ?? 0;
    for (let i = 0; i < operands; i++) {
      const length = leb128Length(this.#bytes, next);
      if (length === 0 || next + length > this.#end) this.#truncated(at, lineOpcodeName(opcode));
      next += length;
    }
    return next;
  }

  /** Reads a LEB128 into `#low` and `#high`; bits past 64 are dropped. Returns where it ends. */
  #leb(at: number, signed: boolean): number {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    let shift = 0;
    let next = at;
    let byte: number;
    do {
      byte = bytes[next++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift > 25 && shift < 64) high |= shift < 32 ? bits >>> (32 - shift) : bits << (shift - 32);
      shift += 7;
    } while (byte >= 0x80);
    if (next > this.#end) this.#truncated(at, "LEB128");
    if (signed && shift < 64 && (byte & 0x40) !== 0) {
      if (shift < 32) low |= -1 << shift;
      high = shift <= 32 ? -1 : high | (-1 << (shift - 32));
    }
    this.#low = low | 0;
    this.#high = high | 0;
    return next;
  }

  #truncated(at: number, what: string): never {
    const { section } = this.header.reader;
    throw dwarfError(section, "DWARF_TRUNCATED", at, `${what}: runs past the end of the line program`);
  }

  #bad(at: number, what: string): never {
    throw dwarfError(this.header.reader.section, "DWARF_BAD_VALUE", at, what);
  }
}

/** What special opcodes add, by opcode. */
interface SpecialOpcodes {
  readonly key: string;
  readonly advances: Uint32Array;
  readonly lines: Int32Array;
}

/** Programs of one compiler all have the same. */
let lastOpcodes: SpecialOpcodes | undefined;

function specialOpcodes(
  opcodeBase: number,
  lineBase: number,
  lineRange: number,
  unit: number,
): SpecialOpcodes {
  const key = `${opcodeBase} ${lineBase} ${lineRange} ${unit}`;
  if (lastOpcodes?.key === key) return lastOpcodes;
  const advances = new Uint32Array(256);
  const lines = new Int32Array(256);
  for (let opcode = opcodeBase; opcode < 256; opcode++) {
    const adjusted = opcode - opcodeBase;
    advances[opcode] = Math.floor(adjusted / lineRange) * unit;
    lines[opcode] = lineBase + (adjusted % lineRange);
  }
  lastOpcodes = { key, advances, lines };
  return lastOpcodes;
}

/** The address `distance` bytes behind that at `baseField`, or behind 0 where a sequence gives none. */
export function lineAddress(
  header: LineHeader,
  baseField: number,
  baseSize: number,
  distance: number,
): Relocatable {
  const { reader } = header;
  if (baseField >= 0) return reader.address(baseField, baseSize).plus(distance);
  const zero = { section: reader.section, infoAt: () => ({ target: undefined, addend: 0n }) };
  return new Relocatable(zero, header.offset, header.addressSize ?? 8, BigInt(distance));
}
