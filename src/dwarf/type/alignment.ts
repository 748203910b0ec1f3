/**
 * Alignment of types [DWARF5 2.24], and the attributes of GNU C that make a layout what it is. Before DWARF 5 nothing says
 * them: they follow from where members are and where they would be.
 */
import { EM } from "../../elf/constants/machine.ts";
import { DW_AT } from "../constants/attribute.ts";
import { DW_ATE } from "../constants/base-type.ts";
import { DW_TAG } from "../constants/tag.ts";
import type { Die } from "../die.ts";
import type { DwarfUnit } from "../dwarf.ts";
import { type MemberLayout, typeLayout } from "./layout.ts";
import { completed, keyword } from "./name.ts";
import { isVector, number, typeSize } from "./size.ts";

/** Types within one another before an alignment is given up. */
const DEEPEST = 64;
/** Alignments that are looked for: those of pages and below. */
const MOST_ALIGNED = 4096;
/** What a layout is made by beside the rules of C. */
export interface LayoutAttributes {
  /** `packed`: members have no alignment of their own. */
  readonly isPacked: boolean;
  /** `aligned(n)` of the whole; `undefined` when it is what its members make it. */
  readonly aligned: number | undefined;
  /** The same of members, by their offsets in the section. */
  readonly members: ReadonlyMap<number, number>;
  /** Bits of a field without a name before a bit-field, by the offset of that; 0 for one that ends the storage. */
  readonly gaps: ReadonlyMap<number, number>;
  /** Bytes that its address is a multiple of. */
  readonly alignment: number;
}

const NONE: LayoutAttributes = {
  isPacked: false,
  aligned: undefined,
  members: new Map(),
  gaps: new Map(),
  alignment: 1,
};

/** Of structures and unions that were looked at, by offset: they hold one another many times. */
const known = new WeakMap<DwarfUnit, Map<number, LayoutAttributes>>();

/**
 * The attributes of a structure or union of C.
 * @throws DwarfError
 */
export function layoutAttributes(type: Die): LayoutAttributes {
  return attributesOf(completed(type), 0);
}

/** What is said of an alignment. */
export function saidAlignment(die: Die): number | undefined {
  const said = number(die.attribute(DW_AT.DW_AT_alignment));
  return said === undefined ? undefined : Number(said);
}

function attributesOf(die: Die, depth: number): LayoutAttributes {
  let ofUnit = known.get(die.unit);
  if (ofUnit === undefined) {
    ofUnit = new Map();
    known.set(die.unit, ofUnit);
  }
  let found = ofUnit.get(die.offset);
  if (found === undefined) {
    // What holds itself, in a damaged file, meets this.
    ofUnit.set(die.offset, NONE);
    found = findAttributes(die, depth);
    ofUnit.set(die.offset, found);
  }
  return found;
}

function findAttributes(die: Die, depth: number): LayoutAttributes {
  const { members, size } = typeLayout(die);
  const isUnion = die.tag === DW_TAG.DW_TAG_union_type;
  const alignments = members.map((member) => alignmentOf(typeOf(member.die), depth + 1));
  // Only packed members are where their alignment would not have them, and only packed structures end so.
  const isPacked = members.some(
    (member, index) =>
      isMisplaced(member, alignments[index] ?? 1) || (size ?? 0) % (alignments[index] ?? 1) !== 0,
  );
  const aligned = new Map<number, number>();
  const gaps = new Map<number, number>();
  let alignment = 1;
  /** Bits. */
  let end = 0;
  for (const [index, member] of members.entries()) {
    const { die: child, offset, size: bits = 0, isBitField } = member;
    const own = isPacked ? 1 : (alignments[index] ?? 1);
    const isPlaced = offset !== undefined && !isBitField;
    const start = isUnion ? 0 : Math.ceil(end / 8);
    const more = saidAlignment(child) ?? (isPlaced ? needed(start, offset / 8, own) : undefined);
    if (more !== undefined) aligned.set(child.offset, more);
    const gap = isUnion || isPacked ? undefined : gapBefore(member, end);
    if (gap !== undefined) gaps.set(child.offset, gap);
    alignment = Math.max(alignment, more ?? own);
    if (offset !== undefined) end = Math.max(end, offset + bits);
  }
  const isKnown = size !== undefined && members.length > 0;
  const whole = saidAlignment(die) ?? (isKnown ? needed(Math.ceil(end / 8), size, alignment) : undefined);
  return { isPacked, aligned: whole, members: aligned, gaps, alignment: whole ?? alignment };
}

/** Whether a member is where only a packed structure has it. */
function isMisplaced({ die, offset, size = 0, isBitField }: MemberLayout, alignment: number): boolean {
  if (offset === undefined) return false;
  if (!isBitField) return offset % (8 * alignment) !== 0;
  const storage = 8 * Number(typeSize(typeOf(die)) ?? 0n);
  return storage > 0 && (offset % storage) + size > storage;
}

/** What must be before a bit-field, where it is not at the next place that has room for it [psABI]. */
function gapBefore({ die, offset, size = 0, isBitField }: MemberLayout, end: number): number | undefined {
  const storage = 8 * Number(typeSize(typeOf(die)) ?? 0n);
  if (!isBitField || offset === undefined || storage === 0) return undefined;
  const next = Math.ceil(end / storage) * storage;
  const place = (end % storage) + size > storage ? next : end;
  if (offset <= place) return undefined;
  return offset === next ? 0 : offset - end < storage ? offset - end : undefined;
}

/** The alignment that brings something from `end` to `offset`, where its own does not. */
function needed(end: number, offset: number, own: number): number | undefined {
  if (offset <= end && offset % own === 0) return undefined;
  for (let alignment = own; alignment <= MOST_ALIGNED; alignment *= 2) {
    if (Math.ceil(end / alignment) * alignment === offset) return alignment === own ? undefined : alignment;
  }
  return undefined;
}

/** Bytes that a type's address is a multiple of. */
function alignmentOf(type: Die | undefined, depth: number): number {
  if (type === undefined || depth > DEEPEST) return 1;
  const die = completed(type);
  const said = saidAlignment(die);
  if (said !== undefined) return said;
  switch (die.tag) {
    case DW_TAG.DW_TAG_base_type: {
      const size = Number(typeSize(die) ?? 1n);
      const encoding = Number(number(die.attribute(DW_AT.DW_AT_encoding)) ?? 0n);
      return atMost(die, encoding === DW_ATE.DW_ATE_complex_float ? size / 2 : size);
    }
    case DW_TAG.DW_TAG_pointer_type:
    case DW_TAG.DW_TAG_reference_type:
    case DW_TAG.DW_TAG_rvalue_reference_type:
    case DW_TAG.DW_TAG_ptr_to_member_type:
      return die.unit.header.addressSize;
    case DW_TAG.DW_TAG_enumeration_type:
      return atMost(die, Number(typeSize(die) ?? 1n));
    case DW_TAG.DW_TAG_array_type:
      return isVector(die) ? Number(typeSize(die) ?? 1n) : alignmentOf(typeOf(die), depth + 1);
    default:
      return keyword(die) === undefined
        ? alignmentOf(typeOf(die), depth + 1)
        : attributesOf(die, depth).alignment;
  }
}

/** No psABI aligns numbers to more than 16 bytes; some to less than their size. */
function atMost(die: Die, size: number): number {
  const { machine } = die.unit.reader.section.elf.header;
  const most = machine === EM.EM_386 ? 4 : machine === EM.EM_S390 ? 8 : 16;
  // Numbers of other sizes, as 80-bit ones, are stored in the next power of two.
  let alignment = 1;
  while (alignment < size && alignment < most) alignment *= 2;
  return alignment;
}

function typeOf(die: Die): Die | undefined {
  return die.attribute(DW_AT.DW_AT_type)?.reference;
}
