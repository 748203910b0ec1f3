/** Members of structures, unions and classes, and where they are [DWARF5 5.7.6]. */
import { DW_TAG } from "../../dwarf/constants/tag.ts";
import type { DwarfUnit } from "../../dwarf/dwarf.ts";
import type { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import type { CMember, CMemberRole } from "../ctype.ts";
import type { TypeParts } from "./dwarf-types.ts";
import { EntryFacts } from "./entry-facts.ts";

/** GNU calls the pointer to a table of virtual functions `_vptr.Class`, LLVM `_vptr$Class`. */
const VTABLE = /^_vptr[.$]/;

/** The members of the structure that a cursor is at; it is moved behind them. */
export function readMembers(parts: TypeParts, unit: DwarfUnit, at: EntryCursor): CMember[] {
  const found: CMember[] = [];
  if (!at.hasChildren) return found;
  const { depth } = at;
  const facts = new EntryFacts();
  /** Depth of the entry that holds the members of variants, below which all members are such. */
  let variants = Number.MAX_SAFE_INTEGER;
  for (let more = at.next(); more && at.depth > depth; ) {
    if (at.depth <= variants) variants = Number.MAX_SAFE_INTEGER;
    if (at.tag === DW_TAG.DW_TAG_variant_part || at.tag === DW_TAG.DW_TAG_variant) {
      variants = Math.min(variants, at.depth);
      more = at.next();
      continue;
    }
    if (at.tag === DW_TAG.DW_TAG_member || at.tag === DW_TAG.DW_TAG_inheritance) {
      const isBase = at.tag === DW_TAG.DW_TAG_inheritance;
      facts.read(unit, at);
      // Static members, of before DWARF 5, are in no object.
      if (!facts.isExternal && !facts.isDeclaration) {
        found.push(
          memberOf(parts, unit, facts, isBase ? "base" : at.depth > variants ? "variant" : "member"),
        );
      }
    }
    more = at.nextSibling();
  }
  return found;
}

function memberOf(parts: TypeParts, unit: DwarfUnit, facts: EntryFacts, role: CMemberRole): CMember {
  const type = parts.type(facts.type);
  const { name, bitSize, location, dataBitOffset } = facts;
  const isVtable = name !== undefined && facts.isArtificial && VTABLE.test(name);
  const start = location === -1 ? undefined : 8 * (location ?? 0);
  let bitOffset = dataBitOffset ?? start;
  if (bitSize !== undefined && dataBitOffset === undefined && start !== undefined) {
    // Before DWARF 4 it counts from the most significant bit of the storage that holds it. [DWARF3 5.6.6]
    const inStorage = facts.bitOffset ?? 0;
    const storage = 8 * (facts.byteSize ?? type.size ?? 0);
    bitOffset = start + (unit.reader.little ? storage - bitSize - inStorage : inStorage);
  }
  return {
    name: role === "base" ? undefined : isVtable ? "_vptr" : name,
    type,
    role: isVtable ? "vtable" : role,
    bitOffset,
    bitSize,
    ...(facts.alignment === undefined ? {} : { alignment: facts.alignment }),
  };
}
