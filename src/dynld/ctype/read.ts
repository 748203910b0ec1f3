/** Reads C types from debug information: each entry once, and only those that are asked for. */
import { DW_CC } from "../../dwarf/constants/attribute-value.ts";
import { DW_TAG, tagName } from "../../dwarf/constants/tag.ts";
import { entryAt, rootEntry } from "../../dwarf/die.ts";
import type { Dwarf, DwarfUnit } from "../../dwarf/dwarf.ts";
import { dwarfError } from "../../dwarf/place.ts";
import type { EntryCursor } from "../../dwarf/read/entry/cursor.ts";
import type { FieldReader } from "../../dwarf/relocation/field.ts";
import { isC, TypeBudget, typeName } from "../../dwarf/type/name.ts";
import {
  type CBase,
  type CEnumerator,
  type CFunction,
  type CMember,
  type COther,
  type CParameter,
  type CPointer,
  type CQualifier,
  type CRecord,
  type CType,
  type CTypeEntry,
  VOID,
} from "../ctype.ts";
import { baseName, encodingOf, templateName } from "./base-name.ts";
import {
  DwarfArray,
  DwarfEnum,
  DwarfFunction,
  DwarfParameter,
  DwarfPointer,
  DwarfQualified,
  DwarfRecord,
  DwarfTypedef,
  DwarfVector,
  type TypeParts,
} from "./dwarf-types.ts";
import { EntryFacts } from "./entry-facts.ts";
import { EnumeratorNames } from "./enumerator-names.ts";
import { readMembers } from "./members.ts";

/** Dimensions of an array; what has more is damaged. */
const MOST_DIMENSIONS = 128;
/** Parameters that compilers add to some variants of constructors and destructors, and tell of all. */
const OF_CONSTRUCTORS = new Set(["__in_chrg", "__vtt_parm", "vtt"]);
/** Entries that complete one another in a row before they are taken for a loop. */
const MOST_ORIGINS = 16;

/**
 * The C types of one file's debug information. The same entry gives the same type, and nothing is read before it is asked
 * for. Every question may throw a DwarfError where the file is damaged.
 */
export class CTypeReader implements TypeParts {
  readonly dwarf: Dwarf;
  readonly #types = new Map<FieldReader, Map<number, CType>>();
  #cursor: EntryCursor | undefined;
  #cursorUnit: DwarfUnit | undefined;
  #lastReader: FieldReader | undefined;
  #lastTypes = new Map<number, CType>();
  readonly #isC = new Map<DwarfUnit, boolean>();
  readonly #spare: EntryFacts[] = [];
  readonly #enumeratorNames = new Map<DwarfUnit, EnumeratorNames>();

  /** Reads nothing yet. */
  constructor(dwarf: Dwarf) {
    this.dwarf = dwarf;
  }

  /** The type that an entry is; `undefined` is `void`. A `Die` is such an entry. */
  type(entry: CTypeEntry | undefined): CType {
    if (entry === undefined) return VOID;
    const { unit, offset } = entry;
    if (unit.reader !== this.#lastReader) {
      this.#lastReader = unit.reader;
      let known = this.#types.get(unit.reader);
      if (known === undefined) {
        known = new Map();
        this.#types.set(unit.reader, known);
      }
      this.#lastTypes = known;
    }
    const types = this.#lastTypes;
    let type = types.get(offset);
    if (type === undefined) {
      type = this.#make(entry);
      types.set(offset, type);
    }
    return type;
  }

  /** The type of what an entry says: a `DW_TAG_subprogram` is a function, others have theirs in `DW_AT_type`. */
  typeOf(entry: CTypeEntry): CType {
    let at: CTypeEntry | undefined = entry;
    for (let step = 0; step < MOST_ORIGINS && at !== undefined; step++) {
      const facts: EntryFacts = new EntryFacts();
      const cursor = cursorAt(at);
      facts.read(at.unit, cursor);
      if (cursor.tag === DW_TAG.DW_TAG_subprogram) return this.type(entry);
      if (facts.type !== undefined) return this.type(facts.type);
      at = facts.origin;
    }
    return VOID;
  }

  /** Members of a structure, union or class, in the order of the file. */
  members(entry: CTypeEntry): CMember[] {
    return readMembers(this, entry.unit, cursorAt(entry));
  }

  /** Constants of an enumeration of so many bytes. */
  enumerators(entry: CTypeEntry, size: number, isSigned: boolean): CEnumerator[] {
    const { unit } = entry;
    const facts = new EntryFacts();
    const found: CEnumerator[] = [];
    for (const at of childrenOf(entry)) {
      if (at.tag !== DW_TAG.DW_TAG_enumerator) continue;
      facts.read(unit, at);
      const raw = (BigInt(facts.valueHigh >>> 0) << 32n) | BigInt(facts.valueLow >>> 0);
      const value = isSigned ? BigInt.asIntN(8 * size, raw) : BigInt.asUintN(8 * size, raw);
      found.push({ name: facts.name ?? "", value });
    }
    return found;
  }

  #make(entry: CTypeEntry): CType {
    // Entries lead to one another: each on the way has facts of its own.
    const facts = this.#spare.pop() ?? new EntryFacts();
    const at = this.#at(entry);
    facts.read(entry.unit, at);
    const type = this.#makeOf(entry, at.tag, facts);
    this.#spare.push(facts);
    return type;
  }

  /** A cursor at an entry, up to the next question. */
  #at(entry: CTypeEntry): EntryCursor {
    const { unit, offset } = entry;
    if (unit !== this.#cursorUnit || this.#cursor === undefined) {
      this.#cursor = unit.entries();
      this.#cursorUnit = unit;
    }
    if (!this.#cursor.moveTo(offset)) throw noEntry(entry);
    return this.#cursor;
  }

  #makeOf(entry: CTypeEntry, tag: number, facts: EntryFacts): CType {
    if (facts.signature !== undefined) return this.type(facts.signature);
    switch (tag) {
      case DW_TAG.DW_TAG_base_type:
        return baseOf(entry, facts);
      case DW_TAG.DW_TAG_pointer_type:
        return this.#pointer(entry, facts, "*");
      case DW_TAG.DW_TAG_reference_type:
        return this.#pointer(entry, facts, "&");
      case DW_TAG.DW_TAG_rvalue_reference_type:
        return this.#pointer(entry, facts, "&&");
      case DW_TAG.DW_TAG_const_type:
        return this.#qualified(entry, facts, "const");
      case DW_TAG.DW_TAG_volatile_type:
        return this.#qualified(entry, facts, "volatile");
      case DW_TAG.DW_TAG_restrict_type:
        return this.#qualified(entry, facts, "restrict");
      case DW_TAG.DW_TAG_atomic_type:
        return this.#qualified(entry, facts, "_Atomic");
      case DW_TAG.DW_TAG_typedef:
      case DW_TAG.DW_TAG_template_alias:
        return new DwarfTypedef(this, entry, facts.type, facts.name ?? "");
      case DW_TAG.DW_TAG_structure_type:
      case DW_TAG.DW_TAG_interface_type:
        return this.#record(entry, facts, "struct");
      case DW_TAG.DW_TAG_class_type:
        return this.#record(entry, facts, "class");
      case DW_TAG.DW_TAG_union_type:
        return this.#record(entry, facts, "union");
      case DW_TAG.DW_TAG_enumeration_type:
        return this.#enumeration(entry, facts);
      case DW_TAG.DW_TAG_array_type:
        return this.#array(entry, facts);
      case DW_TAG.DW_TAG_subroutine_type:
      case DW_TAG.DW_TAG_subprogram:
        return this.#function(entry);
      case DW_TAG.DW_TAG_subrange_type:
      case DW_TAG.DW_TAG_packed_type:
      case DW_TAG.DW_TAG_immutable_type:
      case DW_TAG.DW_TAG_shared_type:
        return new DwarfTypedef(this, entry, facts.type, facts.name ?? "");
      case DW_TAG.DW_TAG_unspecified_type:
        return facts.name === "void" ? VOID : otherOf(entry, facts, baseName(facts.name ?? "", 0));
      default:
        return otherOf(entry, facts, tagName(tag));
    }
  }

  #pointer(entry: CTypeEntry, facts: EntryFacts, form: CPointer["form"]): CType {
    const size = facts.byteSize ?? entry.unit.header.addressSize;
    return new DwarfPointer(this, entry, facts.type, form, size);
  }

  #qualified(entry: CTypeEntry, facts: EntryFacts, qualifier: CQualifier): CType {
    return new DwarfQualified(this, entry, facts.type, qualifier);
  }

  #record(entry: CTypeEntry, facts: EntryFacts, keyword: CRecord["keyword"]): CType {
    const { byteSize, convention, isDeclaration, alignment } = facts;
    return new DwarfRecord(this, entry, {
      keyword,
      tag: this.#tag(entry, facts.name),
      size: isDeclaration ? undefined : byteSize,
      isComplete: !isDeclaration,
      alignment,
      isPassedByAddress: convention === undefined ? undefined : convention === DW_CC.DW_CC_pass_by_reference,
    });
  }

  #enumeration(entry: CTypeEntry, facts: EntryFacts): CType {
    const { type, encoding, isDeclaration, name } = facts;
    const under = type === undefined ? undefined : this.type(type);
    const isSigned =
      under?.kind === "base"
        ? under.encoding === "signed"
        : encoding !== undefined
          ? encodingOf(encoding) === "signed"
          : hasNegative(entry);
    const size = facts.byteSize ?? under?.size;
    return new DwarfEnum(this, entry, {
      tag: this.#tag(entry, name),
      size: isDeclaration ? undefined : size,
      isSigned,
      isComplete: !isDeclaration,
    });
  }

  #array(entry: CTypeEntry, facts: EntryFacts): CType {
    const { isVector, type, byteSize } = facts;
    const counts: (number | undefined)[] = [];
    for (const at of childrenOf(entry)) {
      const isRange = at.tag === DW_TAG.DW_TAG_subrange_type || at.tag === DW_TAG.DW_TAG_generic_subrange;
      if (!isRange || counts.length === MOST_DIMENSIONS) continue;
      facts.read(entry.unit, at);
      counts.push(countOf(facts));
    }
    if (counts.length === 0) counts.push(undefined);
    return isVector
      ? new DwarfVector(this, entry, type, { count: counts[0], size: byteSize })
      : new DwarfArray(this, entry, type, counts);
  }

  /** A function, whose parameters are told where it is not the copy of another entry. */
  #function(entry: CTypeEntry): CFunction {
    let isPrototyped = false;
    let result: CTypeEntry | undefined;
    let listed: CTypeEntry = entry;
    let isCopy = true;
    let at: CTypeEntry | undefined = entry;
    for (let step = 0; at !== undefined; step++) {
      if (step === MOST_ORIGINS) {
        const { section } = entry.unit.reader;
        throw dwarfError(section, "DWARF_LOOP", entry.offset, "function: what it completes leads back to it");
      }
      const facts: EntryFacts = new EntryFacts();
      const cursor = cursorAt(at);
      facts.read(at.unit, cursor);
      isPrototyped ||= facts.isPrototyped;
      result ??= facts.type;
      if (isCopy) listed = at;
      // A copy of an inlined function may lack parameters that it does not use; a definition has those it completes.
      isCopy = facts.isCopy;
      at = facts.origin;
    }
    const parameters: CParameter[] = [];
    let hasDots = false;
    const facts = new EntryFacts();
    for (const child of childrenOf(listed)) {
      if (child.tag === DW_TAG.DW_TAG_unspecified_parameters) hasDots = true;
      if (child.tag !== DW_TAG.DW_TAG_formal_parameter) continue;
      facts.read(listed.unit, child);
      if (facts.isArtificial && OF_CONSTRUCTORS.has(facts.name ?? "")) continue;
      parameters.push(new DwarfParameter(this, facts.type, facts.name));
    }
    const isKnown = isPrototyped || !this.isUnitOfC(entry.unit);
    return new DwarfFunction(this, entry, result, {
      parameters,
      isVariadic: hasDots && (isKnown || parameters.length > 0),
      isPrototyped: isKnown,
    });
  }

  /** A tag with what it is in, if the language has that. */
  #tag({ unit, offset }: CTypeEntry, name: string | undefined): string | undefined {
    if (this.isUnitOfC(unit)) return name;
    const die = entryAt(unit, offset);
    if (die.name === undefined) return undefined;
    const tag = typeName(die, new TypeBudget());
    return tag.includes("<") ? templateName(this.#enumerators(unit).numbered(tag)) : tag;
  }

  #enumerators(unit: DwarfUnit): EnumeratorNames {
    let names = this.#enumeratorNames.get(unit);
    if (names === undefined) {
      names = new EnumeratorNames(unit, (die) => this.type(die));
      this.#enumeratorNames.set(unit, names);
    }
    return names;
  }

  /** Whether a unit is of C, or does not say what it is of. */
  isUnitOfC(unit: DwarfUnit): boolean {
    let known = this.#isC.get(unit);
    if (known === undefined) {
      known = isC(rootEntry(unit));
      this.#isC.set(unit, known);
    }
    return known;
  }
}

/** A cursor at an entry. @throws DwarfError DWARF_BAD_REFERENCE */
export function cursorAt(entry: CTypeEntry): EntryCursor {
  const at = entry.unit.entries();
  if (!at.moveTo(entry.offset)) throw noEntry(entry);
  return at;
}

function noEntry({ unit, offset }: CTypeEntry): Error {
  return dwarfError(unit.reader.section, "DWARF_BAD_REFERENCE", offset, "no entry of the unit begins here");
}

/** A cursor at one child after the other. */
function* childrenOf(entry: CTypeEntry): IterableIterator<EntryCursor> {
  const at = cursorAt(entry);
  if (!at.hasChildren) return;
  const { depth } = at;
  for (let more = at.next(); more && at.depth > depth; more = at.nextSibling()) yield at;
}

function baseOf(entry: CTypeEntry, facts: EntryFacts): CType {
  const size = facts.byteSize ?? 0;
  // Rust's `()`.
  if (size === 0) return VOID;
  const type: CBase = {
    kind: "base",
    size,
    name: baseName(facts.name ?? "", size),
    encoding: encodingOf(facts.encoding ?? 0),
    entry,
  };
  return type;
}

function otherOf(entry: CTypeEntry, facts: EntryFacts, name: string): COther {
  return { kind: "other", name, size: facts.byteSize, entry };
}

/** Elements of the dimension that an entry tells of; `undefined` without bounds, or where they are computed. */
export function countOf(facts: EntryFacts): number | undefined {
  const { count, upperBound, lowerBound = 0, isComputed } = facts;
  if (isComputed) return undefined;
  // Some compilers say of an array without bounds that it has -1 elements.
  if (count !== undefined) return count < 0 || count > Number.MAX_SAFE_INTEGER ? undefined : count;
  return upperBound === undefined ? undefined : Math.max(0, upperBound - lowerBound + 1);
}

/** Whether an enumeration that tells no type has a constant below 0. */
function hasNegative(entry: CTypeEntry): boolean {
  const facts = new EntryFacts();
  for (const at of childrenOf(entry)) {
    if (at.tag !== DW_TAG.DW_TAG_enumerator) continue;
    facts.read(entry.unit, at);
    if (facts.isValueSigned && (facts.valueHigh | 0) < 0) return true;
  }
  return false;
}
