/** Addresses that are given as an expression: one address, and constants that are added, as LLVM writes them to share addresses. */
import { readUleb128Number } from "../../../bytes/leb128.ts";
import { DW_OP } from "../../constants/operation.ts";
import type { FieldReader } from "../../relocation/field.ts";
import type { Relocatable } from "../../relocation/relocatable.ts";

/** Who knows the addresses of a unit. */
export interface AddressSource {
  readonly reader: FieldReader;
  readonly addressSize: number;
  /** The address at an index. @throws DwarfError DWARF_BAD_REFERENCE */
  indexed(index: number): Relocatable;
}

/**
 * The address that an expression of `length` bytes at `offset` is; `undefined` when it is anything else than an address
 * and constants added to it. (`DW_OP_addrx 2, DW_OP_const4u 16, DW_OP_plus`)
 * @throws DwarfError DWARF_BAD_REFERENCE for an index of no address, DWARF_BAD_RELOCATION
 */
export function expressionAddress(
  source: AddressSource,
  offset: number,
  length: number,
): Relocatable | undefined {
  const { reader, addressSize } = source;
  const { bytes } = reader;
  const end = offset + length;
  let at = offset;
  let address: Relocatable | undefined;
  let pending: number | undefined;
  const leb = (): number => {
    const value = readUleb128Number(bytes, at);
    while (at < end && (bytes[at] ?? 0) >= 0x80) at++;
    at++;
    return value;
  };
  while (at < end) {
    const operation = bytes[at++] ?? 0;
    const size = operandSize(operation, addressSize);
    if (at + size > end) return undefined;
    switch (operation) {
      case DW_OP.DW_OP_addr:
        if (address !== undefined) return undefined;
        address = reader.address(at, addressSize);
        break;
      case DW_OP.DW_OP_addrx:
      case DW_OP.DW_OP_GNU_addr_index:
        if (address !== undefined) return undefined;
        address = source.indexed(leb());
        break;
      case DW_OP.DW_OP_const1u:
      case DW_OP.DW_OP_const2u:
      case DW_OP.DW_OP_const4u:
      case DW_OP.DW_OP_const8u:
        if (pending !== undefined) return undefined;
        // A distance that a linker may change has relocations of its own.
        pending = reader.offset(at, size);
        break;
      case DW_OP.DW_OP_constu:
        if (pending !== undefined) return undefined;
        pending = leb();
        break;
      case DW_OP.DW_OP_plus_uconst:
        address = address?.plus(leb());
        if (address === undefined) return undefined;
        break;
      case DW_OP.DW_OP_plus:
        if (address === undefined || pending === undefined) return undefined;
        address = address.plus(pending);
        pending = undefined;
        break;
      default:
        return undefined;
    }
    at += size;
  }
  return at === end && pending === undefined ? address : undefined;
}

/** Bytes of operands that are no LEB128. */
function operandSize(operation: number, addressSize: number): number {
  switch (operation) {
    case DW_OP.DW_OP_addr:
      return addressSize;
    case DW_OP.DW_OP_const1u:
      return 1;
    case DW_OP.DW_OP_const2u:
      return 2;
    case DW_OP.DW_OP_const4u:
      return 4;
    case DW_OP.DW_OP_const8u:
      return 8;
    default:
      return 0;
  }
}
