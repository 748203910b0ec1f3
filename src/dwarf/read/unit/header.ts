/** Unit headers [DWARF5 7.5.1]. */
import { readU16, readU32, readU64 } from "../../../bytes/endian.ts";
import { DW_UT } from "../../constants/unit.ts";
import { dwarfError } from "../../place.ts";
import type { DebugSection } from "../../section.ts";
import type { Encoding } from "../entry/abbrev.ts";

/** Initial lengths from here on are reserved; this one announces the 64-bit format [DWARF5 7.4]. */
const RESERVED_LENGTHS = 0xffff_fff0;
const FORMAT_64 = 0xffff_ffff;

/** A length at the start of a unit, list or table, and the format that it announces. */
export interface InitialLength {
  /** Bytes of an offset: 4 or 8. */
  readonly offsetSize: 4 | 8;
  /** Where the bytes that it counts begin. */
  readonly start: number;
  /** Where they end. */
  readonly end: number;
}

/**
 * Reads an initial length.
 * @throws DwarfError DWARF_TRUNCATED, DWARF_BAD_VALUE for a reserved value
 */
export function readInitialLength(section: DebugSection, offset: number): InitialLength {
  const { bytes, little } = section;
  const fail = (what: string): never => {
    throw dwarfError(section, "DWARF_TRUNCATED", offset, what);
  };
  if (offset + 4 > bytes.length) fail(`initial length: found ${bytes.length - offset} bytes, expected 4`);
  const first = readU32(bytes, offset, little);
  if (first < RESERVED_LENGTHS) return bounded(4, offset + 4, first);
  if (first !== FORMAT_64) {
    throw dwarfError(section, "DWARF_BAD_VALUE", offset, `initial length 0x${first.toString(16)}: reserved`);
  }
  if (offset + 12 > bytes.length) fail(`initial length: found ${bytes.length - offset} bytes, expected 12`);
  return bounded(8, offset + 12, Number(readU64(bytes, offset + 4, little)));

  function bounded(offsetSize: 4 | 8, start: number, length: number): InitialLength {
    const end = start + length;
    if (end > bytes.length) fail(`length ${length}: ends ${end - bytes.length} bytes past the section`);
    return { offsetSize, start, end };
  }
}

/** A unit's header. Offsets count from the start of its section. */
export interface UnitHeader extends Encoding {
  /** Of the initial length. */
  readonly offset: number;
  /** Behind the last byte. */
  readonly end: number;
  /** A `DW_UT_` value; of versions before 5, what the section implies. */
  readonly unitType: number;
  /** Where the offset of the abbreviation table is: it may have a relocation. */
  readonly abbrevField: number;
  /** The first entry. */
  readonly entries: number;
  /** `dwo_id` of skeleton and split units, signature of type units; 0n of others. */
  readonly signature: bigint;
  /** Of type units: the type's entry, from the unit's start; 0 of others. */
  readonly typeOffset: number;
}

/**
 * Reads a unit header.
 * @param inTypes whether the section is `.debug_types`
 * @throws DwarfError DWARF_TRUNCATED, DWARF_UNSUPPORTED, DWARF_BAD_VALUE
 */
export function readUnitHeader(section: DebugSection, offset: number, inTypes: boolean): UnitHeader {
  const { bytes, little } = section;
  const { offsetSize, start, end } = readInitialLength(section, offset);
  let at = start;
  const take = (size: number): number => {
    if (at + size > end) {
      throw dwarfError(
        section,
        "DWARF_TRUNCATED",
        offset,
        `unit header: the unit ends after ${end - start} bytes`,
      );
    }
    at += size;
    return at - size;
  };
  const offsetField = (): number => {
    const field = take(offsetSize);
    return offsetSize === 4 ? readU32(bytes, field, little) : Number(readU64(bytes, field, little));
  };
  const version = readU16(bytes, take(2), little);
  if (version < 2 || version > 5) {
    throw dwarfError(section, "DWARF_UNSUPPORTED", start, `unit version ${version}: expected 2 to 5`);
  }
  let unitType: number = inTypes ? DW_UT.DW_UT_type : DW_UT.DW_UT_compile;
  let addressSize = 0;
  if (version >= 5) {
    unitType = bytes[take(1)] ?? 0;
    addressSize = bytes[take(1)] ?? 0;
  }
  const abbrevField = take(offsetSize);
  if (version < 5) addressSize = bytes[take(1)] ?? 0;
  if (addressSize !== 2 && addressSize !== 4 && addressSize !== 8) {
    throw dwarfError(section, "DWARF_UNSUPPORTED", start, `address size ${addressSize}: expected 2, 4 or 8`);
  }
  let signature = 0n;
  let typeOffset = 0;
  const isType = unitType === DW_UT.DW_UT_type || unitType === DW_UT.DW_UT_split_type;
  const hasId = unitType === DW_UT.DW_UT_skeleton || unitType === DW_UT.DW_UT_split_compile;
  if (isType || hasId) signature = readU64(bytes, take(8), little);
  if (isType) typeOffset = offsetField();
  return {
    offset,
    end,
    version,
    addressSize,
    offsetSize,
    unitType,
    abbrevField,
    entries: at,
    signature,
    typeOffset,
  };
}
