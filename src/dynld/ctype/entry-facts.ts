/** What an entry of a type, member or parameter says, read in one pass into fields that are used again for the next. */
import { leb128Length, readUleb128Number } from "../../bytes/leb128.ts";
import { DW_AT } from "../../dwarf/constants/attribute.ts";
import { DW_FORM } from "../../dwarf/constants/form.ts";
import { DW_OP } from "../../dwarf/constants/operation.ts";
import { Attribute } from "../../dwarf/die.ts";
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import type { CTypeEntry } from "../ctype.ts";

const TWO_32 = 0x1_0000_0000;

/** The attributes that types are made of. Absent ones are `undefined` or false. */
export class EntryFacts {
  name: string | undefined;
  /** `DW_AT_type`. */
  type: CTypeEntry | undefined;
  /** `DW_AT_abstract_origin`, or else `DW_AT_specification`. */
  origin: CTypeEntry | undefined;
  /** The type unit that a declaration stands for. */
  signature: CTypeEntry | undefined;
  byteSize: number | undefined;
  bitSize: number | undefined;
  bitOffset: number | undefined;
  dataBitOffset: number | undefined;
  /** `DW_AT_data_member_location`; -1 when it is computed. */
  location: number | undefined;
  encoding: number | undefined;
  count: number | undefined;
  upperBound: number | undefined;
  /** Whether a bound is there and computed. */
  isComputed = false;
  lowerBound: number | undefined;
  alignment: number | undefined;
  convention: number | undefined;
  /** Bits of `DW_AT_const_value`, and whether its form has a sign. */
  valueLow = 0;
  valueHigh = 0;
  isValueSigned = false;
  isDeclaration = false;
  isExternal = false;
  isArtificial = false;
  isPrototyped = false;
  isVector = false;
  /** Whether {@link origin} is the `DW_AT_abstract_origin`. */
  isCopy = false;

  /** Takes the entry that a cursor is at. @throws DwarfError */
  read(unit: DwarfUnit, at: EntryCursor): void {
    this.#clear();
    while (at.nextAttribute()) {
      switch (at.attribute) {
        case DW_AT.DW_AT_name:
          this.name = unit.dwarf.string(unit, at);
          break;
        case DW_AT.DW_AT_type:
          this.type = referenceOf(unit, at);
          break;
        case DW_AT.DW_AT_abstract_origin:
          this.origin = referenceOf(unit, at);
          this.isCopy = true;
          break;
        case DW_AT.DW_AT_specification:
          this.origin ??= referenceOf(unit, at);
          break;
        case DW_AT.DW_AT_signature:
          if (unit.dwarf.typeUnit(at.constant) !== undefined) this.signature = referenceOf(unit, at);
          break;
        case DW_AT.DW_AT_declaration:
          this.isDeclaration = at.low !== 0;
          break;
        case DW_AT.DW_AT_external:
          this.isExternal = at.low !== 0;
          break;
        case DW_AT.DW_AT_artificial:
          this.isArtificial = at.low !== 0;
          break;
        case DW_AT.DW_AT_prototyped:
          this.isPrototyped = at.low !== 0;
          break;
        case DW_AT.DW_AT_GNU_vector:
          this.isVector = at.low !== 0;
          break;
        default:
          this.#readNumber(at);
      }
    }
  }

  #readNumber(at: EntryCursor): void {
    switch (at.attribute) {
      case DW_AT.DW_AT_byte_size:
        this.byteSize = numberOf(at);
        break;
      case DW_AT.DW_AT_bit_size:
        this.bitSize = numberOf(at);
        break;
      case DW_AT.DW_AT_bit_offset:
        this.bitOffset = numberOf(at);
        break;
      case DW_AT.DW_AT_data_bit_offset:
        this.dataBitOffset = numberOf(at);
        break;
      case DW_AT.DW_AT_data_member_location:
        this.location = numberOf(at) ?? addedOffset(at);
        break;
      case DW_AT.DW_AT_encoding:
        this.encoding = numberOf(at);
        break;
      case DW_AT.DW_AT_count:
        this.count = numberOf(at);
        this.isComputed ||= this.count === undefined;
        break;
      case DW_AT.DW_AT_upper_bound:
        this.upperBound = boundOf(at);
        this.isComputed ||= this.upperBound === undefined;
        break;
      case DW_AT.DW_AT_lower_bound:
        this.lowerBound = numberOf(at);
        break;
      case DW_AT.DW_AT_alignment:
        this.alignment = numberOf(at);
        break;
      case DW_AT.DW_AT_calling_convention:
        this.convention = numberOf(at);
        break;
      case DW_AT.DW_AT_const_value:
        this.valueLow = at.low;
        this.valueHigh = at.high;
        this.isValueSigned = at.form === DW_FORM.DW_FORM_sdata || at.form === DW_FORM.DW_FORM_implicit_const;
        break;
      default:
    }
  }

  #clear(): void {
    this.name = undefined;
    this.type = undefined;
    this.origin = undefined;
    this.signature = undefined;
    this.byteSize = undefined;
    this.bitSize = undefined;
    this.bitOffset = undefined;
    this.dataBitOffset = undefined;
    this.location = undefined;
    this.encoding = undefined;
    this.count = undefined;
    this.upperBound = undefined;
    this.lowerBound = undefined;
    this.alignment = undefined;
    this.convention = undefined;
    this.valueLow = 0;
    this.valueHigh = 0;
    this.isValueSigned = false;
    this.isComputed = false;
    this.isDeclaration = false;
    this.isExternal = false;
    this.isArtificial = false;
    this.isPrototyped = false;
    this.isVector = false;
    this.isCopy = false;
  }
}

/** The entry that a cursor's current attribute refers to. @throws DwarfError DWARF_BAD_REFERENCE */
export function referenceOf(unit: DwarfUnit, at: EntryCursor): CTypeEntry | undefined {
  switch (at.form) {
    case DW_FORM.DW_FORM_ref1:
    case DW_FORM.DW_FORM_ref2:
    case DW_FORM.DW_FORM_ref4:
    case DW_FORM.DW_FORM_ref8:
    case DW_FORM.DW_FORM_ref_udata:
      return { unit, offset: at.low };
    default:
      return new Attribute(unit, at).reference;
  }
}

/** The current attribute as a number, exact below 2^53; `undefined` when it is no constant. */
function numberOf(at: EntryCursor): number | undefined {
  switch (at.form) {
    case DW_FORM.DW_FORM_data1:
    case DW_FORM.DW_FORM_data2:
    case DW_FORM.DW_FORM_data4:
      return at.low >>> 0;
    case DW_FORM.DW_FORM_data8:
    case DW_FORM.DW_FORM_udata:
      return (at.high >>> 0) * TWO_32 + (at.low >>> 0);
    case DW_FORM.DW_FORM_sdata:
    case DW_FORM.DW_FORM_implicit_const:
      return (at.high | 0) * TWO_32 + (at.low >>> 0);
    default:
      return undefined;
  }
}

/** The last index of an array; -1, in a form without a sign, is that of none. */
function boundOf(at: EntryCursor): number | undefined {
  if (at.form === DW_FORM.DW_FORM_data4 && at.low >>> 0 === TWO_32 - 1) return -1;
  if (at.form === DW_FORM.DW_FORM_data8 || at.form === DW_FORM.DW_FORM_udata)
    return (at.high | 0) * TWO_32 + (at.low >>> 0);
  return numberOf(at);
}

/** DWARF 2 has an expression that adds to the structure's address; -1 of others. */
function addedOffset(at: EntryCursor): number {
  const { block } = at;
  const isPlain = block[0] === DW_OP.DW_OP_plus_uconst && leb128Length(block, 1) === block.length - 1;
  return isPlain ? readUleb128Number(block, 1) : -1;
}
