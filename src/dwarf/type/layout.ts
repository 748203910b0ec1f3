/** Where the members of structures, unions and classes are [DWARF5 5.7.6], and what is between them. */
import { leb128Length, readUleb128Number } from "../../bytes/leb128.ts";
import { DW_AT } from "../constants/attribute.ts";
import { DW_OP } from "../constants/operation.ts";
import { DW_TAG } from "../constants/tag.ts";
import type { Die } from "../die.ts";
import { completed } from "./name.ts";
import { number, typeSize } from "./size.ts";

/** A member or base class. Offsets and sizes are in bits. */
export interface MemberLayout {
  readonly die: Die;
  /** From the start of the structure; `undefined` when it is computed, as of a virtual base class. */
  readonly offset: number | undefined;
  /** `undefined` of an incomplete type, as of a flexible array. */
  readonly size: number | undefined;
  readonly isBitField: boolean;
  /** Bits between the end of what comes before and this. */
  readonly hole: number;
}

/** Where the members of a structure or union are. */
export interface TypeLayout {
  /** Bytes; `undefined` of a declaration. */
  readonly size: number | undefined;
  readonly members: readonly MemberLayout[];
  /** Bits behind the last member. */
  readonly padding: number;
}

/**
 * The layout of a structure, union or class.
 * @throws DwarfError
 */
export function typeLayout(type: Die): TypeLayout {
  const die = completed(type);
  const isUnion = die.tag === DW_TAG.DW_TAG_union_type;
  const size = typeSize(die);
  const members: MemberLayout[] = [];
  let end = 0;
  let endKnown = true;
  for (const child of die.children()) {
    if (child.tag !== DW_TAG.DW_TAG_member && child.tag !== DW_TAG.DW_TAG_inheritance) continue;
    // Static members, of before DWARF 5, are in no object.
    if (child.attribute(DW_AT.DW_AT_external) || child.attribute(DW_AT.DW_AT_declaration)) continue;
    const member = memberLayout(child);
    const { offset = 0, size: bits } = member;
    const hole = isUnion || !endKnown ? 0 : Math.max(0, offset - end);
    members.push({ ...member, hole });
    // Behind what has no known size nothing is known to be free.
    endKnown = bits !== undefined && member.offset !== undefined;
    end = Math.max(end, offset + (bits ?? 0));
  }
  const padding = size === undefined || isUnion || !endKnown ? 0 : Math.max(0, 8 * Number(size) - end);
  return { size: size === undefined ? undefined : Number(size), members, padding };
}

function memberLayout(die: Die): Omit<MemberLayout, "hole"> {
  const bits = number(die.attribute(DW_AT.DW_AT_bit_size));
  const type = die.attribute(DW_AT.DW_AT_type)?.reference;
  const bytes = typeSize(type);
  const start = byteOffset(die);
  const whole = bytes === undefined ? undefined : 8 * Number(bytes);
  if (bits === undefined) {
    return { die, offset: start === undefined ? undefined : 8 * start, size: whole, isBitField: false };
  }
  const size = Number(bits);
  const fromStart = number(die.attribute(DW_AT.DW_AT_data_bit_offset));
  if (fromStart !== undefined) return { die, offset: Number(fromStart), size, isBitField: true };
  // Before DWARF 4 it counts from the most significant bit of the storage that holds it. [DWARF3 5.6.6]
  const inStorage = Number(number(die.attribute(DW_AT.DW_AT_bit_offset)) ?? 0n);
  const storage = 8 * Number(number(die.attribute(DW_AT.DW_AT_byte_size)) ?? bytes ?? 0n);
  const shift = die.unit.reader.little ? storage - size - inStorage : inStorage;
  return { die, offset: start === undefined ? undefined : 8 * start + shift, size, isBitField: true };
}

/** Where a member's storage begins; 0 where nothing is said, as in unions. */
function byteOffset(die: Die): number | undefined {
  const location = die.attribute(DW_AT.DW_AT_data_member_location);
  if (location === undefined) return 0;
  const constant = number(location);
  if (constant !== undefined) return Number(constant);
  // DWARF 2 has an expression that adds to the structure's address.
  const { block } = location;
  const plain = block[0] === DW_OP.DW_OP_plus_uconst && leb128Length(block, 1) === block.length - 1;
  return plain ? readUleb128Number(block, 1) : undefined;
}
